"""Print the part of requirements.lock that driftlaw with some extras needs: ``python locked.py [EXTRA ...]``; needs nothing installed."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def part(extras: list[str]) -> str:
    """Return the lock's blocks of what pyproject.toml asks for, and of what these need in turn, as the lock's remarks say."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, lock = pyproject["project"], (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wanted = [*pyproject["build-system"]["requires"], *project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in wanted}
    blocks = [(re.match(r"[\w-]+", block)[0], set(re.findall(r"^ +#(?: via)? +([\w.-]+)$", block, re.M)), block) for block in re.split(r"^(?=[a-z])", lock, flags=re.M)[1:]]
    while found := {name for name, parents, _ in blocks if parents & names} - names:
        names |= found
    return "".join(block for name, _, block in blocks if name in names)


if __name__ == "__main__":
    print(part(sys.argv[1:]), end="")

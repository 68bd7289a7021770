"""Entry point of `driftlaw gpu`."""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from theory.checks import between
from theory.commands import parse
from theory.errors import InputError
from theory.exits import BAD_INPUT, STANDS, command_line, interrupt_says


@dataclass(frozen=True, kw_only=True)
class GpuCommand:
    """Measure all that needs a GPU: tests, costs of steps, runs side by side, samplers, networks on images.

    Each part has its own time; those that are done are not done again. Exit status: 0; 2 if a part failed or had no time,
    for bad input and for what the machine lacks; 130 after an interrupt.
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Where records and what the parts print are kept."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Part of CIFAR-100 that `python tests/bench/balanced_part.py` writes; without it no network is studied."""
    minutes: float = 8.0
    """For everything; what has no time left is done at the next call."""
    device: str = "cuda"
    """cuda, or cpu for a rehearsal."""
    toy: bool = False
    """The smallest sizes, which measure nothing."""

    def run(self) -> int:
        """Measure, print the table; return the exit status."""
        between(self.minutes, "the minutes", 0.0, 600.0)
        import torch

        from deep.gpu.parts import DONE, measure, parts, text
        from deep.training.device import chosen_device, device_name

        about = {"device": device_name(chosen_device(self.device)), "torch": torch.__version__, "Python": platform.python_version()}
        out = self.out.absolute()
        if self.images is not None and not self.images.is_file():
            raise InputError(f"there is no file {self.images}; make it with `python tests/bench/balanced_part.py --out {self.images} --data-root ROOT`")
        more = {} if self.images is None else {"DRIFTLAW_IMAGES": str(self.images.absolute())}
        wanted = parts(out, self.device, bool(more), self.toy)
        with interrupt_says("the same command goes on with the parts that are not done"):
            outcomes = measure(wanted, out, self.minutes, lambda line: print(line, file=sys.stderr, flush=True), str(about), **more)
        print(text(outcomes, out, about))
        return STANDS if all(outcome.state == DONE for outcome in outcomes) else BAD_INPUT


def run(arguments: Sequence[str] | None, prog: str = "python -m deep.gpu") -> int:
    """Run the command that the arguments say."""
    return parse(GpuCommand, arguments, prog).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


if __name__ == "__main__":
    sys.exit(main())

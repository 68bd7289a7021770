"""Command line of derivations: ``driftlaw derive FILE``; where the derived formula meets samples, at two points."""

from __future__ import annotations

import random
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from theory.commands import JsonOption, choices, print_json
from theory.errors import DriftlawError, InputError
from theory.exits import STANDS
from theory.inner_products import require_inner_products
from theory.quantities import FORMS

TRIES = 20_000  # cases that are drawn to find one in the domain


@dataclass(frozen=True)
class Derive(JsonOption):
    """Derive the exact expression of a quantity, line by line, from an experiment with symbols.

    The Python file defines experiment (a TaskSequence with SymPy symbols); it may define quantity, tasks (a symbol for the number of
    tasks), regime, and cases, of which two are simulated for an appendix; they are drawn otherwise. Options given here take precedence.

    Exit status: 0; 1 if simulation disagrees; 3 if it decides nothing; 2 for a mistake in the input.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """Python file with the experiment."""
    quantity: Annotated[str | None, choices("What to derive, needed unless the file says it", FORMS)] = None
    regime: Literal["overparameterized", "underparameterized"] | None = None
    """Side of the interpolation threshold of all tasks where symbols leave it open."""
    latex: bool = False
    """Print LaTeX."""
    python: bool = False
    """Print a Python function."""
    appendix: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write the proof to this file as a LaTeX document, and simulate the result at two points."""
    seed: int = 0
    """Seed of the points and of all draws; equal seeds give equal results."""

    def run(self) -> int:
        """Derive, print, and write the appendix; returns the exit status."""
        from simulate.verdicts.judge import check
        from simulate.verdicts.lemma import load_derivation
        from simulate.work.files import replace_file, require_writable
        from theory.derivation import derive

        if sum((self.latex, self.python, self.json)) > 1:
            raise InputError("--latex, --python and --json were given together; choose one")
        if self.appendix is not None:
            require_writable(self.appendix)
        defined = load_derivation(self.file) | {name: value for name in ("quantity", "regime") if (value := getattr(self, name)) is not None}
        if "quantity" not in defined:
            raise InputError(f"{self.file} does not say which quantity; give --quantity, such as --quantity forgetting")
        cases = defined.pop("cases", None)
        derived, report = derive(defined.pop("experiment"), defined.pop("quantity"), **defined), None
        if self.appendix is not None:
            report = check(derived.formula, cases=list(cases or drawn_cases(derived.formula, self.seed))[:2], seed=self.seed)
            options = {"quantity": self.quantity, "regime": self.regime, "seed": self.seed, "appendix": self.appendix.name}
            words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
            said = evidence(report, shlex.join(["driftlaw", "derive", self.file.name, *words]))
            replace_file(self.appendix, derived.appendix(said, self.seed).encode())
        if self.json:
            print_json(_record(derived, report, self.seed))
        else:
            print(derived.latex() if self.latex else derived.python() if self.python else f"{derived}\n{derived.proof(seed=self.seed)}")
            if report is not None and not (self.latex or self.python):
                print(report.text)
        return STANDS if report is None else report.exit_status


def drawn_cases(formula: Any, seed: int, number: int = 2) -> list[dict[str, Any]]:
    """Draw small cases in the formula's domain, where a normal interval can be trusted.

    Raises
    ------
    InputError
        If none is found.
    """
    generator, found = random.Random(seed), []
    for _ in range(TRIES):
        case, tasks = {}, 3
        for name, meaning in formula.parameters.items():
            count = generator.choice([generator.randint(2, 15), generator.randint(50, 160)])
            length, product = round(generator.uniform(0.3, 1.5), 2), round(generator.uniform(-0.3, 0.5), 2)
            kinds = {"dimension": generator.randint(10, 40), "samples": count, "number": tasks, "share": min(length, 1), "standard": length, "squared": length}
            case[name] = next((value for word, value in kinds.items() if word in meaning), product)
        if any(meaning.startswith("matrix") for meaning in formula.parameters.values()):
            points = [[generator.randint(-3, 3) / 2 for _ in range(tasks)] for _ in range(tasks)]
            case["w"] = [sum(x * x for x in a) for a in points]
            case["D"] = [[sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) for b in points] for a in points]
        try:
            formula(**case)
            if all(condition.holds({s: case[str(s)] for s in condition.relation.free_symbols}) for condition in formula.normal_domain):
                require_inner_products(formula.build(**case))
                found.append(case)
        except DriftlawError:
            continue
        if len(found) == number:
            return found
    raise InputError(f"no small case of {formula.name} was found in {TRIES:,} draws; define cases in the file, a list of mappings from symbol to value")


def evidence(report: Any, command: str) -> str:
    """Return what simulation says of a derived formula, as LaTeX."""
    import numpy
    import sympy

    from driftlaw import __version__
    from simulate.verdicts.report import Judged
    from theory.derivation.line import plain

    rows = []
    for one in report.verdicts:
        found = f"simulated {one.mean:.5g} +- {one.stderr:.2g} ({one.trials:,} trials, z = {one.z:+.1f})" if isinstance(one, Judged) else one.reason
        rows.append(plain(f"At {', '.join(f'{name} = {value}' for name, value in one.case.items())}: derived {one.theory:.5g}, {found}, {one.verdict}."))
    versions = f"driftlaw {__version__}, SymPy {sympy.__version__}, NumPy {numpy.__version__}"
    return "Every regression solved on drawn data: " + " ".join(rows) + f" Made with {versions} by \\texttt{{{plain(command)}}}."


def _record(derived: Any, report: Any, seed: int) -> dict[str, Any]:
    from theory.notations import describe

    lines = [{"symbol": str(line.symbol), "before": str(line.before), "right": str(line.right), "lemma": line.lemma or None} for line in derived.lines]
    formula = {**describe(derived.formula), "quantity": str(derived.formula.quantity)}
    record = {"schema": 1, "formula": formula, "order": str(derived.order), "lines": lines, "proof": asdict(derived.proof(seed=seed))}
    return {**record, "python": derived.python(), "simulation": None if report is None else report.rows()}

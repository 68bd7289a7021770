"""How far formulas hold beyond their assumptions: other laws of the features, other training rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulate.sample.truths import block_truths
from simulate.verdicts.conjecture import conjecture
from simulate.verdicts.judge import check_all
from simulate.verdicts.planning import Settings
from simulate.verdicts.report import FAILS, HOLDS, OPEN, CheckReport, Verdict
from theory.conditions import Gaussian, GradientDescent, Rademacher, Ridge, StudentT
from theory.formula import Family
from theory.problem import TaskSequence

DEFAULT_FAMILIES = ("frozen_deviation", "initialized_deviation", "lin_forgetting")
MARKS: dict[str | None, str] = {HOLDS: " ", FAILS: "*", OPEN: "?"}


def decaying_variances(seq: TaskSequence) -> Gaussian:
    """Return normal features whose variances in each block fall like 1, 1/2, 1/3, ..., scaled to 1 on average."""
    harmonic = {block: 1 / np.arange(1, int(dimension) + 1) for block, dimension in seq.blocks.items()}
    return Gaussian({block: variances / variances.mean() for block, variances in harmonic.items()})


@dataclass(frozen=True)
class Condition:
    """Another law of the features or another rule, either of which may be a function of the experiment, and its name."""

    label: str
    features: Any = None
    solver: Any = None


CONDITIONS = (
    Condition("random signs", Rademacher()),
    Condition("Student t, df=5", StudentT(5)),
    Condition("variances ~ 1/k", decaying_variances),
    Condition("ridge, lam=2", solver=Ridge(2.0)),
    Condition("descent, 20 x 0.1", solver=GradientDescent(20, 0.1)),
)


def robustness(
    families: Sequence[Family],
    settings: Settings,
    conditions: Sequence[Condition] = CONDITIONS,
    *,
    cases: int | None = 3,
    workers: int | None = None,
    progress: bool = False,
) -> list[CheckReport]:
    """Compare families of formulas with simulation under conditions that they do not assume.

    Parameters
    ----------
    families : sequence of theory.formula.Family
    settings : Settings
        ``delta`` is the difference that counts as "holds", ``false_alarm`` one minus the simultaneous confidence level
        of all intervals together.
    conditions : sequence of Condition
    cases : int, optional
        The first so many cases of every family; all by default of None.
    workers, progress
        As in `simulate.check`.

    Returns
    -------
    list of CheckReport
        For every family, one for each of the conditions, called "family, conditions".

    Notes
    -----
    Laws other than the standard normal one tell directions apart, so truths are turned to a direction in general
    position first (`in_general_position`).
    """
    claims = []
    for family in families:
        chosen = family.cases if cases is None else family.cases[:cases]
        for condition in conditions:
            options = {"features": condition.features, "solver": condition.solver, "label": condition.label}
            name, build = f"{family.name}, {condition.label}", _turned(family.formula.build)
            claims.append(conjecture(family.formula, build=build, cases=chosen, name=name, exact=False, **options))
    return check_all(claims, settings, workers=workers, progress=progress)


def in_general_position(seq: TaskSequence, seed: int = 0) -> TaskSequence:
    """Return the experiment with truths given by inner products turned by a fixed random rotation of each block.

    The sampler would put such truths into the first coordinates, where features that are no rotation-invariant
    normals see the most special directions there are.
    """
    truths: dict[str, dict[int, np.ndarray]] = {}
    for number, block in enumerate(seq.gram):
        found = block_truths(seq, block)
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        rotation, triangle = np.linalg.qr(generator.standard_normal((found.fixed.shape[1],) * 2))
        truths[block] = dict(zip(found.users, found.fixed @ (rotation * np.sign(np.diag(triangle))).T, strict=True))
    turned = [{block: rows[t] for block, rows in truths.items() if t in rows} for t in range(len(seq))]
    tasks = [replace(task, truth={**task.truth, **new}) for task, new in zip(seq.tasks, turned, strict=True)]
    return replace(seq, tasks=tasks, gram=None)


def table(reports: Sequence[CheckReport], delta: float) -> str:
    """Write relative differences as a table: a row for the conditions, a column for the case, a part for the family."""
    lines = ["simulation minus theory in % of the error scale, and its simultaneous interval"]
    width = max((len(_split(report)[1]) for report in reports), default=0)
    family = None
    for report in reports:
        name, condition = _split(report)
        if name != family:
            family = name
            lines += ["", name, *(f"  case {index}: {one.label}" for index, one in enumerate(report.verdicts))]
            lines.append(" " * (width + 4) + "".join(f"{f'case {index}':>26}" for index in range(len(report.verdicts))))
        lines.append(f"  {condition:<{width}}  " + "".join(f"{_cell(one):>26}" for one in report.verdicts))
    share = f"{100 * delta:g} %"
    return "\n".join([*lines, "", f"no mark: the law holds within {share}; *: it fails by more; ?: it may be either; -: not testable"])


def _turned(build: Any) -> Any:
    return lambda **case: in_general_position(build(**case))


def _split(report: CheckReport) -> tuple[str, str]:
    family, condition = report.formula.split(", ", 1)
    return family, condition


def _cell(verdict: Verdict) -> str:
    if verdict.relative_difference is None:
        return "-  "
    value, low, high = verdict.relative_difference
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) {MARKS[verdict.finding]}"

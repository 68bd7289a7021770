"""Reference numbers: a peer's whole setting as data (`reference.toml`), what was published of it, and what comes out here.

Settings move results more than methods do, so that a number is compared in all of its setting, or not at all.
"""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from deep import metrics
from deep.studies.design import CONFIRM, DEVELOP, StudyStream, Unit
from deep.studies.records import StudyRun, study_run
from simulate.evidence import Estimate
from theory.checks import whole
from theory.errors import InputError
from theory.parts import Parts, instances

TUNED = 10  # the seed on whose validation images strengths are chosen; none that is measured
WITHIN, NOT_WITHIN, UNDECIDED, FAILED = "within", "not within", "seeds do not say", "failed"
MEASURES: dict[str, Callable[[Any], float]] = {
    "ACC": metrics.average_accuracy,
    "ACC, each by its own network": metrics.task_accuracy,
    "BWT": metrics.backward_transfer,
    "BWT / T": lambda accuracy: metrics.backward_transfer(accuracy, by_tasks=True),
}
_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
ABOUT = _TABLES.pop("about").strip()


@dataclass(frozen=True)
class Method:
    """A method in a peer's setting.

    Parameters
    ----------
    name : str
    strategy : str
    options : mapping
        Of the strategy, those that were chosen among them.
    grid : mapping of str to sequence
        Options all of whose combinations are tried on validation data.
    loop : mapping
        In place of the setting's.
    published : mapping of str to float or (float, float)
        By `MEASURES`: the number, and its error where one was published; NaN where none was.
    """

    name: str
    strategy: str = "initialized"
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    loop: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=lambda: {"ACC": math.nan, "BWT": math.nan})

    def __post_init__(self) -> None:
        if self.grid and self.options not in self.candidates:
            raise InputError(f"the options of {self.name}, {self.options}, are not in its grid {self.grid}; choose among what is tried")

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Return the options that are tried, if any are."""
        return [{**self.options, **dict(zip(self.grid, values, strict=True))} for values in product(*self.grid.values())] if self.grid else []


@dataclass(frozen=True)
class Reference:
    """A peer's setting and its methods.

    Parameters
    ----------
    name, title : str
    source : str
        Where numbers and setting were published, and what of it is another here.
    stream : StudyStream
        With network and loop, in which every option of a run may stand.
    methods : tuple of Method
    tuning : StudyStream
        On which candidates are tried.
    own_parts : bool
        As in `deep.training.config.RunConfig`.
    effect : float
        Half width of an interval up to which a number within it says something.
    """

    name: str
    title: str
    source: str
    stream: StudyStream
    methods: tuple[Method, ...]
    tuning: StudyStream
    own_parts: bool = False
    effect: float = 0.02

    def plan(self, seeds: int, device: str = "cpu") -> Iterator[tuple[str, str, Any]]:
        """Return all runs: phase, method and `deep.training.config.RunConfig`."""
        from deep.studies.driver import Wanted, config

        for method in self.methods:
            for phase, stream, units, tried in ((DEVELOP, self.tuning, [TUNED], method.candidates), (CONFIRM, self.stream, [seed for seed in range(seeds + 1) if seed != TUNED][:seeds], [method.options])):
                own = replace(stream, loop={**stream.loop, **method.loop})
                for options, seed in product(tried, units):
                    yield phase, method.name, config(Wanted(own, method.name, Unit(0, seed), method.strategy, options), phase, device, self.own_parts)

    def train(self, seeds: int, setting: Any) -> list[StudyRun]:
        """Train by a `deep.studies.driver.Setting` what is not trained yet; return the records."""
        from deep.runs.execute import train_runs

        plan = list(self.plan(whole(seeds, "the number of seeds", 2), setting.device))
        records = {record.key: record for record in train_runs([config for *_, config in plan], setting.out, setting.source, setting.workers, setting.tell)}
        return [study_run(records[config.key], self.name, phase, self.stream.label, method, 0, config.strategy_options, ()) for phase, method, config in plan]

    def rows(self, runs: Sequence[StudyRun]) -> list[tuple[str, ...]]:
        """Return a line for each method and measure: method, measure, seeds, published number, ours with its interval, verdict."""
        found = []
        for method in self.methods:
            own = [run for run in runs if (run.preset, run.phase, run.arm) == (self.name, CONFIRM, method.name)]
            for measure, published in method.published.items() if own else ():
                number, error = published if isinstance(published, (list, tuple)) else (published, 0.0)
                text = "-" if math.isnan(number) else f"{number:.4g}" + (f" +- {error:.2g}" if error else "")
                ours, verdict = "-", FAILED
                if all(run.finished for run in own):
                    estimate = Estimate.from_samples([MEASURES[measure](run.matrix()) for run in own])
                    half = float(student.ppf(0.975, estimate.count - 1)) * estimate.stderr
                    ours = f"{estimate.mean:.3f} [{estimate.mean - half:.3f}, {estimate.mean + half:.3f}]"
                    verdict = "-" if math.isnan(number) else NOT_WITHIN if abs(estimate.mean - number) > half + error else WITHIN if half <= self.effect else UNDECIDED
                found.append((method.name, measure, str(len(own)), text, ours, verdict))
        return found

    def tried(self, runs: Sequence[StudyRun], method: str) -> list[tuple[Mapping[str, Any], float | None]]:
        """Return what each candidate of a method reached on validation images; None where training diverged."""
        own = [run for run in runs if (run.preset, run.phase, run.arm) == (self.name, DEVELOP, method)]
        return [(run.options, MEASURES["ACC"](run.matrix()) if run.finished else None) for run in own]

    def section(self, runs: Sequence[StudyRun]) -> str:
        """Return what a page says of the setting."""
        stream, own = self.stream, [run for run in runs if run.preset == self.name]
        rows = [("method", "measure", "seeds", "published", "here", "verdict"), ("---",) * 6, *self.rows(own)]
        settings = [f"`{stream.stream}`", *_listed(stream.options), f"{stream.scenario}-incremental", f"`{stream.network}`", *_listed(stream.loop)]
        lines = [f"## {self.title}\n", f"{self.source}\n", f"Setting: {', '.join(settings)}.\n", *(f"| {' | '.join(row)} |" for row in rows), ""]
        for method in (method for method in self.methods if any(run.arm == method.name for run in own)):
            reached = [f"{' '.join(_listed(chosen))} {'diverged' if value is None else f'{value:.3f}'}" for chosen, value in self.tried(own, method.name)]
            chosen = ", ".join([f"`{method.strategy}`", *_listed({**method.options, **method.loop})])
            lines.append(f"- {method.name}: {chosen}.{' Tried: ' + '; '.join(reached) + '.' if reached else ''}")
        seeds = len({run.seed for run in own if run.phase == CONFIRM})
        return "\n".join([*lines, f"\n```sh\ndriftlaw deep reference --preset {self.name} --seeds {seeds}  # minutes\n```"])


def page(runs: Sequence[StudyRun]) -> str:
    """Return the reference page of records."""
    return "\n\n".join([ABOUT, *(reference.section(runs) for reference in REFERENCES.values() if any((run.preset, run.phase) == (reference.name, CONFIRM) for run in runs))])


def _listed(options: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]


def _reference(name: str, title: str, source: str, stream: Mapping, methods: Sequence[Mapping], tuning: Mapping = {}, **rest: Any) -> Reference:
    """Return the setting that a table of the file stands for."""
    tuned = {**stream, **{part: {**stream[part], **tuning.get(part, {})} for part in ("options", "loop")}}
    return Reference(name, title, source, StudyStream(title, **stream), tuple(Method(**method) for method in methods), StudyStream(title, **tuned), **rest)


REFERENCES: Parts[Reference] = Parts("reference", instances(Reference))
for _name, _table in _TABLES.items():
    _table |= {**_TABLES.get(_table.pop("like", ""), {}), **_table}
    REFERENCES.register(_reference(_name, **_table))

"""`driftlaw deep path`: losses and accuracies along the step of every task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep.commands.options import RecordsOptions
from deep.commands.settings import Settings
from deep.path import PathRecord, best_scale, measure_paths, parabola, vertex
from deep.runs.execute import DataSource, build_stream
from deep.runs.names import run_name
from simulate.wording import table
from simulate.work.jobs import run_jobs
from theory.checks import whole

if TYPE_CHECKING:
    from deep.training.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class PathCommand(Settings, RecordsOptions):
    """Train, and measure at theta_(t-1) + s (theta_t - theta_(t-1)) for every task t from the second on."""

    workers: int | None = None
    """Runs at a time; None means as many as there are cores."""

    def run(self) -> int:
        """Train, print the best lengths; return the exit status."""
        if self.workers is not None:
            whole(self.workers, "workers", 1)
        self.check_file()
        jobs = [(config, self.source) for config in self.configs()]
        workers = 1 if len(jobs) == 1 else self.workers
        done = run_jobs(_measure, jobs, workers=workers, kind="processes", progress="runs", label=lambda job: run_name(job[0].canonical()))
        records = [record for _, record in sorted(done, key=lambda pair: pair[0])]
        self.report(records, lambda: "\n\n".join(map(_text, records)))
        return 0


def _measure(job: tuple[RunConfig, DataSource]) -> PathRecord:
    return measure_paths(job[0], build_stream(*job))


def _text(record: PathRecord) -> str:
    rows = [("task", "part of the step", "best s by loss", "of the parabola", "loss there", "at s = 1", "forgetting in % at s = 1")]
    at_end = record.scales.index(1.0)
    for number, curves in enumerate(record.curves, 1):
        for curve in curves:
            fitted = vertex(parabola(record.scales, curve.loss))
            lengths = (f"{best_scale(record.scales, curve.loss):.2f}", "-" if fitted is None else f"{fitted:.2f}")
            losses = (f"{min(curve.loss):.4f}", f"{curve.loss[at_end]:.4f}", f"{100 * curve.forgetting[at_end]:.2f}")
            rows.append((str(number), curve.part, *lengths, *losses))
    return f"{run_name(record.config)}\n{table(rows)}"

"""Command line of sweeps: ``driftlaw sweep FILE``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from theory.commands import JsonOption, choices, print_json
from theory.errors import InputError
from theory.exits import OPEN, STANDS, interrupt_says
from theory.quantities import FORMS


@dataclass(frozen=True)
class Sweep(JsonOption):
    """Estimate quantities of many experiments, resumed where an earlier call was interrupted.

    The Python file defines build (makes a TaskSequence of a case), quantities (such as "forgetting", one or a list) and
    cases (a list of mappings) or grid (a mapping from parameter to its values).

    Exit status: 0; 3, with a warning, where a precision was not reached; 2 for a mistake in the input, what the machine
    lacks, or a point that fails; 130 after an interrupt.
    """

    file: Annotated[Positional[Path], choices("Python file with the sweep. Quantities that have a name", FORMS, metavar="FILE")]
    trials: int | None = None
    """Trials of every point; 4096 by default."""
    precision: float | None = None
    """Instead of trials: the relative standard error that all quantities shall have, such as 1e-3."""
    max_trials: int = 2**20
    """Most trials of a point when sampling for precision."""
    method: Literal["auto", "direct", "reduced", "banded"] = "auto"
    """Sampler; auto takes the cheaper one of every experiment."""
    backend: Literal["numpy", "torch"] = "numpy"
    """What the direct sampler computes with."""
    device: str = "cpu"
    """Device of the torch backend, such as cuda."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision of the direct sampler's floats."""
    seed: int = 0
    """Seed of all draws; equal seeds give equal results."""
    workers: int | None = None
    """Threads or processes; all cores by default. They do not change the result."""
    processes: bool = False
    """Work in processes instead of threads."""
    scheduler: str | None = None
    """Address of a Dask scheduler, such as tcp://host:8786, whose workers do the work."""
    memory_limit: float = 2**30
    """Bytes that the working arrays of one worker may take."""
    store: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder that keeps finished chunks; FILE with the ending .sweep by default."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also write the rows to this file, as .csv or .json."""

    def run(self) -> int:
        """Run the sweep; returns the exit status."""
        from simulate.sweeps.result import INFINITE, OPEN as MISSED, check_output
        from simulate.verdicts.lemma import load_sweep

        if self.out is not None:
            check_output(self.out)
        wanted = load_sweep(self.file)
        folder = self.store or self.file.with_suffix(".sweep")
        started = time.perf_counter()
        kept = f"finished chunks are kept in {folder}, run the same command again to go on"
        with interrupt_says(kept):
            result = self._sweep(wanted, folder)
        if self.out is not None:
            result.write(self.out)
        self._print(result, time.perf_counter() - started)
        return STANDS if self.precision is None or {row.status for row in result.rows}.isdisjoint((MISSED, INFINITE)) else OPEN

    def _sweep(self, wanted: Any, store: Path) -> Any:
        from simulate.sweeps.driver import sweep

        if self.processes and self.scheduler:
            raise InputError("--processes stands beside --scheduler, whose workers do the work; leave one of them out")
        return sweep(
            wanted.build, wanted.cases, wanted.quantities, features=wanted.features, solver=wanted.solver, risk=wanted.risk,
            trials=self.trials, precision=self.precision, max_trials=self.max_trials, method=self.method, backend=self.backend,
            device=self.device, dtype=self.dtype, seed=self.seed, store=store, workers=self.workers,
            kind="processes" if self.processes else "threads", scheduler=self.scheduler, memory_limit=self.memory_limit,
            progress=not self.json,
        )  # fmt: skip

    def _print(self, result: Any, seconds: float) -> None:
        if self.json:
            print_json({**result.as_dict(), "seconds": round(seconds, 3)})
        else:
            print(result)
            kept = sum(row.trials for row in {row.label: row for row in result.rows}.values())
            print(f"{len(result.rows)} quantities, {kept:,} trials, {result.computed:,} of them computed now, {seconds:.1f} s")
            if result.adopted:
                print(f"{result.adopted} points were stored by other code; their first chunks came out again, so they stand")
        for warning in result.warnings:
            print(f"warning: {warning}", file=sys.stderr)

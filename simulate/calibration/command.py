"""Command line of the calibration: ``driftlaw calibrate``."""

import json
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from theory.commands import JsonOption
from theory.exits import STANDS, WRONG, interrupt_says


@dataclass(frozen=True)
class Calibrate(JsonOption):
    """Measure how often the verdicts of check and verify go wrong.

    Runs the whole procedure again and again on formulas, bounds, orderings and limits that leave nothing to spare, and compares the
    rates of large z-scores, false alarms, agreement and detected mistakes with what is promised. 20,000 meta-runs of formulas alone
    take half an hour on two cores, of all kinds an hour and a half.

    Exit status: 1 if a promise of the verdicts is broken, 0 otherwise (tail rates of z that are off are listed); 2 for a
    mistake in the input or what the machine lacks; 130 after an interrupt.
    """

    meta_runs: int = 20_000
    """Runs of the procedure for every subject."""
    kinds: tuple[Literal["equality", "bound", "ordering", "limit"], ...] = ("equality", "bound", "ordering", "limit")
    """Kinds of statement to measure."""
    earlier: Annotated[Path | None, arg(metavar="FILE")] = None
    """Judge the rates of this earlier result along with these, where they are of other subjects."""
    false_alarm: float = 1e-3
    """Probability of calling any rate off its promise although all promises are kept."""
    seed: int = 0
    """Seed of all draws; equal seeds give equal results."""
    workers: int | None = None
    """Processes; all cores by default. They do not change the result."""
    store: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder that keeps finished parts, so that the same command goes on after an interrupt."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also write the result to this file, as JSON lines."""

    def run(self) -> int:
        """Run the calibration; returns the exit status."""
        from simulate.calibration.measure import SUBJECTS, calibrate
        from simulate.calibration.report import read_rates, read_report
        from simulate.work.files import require_writable
        from simulate.work.store import RunStore

        if self.out is not None:
            require_writable(self.out)
        before = [] if self.earlier is None else read_rates(self.earlier)
        header = self._header() | ({} if self.earlier is None else {"earlier": read_report(self.earlier)[0]})
        started = time.perf_counter()
        store = None if self.store is None else RunStore(self.store)
        again = f"finished parts are kept in {self.store}, run the same command again to go on"
        kept = again if store else "nothing was kept"
        with interrupt_says(kept):
            subjects = tuple(one for one in SUBJECTS if one.kind in self.kinds)
            options = {"store": store, "workers": self.workers, "progress": not self.json}
            report = calibrate(self.meta_runs, seed=self.seed, false_alarm=self.false_alarm, subjects=subjects, earlier=before, **options)
        header["seconds"] = round(time.perf_counter() - started, 1)
        if self.out is not None:
            report.write(self.out, header)
        print(json.dumps({**header, "rates": report.rows()}, indent=1, allow_nan=False) if self.json else report)
        return WRONG if report.broken else STANDS

    def _header(self) -> dict[str, Any]:
        """What the numbers depend on."""
        command = f"driftlaw calibrate --meta-runs {self.meta_runs} --kinds {' '.join(self.kinds)} --false-alarm {self.false_alarm:g} --seed {self.seed}"
        versions = {"python": platform.python_version(), **{name: version(name) for name in ("driftlaw", "numpy", "scipy")}}
        return {"command": command, "meta_runs": self.meta_runs, "versions": versions}

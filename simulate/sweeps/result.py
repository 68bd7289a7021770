"""What a sweep found: a row for every quantity of every point, as text, CSV or JSON."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulate.evidence import Estimate
from simulate.sweeps.chunks import Sampling
from simulate.sweeps.precision import INFINITE, OPEN
from simulate.wording import plain, round_to
from simulate.work.files import replace_file, require_writable, trying
from theory.errors import InputError

SCHEMA = 1  # of the JSON output
FORMATS = (".csv", ".json")
COLUMNS = ("quantity", "mean", "stderr", "relative", "trials", "moment_order", "status", "method", "backend", "device", "dtype", "seed")


@dataclass(frozen=True)
class SweepRow:
    """One quantity at one point.

    Parameters
    ----------
    case : dict
        Parameters of the point.
    label : str
        The case in a few words.
    quantity : str
        As it was asked for.
    mean : float or None
        Over all trials; None if there are none, or if the expectation is infinite.
    estimate : Estimate or None
        The mean with its standard error; None if the variance is infinite.
    trials : int
    moment_order : float
        Supremum of the finite moment orders: the mean needs one above 1, the standard error one above 2; 0 where none is known.
    status : str
        "fixed" (as many trials as asked), "reached", "zero", "not reached" (`simulate.sweeps.precision`) or "infinite variance".
    sampling : Sampling
        Method, backend, device, precision of the floats and seed.
    """

    case: dict[str, Any]
    label: str
    quantity: str
    mean: float | None
    estimate: Estimate | None
    trials: int
    moment_order: float
    status: str
    sampling: Sampling

    @property
    def stderr(self) -> float | None:
        """Standard error of the mean."""
        return None if self.estimate is None else self.estimate.stderr

    @property
    def relative(self) -> float | None:
        """Standard error by mean; None without either, or where the mean is zero."""
        return None if self.stderr is None or not self.mean else self.stderr / abs(self.mean)

    def as_dict(self) -> dict[str, Any]:
        """Return the row in JSON values."""
        values = {"mean": self.mean, "stderr": self.stderr, "relative": self.relative, "trials": self.trials}
        row = {"case": plain(self.case), "quantity": self.quantity, **values, "moment_order": plain(self.moment_order)}
        return {**row, "status": self.status, **vars(self.sampling)}

    @property
    def sentence(self) -> str:
        """What was found, in a line."""
        if self.estimate is None or self.mean is None:
            mean = "" if self.mean is None else f"mean {self.mean:.4g} over {self.trials:,} trials, "
            what = "mean" if self.moment_order <= 1 else "variance"
            return f"{self.quantity} {mean}{what} infinite (moments below order {self.moment_order:g} only)"
        mean, stderr = round_to(self.estimate.stderr, self.mean, self.estimate.stderr)
        share = "" if self.relative is None else f", {self.relative:.2g} of the mean"
        note = f", {self.status}" if self.status in (OPEN, "zero") else ""
        return f"{self.quantity} {mean} +- {stderr} ({self.trials:,} trials{share}{note})"


@dataclass(frozen=True)
class SweepResult:
    """Rows of all points, in the order of cases and quantities.

    Parameters
    ----------
    rows : tuple of SweepRow
    precision : float or None
        That was asked for.
    max_trials : int
        Most trials of a point when sampling for precision.
    seed : int
    computed : int
        Trials that this call had to simulate; all others were stored.
    set_aside : int
        Points that other code has stored with other numbers.
    adopted : int
        Points that other code has stored and whose first chunks came out again.
    """

    rows: tuple[SweepRow, ...]
    precision: float | None
    max_trials: int
    seed: int
    computed: int
    set_aside: int
    adopted: int = 0

    @property
    def warnings(self) -> list[str]:
        """Return what the reader of the numbers has to know."""
        said = {
            OPEN: f"did not reach precision {self.precision or 0:g} within {self.max_trials:,} trials; raise max_trials",
            INFINITE: "have an infinite variance, too close to an interpolation threshold; they have no standard error",
        }
        counts = {kind: sum(row.status == kind for row in self.rows) for kind in said}
        return [f"{count} of {len(self.rows)} quantities {said[kind]}" for kind, count in counts.items() if count]

    def __str__(self) -> str:
        width = max(len(row.label) for row in self.rows)
        return "\n".join(f"{row.label:<{width}}  {row.sentence}" for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return everything in JSON values."""
        settings = {"precision": self.precision, "max_trials": self.max_trials, "seed": self.seed}
        rows = [row.as_dict() for row in self.rows]
        counts = {name: getattr(self, name) for name in ("computed", "set_aside", "adopted")}
        return {"schema": SCHEMA, "rows": rows, "settings": settings, **counts}

    def write(self, file: Path) -> None:
        """Write a table (.csv) or everything (.json); InputError for another ending or a place that cannot be written to."""
        check_output(file)
        text = self._csv() if file.suffix == ".csv" else json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n"
        with trying(f"write {file}", "free space or name another file"):
            replace_file(file, text.encode())

    def _csv(self) -> str:
        parameters = list(dict.fromkeys(key for row in self.rows for key in row.case))
        taken = {key: f"case_{key}" if key in COLUMNS else key for key in parameters}
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*taken.values(), *COLUMNS])
        for row in self.rows:
            values = row.as_dict()
            writer.writerow([*(plain(row.case[key]) if key in row.case else "" for key in parameters), *(values[name] for name in COLUMNS)])
        return buffer.getvalue()


def check_output(file: Path) -> None:
    """Refuse a file of another kind, or one that cannot be written, before the long work."""
    if file.suffix not in FORMATS:
        raise InputError(f"the output is {file.name}; let its name end in one of {', '.join(FORMATS)}")
    require_writable(file)

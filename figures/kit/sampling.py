"""Simulated points: sampled once, stored as each is finished, and left out where an interval would mean nothing."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any
from zlib import crc32

from figures.kit.table import Table
from simulate import simulate
from simulate.work.keys import canonical, code_fingerprint, digest, run_key, sequence_key
from simulate.work.provenance import closure, stamp
from simulate.work.store import RunStore
from theory import moment_orders
from simulate.work.progress import bar
from theory.errors import InputError
from theory.problem import TaskSequence
from theory.quantities import TRAINING, parse_quantity

FINITE_VARIANCE, TRUSTED = 2, 4  # moment orders above which an interval exists, and has its nominal level


@dataclass(frozen=True)
class Simulated:
    """Mean over independent trials, its standard error, and how many moments the quantity has."""

    mean: float
    stderr: float
    trials: int
    moment_order: float

    @classmethod
    def share(cls, count: int, trials: int, moment_order: float) -> "Simulated":
        """Return the share ``count`` of ``trials``."""
        share = count / trials
        return cls(share, math.sqrt(max(share * (1 - share), 1 / trials) / trials), trials, moment_order)


@dataclass(frozen=True)
class Point:
    """What is simulated at one place of a figure.

    Parameters
    ----------
    sequences : mapping of str to TaskSequence
        Trainings by name; all learn from the same draws.
    quantities : sequence of str
        Quantities, as `theory.parse_quantity` reads them.
    difference : pair of str, optional
        Two of the names: their paired difference is estimated too, under the name "first - second".
    method : {"direct", "reduced"}
        Of `simulate.simulate`; "reduced" has no paired differences.
    x, case : float, str
        Its place in the figure, for `Sampler.add`.
    """

    sequences: Mapping[str, TaskSequence]
    quantities: Sequence[str]
    difference: tuple[str, str] | None = None
    method: str = "direct"
    x: float = math.nan
    case: str = ""

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Trainings behind each estimate: one, or the two of the difference.

        Raises
        ------
        InputError
            If the difference names others.
        """
        parts: dict[str, tuple[str, ...]] = {name: (name,) for name in self.sequences}
        if not set(self.difference or ()) <= set(parts):
            raise InputError(f"difference names {self.difference}; choose two of {', '.join(parts)}")
        return parts | ({" - ".join(self.difference): self.difference} if self.difference else {})

    def orders(self) -> dict[tuple[str, str], float]:
        """Moment order of every estimate, by (name, quantity)."""
        moments = {name: moment_orders(seq) for name, seq in self.sequences.items()}
        estimates = [(name, parts, quantity) for name, parts in self.parts.items() for quantity in self.quantities]
        return {(name, quantity): min(float(moments[part].read(quantity)) for part in parts) for name, parts, quantity in estimates}


class Sampler:
    """Simulates the points of one figure, or takes them from the store.

    Parameters
    ----------
    figure : str
        Name of the figure; figures draw independently of one another, and so do the points of a figure.
    trials : int
        At every point.
    store : RunStore
        Where finished points are kept.
    """

    def __init__(self, figure: str, trials: int, store: RunStore) -> None:
        self.figure, self.trials, self.store = figure, trials, store
        self._code = sampler_code()
        self._next = self._next_stored = 0

    def add(self, table: Table, x_name: str, points: Sequence[Point]) -> None:
        """Simulate points and add a row for each of their estimates."""
        for point, found in zip(points, self.run(points), strict=True):
            for (training, quantity), simulated in found.items():
                table.add_point(quantity, training, x_name, point.x, simulated, point.case)

    def add_paired(
        self, table: Table, x_name: str, sequences: Mapping[float, TaskSequence], quantities: Iterable[str], training: str, case: str = ""
    ) -> None:
        """Simulate a curve as a single point, so that all its places learn from the same draws, and add its rows."""
        named, quantities = {f"{x:g}": seq for x, seq in sequences.items()}, tuple(quantities)
        (found,) = self.run([Point(named, quantities)])
        for x in sequences:
            for quantity in quantities:
                table.add_point(quantity, training, x_name, x, found[f"{x:g}", quantity], case)

    def run(self, points: Sequence[Point]) -> list[dict[tuple[str, str], Simulated | None]]:
        """Return the estimates of every point, by (name, quantity); None where the variance is infinite."""
        return [self._estimate(point) for point in bar(points, desc=self.figure, unit="point")]

    def _estimate(self, point: Point) -> dict[tuple[str, str], Simulated | None]:
        seed = (crc32(self.figure.encode()), self._next)
        self._next += 1
        orders = point.orders()
        wanted = [list(pair) for pair, order in orders.items() if order > FINITE_VARIANCE]
        if not wanted:
            return dict.fromkeys(orders)
        description = {
            "sequences": {name: sequence_key(seq) for name, seq in point.sequences.items()},
            "trials": self.trials, "seed": seed, "wanted": wanted, "method": point.method,
        }  # fmt: skip
        record = self.store.get_or_compute(run_key(description, self._code), lambda: self._simulate(point, wanted, seed))
        found = {(name, quantity): (mean, stderr) for name, quantity, mean, stderr in record}
        return {pair: Simulated(*found[pair], self.trials, order) if pair in found else None for pair, order in orders.items()}

    def _simulate(self, point: Point, wanted: list[list[str]], seed: tuple[int, int]) -> list[list[Any]]:
        needed = dict.fromkeys(part for name, _ in wanted for part in point.parts[name])
        tasks = min(map(len, point.sequences.values()))
        options = {"method": point.method, "training_errors": any(parse_quantity(text, tasks).of == TRAINING for _, text in wanted)}
        runs = {name: simulate(point.sequences[name], self.trials, seed, **options) for name in needed}
        samples = {name: reduce(operator.sub, (runs[part] for part in point.parts[name])) for name, _ in wanted}
        estimates = [(name, quantity, samples[name].estimate(quantity)) for name, quantity in wanted]
        return [[name, quantity, estimate.mean, estimate.stderr] for name, quantity, estimate in estimates]

    def stored(self, description: Mapping[str, Any], source: str, compute: Callable[[tuple[int, ...], int], Any]) -> Any:
        """Return what ``compute`` finds for simulated values of any kind, kept like the points.

        Parameters
        ----------
        description : mapping
            JSON values that tell the run from others of the figure.
        source : str
            File in which ``compute`` stands.
        compute : callable
            Maps seed and number of trials to a JSON value; every run has a seed of its own, apart from those of points.
        """
        seed = (crc32(self.figure.encode()), 1, self._next_stored)
        self._next_stored += 1
        own = canonical([code_fingerprint([source]), dict(closure("simulate.hybrid_rule"))])
        key = run_key({"figure": self.figure, "run": description, "trials": self.trials, "seed": seed, "code": own}, self._code)
        return self.store.get_or_compute(key, lambda: compute(seed, self.trials))


def sampler_code() -> str:
    """Compute the fingerprint of the code and of the NumPy that a simulated value depends on."""
    found = stamp(__name__)
    return digest(canonical([found["files"], found["packages"]]))

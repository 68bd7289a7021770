"""Trials in fixed chunks: the unit that sweeps compute, store and resume by.

Chunk c of a point draws from the seed (seed, point, c), and chunks are merged in their order: what a sweep finds
depends neither on who computes which chunk nor on when.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from simulate.sample.run import simulate
from simulate.sweeps.tally import Tally
from simulate.work.keys import canonical, digest, draw_key, run_key, sequence_key
from simulate.work.provenance import closure, stamp
from theory.problem import TaskSequence
from theory.quantities import TRAINING, Quantity, parse_quantity

CHUNK = {"direct": 256, "reduced": 1024, "banded": 1024}  # trials; part of what a seed means
JOB_SECONDS = 0.25  # of work in a job: long beside handing it out, short beside what a kill may cost


@dataclass(frozen=True)
class Sampling:
    """How the trials of a point are drawn, and from which seed: what its key is made of, besides experiment and code.

    Parameters
    ----------
    method : {"direct", "reduced", "banded"}
    backend, device, dtype : str
        As `simulate.simulate` takes them.
    seed : int
        Of the sweep.
    """

    method: str
    backend: str = "numpy"
    device: str = "cpu"
    dtype: str = "float64"
    seed: int = 0


@dataclass(frozen=True)
class Portion:
    """Chunks of one point, each with its number of trials."""

    point: int
    seq: TaskSequence
    quantities: tuple[str | Quantity, ...]
    sampling: Sampling
    chunks: tuple[tuple[int, int], ...]
    memory_limit: float

    def compute(self) -> Iterator[tuple[int, int, dict[str, Tally]]]:
        """Simulate; yield point, chunk and the tallies of all quantities."""
        how = self.sampling
        options: dict[str, Any] = {"method": how.method, "backend": how.backend, "device": how.device, "dtype": how.dtype}
        options["training_errors"] = any(parse_quantity(quantity, len(self.seq)).of == TRAINING for quantity in self.quantities)
        for chunk, trials in self.chunks:
            seed = (how.seed, point_number(self.seq), chunk)
            found = simulate(self.seq, trials, seed, **options, memory_limit=self.memory_limit, workers=1)
            yield self.point, chunk, {str(quantity): Tally.of(found, quantity) for quantity in self.quantities}


def compute_job(job: tuple[Portion, ...]) -> tuple[dict[str, Any], list[tuple[int, int, dict[str, Tally]]]]:
    """Compute the portions of a job; also return the stamp of the code, which may be another on another machine."""
    return sampler_stamp(job[0].sampling.backend), [found for portion in job for found in portion.compute()]


@functools.cache
def sampler_stamp(backend: str) -> dict[str, Any]:
    """Return the stamp of the code and of the packages that a chunk depends on."""
    return stamp(__name__, packages=("numpy", "torch") if backend == "torch" else ("numpy",))


closure(__name__)  # of the files as they are loaded now; they may be edited before the first chunk is stored


def point_number(seq: TaskSequence) -> int:
    """Number of an experiment in the seeds of its chunks; two experiments have the same by an accident of 2^-64 only."""
    return int(digest(canonical(draw_key(seq)))[:16], 16)


def problem_key(seq: TaskSequence, sampling: Sampling) -> str:
    """Key of an experiment with its sampling, whatever the code."""
    return run_key({"experiment": sequence_key(seq), **vars(sampling), "chunk": CHUNK[sampling.method]}, "any code")


def chunks_of(trials: int, method: str) -> Iterator[tuple[int, int]]:
    """Cut a number of trials into (chunk, trials in it); only the last may be short."""
    size = CHUNK[method]
    for chunk, first in enumerate(range(0, trials, size)):
        yield chunk, min(size, trials - first)


def pack(portions: Iterable[Portion]) -> Iterator[tuple[Portion, ...]]:
    """Gather small portions into jobs and divide large ones, so that a job takes about `JOB_SECONDS`."""
    job, filled = [], 0.0
    for portion in portions:
        seconds = _seconds_per_trial(portion.seq, portion.sampling.method)
        part = []
        for chunk, trials in portion.chunks:
            part.append((chunk, trials))
            filled += seconds * trials
            if filled >= JOB_SECONDS:
                yield (*job, replace(portion, chunks=tuple(part)))
                job, part, filled = [], [], 0.0
        if part:
            job.append(replace(portion, chunks=tuple(part)))
            filled += 1e-3  # of overhead
    if job:
        yield tuple(job)


def _seconds_per_trial(seq: TaskSequence, method: str) -> float:
    """Rough time of a trial on one core, to size jobs; results do not depend on it."""
    if method != "direct":
        return 4e-6 * len(seq) * (1 + len(seq) / 10)
    used = (int(task.samples) * sum(int(seq.blocks[block]) for block in seq.used(t)) for t, task in enumerate(seq.tasks))
    return sum(1e-5 + 1.2e-8 * floats for floats in used)

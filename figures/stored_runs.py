"""Simulated values of any kind, kept like the points of `figures.sampling`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import simulate as simulate_package
from figures.sampling import Sampler, sampler_code
from simulate.keys import code_fingerprint, run_key


def stored(
    sampler: Sampler, number: int, description: Mapping[str, Any], source: str, compute: Callable[[tuple[int, ...], int], Any]
) -> Any:
    """Return what ``compute`` finds, computed once for the same figure, number, description, trials and code.

    Parameters
    ----------
    sampler : Sampler
        Of the figure; says where results are kept, and the number of trials.
    number : int
        Of the run in the figure; every run draws from a seed of its own, apart from those of the sampler's points.
    description : mapping
        JSON values that tell the run from others.
    source : str
        File in which ``compute`` stands.
    compute : callable
        Maps seed and number of trials to a JSON value.
    """
    seed = (crc32(sampler.figure.encode()), 1, number)
    own = code_fingerprint([Path(source), Path(__file__), Path(simulate_package.__file__).parent / "hybrid.py"])
    key = run_key({"figure": sampler.figure, "run": description, "trials": sampler.trials, "seed": seed, "code": own}, sampler_code())
    return sampler.store.get_or_compute(key, lambda: compute(seed, sampler.trials))

"""What a simulation found: values of every trial, and estimates with standard errors made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from simulate.evidence import Estimate, merge_draws
from theory.errors import InputError
from theory.quantities import TRAINING, Quantity, Readings, parse_quantity

_SAMPLES: tuple[str, ...] = ("errors_sample", "step_sizes_sample", "update_magnitude_sample")
_TRAINING = "training_errors_sample"


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(Readings):
    """Per-trial results of learning a sequence of T tasks, or paired differences of two such results.

    Parameters
    ----------
    errors_sample : ndarray, shape (trials, T, T)
        ``[:, t, i]`` is ``L_i(theta_t)``, the excess risk of task i after task t: the squared distance of
        estimate and truth over the blocks that task i uses, for later tasks i > t too.
    step_sizes_sample : ndarray, shape (trials, T)
        ``|theta_t - start_t|^2`` over the blocks that task t trains.
    update_magnitude_sample : ndarray, shape (trials, T)
        ``|theta_t - theta_{t-1}|^2`` over all blocks; differs from the step where a block restarts from zero.
    draws : frozenset of (seed, first trial, last trial)
        The random draws behind the trials, both ends included; in the order of the trials only if there is one.
    experiment : hashable
        What was simulated; only results of equal experiments merge.
    method : {"direct", "reduced", "banded"}
        How: with all data drawn, or with no more of them than the results depend on (`simulate.sample.reduced`).
    training_errors_sample : ndarray, shape (trials, T, T), optional
        ``[:, t, i]`` is ``|A_i' theta_t - y_i|^2``, the squared residual of task i's own samples after task t, noise
        included and not divided by their number, for later tasks i > t too. Sampled with ``training_errors=True``.

    Notes
    -----
    All arrays are read-only float64. Standard errors are those of per-trial values of the quantity itself, so the
    correlations inside forgetting and generalization count.

    Examples
    --------
    Frozen minus initialized training, trial by trial on the same data:

    >>> import driftlaw as dl
    >>> setting = dict(blocks={"shared": 20, "specific": 30}, samples=(15, 10), noise=0.3)
    >>> truths = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    >>> runs = [dl.simulate(make(**setting, gram=truths), trials=1000) for make in (dl.frozen, dl.initialized)]
    >>> print((runs[0] - runs[1]).forgetting())
    0.677 +- 0.014 (1,000 trials)
    """

    errors_sample: np.ndarray
    step_sizes_sample: np.ndarray
    update_magnitude_sample: np.ndarray
    draws: frozenset[tuple[Any, int, int]] = frozenset()
    experiment: Any = None
    method: str = field(default="direct", kw_only=True)
    training_errors_sample: np.ndarray | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        arrays = {name: np.asarray(getattr(self, name), dtype=np.float64).view() for name in self._names()}
        trials, tasks = arrays["step_sizes_sample"].shape if arrays["step_sizes_sample"].ndim == 2 else (0, 0)
        square = (trials, tasks, tasks)
        expected = {**dict(zip(_SAMPLES, (square, (trials, tasks), (trials, tasks)), strict=True)), _TRAINING: square}
        for name, array in arrays.items():
            if array.shape != expected[name] or not array.size:
                shapes = {key: value.shape for key, value in arrays.items()}
                raise InputError(f"the samples have shapes {shapes}; they must be (trials, T, T), (trials, T) and (trials, T), not empty")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "draws", frozenset(self.draws))

    def __repr__(self) -> str:
        """Return the errors after the last task, as far as a line holds them."""
        last = [f"task {i}: {self.estimate(f'error[-1,{i}]')}" for i in range(min(self.tasks, 4))] if self.trials > 1 else []
        more = ["..."] if self.tasks > 4 else []
        return f"<{self.method} simulation of {self.tasks} tasks, {self.trials:,} trials; errors after the last: {', '.join([*last, *more])}>"

    @property
    def trials(self) -> int:
        """Number of trials."""
        return self.errors_sample.shape[0]

    @property
    def tasks(self) -> int:
        """Number of tasks T."""
        return self.errors_sample.shape[1]

    @property
    def errors(self) -> Estimate:
        """Estimate of E L_i(theta_t), shape (T, T)."""
        return Estimate.from_samples(self.errors_sample, self.draws)

    @property
    def step_sizes(self) -> Estimate:
        """Estimate of E|theta_t - start_t|^2 over the trained blocks, shape (T,)."""
        return Estimate.from_samples(self.step_sizes_sample, self.draws)

    @property
    def update_magnitude(self) -> Estimate:
        """Estimate of E|theta_t - theta_{t-1}|^2 over all blocks, shape (T,)."""
        return Estimate.from_samples(self.update_magnitude_sample, self.draws)

    @property
    def training_errors(self) -> Estimate:
        """Estimate of E |A_i' theta_t - y_i|^2, shape (T, T); InputError if it was not sampled."""
        return Estimate.from_samples(self._sample(TRAINING), self.draws)

    def read(self, quantity: str | Quantity) -> Estimate:
        """Return the estimate of a quantity."""
        return self.estimate(quantity)

    def estimate(self, quantity: str | Quantity | Callable[[Simulation], Any]) -> Estimate:
        """Return the estimate of a quantity; see `per_trial` for what it may be."""
        return Estimate.from_samples(self.per_trial(quantity), self.draws)

    def per_trial(self, quantity: str | Quantity | Callable[[Simulation], Any]) -> np.ndarray:
        """Return a quantity's value in every trial, shape (trials,).

        Parameters
        ----------
        quantity : str, Quantity or callable
            A name that `theory.quantities.parse_quantity` reads, a `theory.Quantity`, or a function that takes this
            object and returns one number for each trial.

        Raises
        ------
        InputError
            If the name means nothing here, weights do not fit, or the function returns another shape or values that
            are not finite.
        """
        if not callable(quantity):
            quantity = parse_quantity(quantity, self.tasks)
            found = quantity.value(SimpleNamespace(**{quantity.of: self._sample(quantity.of)}), lambda terms: np.stack(terms, 1).sum(1))
            return np.asarray(found, dtype=np.float64)
        values = np.asarray(quantity(self))
        if values.shape != (self.trials,) or values.dtype.kind not in "iuf":
            raise InputError(
                f"the function of a quantity returned {values.dtype} of shape {values.shape}; it must return one number for each of the {self.trials} trials"
            )
        if not np.all(np.isfinite(values)):
            bad = int((~np.isfinite(values)).sum())
            raise InputError(f"the function of a quantity returned {bad} values that are not finite; it must be defined in every trial")
        return values.astype(np.float64)

    def _sample(self, source: str) -> np.ndarray:
        found = getattr(self, f"{source}_sample")
        if found is None:
            raise InputError(
                "this simulation holds no training errors; sample them with simulate(..., training_errors=True) (check and sweep do so "
                'for a quantity by name or a Quantity of "training_errors")'
            )
        return found

    def _names(self, *others: Simulation) -> tuple[str, ...]:
        """What this simulation and the others hold samples of."""
        return _SAMPLES if any(one.training_errors_sample is None for one in (self, *others)) else (*_SAMPLES, _TRAINING)

    def merge(self, other: Simulation) -> Simulation:
        """Return the trials of both, of what both hold; refuses equal draws, different experiments and different methods."""
        if self.tasks != other.tasks or self.experiment != other.experiment:
            raise InputError("the two simulations are of different experiments; merge results of one experiment with different seeds")
        if self.method != other.method:
            raise InputError(f"one simulation is {self.method}, the other {other.method}; merge results of one method")
        draws = merge_draws(self.draws, other.draws)
        samples: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self._names(other)}
        return Simulation(**samples, draws=draws, experiment=self.experiment, method=self.method)

    def __sub__(self, other: Simulation) -> Simulation:
        """Return the paired difference: trial by trial on the same draws."""
        if not isinstance(other, Simulation):
            return NotImplemented
        if self.method != "direct" or other.method != "direct":
            raise InputError(
                "the trials of two reduced simulations do not see the same data, so their difference is not a paired one; "
                "simulate both with method='direct', or subtract the means and add the squared standard errors"
            )
        if self.draws != other.draws or self.trials != other.trials or len(self.draws) != 1:
            raise InputError(
                f"the simulations are of the draws {sorted(self.draws, key=repr)} and {sorted(other.draws, key=repr)}; "
                "a paired difference needs the same seed and the same number of trials (subtract first, merge then)"
            )
        if self.tasks != other.tasks:
            raise InputError(f"the simulations have {self.tasks} and {other.tasks} tasks; a paired difference needs the same number")
        samples: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in self._names(other)}
        return Simulation(**samples, draws=self.draws, experiment=("difference", self.experiment, other.experiment))

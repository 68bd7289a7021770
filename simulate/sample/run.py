"""The public sampler: `simulate`."""

from typing import Any

import numpy as np

from simulate.sample import reduced
from simulate.sample.arrays.base import Backend
from simulate.sample.arrays.choice import check_backend, choose_backend, plan_for
from simulate.sample.arrays.with_numpy import NUMPY
from simulate.sample.batches import check_options, fill
from simulate.sample.learner import Learner
from simulate.sample.methods import REDUCED, choose_method
from simulate.sample.plan import Plan, make_plan, require_sequence
from simulate.sample.reduced import ReducedLearner
from simulate.sample.reduced_plan import ReducedPlan, make_reduced_plan
from simulate.sample.streams import TRIALS_PER_BLOCK, canonical_seed
from simulate.simulation import Simulation
from theory.conditions import FeatureLaw, Rule
from theory.problem import TaskSequence


def simulate(
    seq: TaskSequence,
    trials: int,
    seed: int | tuple[int, ...] = 0,
    *,
    method: str = "direct",
    features: FeatureLaw | None = None,
    solver: str | Rule | None = None,
    risk: str | None = None,
    visits: Any = None,
    backend: str = "numpy",
    device: Any = "cpu",
    dtype: str = "float64",
    memory_limit: float = 2**30,
    workers: int | None = None,
    progress: bool = False,
    training_errors: bool = False,
) -> Simulation:
    """Sample the errors, step sizes and update magnitudes of learning a sequence of tasks.

    Every trial draws features and Gaussian noise, and truths where they are random, then solves each task's
    least-squares problem from where the training starts.

    Parameters
    ----------
    seq : TaskSequence
        A single experiment, all of its values numbers.
    trials : int
        Number of independent repetitions.
    seed : int or tuple of int
        Trial k depends on the seed and k only: more trials extend a sample, and experiments that differ in their
        training alone see the same data.
    method : {"direct", "reduced", "banded", "auto"}
        "direct" draws all data. "reduced" draws no more than the results depend on: exact in law, at a cost that does
        not grow with the dimensions, from draws of its own, for standard normal features (`simulate.sample.reduced`). There
        ridge steps cost n^3 for n samples; "banded" is the same with ridge steps at a cost linear in n, from other draws.
        "auto" takes the reduced one where it is possible and cheaper, which the experiment alone decides; the
        result's ``method`` says which it was. Other backends than NumPy in double precision are for the direct one.
    features, solver, risk : optional
        In place of what the experiment says of the law of its features, of its training rule and of the norm of its
        errors, for all tasks (`theory.TaskSequence`). All laws are made of the same draws, so that runs under two of
        them are paired. Of the names of the least step, "auto" takes normal equations ("gram") unless the number of
        rows is within 8 of the number of trained parameters or weights or variances differ by more than 1e6, else
        QR. Problems that may be rank-deficient take the pseudo-inverse whatever is named.
    visits : sequence of int and of tuples of int, optional
        Tasks in the order of training, (0, 1, 0, 1) for the same data twice; of a tuple one is drawn in every trial (`theory.TaskSequence.under`).
    backend : {"numpy", "torch"}
        Library that the direct sampler computes with (`simulate.sample.arrays`); torch needs the extra ``torch``.
    device : str or torch.device
        Where torch computes: "cpu", "cuda" or "cuda:1".
    dtype : {"float64", "float32"}
        Precision of the arithmetic. In single precision "auto" takes QR in a wider range, and weights may differ by 1e3.
        Draws are the same in NumPy and on torch's CPU in double precision, and their rounded values in NumPy's single
        precision; in torch's single precision and on a GPU they are others, so that results are not paired.
    memory_limit : float
        Bytes that the working arrays of all workers may take together; the results themselves, ``8 * (T^2 + 2 T)``
        bytes a trial, come on top. The direct sampler needs room for all features of a trial's task, torch for its batch.
    workers : int, optional
        Threads; all available cores by default, one on a GPU. Neither they nor the memory limit change a bit of the
        result on one backend and device.
    progress : bool
        Whether to show a progress bar, on a terminal only.
    training_errors : bool
        Whether to keep the data of all tasks to the end and measure the residuals on them: the result then has
        ``training_errors``. Needs the direct method, and ``8 * T^2`` bytes a trial more; all else stays the same.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        If an option or a value of the experiment is of no use here, or gradient descent diverges in some trial.

    Notes
    -----
    The floor of the direct sampler is to draw n (d + 1) normal numbers a task, 7.6 ns each on one core in double precision,
    3.4 ns by torch in single; below the threshold the Gram matrix adds n^2 d / 2 products. With n = 50 and d = 400 to 10,000
    NumPy takes 1.3 to 1.6 times as long as drawing its numbers: drawing 63 %, Gram matrix 18 %, solving 6 % at d = 400, the
    rest reading features. Torch in double precision takes 1.5 to 2.2 times as long as the same draws; in single precision
    1.7 to 2.6 times its own draws, but 0.55 to 0.7 of NumPy's time. ``make bench`` measures it.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5, 5), noise=0.5, gram=[[1, 0.5], [0.5, 1]])
    >>> print(dl.simulate(seq, trials=4000, seed=1).forgetting())
    0.1292 +- 0.0035 (4,000 trials)
    >>> print(dl.simulate(seq, trials=4000, seed=1, method="reduced").forgetting())
    0.1264 +- 0.0036 (4,000 trials)
    """
    check_options(trials, memory_limit, workers)
    seed, seq = canonical_seed(seed), require_sequence(seq).under(features, solver, risk, visits)
    library = choose_backend(backend, device, dtype)
    check_backend(library, method, seq)
    method = choose_method(method, seq, training_errors) if library == NUMPY or method != "auto" else "direct"
    if method in REDUCED:
        (errors, steps, updates, *training), source = _reduced(seq, trials, seed, method, memory_limit=memory_limit, workers=workers, progress=progress)
    else:
        plan = plan_for(library, make_plan(seq, training_errors, memory_limit))
        (errors, steps, updates, *training), source = _direct(plan, library, trials, seed, memory_limit=memory_limit, workers=workers, progress=progress)
    draws = frozenset({(source, 0, len(errors) - 1)})
    return Simulation(errors, steps, updates, draws, seq, method=method, training_errors_sample=training[0] if training else None)


def _direct(plan: Plan, library: Backend, trials: int, seed: Any, **options: Any) -> tuple[tuple[np.ndarray, ...], Any]:
    """Run the direct sampler; return the samples and what to call their draws."""
    together = library.together(plan)
    options["workers"] = library.workers if options["workers"] is None else options["workers"]
    with library.one_thread():
        samples = fill(
            lambda streams, count: Learner(plan, streams, count, library), plan, seed, trials, _shapes(plan),
            block_trials=max(TRIALS_PER_BLOCK, together or 0), streams=library.streams, together=together, **options,
        )  # fmt: skip
    return samples, (library.draws, together, seed) if library.draws else seed


def _reduced(seq: TaskSequence, trials: int, seed: Any, method: str, **options: Any) -> tuple[tuple[np.ndarray, ...], Any]:
    """Run the reduced sampler; return the samples and what to call their draws."""
    plan = make_reduced_plan(seq, method == REDUCED[1])
    samples = fill(
        lambda streams, count: ReducedLearner(plan, streams, count), plan, seed, trials, _shapes(plan),
        block_trials=reduced.TRIALS_PER_BLOCK, **options,
    )  # fmt: skip
    return samples, (method, seed)


def _shapes(plan: Plan | ReducedPlan) -> tuple[tuple[int, ...], ...]:
    """Shapes of one trial's errors, step sizes, update magnitudes and, if data are kept, training errors."""
    tasks = len(plan.tasks)
    return (tasks, tasks), (tasks,), (tasks,), *(((tasks, tasks),) if isinstance(plan, Plan) and plan.keeps_data else ())

"""Task sequences of the literature, ready to use: initialized, frozen, partially frozen, heads, expanding blocks.

Every constructor takes ``truth`` as a mapping from block to one truth per task, or leaves it out and takes the
inner products ``gram`` alone (see `theory.problem.TaskSequence`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from theory.conditions import MinNorm, Ridge, Rule, Subspace
from theory.errors import InputError
from theory.inner_products import coordinates
from theory.problem import PREVIOUS, Isotropic, Task, TaskSequence
from theory.values import FrozenArray, below, is_symbolic


def initialized(
    blocks: Mapping[str, Any],
    samples: Sequence[Any],
    noise: Any,
    truth: Mapping[str, Sequence[Any]] | None = None,
    gram: Mapping[str, Any] | None = None,
    start: str = PREVIOUS,
) -> TaskSequence:
    """Every task trains every block ("initialized training").

    Parameters
    ----------
    blocks : mapping of block name to dimension
        Used by all tasks.
    samples : sequence of length T
        Fresh samples of each task.
    noise : number or sequence of length T
        Standard deviation of the label noise.
    truth, gram : mapping
        One truth per task for every block, or the (T, T) inner products of every block.
    start : {"previous", "zero"}
        The two readings of "initialized": go on from the previous estimate, or start again from zero.

    Examples
    --------
    >>> import driftlaw as dl
    >>> truths = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    >>> seq = dl.initialized({"shared": 40, "specific": 60}, (30, 20), noise=0, gram=truths)
    >>> [task.train for task in seq.tasks]
    [('shared', 'specific'), ('shared', 'specific')]
    >>> dl.expected_errors(seq).deviation()
    Fraction(38, 25)
    """
    return _sequence(blocks, samples, noise, truth, gram, lambda t: tuple(blocks), start)


def frozen(
    blocks: Mapping[str, Any],
    samples: Sequence[Any],
    noise: Any,
    truth: Mapping[str, Sequence[Any]] | None = None,
    gram: Mapping[str, Any] | None = None,
    keep: Sequence[str] = ("shared",),
) -> TaskSequence:
    """Task 0 trains every block, later tasks keep the blocks ``keep`` ("frozen training").

    Parameters are those of `initialized`, and

    Parameters
    ----------
    keep : sequence of str
        Blocks that stay fixed after task 0.

    Examples
    --------
    >>> import driftlaw as dl
    >>> truths = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    >>> seq = dl.frozen({"shared": 40, "specific": 60}, (30, 20), noise=0, gram=truths)
    >>> [task.train for task in seq.tasks]
    [('shared', 'specific'), ('specific',)]
    >>> dl.expected_errors(seq).deviation()
    Fraction(8581, 3978)
    """
    for block in keep:
        if block not in blocks:
            raise InputError(f"keep names block {block!r}, which is not among {list(blocks)}; correct the name")
    later = tuple(block for block in blocks if block not in keep)
    return _sequence(blocks, samples, noise, truth, gram, lambda t: later if t else tuple(blocks), PREVIOUS)


def frozen_task(task: Task, keep: tuple[str, ...]) -> Task:
    """Return the task with the blocks ``keep`` left where they are.

    Raises
    ------
    InputError
        If nothing would be left to train.
    """
    train = tuple(block for block in task.train if block not in keep)
    if not train:
        raise InputError(f"a frozen task would train nothing: keep={keep!r} names every trained block; keep fewer")
    settings = {name: getattr(task, name) for name in ("start", "scale", "weights")}
    left = {name: {b: v for b, v in value.items() if b in train} if hasattr(value, "items") else value for name, value in settings.items()}
    return replace(task, train=train, **{**left, "weights": left["weights"] or None})


def one_block(dimension: Any, samples: Sequence[Any], noise: Any, truth: Sequence[Any] | None = None, gram: Any = None, start: str = PREVIOUS) -> TaskSequence:
    """One block that every task trains, the setting of Lin et al. (arXiv 2302.05836).

    Examples
    --------
    Symbols give the law as an expression:

    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p", positive=True, integer=True)
    >>> sympy.factor(dl.expected_errors(dl.one_block(p, (n,), noise=0, gram=[[1]])).error(0, 0))
    (-n + p)/p
    """
    wrap = {} if truth is None else {"truth": {"shared": truth}}
    return initialized({"shared": dimension}, samples, noise, gram=None if gram is None else {"shared": gram}, start=start, **wrap)


def overlapping(dimension: int, overlaps: Any, samples: Sequence[int], noise: Any, gram: Any) -> TaskSequence:
    """Tasks on features of equal dimension whose subspaces lie at equal angles, x = U_t z with U_s'U_t = overlaps[s, t] I: the cross-kernel model.

    Parameters
    ----------
    dimension : int
        Of z, and of the part U_t'theta that task t uses.
    overlaps : array_like, shape (T, T)
        Cosines of all principal angles between two tasks, negative ones included; positive semidefinite with a diagonal of 1.
    gram : array_like, shape (T, T)
        Inner products of the truths U_t'w_t. Errors are those of predictions.

    Examples
    --------
    Where truths agree a small overlap helps the old task, a large one at different truths harms it:

    >>> import driftlaw as dl
    >>> from theory.constructors import overlapping
    >>> for agreement in (0.5, 0.0):
    ...     seqs = [overlapping(30, [[1, c], [c, 1]], (15, 15), 0.2, [[1, agreement], [agreement, 1]]) for c in (0.2, 0.8)]
    ...     print(agreement, [round(float(dl.expected_errors(seq.under(rule=dl.Ridge(1.0))).forgetting()), 3) for seq in seqs])
    0.5 [-0.032, 0.081]
    0.0 [0.019, 0.386]
    """
    turns, truths = coordinates(overlaps, "overlaps"), coordinates(gram, "gram")
    if len(truths) != len(turns) or len(truths) > dimension or not np.allclose(np.sum(turns**2, axis=1), 1):
        raise InputError(f"overlaps {np.asarray(overlaps).tolist()} and gram are for {len(turns)} and {len(truths)} tasks in {dimension} dimensions; both need one row a task, at most one a dimension, and overlaps a diagonal of 1")
    frames = [np.kron(turn[:, None], np.eye(dimension)) for turn in turns]
    seq = one_block(len(turns) * dimension, samples, noise, truth=[frame[:, : len(truths)] @ w for frame, w in zip(frames, truths, strict=True)])
    return replace(seq, risk="features", tasks=[replace(task, features=Subspace(frame)) for task, frame in zip(seq.tasks, frames, strict=True)])


def gem(dimension: Any, samples: Sequence[Any], stored: Any, noise: Any, truth: Sequence[Any] | None = None, gram: Any = None) -> TaskSequence:
    """One block on which later tasks keep stored samples fitted: GEM, A-GEM and OGD in the limit of small steps.

    Where training interpolates, the gradients of the stored samples' loss are zero at the start of a task and projected
    steps keep them so: all three methods move orthogonally to the stored features, on one path. That is a least step
    that fits stored and fresh samples together, from the previous estimate.

    Parameters
    ----------
    dimension, samples, noise, truth, gram
        As in `one_block`.
    stored : int, symbol, or sequence of length T of them
        Samples of each task that all later ones keep (the last task's are not used).

    Raises
    ------
    InputError
        If a task has more samples than free directions, where gradient projection and a common fit differ.

    Notes
    -----
    Source: the project's derivation; the tests project gradients literally. For parameters that are not trained write `Task`
    with ``train`` and ``memory``.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.gem(40, (10, 8, 6), stored=3, noise=0, gram=[[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> dict(seq.tasks[2].memory)
    {0: 3, 1: 3}
    >>> dl.expected_errors(seq).forgetting()
    Fraction(1031297, 2905980)
    """
    seq, tasks = one_block(dimension, samples, noise, truth, gram), len(samples)
    counts = [_per_task(stored, s, tasks, "stored") for s in range(tasks)]
    for t in range(tasks):
        free = dimension - sum(counts[:t])
        if below(free - samples[t], 0):
            raise InputError(
                f"task {t} has {samples[t]} samples for {free} free directions (dimension less stored samples): projected gradients do not fit "
                "them, so that one fit of all rows is another method. Store fewer; for the last task see the formula gem_many_samples"
            )
    return replace(seq, tasks=[replace(task, memory=dict(enumerate(counts[:t]))) for t, task in enumerate(seq.tasks)])


def trainable_fraction(
    trained: int,
    blocks: Mapping[str, int],
    samples: Sequence[Any],
    noise: Any,
    truth: Mapping[str, Sequence[Any]] | None = None,
    gram: Mapping[str, Any] | None = None,
    split: str = "shared",
) -> TaskSequence:
    """Partially frozen training: after task 0 only ``trained`` of the coordinates of block ``split`` move.

    The block is cut in ``<split>_kept`` and ``<split>_moving``. A ``trained`` of 0 is frozen training, the
    block's dimension is initialized training.

    Parameters
    ----------
    trained : int
        Coordinates of ``split`` that go on training, from 0 to its dimension.
    split : str
        The block that is cut; all others train in every task.

    Notes
    -----
    Other parameters are those of `initialized`. Vectors are cut by coordinates (the last ``trained`` move);
    inner products are shared out in proportion to the dimensions, as for truths spread evenly over coordinates.

    Examples
    --------
    Of 40 shared parameters 10 go on training:

    >>> import driftlaw as dl
    >>> truths = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    >>> seq = dl.trainable_fraction(10, {"shared": 40, "specific": 60}, (30, 20), noise=0, gram=truths)
    >>> dict(seq.blocks), seq.tasks[1].train
    ({'shared_kept': 30, 'shared_moving': 10, 'specific': 60}, ('shared_moving', 'specific'))
    """
    if split not in blocks:
        raise InputError(f"split is {split!r}, which is not among {list(blocks)}; correct the name")
    whole = blocks[split]
    if not isinstance(trained, (int, np.integer)) or not 0 <= trained <= whole:
        raise InputError(f"trained is {trained!r}; block {split!r} has {whole} coordinates, so give a whole number from 0 to {whole}")
    if trained == 0:
        return frozen(blocks, samples, noise, truth, gram, keep=(split,))
    if trained == whole:
        return initialized(blocks, samples, noise, truth, gram)
    kept, moving = f"{split}_kept", f"{split}_moving"
    parts = {kept: slice(0, whole - trained), moving: slice(whole - trained, whole)}
    shares = {kept: whole - trained, moving: trained}

    def cut(mapping: Mapping[str, Any] | None, cut_value: Any) -> dict | None:
        if mapping is None:
            return None
        others = {block: value for block, value in mapping.items() if block != split}
        return {**{part: cut_value(mapping[split], part) for part in parts}, **others} if split in mapping else others

    def cut_truths(values: Sequence[Any], part: str) -> list[Any]:
        if any(isinstance(v, Isotropic) for v in values):
            raise InputError(f"the truth of block {split!r} is Isotropic, whose cut has a random length; give vectors or gram")
        return [v if isinstance(v, str) else FrozenArray(v).values[parts[part]] for v in values]

    def share(matrix: Any, part: str) -> Any:
        return scaled(matrix, shares[part], whole)

    new_blocks = {**shares, **{block: d for block, d in blocks.items() if block != split}}
    return frozen(new_blocks, samples, noise, cut(truth, cut_truths), cut(gram, share), keep=(kept,))


def one_head_per_task(
    shared: Any,
    heads: Sequence[Any],
    samples: Sequence[Any],
    noise: Any,
    truth: Mapping[str, Sequence[Any]] | None = None,
    gram: Mapping[str, Any] | None = None,
    train_shared: bool = True,
) -> TaskSequence:
    """A shared block and one head for each task; task t uses the shared block and its own ``head_t``.

    Parameters
    ----------
    shared : dimension
        Of the shared block.
    heads : sequence of dimensions
        Of each task's head.
    truth, gram : mapping
        With the keys "shared" and "head": T truths each, or (T, T) inner products of "shared" and squared
        lengths (T,) of the heads.
    train_shared : bool
        Whether tasks after task 0 move the shared block (initialized) or not (frozen).

    Examples
    --------
    Frozen training forgets nothing where every task has a head of its own:

    >>> import driftlaw as dl
    >>> gram = {"shared": [[1, 1], [1, 1]], "head": (1, 1)}
    >>> for train_shared in (False, True):
    ...     seq = dl.one_head_per_task(40, (30, 30), (20, 15), noise=0, gram=gram, train_shared=train_shared)
    ...     print(round(float(dl.expected_errors(seq).forgetting()), 3))
    0.0
    -0.117
    """
    tasks = len(samples)
    names = [f"head_{t}" for t in range(tasks)]
    if len(heads) != tasks:
        raise InputError(f"heads has {len(heads)} dimensions for {tasks} tasks; give one for each task")
    _require_truths({"shared": shared, "head": heads}, tasks, truth, gram)
    grams = None
    if gram is not None:
        grams = {"shared": gram["shared"]} if "shared" in gram else {}
        for t, name in enumerate(names if "head" in gram else []):
            grams[name] = [[gram["head"][t] if i == j == t else 0 for j in range(tasks)] for i in range(tasks)]
    truths = [{"shared": _pick_truth(truth, "shared", t), name: _pick_truth(truth, "head", t)} for t, name in enumerate(names)]
    trained = [("shared", name) if train_shared or t == 0 else (name,) for t, name in enumerate(names)]
    learned = [Task(samples[t], _per_task(noise, t, tasks), truths[t], trained[t]) for t in range(tasks)]
    return TaskSequence({"shared": shared, **dict(zip(names, heads, strict=True))}, learned, grams)


def expanding(
    shared: Any,
    specific: tuple[Any, Any],
    samples: Sequence[Any],
    noise: Any,
    truth: Mapping[str, Sequence[Any]] | None = None,
    gram: Mapping[str, Any] | None = None,
    norm: str = "padded",
    train_shared: bool = True,
) -> TaskSequence:
    """Two tasks whose specific part grows from p_1 to p_2 >= p_1 parameters, the paper's setting.

    Parameters
    ----------
    shared : dimension
        p, of the block ``shared``.
    specific : pair of dimensions
        (p_1, p_2 - p_1): ``specific`` is used by both tasks, ``extra`` by task 1 only. An extra of 0 leaves the
        block out.
    truth, gram : mapping
        Of ``shared`` and ``specific`` for both tasks; of ``extra`` for task 1: ``truth["extra"]`` a single truth,
        or ``gram["extra"]`` its squared length. Without it the extra part of the truth is zero.
    norm : {"padded", "excess_risk"}
        Whether task 0's error counts ``extra`` with truth zero, or does not know that block.
    train_shared : bool
        Whether task 1 moves ``shared`` (initialized) or not (frozen).

    Examples
    --------
    >>> import driftlaw as dl
    >>> gram = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]], "extra": 1}
    >>> seq = dl.expanding(40, (30, 10), (20, 15), noise=0, gram=gram)
    >>> dict(seq.blocks), seq.tasks[1].train
    ({'shared': 40, 'specific': 30, 'extra': 10}, ('shared', 'specific', 'extra'))
    >>> round(float(dl.expected_errors(seq).deviation()), 3)
    1.723
    """
    if norm not in ("padded", "excess_risk"):
        raise InputError(f"norm is {norm!r}; choose 'padded' or 'excess_risk'")
    if len(samples) != 2:
        raise InputError(f"samples is {samples!r}; an expanding sequence has two tasks")
    base, extra = specific
    both = {"shared": shared, "specific": base}
    _require_truths(both, 2, truth, gram)
    with_extra = not (isinstance(extra, (int, np.integer)) and extra == 0)
    later = ("specific", "extra") if with_extra else ("specific",)
    first, second = ({block: _pick_truth(truth, block, t) for block in both} for t in (0, 1))
    grams = {block: matrix for block, matrix in (gram or {}).items() if block != "extra"}
    if with_extra:
        second["extra"] = truth["extra"] if truth and "extra" in truth else "extra"
        if isinstance(second["extra"], str):
            grams["extra"] = [[0, 0], [0, (gram or {}).get("extra", 0)]]
        if norm == "padded":
            vector = not isinstance(second["extra"], (str, Isotropic))
            first["extra"] = [0] * extra if vector else Isotropic(0) if isinstance(second["extra"], Isotropic) else "nothing"
    tasks = [
        Task(samples[0], _per_task(noise, 0, 2), first, tuple(both)),
        Task(samples[1], _per_task(noise, 1, 2), second, (("shared",) if train_shared else ()) + later),
    ]
    return TaskSequence({**both, "extra": extra} if with_extra else both, tasks, grams)


def _sequence(blocks, samples, noise, truth, gram, trained, start) -> TaskSequence:
    _require_truths(blocks, len(samples), truth, gram)
    noises = [_per_task(noise, t, len(samples)) for t in range(len(samples))]
    truths = [{block: _pick_truth(truth, block, t) for block in blocks} for t in range(len(samples))]
    tasks = [Task(n, noises[t], truths[t], trained(t), start if t else PREVIOUS) for t, n in enumerate(samples)]
    return TaskSequence(blocks, tasks, gram)


def _require_truths(blocks: Mapping[str, Any], tasks: int, truth: Mapping | None, gram: Mapping | None) -> None:
    truth = truth or {}
    for block in blocks:
        if block not in truth and block not in (gram or {}):
            raise InputError(f"block {block!r} has no truth; give truth[{block!r}] (one per task) or gram[{block!r}]")
        if block in truth and len(truth[block]) != tasks:
            raise InputError(f"truth[{block!r}] has {len(truth[block])} truths for {tasks} tasks; give one for each task")


def _pick_truth(truth: Mapping | None, block: str, t: int) -> Any:
    return truth[block][t] if truth and block in truth else f"{block}_{t}"


def _per_task(value: Any, t: int, tasks: int, what: str = "noise") -> Any:
    if isinstance(value, (list, tuple)):
        if len(value) != tasks:
            raise InputError(f"{what} has {len(value)} values for {tasks} tasks; give one number, or one for each task")
        return value[t]
    return value


def scaled(matrix: Any, part: int, whole: int) -> Any:
    """``matrix * part / whole`` without leaving exact arithmetic where the entries are exact."""
    from fractions import Fraction

    array = FrozenArray(matrix).values if isinstance(matrix, np.ndarray) else None
    if array is not None and array.dtype.kind == "f":
        return array * (part / whole)
    rows = array.tolist() if array is not None else [list(row) for row in matrix]
    share = Fraction(part, whole)

    def scale(entry: Any) -> Any:
        if is_symbolic(entry):
            return entry * share.numerator / share.denominator
        return entry * share if not isinstance(entry, float) else entry * part / whole

    return [[scale(entry) for entry in row] for row in rows]


def ewc_rules(strength: float, samples: Sequence[int], decay: float = 1.0) -> tuple[Rule, ...]:
    """Rules of online elastic weight consolidation (EWC) with the Fisher information of the population, which is the identity here.

    Task t > 0 has the ridge penalty n_t strength (1 + decay + ... + decay^(t - 1)) around the previous estimate, task 0 none.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.constructors import ewc_rules
    >>> seq = dl.one_block(30, (10, 10, 20), noise=0.5, gram=[[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> ewc_rules(0.5, (10, 10, 20))
    (MinNorm(route='auto'), Ridge(lam=5.0), Ridge(lam=20.0))
    >>> dl.expected_errors(seq.under(rule=ewc_rules(0.5, (10, 10, 20)))).forgetting().round(4)
    np.float64(0.2981)
    """
    return (MinNorm(), *(Ridge(n * strength * sum(decay**j for j in range(t))) for t, n in enumerate(samples) if t))

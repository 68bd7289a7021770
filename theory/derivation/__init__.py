"""Statements derived: an experiment with symbols goes in, an exact expression with every step of its proof comes out."""

from __future__ import annotations

from typing import Any


from theory.algebra import algebra_of
from theory.derivation.line import TEXTS, Derivation, Line as Line, Proof as Proof, plain
from theory.derivation.same import Sameness as Sameness, same as same
from theory.derivation.stream import derive_stream
from theory.derivation.tasks import Steps, derive_tasks
from theory.errors import InputError
from theory.law import regimes_of
from theory.notations import Latex
from theory.problem import TaskSequence
from theory.quantities import Quantity, parse_quantity
from theory.recursion import OVER, UNDER, require_usual


def derive(experiment: TaskSequence, quantity: str | Quantity, *, tasks: Any = None, regime: Any = OVER) -> Derivation:
    """Derive the exact expression of a quantity, line by line.

    Parameters
    ----------
    experiment : TaskSequence
        With SymPy symbols: dimensions and sample counts positive integers, noise nonnegative.
    quantity : str or Quantity
        "deviation", "forgetting", ... as in `parse_quantity`.
    tasks : sympy.Symbol, optional
        Number of tasks as a symbol: the experiment's task, on one set of parameters that all tasks train, again and again. Truths
        are then two arrays, w of |w_i|^2 and D of |w_i - w_j|^2; the quantity is "forgetting", "generalization", "deviation" or
        "error[-1,i]".
    regime : {"overparameterized", "underparameterized"} or sequence of them
        Side of the interpolation threshold of every task where symbols leave it open; the choice stands in ``domain``.

    Returns
    -------
    Derivation
        ``latex()``, ``python()``, ``formula``, ``appendix()``, ``proof()``. Both sides of every line, and the law, have been compared
        at random rational points.

    Raises
    ------
    InputError
        For an experiment without symbols or with floats, and for an unknown quantity.
    NoClosedForm
        If no law is known for the experiment.
    DomainError
        If the expectation is infinite, or the symbols exclude the regime.

    Examples
    --------
    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p", positive=True, integer=True)
    >>> sigma, w, d = sympy.symbols("sigma w d", nonnegative=True)
    >>> derived = dl.derive(dl.one_block(p, (n, n), sigma, gram=[[w, w], [w, w + d]]), "forgetting")
    >>> print(derived)
    >>> print(derived.proof())
    """
    if not isinstance(experiment, TaskSequence):
        raise InputError(f"the experiment is {experiment!r}; give a TaskSequence, such as driftlaw.one_block(...)")
    regimes = regimes_of(regime, len(experiment))
    require_usual(experiment)
    algebra_of(experiment)  # refuses floats and grids beside symbols
    meaning = _meanings(experiment)
    if not meaning:
        raise InputError("the experiment has no symbols, so there is nothing to derive; expected_errors(experiment) gives the number, or put symbols in")
    if tasks is not None and (not getattr(tasks, "is_Symbol", False) or UNDER in regimes):
        raise InputError(f"tasks is {tasks!r} in the regime {regimes[0]}; give a SymPy symbol, and the overparameterized regime (above, each task erases the past)")
    if tasks is not None:
        derivation = derive_stream(experiment, str(quantity), tasks, meaning, _setting(experiment, str(quantity), tasks))
    else:
        derivation = derive_tasks(experiment, parse_quantity(quantity, len(experiment)), str(quantity), regimes, meaning, _setting(experiment, str(quantity), tasks))
    proof = derivation.proof()
    if proof.wrong:
        raise AssertionError(f"the derivation of {quantity} does not hold: {proof.wrong}")
    return derivation


def _meanings(seq: TaskSequence) -> dict[str, str]:
    """Symbols of an experiment in the order in which they stand there, and what each means."""
    steps, found = Steps(seq, (), ()), {}
    places = [(d, f"dimension of block {block!r}") for block, d in seq.blocks.items()]
    for t, task in enumerate(seq.tasks):
        places += [(task.samples, f"samples of task {t + 1}"), (task.noise, f"standard deviation of the noise of task {t + 1}")]
        places += [(count, f"stored samples of task {s + 1}") for s, count in (task.memory or {}).items()]
        places += [(task.scale_of(block), f"share of the full step of task {t + 1}") for block in task.train]
    for block, gram in steps.gram.items():
        places += [(gram[i, i], f"|{steps.letters[block]}_{i + 1}|^2, squared length of the truth of task {i + 1} in block {block!r}") for i in range(len(gram))]
        places += [(entry, f"inner products of truths in block {block!r}") for entry in gram.ravel()]
    for value, meaning in sorted(places, key=lambda place: not getattr(place[0], "is_Symbol", False)):
        for symbol in sorted(getattr(value, "free_symbols", ()), key=str):
            found.setdefault(str(symbol), meaning if value == symbol else f"part of: {meaning}")
    order = [str(s) for value, _ in places for s in sorted(getattr(value, "free_symbols", ()), key=str)]
    return {name: found[name] for name in dict.fromkeys(order)}


def _setting(seq: TaskSequence, quantity: str, tasks: Any) -> str:
    """The experiment in words, as LaTeX."""
    steps, latex = Steps(seq, (), ()), Latex().doprint
    words = [r"All features are i.i.d.\ $N(0,1)$, data are fresh for every task, and label noise is Gaussian and independent. Training starts at zero. Tasks count from 1."]
    words.append("Blocks of parameters: " + ", ".join(f"${steps.letters[b]}$ (\\texttt{{{plain(b)}}}) of dimension ${latex(d)}$" for b, d in seq.blocks.items()) + ".")
    if tasks is not None:
        task = seq.tasks[0]
        words.append(rf"Each of ${latex(tasks)}$ tasks has ${latex(task.samples)}$ samples with noise of standard deviation ${latex(task.noise)}$, and moves all parameters by the least "
                     r"step from the previous estimate. $w_i$ is the squared length of truth $i$, $D_{ij}$ the squared distance of truths $i$ and $j$.")
    for t, task in enumerate(seq.tasks if tasks is None else ()):
        start = {block: "zero" if task.starts_from_zero(block) else "the previous estimate" for block in task.train}
        trained = "; ".join(f"${', '.join(steps.letters[b] for b in seq.blocks if start.get(b) == place)}$ from {place}" for place in dict.fromkeys(start.values()))
        held = "".join(f", along with ${latex(count)}$ stored ones of task {s + 1}" for s, count in (task.memory or {}).items())
        scales = {latex(task.scale_of(block)) for block in task.train} - {"1"}
        held += f", and takes the share ${', '.join(sorted(scales))}$ of the step" if scales else ""
        words.append(f"Task {t + 1} uses ${', '.join(steps.letters[b] for b in seq.used(t))}$, and trains {trained if t else trained.replace('the previous estimate', 'zero')} "
                     f"on ${latex(task.samples)}$ samples with noise of standard deviation ${latex(task.noise)}${held}.")
    if tasks is None:
        pairs = [(steps.letters[b], i, j, g[i, j]) for b, g in steps.gram.items() for i in range(len(seq)) for j in range(i, len(seq)) if g[i, j] != 0]
        words.append("Truths: " + ", ".join(f"$\\langle {x}_{{{i + 1}}},{x}_{{{j + 1}}}\\rangle={latex(value)}$" for x, i, j, value in pairs) + "; all others are 0." if pairs else "Truths are 0.")
    words.append(r"$L_i(\theta)$ is the squared distance to the truth $w_i$ of task $i$ on the blocks that task $i$ uses; $\theta_t$ is the estimate after task $t$")
    words[-1] += "." if len(seq.blocks) == 1 else r", an index $(\cdot)_u$ stands for the part in block $u$."
    known = TEXTS.get(quantity, "").strip()
    return " ".join([*words, f"The quantity is \\texttt{{{plain(quantity)}}}" + (f", ${known}$ with $T={latex(len(seq) if tasks is None else tasks)}$." if known else ", tasks counted from 0 in its name.")])

"""Statements derived: an experiment with symbols goes in, an exact expression with every step of its proof comes out."""

from typing import Any

from sympy import sympify

from theory.algebra import algebra_of
from theory.derivation.line import TEXTS, Derivation, Line as Line, Proof as Proof, plain
from theory.derivation.same import Sameness as Sameness, same as same
from theory.derivation.stream import derive_stream
from theory.derivation.tasks import Steps, derive_tasks
from theory.errors import InputError
from theory.law import regimes_of
from theory.notations import Latex
from theory.problem import TaskSequence
from theory.quantities import Quantity
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
    forgetting = -E_1 + d + k*sigma**2 + r*(E_1 - d)
      r = -n/p + 1
      k = n/(-n + p - 1)
      E_1 = k*sigma**2 + r*w
    finite where n < p - 1: a task has fewer samples than parameters (regime='overparameterized')
    moments of all orders below -n/2 + p/2 + 1/2 are finite
    >>> derived.formula(n=10, p=30, sigma=0.5, w=1, d=2)
    0.532...
    >>> print(derived.proof())
    both sides of all lines, and the law, agree in exact fractions at 5 points ...
    """
    if not isinstance(experiment, TaskSequence):
        raise InputError(f"the experiment is {experiment!r}; give a TaskSequence, such as driftlaw.one_block(...)")
    regimes = regimes_of(regime, len(experiment))
    experiment = experiment.undistilled()
    require_usual(experiment, rules=False)
    algebra_of(experiment)  # refuses floats and grids beside symbols
    meaning = _meanings(experiment)
    if not meaning:
        raise InputError("the experiment has no symbols, so there is nothing to derive; expected_errors(experiment) gives the number, or put symbols in")
    setting = _setting(experiment, str(quantity), tasks)
    if tasks is None:
        derivation = derive_tasks(experiment, quantity, regimes, meaning, setting)
    elif not getattr(tasks, "is_Symbol", False) or UNDER in regimes:
        raise InputError(f"tasks is {tasks!r} in the regime {regimes[0]}; give a SymPy symbol, and the regime 'overparameterized' (beyond, tasks erase the past)")
    else:
        derivation = derive_stream(experiment, str(quantity), tasks, meaning, setting)
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
        places += [(gram[i, i], f"squared length of the truth of task {i + 1} in block {block!r}") for i in range(len(gram))]
        places += [(entry, f"inner products of truths in block {block!r}") for entry in gram.ravel()]
    for value, meaning in places:
        for symbol in sorted(getattr(value, "free_symbols", ()), key=str):
            if found.setdefault(str(symbol), f"part of the {meaning}").startswith("part") and value == symbol:
                found[str(symbol)] = meaning
    return found


def _setting(seq: TaskSequence, quantity: str, tasks: Any) -> str:
    """The experiment in words, as LaTeX."""
    steps, latex = Steps(seq, (), ()), lambda value: Latex().doprint(sympify(value))
    blocks = [f"${steps.letters[b]}$ (\\texttt{{{plain(b)}}}) of dimension ${latex(d)}$" for b, d in seq.blocks.items()]
    words = [f"{TEXTS['setting'].strip()} {', '.join(blocks)}."]
    for t, task in enumerate(seq.tasks):
        zero = [steps.letters[b] for b in task.train if t and task.starts_from_zero(b)]
        name = f"Task {t + 1} trains" if tasks is None else f"Each of ${latex(tasks)}$ tasks trains"
        used = f", and uses ${','.join(kept)}$ as they are" if (kept := [steps.letters[b] for b in seq.used(t) if b not in task.train]) else ""
        start = f", ${','.join(zero)}$ from zero" if zero else ""
        held = "".join(f", along with ${latex(count)}$ stored ones of task {s + 1}" for s, count in (task.memory or {}).items())
        shares = sorted({f"${latex(task.scale_of(b))}$" for b in task.train} - {"$1$"})
        held += f", and takes the share {', '.join(shares)} of the step" if shares else ""
        trained, noise = ",".join(steps.letters[b] for b in task.train), latex(task.noise)
        words.append(f"{name} ${trained}${used}{start}, on ${latex(task.samples)}$ samples with noise of standard deviation ${noise}${held}.")
    pairs = [(steps.letters[b], i + 1, j + 1, g[i, j]) for b, g in steps.gram.items() for i in range(len(seq)) for j in range(i, len(seq)) if g[i, j] != 0]
    truths = ", ".join(f"$\\langle {x}_{{{i}}},{x}_{{{j}}}\\rangle={latex(value)}$" for x, i, j, value in pairs) + "; other inner products are 0."
    known = TEXTS.get(quantity.partition("[")[0], "").strip()
    words.append(f"Truths: {truths}" if tasks is None else "In formulas, $w_i$ is the squared length of truth $i$, $D_{i,j}$ the squared distance of two truths.")
    known = f"${known}$" if known else "which counts tasks from 0"
    words.append(f"The quantity is \\texttt{{{plain(quantity)}}}, {known}" + (f"; $T={len(seq)}$." if tasks is None else "."))
    return " ".join(words)

"""Derivation for a number of tasks that is a symbol: equal tasks on one set of parameters, whose recursion is summed in closed form."""

import random
import re
from collections.abc import Mapping
from typing import Any, cast

import sympy

from theory.constructors import one_block
from theory.derivation.line import Derivation, Line, rational, size
from theory.derivation.tasks import at_case, law_at
from theory.errors import InputError, NoClosedForm
from theory.formula import Condition
from theory.ledger.one_block import inner_products
from theory.problem import TaskSequence
from theory.projections import exact_step_moments
from theory.recursion import OVER, Law
from theory.substitution import substitute

SEVERAL = 5  # numbers of tasks at which the lines are judged: 2 to 6


def derive_stream(seq: TaskSequence, word: str, T: sympy.Symbol, meaning: Mapping[str, str], setting: str) -> Derivation:
    """Derive a quantity of T equal tasks; `theory.derivation.derive` checks the arguments."""
    task, Sum = seq.tasks[0], sympy.Sum
    plain = task.takes_full_step and task.equally_weighted and not (task.memory or task.starts_from_zero(task.train[0]))
    p, n, variance = sympy.sympify(sum(seq.blocks.values())), sympy.sympify(task.samples), sympy.sympify(task.noise) ** 2
    if len(seq) != 1 or set(task.train) != set(seq.blocks) or not plain or (p - n).is_number:
        raise NoClosedForm(
            "with a symbol for the number of tasks, give one task that trains all of its blocks by a full step, without memory, and symbols in dimension or "
            "samples; it is repeated. Derive other experiments with a number of tasks, such as 2 or 3"
        )
    own = {name: about for name, about in meaning.items() if name in {str(s) for value in (p, n, variance) for s in value.free_symbols}}
    if taken := {*own, str(T)} & {*"wDrkijtC", "s_t", "E_ti", "E_s"} or {str(T)} & {*own}:
        raise InputError(f"the symbol {min(taken)} has another meaning in a derivation for any number of tasks; rename it in the experiment")
    (i, j, t), (w, D) = sympy.symbols("i j t", positive=True, integer=True), (cast(Any, sympy.IndexedBase(name)) for name in "wD")
    r, k, C, E, E_s, s_t = cast(Any, sympy.symbols("r k C E_ti E_s s_t", real=True))
    noise, stays = k * variance, C if variance != 0 else 0
    meant, error = r"\mathrm{E}L_i(\theta_t)", lambda law, at: law.errors[at["t"] - 1, at["i"] - 1]
    moments = lambda at: exact_step_moments(substitute(n, at), substitute(p, at), True, False)  # noqa: E731

    def solved(a: Any, b: Any) -> Any:
        return r**a * w[b] + (1 - r) * Sum(r ** (a - j) * D[j, b], (j, 1, a)) + stays * (1 - r**a)

    pair = r ** (T - j) + r ** (T - i) - r ** (j - i)  # weight of a distance in task i's error at the end, in task j's, and in task j's when it was learned
    forgotten = (r**T - r**i) * w[i] + stays * (r**i - r**T) + (1 - r) * Sum(pair * D[j, i], (j, i + 1, T))
    results = {
        "forgetting": (Sum(solved(T, i) - solved(i, i), (i, 1, T - 1)) / (T - 1), Sum(forgotten, (i, 1, T - 1)) / (T - 1)),
        "generalization": (Sum(solved(T, i), (i, 1, T)) / T, stays * (1 - r**T) + Sum(solved(T, i) - stays * (1 - r**T), (i, 1, T)) / T),
        "deviation": (solved(T, T - 1), solved(T, T - 1)),
    }
    if re.fullmatch(r"error\[-1,\d+\]", word):
        results[word] = (solved(T, int(word[9:-1]) + 1),) * 2
    if word not in results:
        raise InputError(f"the quantity {word!r} has no derivation for any number of tasks; choose forgetting, generalization, deviation or error[-1,i]")
    lines = [
        Line(r, 1 - n / p, 1 - n / p, judge=lambda _, at: 1 - moments(at).m),
        Line(k, n / (p - n - 1), n / (p - n - 1), judge=lambda _, at: moments(at).k),
        Line(E, (1 - n / p) * E_s + n / p * D[t, i] + noise, r * E_s + (1 - r) * D[t, i] + noise,
             r"One task moves the error; $E_s$ stands for $\mathrm{E}L_i(\theta_{t-1})$:", "projection_mean", error, meant),
        Line(s_t, Sum(r ** (t - j), (j, 1, t)), (1 - r**t) / (1 - r), "Noise of all tasks adds up to a geometric sum:", "geometric_sum"),
        Line(C, noise / (1 - r), p * variance / (p - n - 1), "Noise that stays, with $1-r=n/p$ put in:", "projection_mean"),
        Line(E, r**t * w[i] + Sum(r ** (t - j) * ((1 - r) * D[j, i] + noise), (j, 1, t)), solved(t, i),
             r"From $\theta_0=0$ on, the line for one task is summed over tasks $1$ to $t$:", "geometric_sum", error, meant),
        Line(sympy.Symbol({"forgetting": "F_T", "generalization": "G_T"}.get(word, "L_T"), real=True), *results[word],
             words="The quantity, with every pair of tasks taken together:", judge=lambda law, _: law.read(word)),
    ]  # fmt: skip

    def repeated(w: Any, D: Any) -> TaskSequence:
        return one_block(p, (n,) * len(w), task.noise, gram=inner_products(w, D))

    def sample(generator: random.Random, number: int) -> tuple[dict[str, Any], Law]:
        tasks = 2 + number % SEVERAL
        point: dict[str, Any] = {name: rational(generator) for name in own} | {"w": [rational(generator) for _ in range(tasks)]}
        above = {(a, b): rational(generator) for b in range(tasks) for a in range(b)}
        point["D"] = [[above.get((min(a, b), max(a, b)), 0) for b in range(tasks)] for a in range(tasks)]
        law = law_at(repeated(point["w"], point["D"]), point, (OVER,) * tasks)
        now, of = generator.randrange(1, tasks + 1), generator.randrange(1, tasks + 1)
        before = point["w"] if now == 1 else law.errors[now - 2]
        return {**point, str(T): tasks, "t": now, "i": of, "E_s": before[of - 1]}, law

    several = [Condition(T >= 2, "there is an earlier task")] if word in ("forgetting", "deviation") else []
    about = {str(T): "number of tasks", "w": "list of |w_i|^2, squared lengths of the truths", "D": "matrix of |w_i - w_j|^2, squared distances of the truths"}
    return Derivation.of(
        [line for line in lines if variance != 0 or line.symbol not in (k, s_t, C)], word, {**own, **about},
        setting=setting, build=lambda **case: at_case(repeated(case["w"], case["D"]), case), sample=sample,
        domain=(Condition(n < p - 1, "each task has fewer samples than parameters"), *several), gaps={"each task": p - n} if variance != 0 else {},
        law_degree=8 * (SEVERAL + 2) * max(2 * size(value, {}) for value in (p, n, variance)), uses=("recursion", "projection_mean", "inverse_wishart_mean"),
    )  # fmt: skip

"""Derivation of any sequence of tasks, in errors and distances alone; the law goes another way and judges the lines.

With x = theta_{t-1} - w_i, delta = w_t - theta_{t-1}, and a step P delta + noise, 2 <x, delta> = |w_t - w_i|^2 - |x|^2 - |delta|^2.
So errors towards all truths close among themselves, on every set of blocks that are trained alike: neither the expected
estimate nor its length is needed (`theory.recursion` follows those). Stored samples that the estimate fits are added one task's
after another; `theory.replay` has their sum in one piece.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from theory.algebra import ExactAlgebra, truth_products
from theory.derivation.line import Derivation, Line, degrees, rational
from theory.errors import NoClosedForm
from theory.formula import Condition
from theory.problem import Isotropic, Task, TaskSequence
from theory.projections import exact_step_moments
from theory.quantities import ERRORS, STEPS, Quantity
from theory.recursion import OVER, Law, Recursion
from theory.replay import replay_law
from theory.substitution import substitute
from theory.values import FrozenArray, FrozenMapping, is_symbolic, number

Blocks = tuple[str, ...]
Rows = tuple[tuple[int, Any], ...]  # earlier task and number of its samples
LETTERS = {"shared": "u", "specific": "q", "extra": "x"}
SIGNS = {"deviation": "L", "forgetting": "F", "generalization": "G", "error": "L", "step_size": "S", "update_magnitude": "U"}


class PointAlgebra(ExactAlgebra):
    """Fractions at rational values of the symbols, whole or not: the law is one rational function on either side of a threshold."""

    def __init__(self, seq: TaskSequence, point: Mapping[str, Any]) -> None:
        def at(value: Any) -> Any:
            found = substitute(sympy.sympify(value), point)
            return Fraction(int(found.p), int(found.q)) if found.is_Rational else found

        self.symbolic, self._lift, self._zero, self.lead, self.atoms = False, at, Fraction(0), (1,), [1]
        self.gram = {block: np.vectorize(at, otypes=[object])(truth_products(seq, block))[None] for block in seq.blocks}
        self.noise_variance = [np.array([at(task.noise**2)], dtype=object) for task in seq.tasks]


def law_at(seq: TaskSequence, point: Mapping[str, Any], regimes: tuple[str, ...]) -> Law:
    """Return the law of an experiment with symbols at one point."""
    algebra = PointAlgebra(seq, point)
    return replay_law(seq, algebra, "raise", regimes) if any(task.memory for task in seq.tasks) else Recursion(seq, algebra, "raise", regimes).run()


def at_case(seq: TaskSequence, case: Mapping[str, Any]) -> TaskSequence:
    """Return the experiment with numbers in place of its symbols."""

    def pick(value: Any) -> Any:
        if isinstance(value, FrozenMapping):
            return {key: pick(entry) for key, entry in value.items()}
        if isinstance(value, FrozenArray):
            return np.vectorize(pick, otypes=[object])(value.values).tolist()
        if isinstance(value, Isotropic):
            return replace(value, norm=pick(value.norm))
        value = number(substitute(value, case), "a number of the case") if is_symbolic(value) else value
        return float(value) if is_symbolic(value) else value

    tasks = [replace(task, **{name: pick(getattr(task, name)) for name in ("samples", "noise", "truth", "scale", "memory")}) for task in seq.tasks]
    return replace(seq, blocks=pick(seq.blocks), tasks=tasks, gram=pick(FrozenMapping(seq.gram)))


class Steps:
    """Lines on demand: whatever is asked for first asks for what it rests on."""

    def __init__(self, seq: TaskSequence, regimes: tuple[str, ...], taken: Iterable[str]) -> None:
        self.seq, self.regimes, self.taken = seq, regimes, set(taken)
        self.gram = {block: truth_products(seq, block) for block in seq.blocks}
        heads = {f"head_{t}": f"h{t + 1}" for t in range(len(seq))}
        letters = [{**LETTERS, **heads}.get(block, block if len(block) == 1 else f"b{place}") for place, block in enumerate(seq.blocks, 1)]
        unique = len(set(letters)) == len(letters)
        self.letters = {block: letter if unique else f"b{place}" for place, (block, letter) in enumerate(zip(seq.blocks, letters, strict=True), 1)}
        self.alike = len({(task.samples, seq.trained_dimension(t)) for t, task in enumerate(seq.tasks)}) == 1  # then r, k, a need no index
        self.lines: list[Line] = []
        self.found: dict[Any, Any] = {}
        self.probes: list[tuple[int | None, Blocks]] = []
        self.gaps: dict[int, Any] = {}  # |d - n| of steps whose noise enters
        self.with_memory = any(task.memory for task in seq.tasks)

    # Names

    def name(self, key: Any, wanted: str, meaning: str, before: Any, right: Any, words: str, lemma: str = "", judge: Any = None, always: bool = False) -> Any:
        """Introduce a name for an expression, unless it is no longer than a name."""
        if key not in self.found:
            right = sympy.sympify(right)
            if not always and not (right.is_Add or right.count_ops() > 2) or right.is_number:
                self.found[key] = right
            else:
                while wanted in self.taken:
                    wanted += "o"
                self.taken.add(wanted)
                self.found[key] = sympy.Symbol(wanted, real=True)
                self.lines.append(Line(self.found[key], meaning, sympy.sympify(before), right, words, lemma, judge))
        return self.found[key]

    def label(self, *tasks: int | None) -> str:
        """Tasks counted from 1, 0 for the zero truth, as one index."""
        width = len(str(len(self.seq)))
        return "".join(f"{0 if t is None else t + 1:0{width}d}" for t in tasks)

    def covers(self, t: int, i: int | None, blocks: Blocks) -> bool:
        """Whether errors of task i after task t lie in these blocks alone."""
        rest = [block for block in (self.seq.blocks if i is None else self.seq.used(i)) if block not in blocks]
        return all(i is not None and self.gram[b][i, i] == 0 and not any(b in task.train for task in self.seq.tasks[: t + 1]) for b in rest)

    def letter(self, blocks: Blocks) -> str:
        return "".join(self.letters[block] for block in blocks)

    def length(self, t: int | None, i: int | None, blocks: Blocks) -> str:
        """LaTeX of E |theta_t - w_i|^2 on some blocks; of |w_i|^2 if t is None."""

        def vector(letter: str, task: int) -> str:
            return f"{letter[:-1] + letter[-1] if len(letter) == 1 else letter[0]}_{{{task + 1}{',' + letter[1:] if letter[1:] else ''}}}"

        parts = []
        for letter in [self.letters[block] for block in blocks]:
            parts.append("-".join([rf"\hat {vector(letter, t)}"] * (t is not None) + [vector(letter, i)] * (i is not None)))
        return "+".join(rf"{'' if t is None else chr(92) + 'mathrm{E}'}|{part}|^2" for part in parts)

    # Truths

    def distance(self, i: int | None, j: int | None, blocks: Blocks) -> Any:
        """|w_i - w_j|^2 on some blocks; None is the zero truth."""
        i, j = (j, i) if i is None or (j is not None and j < i) else (i, j)
        if i == j:
            return sympy.Integer(0)
        entry = lambda b, s, t: 0 if s is None or t is None else self.gram[b][s, t]  # noqa: E731
        value = sympy.expand(sum(sympy.sympify(entry(b, i, i) + entry(b, j, j) - 2 * entry(b, i, j)) for b in blocks))
        letter = "w" if self.covers(-1, i, blocks) and (j is None or self.covers(-1, j, blocks)) else self.letter(blocks)
        wanted = f"{letter}_{self.label(i, i)}" if j is None else f"d_{letter}{'' if len(self.seq) == 2 else self.label(j, i)}"
        return self.name(("d", i, j, blocks), wanted, "", value, value, "")

    # One step

    def dimension(self, blocks: Blocks) -> Any:
        return sympy.sympify(sum(self.seq.blocks[block] for block in blocks))

    def count(self, t: int) -> Any:
        return sympy.sympify(self.seq.tasks[t].samples)

    def side(self, t: int, gap: Any) -> bool:
        """Whether a step has fewer samples than parameters."""
        return self.regimes[t] == OVER if not sympy.sympify(gap).is_number else bool(gap > 0)

    def named(self, letter: str, t: int, value: Any, judge: Any = None) -> Any:
        """A short name for a number of a step; steps with equal numbers share it."""
        return self.name((letter, value), letter if self.alike else f"{letter}_{self.label(t)}", "", value, value, "", "", judge, letter != "N")

    def moment(self, field: str, t: int, n: Any, d: Any) -> Any:
        """r = 1 - n/d, a or k of a step on n samples with d trained parameters."""
        over, size = self.side(t, d - n), self.named("N", t, d)

        def judge(_: Any, point: Mapping[str, Any]) -> Any:
            found = exact_step_moments(substitute(n, point), substitute(d, point), over, False)
            return 1 - found.m if field == "r" else getattr(found, field)

        if not over and field != "k":
            return sympy.Integer(0)
        k = n / (size - n - 1) if over else size / (n - size - 1)
        return self.named(field, t, {"r": 1 - n / size, "a": n * (size - n) / (size * (size - 1) * (size + 2)), "k": k}[field], judge)

    def gain(self, t: int, n: Any, d: Any, noise: Any) -> Any:
        """k f of a step; zero without noise, and at a threshold, where the law says whether there is none."""
        if noise == 0 or ((d - n).is_number and abs(d - n) <= 1):
            return sympy.Integer(0)
        self.narrow(t, d - n if self.side(t, d - n) else n - d)
        return self.moment("k", t, n, d) * noise

    def narrow(self, t: int, gap: Any) -> None:
        """Keep the least gap of a task, which the tails depend on."""
        if t not in self.gaps or (self.gaps[t] - gap).is_nonnegative:
            self.gaps[t] = gap

    def noise(self, t: int) -> Any:
        """What the trained blocks meet as noise: label noise, and the error of blocks that are used and not trained."""
        task = self.seq.tasks[t]
        kept = tuple(block for block in self.seq.used(t) if block not in task.train)
        variance = sympy.sympify(task.noise) ** 2
        error = self.error(t - 1, t, kept) if kept else 0
        words = f"Task {t + 1} meets what its untrained blocks get wrong as noise."
        judge = lambda law, _: law.effective_noise[t]  # noqa: E731
        return self.name(("f", t), f"f_{self.label(t)}", "", variance + error, variance + error, words, "frozen_noise", judge) if error != 0 else variance

    def start(self, t: int, i: int | None, blocks: Blocks) -> Any:
        """Error towards a truth where task t starts."""
        zero = tuple(block for block in blocks if self.seq.tasks[t].starts_from_zero(block))
        rest = tuple(block for block in blocks if block not in zero)
        return (self.distance(i, None, zero) if zero else 0) + (self.error(t - 1, i, rest) if rest else 0)

    def error(self, t: int, i: int | None, blocks: Blocks) -> Any:
        """E |theta_t - w_i|^2 on some blocks, as a sum of names."""
        if t < 0:
            return self.distance(i, None, blocks)
        task = self.seq.tasks[t]
        rest = tuple(block for block in blocks if block not in task.train)
        total = self.error(t - 1, i, rest) if rest else sympy.Integer(0)
        for scale in dict.fromkeys(task.scale_of(block) for block in blocks if block not in rest):
            total += self.moved(t, i, tuple(block for block in blocks if block not in rest and task.scale_of(block) == scale), scale)
        return total

    def moved(self, t: int, i: int | None, blocks: Blocks, scale: Any) -> Any:
        if ("e", t, i, blocks) in self.found:
            return self.found["e", t, i, blocks]
        start, s = self.start(t, i, blocks), sympy.sympify(scale)
        if self.seq.tasks[t].memory:
            before, right, lemma = self.fitted(t, i, start)
        elif self.seq.tasks[t].samples == 0 or s == 0:
            return start
        else:
            n, d, own, far = self.count(t), self.dimension(self.seq.tasks[t].train), self.start(t, t, blocks), self.distance(t, i, blocks)
            (raw, step), r = self.step(t, blocks), self.moment("r", t, n, d)
            m = n / self.named("N", t, d) if self.side(t, d - n) else 1
            before = start + s * m * (far - start - own) + s**2 * raw
            right = (1 - s * (1 - r)) * start + s * (1 - r) * far - s * (1 - s) * (1 - r) * own + s**2 * (step - (1 - r) * own)
            lemma = "projection_mean" if set(blocks) == set(self.seq.tasks[t].train) else "projection_spread"
        whole = self.covers(t, i, blocks)
        wanted = f"E_{self.label(t) if t == i else self.label(t, i)}" if whole else f"e_{self.letter(blocks)}{self.label(t, i)}"
        if len(self.seq) == 2 and t == 0 and not whole and i is not None:
            wanted = f"{'eg'[i]}_{self.letter(blocks)}"
        meaning = rf"\mathrm{{E}}L_{{{i + 1}}}(\theta_{{{t + 1}}})" if whole and i is not None else self.length(t, i, blocks)
        self.probes.append((i, blocks))
        place = len(self.seq) + len(self.probes) - 1
        towards = f"truth {i + 1}" if i is not None else "zero"
        words = f"Error towards {towards} after task {t + 1}."
        return self.name(("e", t, i, blocks), wanted, meaning, before, right, words, lemma, lambda law, _: law.errors[t, place], True)

    def count(self, t: int) -> Any:
        return sympy.sympify(self.seq.tasks[t].samples)

    def step(self, t: int, blocks: Blocks) -> tuple[Any, Any]:
        """E |step|^2 of a full step on some blocks, before and after b = n/d - a d is put in."""
        trained = tuple(block for block in self.seq.blocks if block in self.seq.tasks[t].train)
        n, d, part, own = self.count(t), self.dimension(trained), self.dimension(blocks), self.start(t, t, blocks)
        over, size, r = self.side(t, d - n), self.named("N", t, d), self.moment("r", t, n, d)
        noise = self.gain(t, n, d, self.noise(t)) * (part / size if part != d else 1)
        if part == d or not over:
            return (n / size if over else 1) * own + noise, (1 - r) * own + noise
        total, a = self.start(t, t, trained), self.moment("a", t, n, d)
        return a * part * total + (n * (n + 2) / (size * (size + 2)) - a) * own + noise, (1 - r) * own + a * (part * total - size * own) + noise

    # Stored samples

    def inside(self, t: int, rows: Rows, i: int | None) -> Any:
        """Error towards a truth within the span of the rows, where they are fitted."""
        if not rows:
            return sympy.Integer(0)
        earlier, (s, count) = rows[:-1], rows[-1]
        p, m = self.dimension(tuple(self.seq.blocks)), sum(c for _, c in earlier)
        value = self.inside(t, earlier, i) + count / p * self.distance(s, i, tuple(self.seq.blocks))
        met = sympy.sympify(self.seq.tasks[s].noise) ** 2 + self.inside(t, earlier, s)
        if met != 0:
            value += count / (p - m - count - 1) * met
            self.narrow(t, p - m - count)
        towards = 0 if i is None else i + 1
        words = f"Error towards truth {towards} within the span of stored samples."
        wanted = ("mu" if i == 0 else "J") if len(self.seq) == 2 and rows[0][0] == 0 and len(rows) == 1 and i is not None else f"J_{self.label(t, i)}"
        return self.name(("J", rows, i), wanted, "", value, value, words, "stored_rows")

    def rows(self, t: int) -> tuple[Rows, bool]:
        """Stored rows of a task, and whether the estimate before it fits them."""
        task = self.seq.tasks[t]
        stored = tuple((s, sympy.sympify(count)) for s, count in (task.memory or {}).items() if count != 0)
        unseen = {s for s, earlier in enumerate(self.seq.tasks[:t]) if earlier.takes_no_step}
        for earlier in self.seq.tasks[:t]:
            unseen -= set(earlier.memory or {})
        return stored, not task.starts_from_zero(task.train[0]) and not {s for s, _ in stored} <= unseen

    def fitted(self, t: int, i: int | None, start: Any) -> tuple[Any, Any, str]:
        """Error towards a truth after a step that fits stored rows along with its own."""
        (stored, kept), n, p, everything = self.rows(t), self.count(t), self.dimension(tuple(self.seq.blocks)), tuple(self.seq.blocks)
        if not kept:
            rows = (*stored, (t, n)) if n != 0 else stored
            total, within = sum(c for _, c in rows), self.inside(t, rows, i)
            return start - total / p * start + within, (1 - total / p) * start + within, "stored_rows"
        m = sum(c for _, c in stored)
        (raw, step), far, within = self.free_step(t), self.distance(t, i, everything), self.inside(t, stored, i)
        r = self.moment("r", t, n, p - m)
        own = self.start(t, t, everything) - self.inside(t, stored, t)
        before = start + n / (p - m) * ((1 - m / p) * far - (start - within) - own) + raw
        return before, within + r * (start - within) + n / p * far + step - (1 - r) * own, "stored_rows"

    def free_step(self, t: int) -> tuple[Any, Any]:
        """E |step|^2 in the complement of stored rows that stay fitted."""
        stored, n, everything = self.rows(t)[0], self.count(t), tuple(self.seq.blocks)
        d = self.dimension(everything) - sum(c for _, c in stored)
        within, r = self.inside(t, stored, t), self.moment("r", t, n, d)
        own, met = self.start(t, t, everything) - within, sympy.sympify(self.seq.tasks[t].noise) ** 2 + within
        noise = self.gain(t, n, d, met)
        return n / d * own + noise, (1 - r) * own + noise

    # Quantities

    def read(self, quantity: Quantity) -> Any:
        """The quantity in names."""
        weights, entries = quantity.at(len(self.seq)), {}
        entries[quantity.of] = np.full(weights.shape, sympy.Integer(0), dtype=object)
        for place in np.argwhere(weights):
            entries[quantity.of][tuple(place)] = self.entry(quantity.of, *map(int, place))
        return sympy.expand(quantity.value(SimpleNamespace(**entries)))

    def entry(self, of: str, t: int, i: int = 0) -> Any:
        if of == ERRORS:
            return self.error(t, i, self.seq.used(i))
        task, total = self.seq.tasks[t], sympy.Integer(0)
        if task.memory and (not self.rows(t)[1]):
            raise NoClosedForm(f"no line is known for the step of task {t}, which fits memory afresh; derive errors, or use expected_errors")
        for scale, zero in dict.fromkeys((task.scale_of(block), task.starts_from_zero(block)) for block in task.train):
            blocks = tuple(b for b in self.seq.blocks if b in task.train and (task.scale_of(b), task.starts_from_zero(b)) == (scale, zero))
            s = sympy.sympify(scale)
            step = self.free_step(t)[1] if task.memory else self.step(t, blocks)[1] if task.samples != 0 else sympy.Integer(0)
            total += s**2 * step
            if zero and of != STEPS:
                square = self.error(t - 1, None, blocks)
                along = square + self.distance(t, None, blocks) - self.error(t - 1, t, blocks)
                m = 1 - self.moment("r", t, self.count(t), self.dimension(task.train)) if task.samples != 0 else 0
                total += square - s * m * along
        return total


def derive_tasks(seq: TaskSequence, quantity: Quantity, word: str, regimes: tuple[str, ...], meaning: Mapping[str, str], setting: str) -> Derivation:
    """Derive a quantity of a sequence of tasks; `theory.derivation.derive` checks the arguments."""
    steps, tasks = Steps(seq, regimes, meaning), len(seq)
    total = steps.read(quantity)
    probes = _probed(steps)

    def judge(law: Law, _: Any) -> Any:
        return quantity.value(SimpleNamespace(**{quantity.of: getattr(law, quantity.of)[(slice(tasks),) * weights.ndim]}))

    def sample(generator: random.Random, _: int) -> tuple[dict[str, Any], Law]:
        point = {name: rational(generator) for name in meaning}
        return point, law_at(probes, point, (*regimes, *[OVER] * len(steps.probes)))

    weights, wanted = quantity.at(tasks), SIGNS.get(word.partition("[")[0], "Q") + f"_{tasks}"
    steps.name("result", wanted, "", total, _collected(steps, total), "The quantity, from the errors above.", "", judge, True)
    point, _ = sample(random.Random(1), 0)  # raises where no law is known, and at a threshold with noise
    law = law_at(replace(seq, gram={b: g.tolist() for b, g in steps.gram.items()}, tasks=_named(seq)), point, regimes)
    domain = tuple(Condition(_written(relation), _REASONS.get(type(relation), _STORED)) for relation in dict.fromkeys(law.conditions))
    normal = tuple(Condition(_written(gap >= 8), f"moments of task {t + 1} beyond the fourth exist") for t, gap in steps.gaps.items() if not gap.is_number)
    return Derivation(
        quantity=word,
        lines=tuple(steps.lines),
        setting=setting,
        parameters=meaning,
        domain=domain,
        normal_domain=normal,
        order=sympy.Min(*((gap + 1) / 2 for gap in steps.gaps.values())) if steps.gaps else sympy.oo,
        build=lambda **case: at_case(seq, case),
        sample=sample,
        law_degree=8 * (tasks + 1) * max(sum(degrees(sympy.sympify(value), {})) for value in numbers_of(steps)),
        uses=("replay" if steps.with_memory else "recursion", "projection_mean", "inverse_wishart_mean",
              *({line.lemma for line in steps.lines} & {"projection_spread"})),
    )  # fmt: skip


def numbers_of(steps: Steps) -> list[Any]:
    """Every number of the experiment; of noise, the variance."""
    found = [*steps.seq.blocks.values(), *(entry for gram in steps.gram.values() for entry in gram.ravel())]
    for task in steps.seq.tasks:
        found += [task.samples, task.noise**2, *(task.scale_of(block) for block in task.train), *(task.memory or {}).values()]
    return found


_REASONS = {
    sympy.StrictGreaterThan: "a task has fewer samples than parameters (regime='overparameterized')",
    sympy.StrictLessThan: "a task has more samples than parameters (regime='underparameterized')",
}
_STORED = "stored samples are among those that the estimate fits"


def _written(relation: Any) -> Any:
    """Write gap > c as n < d - c, without minus signs."""
    terms = sympy.Add.make_args(sympy.expand(relation.lhs - relation.rhs))
    negative = [term for term in terms if term.could_extract_minus_sign() and not term.is_number]
    return relation.reversed.func(-sympy.Add(*negative), sympy.Add(*(term for term in terms if term not in negative)))


def _collected(steps: Steps, total: Any) -> Any:
    """The result with the last task's errors put in, and collected, unless that is longer than result and errors together."""
    symbols = {symbol for key, symbol in steps.found.items() if key[:2] == ("e", len(steps.seq) - 1)} & total.free_symbols
    last = {line.symbol: line.right for line in steps.lines if line.symbol in symbols}
    kinds = [[line.symbol for line in steps.lines if bool(line.meaning or line.lemma) == kind] for kind in (False, True)]
    parts = [sympy.collect(sympy.expand(total.xreplace(last)), kind, evaluate=False) for kind in kinds]
    found = [sympy.Add(*(coefficient if name == 1 else name * sympy.factor(coefficient) for name, coefficient in part.items())) for part in parts]
    best = min(found, key=sympy.count_ops)
    return best if len(last) == 1 or best.count_ops() <= total.count_ops() + sum(right.count_ops() for right in last.values()) else total


def _named(seq: TaskSequence) -> list[Task]:
    """The tasks with names in place of truths."""
    return [replace(task, truth={block: f"w_{t}" for block in task.truth}) for t, task in enumerate(seq.tasks)]


def _probed(steps: Steps) -> TaskSequence:
    """The experiment, and after it tasks without samples whose errors are those on single sets of blocks."""
    seq, rows = steps.seq, [*range(len(steps.seq)), *(i for i, _ in steps.probes)]
    uses = [*map(seq.used, range(len(seq))), *(blocks for _, blocks in steps.probes)]
    gram = {}
    for block, products in steps.gram.items():
        padded = np.pad(products, (0, 1))
        places = [-1 if row is None or block not in used else row for row, used in zip(rows, uses, strict=True)]
        gram[block] = padded[np.ix_(places, places)].tolist()
    tasks = _named(seq) + [Task(0, 0, {block: f"probe_{place}" for block in blocks}, blocks) for place, (_, blocks) in enumerate(steps.probes)]
    return replace(seq, tasks=tasks, gram=gram)

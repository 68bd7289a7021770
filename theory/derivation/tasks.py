"""Derivation of any sequence of tasks, in errors and distances alone; the law goes another way and judges the lines.

With x = theta_{t-1} - w_i, delta = w_t - theta_{t-1}, and a step P delta + noise, 2 <x, delta> = |w_t - w_i|^2 - |x|^2 - |delta|^2.
So errors towards all truths close among themselves, on every set of blocks that are trained alike: neither the expected
estimate nor its length is needed (`theory.recursion` follows those). Stored samples that the estimate fits are added one task's
after another; `theory.replay` has their sum in one piece.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from theory.algebra import ExactAlgebra, truth_products
from theory.derivation.line import Derivation, Line, rational, size
from theory.errors import NoClosedForm
from theory.formula import Condition
from theory.problem import Task, TaskSequence
from theory.projections import exact_step_moments
from theory.quantities import ERRORS, STEPS, Quantity, parse_quantity
from theory.recursion import OVER, Law, Recursion
from theory.replay import replay_law
from theory.substitution import substitute
from theory.values import FrozenArray, FrozenMapping, is_symbolic, number

Blocks = tuple[str, ...]
Rows = tuple[tuple[int, Any], ...]  # earlier task and number of its samples
SIGNS = {"deviation": "L", "forgetting": "F", "generalization": "G", "error": "L", "step_size": "S", "update_magnitude": "U"}
REASONS = {
    sympy.StrictGreaterThan: "a task has fewer samples than parameters (regime='overparameterized')",
    sympy.StrictLessThan: "a task has more samples than parameters (regime='underparameterized')",
}
STORED = "stored samples are among those that the estimate fits"


class PointAlgebra(ExactAlgebra):
    """Fractions at rational values of the symbols, whole or not: the law is one rational function on either side of a threshold."""

    def __init__(self, seq: TaskSequence, point: Mapping[str, Any]) -> None:
        def at(value: Any) -> Any:
            found = substitute(sympy.sympify(value), point)
            return Fraction(int(found.p), int(found.q)) if found.is_Rational else found

        self.symbolic, self.field, self._zero, self.lead, self.atoms = False, at, Fraction(0), (1,), [1]
        self.gram = {block: np.vectorize(at, otypes=[object])(truth_products(seq, block))[None] for block in seq.blocks}
        self.noise_variance = [np.array([at(task.noise**2)], dtype=object) for task in seq.tasks]


def law_at(seq: TaskSequence, point: Mapping[str, Any], regimes: tuple[str, ...]) -> Law:
    """Return the law of an experiment with symbols at one point."""
    algebra = PointAlgebra(seq, point)
    return replay_law(seq, algebra, "raise", regimes) if any(task.memory for task in seq.tasks) else Recursion(seq, algebra, "raise", regimes).run()


def at_case(seq: TaskSequence, case: Mapping[str, Any]) -> TaskSequence:
    """Return an experiment in inner products with numbers in place of its symbols."""

    def pick(value: Any) -> Any:
        if isinstance(value, FrozenMapping):
            return {key: pick(entry) for key, entry in value.items()}
        if isinstance(value, FrozenArray):
            return np.vectorize(pick, otypes=[object])(value.values).tolist()
        value = number(substitute(value, case), "a number of the case") if is_symbolic(value) else value
        return float(value) if is_symbolic(value) else value

    tasks = [replace(task, **{name: pick(getattr(task, name)) for name in ("samples", "noise", "scale", "memory")}) for task in seq.tasks]
    return replace(seq, blocks=pick(seq.blocks), tasks=tasks, gram=pick(seq.gram))


class Steps:
    """Lines on demand: whatever is asked for first asks for what it rests on. Truth None is zero."""

    def __init__(self, seq: TaskSequence, regimes: tuple[str, ...], taken: Iterable[str]) -> None:
        self.seq, self.regimes, self.taken, self.every = seq, regimes, set(taken), tuple(seq.blocks)
        self.gram = {block: truth_products(seq, block) for block in seq.blocks}
        known = {"shared": "u", "specific": "q", "extra": "x"} | {f"head_{t}": f"h{t + 1}" for t in range(len(seq))}
        letters = [known.get(block, block if len(block) == 1 else f"b{place}") for place, block in enumerate(seq.blocks, 1)] if len(seq.blocks) > 1 else ["w"]
        self.letters = dict(zip(seq.blocks, letters if len({*letters}) == len(letters) else (f"b{place + 1}" for place in range(len(letters))), strict=True))
        self.alike = len({(task.samples, seq.trained_dimension(t)) for t, task in enumerate(seq.tasks)}) == 1  # then r, k, a need no index
        self.lines: list[Line] = []
        self.found: dict[Any, Any] = {}
        self.probes: list[tuple[int | None, Blocks]] = []
        self.gaps: dict[int, Any] = {}  # |d - n| of steps whose noise enters: the tails depend on it

    def name(self, key: Any, wanted: str, right: Any, lemma: str = "", judge: Any = None, always: bool = False, before: Any = None, **text: str) -> Any:
        """Introduce a name for an expression, unless it is no longer than a name."""
        if key not in self.found:
            right = sympy.sympify(right)
            if key != "result" and (right.is_number or not (always or right.is_Add or right.count_ops() > 2)):
                self.found[key] = right
                return right
            while wanted in self.taken:
                wanted += "o"
            self.taken.add(wanted)
            self.found[key] = sympy.Symbol(wanted, real=True)
            self.lines.append(Line(self.found[key], sympy.sympify(right if before is None else before), right, lemma=lemma, judge=judge, **text))
        return self.found[key]

    def label(self, *tasks: int | None) -> str:
        """Tasks counted from 1, 0 for the zero truth, as one index."""
        return "".join(f"{0 if t is None else t + 1:0{len(str(len(self.seq)))}d}" for t in tasks)

    def letter(self, t: int, i: int | None, blocks: Blocks) -> str:
        """Letters of blocks; none where errors of truth i after task t lie in them alone."""
        rest = [block for block in (self.every if i is None else self.seq.used(i)) if block not in blocks]
        moved = {block for task in self.seq.tasks[: t + 1] for block in task.train}
        whole = all(i is not None and self.gram[block][i, i] == 0 and block not in moved for block in rest)
        return "" if whole else "".join(self.letters[block] for block in blocks)

    def dimension(self, blocks: Iterable[str]) -> Any:
        return sympy.sympify(sum(self.seq.blocks[block] for block in blocks))

    def apart(self, i: int | None, j: int | None, blocks: Blocks) -> Any:
        """|w_i - w_j|^2 on some blocks, in symbols of the experiment."""
        grams, (a, b) = [np.pad(self.gram[block], (0, 1)) for block in blocks], (-1 if task is None else task for task in (i, j))
        return sympy.expand(sum(sympy.sympify(g[a, a] + g[b, b] - 2 * g[a, b]) for g in grams))

    def distance(self, i: int | None, j: int | None, blocks: Blocks) -> Any:
        """The same, by name if it has one."""
        i, j = (j, i) if i is None or (j is not None and j < i) else (i, j)
        if i is None:
            return sympy.Integer(0)
        letter = self.letter(-1, i, blocks) or (self.letter(-1, j, blocks) if j is not None else "") or "w"
        wanted = f"{letter}_{self.label(i, i)}" if j is None else f"d_{letter}{'' if len(self.seq) == 2 else self.label(j, i)}"
        return self.name(("d", i, j, blocks), wanted, self.apart(i, j, blocks))

    def over(self, t: int, gap: Any) -> bool:
        """Whether a step has fewer samples than parameters, as all with memory have."""
        return bool(gap > 0) if sympy.sympify(gap).is_number else self.regimes[t] == OVER or bool(self.seq.tasks[t].memory)

    def moment(self, field: str, t: int, n: Any, d: Any, s: int | None = None) -> Any:
        """r = 1 - n/d, a, k or the dimension N of a step on n samples with d trained parameters.

        They have names, which steps with equal numbers share; not for rows of another task s.
        """
        over, size = self.over(t, d - n), d if field == "N" else self.moment("N", t, n, d, s)

        def judge(_: Any, point: Mapping[str, Any]) -> Any:
            found = exact_step_moments(substitute(n, point), substitute(d, point), over, False)
            return 1 - found.m if field == "r" else getattr(found, field)

        k, a = n / (size - n - 1) if over else size / (n - size - 1), n * (size - n) / (size * (size - 1) * (size + 2))
        value = {"N": d, "k": k, "r": 1 - n / size if over else 0, "a": a if over else 0}[field]
        if s not in (None, t):
            return value
        wanted = field if self.alike else f"{field}_{self.label(t)}"
        return self.name((field, sympy.sympify(value)), wanted, value, judge=judge if field != "N" else None, always=field != "N")

    def noise(self, t: int, s: int, n: Any, kept: Rows) -> Any:
        """k f, with what untrained blocks and stored samples get wrong in f; zero at a threshold, where the law says whether there is noise."""
        task, d = self.seq.tasks[s], self.dimension(self.seq.tasks[t].train) - sum(count for _, count in kept)
        frozen = () if kept or s != t else tuple(block for block in self.seq.used(t) if block not in task.train)
        met = self.error(t - 1, t, frozen) if frozen else self.inside(t, kept, s)
        f = sympy.sympify(task.noise) ** 2 + met
        if frozen and met != 0:
            words = f"Task {t + 1} meets what its untrained blocks get wrong as noise:"
            f = self.name(("f", t), f"f_{self.label(t)}", f, "frozen_noise", lambda law, _: law.effective_noise[t], words=words)
        if f == 0 or ((d - n).is_number and abs(d - n) <= 1):
            return sympy.Integer(0)
        gap = d - n if self.over(t, d - n) else n - d
        if t not in self.gaps or (self.gaps[t] - gap).is_nonnegative:
            self.gaps[t] = gap
        return self.moment("k", t, n, d, s) * f

    def part(self, t: int, n: Any, d: Any, blocks: Blocks) -> Any:
        """Share of a step's noise that falls on some blocks."""
        whole = set(blocks) == set(self.seq.tasks[t].train)
        return sympy.Integer(1) if whole else self.dimension(blocks) / self.moment("N", t, n, d)

    def rows(self, t: int) -> tuple[Rows, Rows]:
        """What a step fits, task by task: stored samples that stay fitted, and those that it meets for the first time."""
        task, before = self.seq.tasks[t], self.seq.tasks[:t]
        stored = tuple((s, sympy.sympify(count)) for s, count in (task.memory or {}).items() if count != 0)
        unseen = {s for s, earlier in enumerate(before) if earlier.takes_no_step}.difference(*(earlier.memory or () for earlier in before))
        own = ((t, sympy.sympify(task.samples)),) if task.samples != 0 else ()
        afresh = task.starts_from_zero(task.train[0]) or {s for s, _ in stored} <= unseen
        return ((), (*stored, *own)) if afresh else (stored, own)

    def inside(self, t: int, rows: Rows, i: int | None) -> Any:
        """Error towards a truth within the span of samples that are fitted, one task's after another's."""
        if not rows:
            return sympy.Integer(0)
        (s, count), earlier = rows[-1], rows[:-1]
        value = self.inside(t, earlier, i) + count / self.dimension(self.every) * self.distance(s, i, self.every) + self.noise(t, s, count, earlier)
        words = f"The error towards {'zero' if i is None else f'truth {i + 1}'} within the span of samples of task {', '.join(str(s + 1) for s, _ in rows)}:"
        wanted = "mu" if (s, i, earlier) == (0, 0, ()) and len(self.seq) == 2 else "J" if len(self.seq) == 2 else f"J_{self.label(i)}"
        return self.name(("J", rows, i), wanted, value, "stored_rows", words=words)

    def start(self, t: int, i: int | None, blocks: Blocks) -> Any:
        """Error towards a truth where task t starts."""
        zero = tuple(block for block in blocks if self.seq.tasks[t].starts_from_zero(block))
        rest = tuple(block for block in blocks if block not in zero)
        return self.distance(i, None, zero) + (self.error(t - 1, i, rest) if rest else 0)

    def error(self, t: int, i: int | None, blocks: Blocks) -> Any:
        """E |theta_t - w_i|^2 on some blocks, as a sum of names."""
        if t < 0:
            return self.distance(i, None, blocks)
        i = next((j for j in range(i or 0) if set(blocks) <= {*self.seq.used(j)} and self.apart(i, j, blocks) == 0), i)  # equal truths have one error
        scales = {block: self.seq.tasks[t].scale_of(block) for block in blocks if block in self.seq.tasks[t].train}
        rest = tuple(block for block in blocks if block not in scales)
        total = self.error(t - 1, i, rest) if rest else sympy.Integer(0)
        return total + sum(self.moved(t, i, tuple(b for b in scales if scales[b] == scale), sympy.sympify(scale)) for scale in dict.fromkeys(scales.values()))

    def moved(self, t: int, i: int | None, blocks: Blocks, s: Any) -> Any:
        """The error on blocks that task t trains alike, with the share s of its step."""
        before = right = self.start(t, i, blocks)
        kept, rows = self.rows(t)
        if s == 0 or not rows or ("e", t, i, blocks) in self.found:
            return self.found.get(("e", t, i, blocks), right)
        lemma, p, n = "stored_rows" if kept or rows[0][0] != t else "projection_mean", self.dimension(self.seq.tasks[t].train), sum(count for _, count in rows)
        d, within, far, start = p - sum(count for _, count in kept), self.inside(t, kept, i), self.distance(t, i, blocks), right
        if rows[0][0] != t:
            before = right = (1 - n / p) * start + self.inside(t, rows, i)
        elif s == 1 and (not self.over(t, d - n) or set(blocks) == set(self.seq.tasks[t].train)):  # (I - P) x + P (w_t - w_i) + noise, beside what stays fitted
            r, m = self.moment("r", t, n, d), n / self.moment("N", t, n, d) if self.over(t, d - n) else sympy.Integer(1)
            noise = self.noise(t, t, n, kept) * self.part(t, n, d, blocks)
            before = within + (1 - m) * (start - within) + m * (d / p) * far + noise
            right = within + r * (start - within) + (n / p if kept else 1 - r) * far + noise
        else:  # |x|^2 + 2 <x, P delta> + |step|^2
            lemma, r, own, (raw, step) = "projection_spread", self.moment("r", t, n, d), self.start(t, t, blocks), self.step(t, blocks)
            before = start + s * (n / self.moment("N", t, n, d) if self.over(t, d - n) else 1) * (far - start - own) + s**2 * raw
            right = (1 - s * (1 - r)) * start + s * (1 - r) * far - s * (1 - s) * (1 - r) * own + s**2 * (step - (1 - r) * own)
        letter, place = self.letter(t, i, blocks), len(self.seq) + len(self.probes)
        self.probes.append((i, blocks))
        wanted = f"e_{letter}{self.label(t, i)}" if letter else f"E_{self.label(t) if t == i else self.label(t, i)}"
        if len(self.seq) == 2 and t == 0 and letter and i is not None:
            wanted = f"{'eg'[i]}_{letter}"
        part = "" if len(blocks) == len(self.every) else f"_{{{','.join(self.letters[block] for block in blocks)}}}"
        vector = rf"\theta_{{{t + 1}}}{'' if i is None else f'-w_{{{i + 1}}}'}"
        length = rf"\mathrm{{E}}|{f'({vector}){part}' if part else vector}|^2"
        judge = lambda law, _: law.errors[t, place]  # noqa: E731
        return self.name(("e", t, i, blocks), wanted, right, lemma, judge, True, before, meaning=length)

    def step(self, t: int, blocks: Blocks) -> tuple[Any, Any]:
        """E |step|^2 of a full step on some blocks, before and after b = n/d - a d is put in."""
        (kept, rows), trained = self.rows(t), tuple(block for block in self.every if block in self.seq.tasks[t].train)
        if not rows:
            return sympy.Integer(0), sympy.Integer(0)
        if rows[0][0] != t:
            raise NoClosedForm(f"no line is known for the step of task {t}, which fits memory afresh; derive errors, or use expected_errors")
        n, p, part = rows[0][1], self.dimension(trained), self.dimension(blocks)
        d, own = p - sum(count for _, count in kept), self.start(t, t, blocks) - self.inside(t, kept, t)
        noise = self.noise(t, t, n, kept) * self.part(t, n, d, blocks)
        size, r, a, total = *(self.moment(field, t, n, d) for field in ("N", "r")), sympy.Integer(0), sympy.Integer(0)
        if part != p and self.over(t, d - n):
            a, total = self.moment("a", t, n, d), self.start(t, t, trained)
        b = n * (n + 2) / (size * (size + 2)) - a if a != 0 else 1 - r
        return a * part * total + b * own + noise, (1 - r) * own + a * (part * total - size * own) + noise

    def entry(self, of: str, t: int, i: int = 0) -> Any:
        """One number of the law, in names."""
        if of == ERRORS:
            return self.error(t, i, self.seq.used(i))
        task, total = self.seq.tasks[t], sympy.Integer(0)
        for s, zero in dict.fromkeys((task.scale_of(block), task.starts_from_zero(block)) for block in task.train):
            blocks = tuple(b for b in self.every if b in task.train and (task.scale_of(b), task.starts_from_zero(b)) == (s, zero))
            total += sympy.sympify(s) ** 2 * self.step(t, blocks)[1]
            if zero and of != STEPS:  # |step|^2 - 2 <step, theta_{t-1}> + |theta_{t-1}|^2
                square, m = self.error(t - 1, None, blocks), 1 - self.moment("r", t, sympy.sympify(task.samples), self.dimension(task.train))
                total += square - s * m * (square + self.distance(t, None, blocks) - self.error(t - 1, t, blocks))
        return total


def derive_tasks(seq: TaskSequence, given: str | Quantity, regimes: tuple[str, ...], meaning: Mapping[str, str], setting: str) -> Derivation:
    """Derive a quantity of a sequence of tasks; `theory.derivation.derive` checks the arguments."""
    regimes = tuple(OVER if task.memory else regime for task, regime in zip(seq.tasks, regimes, strict=True))
    for t, task in enumerate(seq.tasks):
        rows, parameters = sympy.sympify(sum((task.memory or {}).values(), task.samples)), sympy.sympify(seq.trained_dimension(t))
        if task.memory and (rows - parameters).is_positive:
            raise NoClosedForm(f"no line is known for task {t}, which fits {rows} rows by {parameters} parameters, stored ones among them; use expected_errors")
    steps, tasks, quantity = Steps(seq, regimes, meaning), len(seq), parse_quantity(given, len(seq))
    weights = quantity.at(tasks)
    entries = np.full(weights.shape, sympy.Integer(0), dtype=object)
    for place in np.argwhere(weights):
        entries[tuple(place)] = steps.entry(quantity.of, *map(int, place))
    total = sympy.expand(quantity.value(SimpleNamespace(**{quantity.of: entries})))
    wanted, kept = SIGNS.get(str(given).partition("[")[0], "Q") + f"_{tasks}", (slice(tasks),) * weights.ndim
    judge = lambda law, _: quantity.value(SimpleNamespace(**{quantity.of: getattr(law, quantity.of)[kept]}))  # noqa: E731
    steps.name("result", wanted, _collected(steps, total), "", judge, True, total, words="The quantity, from these errors:")
    plain, probes = _probed(steps, []), _probed(steps, steps.probes)

    def sample(generator: random.Random, _: int) -> tuple[dict[str, Any], Law]:
        point = {name: rational(generator) for name in meaning}
        return point, law_at(probes, point, (*regimes, *[OVER] * len(steps.probes)))

    point, _ = sample(random.Random(1), 0)  # raises where no law is known, and at a threshold with noise
    conditions = dict.fromkeys(law_at(plain, point, regimes).conditions)
    if sympy.false in conditions:
        raise NoClosedForm(f"a task stores samples that the estimate before it does not fit in the regimes {', '.join(regimes)}; choose others, or simulate it")
    memory = any(task.memory for task in seq.tasks)
    return Derivation.of(
        steps.lines, given, meaning, setting=setting, build=lambda **case: at_case(plain, case), sample=sample,
        domain=tuple(Condition(_written(relation), REASONS.get(type(relation), STORED)) for relation in conditions),
        gaps={f"task {t + 1}": gap for t, gap in steps.gaps.items()},
        law_degree=8 * (tasks + 1) * max(2 * size(sympy.sympify(value), {}) for value in [*plain.values(), *(e for g in steps.gram.values() for e in g.ravel())]),
        uses=("replay" if memory else "recursion", "projection_mean", "inverse_wishart_mean", *({line.lemma for line in steps.lines} & {"projection_spread"})),
    )  # fmt: skip


def _written(relation: Any) -> Any:
    """Write gap > c as n < d - c, without minus signs."""
    terms = sympy.Add.make_args(sympy.expand(relation.lhs - relation.rhs))
    negative = [term for term in terms if term.could_extract_minus_sign() and not term.is_number]
    return relation.reversed.func(-sympy.Add(*negative), sympy.Add(*(term for term in terms if term not in negative)))


def _collected(steps: Steps, total: Any) -> Any:
    """The result with the last task's errors put in, and collected, unless that is longer than result and errors together."""
    symbols = {symbol for key, symbol in steps.found.items() if key[:2] == ("e", len(steps.seq) - 1)} & total.free_symbols
    last = {line.symbol: line.right for line in steps.lines if line.symbol in symbols}
    kinds = [[line.symbol for line in steps.lines if bool(line.lemma) == kind] for kind in (False, True)]
    parts = [sympy.collect(sympy.expand(total.xreplace(last)), kind, evaluate=False) for kind in kinds]
    found = [sympy.Add(*(coefficient if name == 1 else name * sympy.factor(coefficient) for name, coefficient in part.items())) for part in parts]
    best = min(found, key=sympy.count_ops)
    return best if len(last) == 1 or best.count_ops() <= total.count_ops() + sum(right.count_ops() for right in last.values()) else total


def _probed(steps: Steps, probes: list[tuple[int | None, Blocks]]) -> TaskSequence:
    """The experiment in inner products, and after it tasks without samples whose errors are those on single sets of blocks."""
    seq, rows = steps.seq, [*range(len(steps.seq)), *(-1 if i is None else i for i, _ in probes)]
    uses, gram = [*map(seq.used, range(len(seq))), *(blocks for _, blocks in probes)], {}
    for block, products in steps.gram.items():
        places = [row if block in used else -1 for row, used in zip(rows, uses, strict=True)]
        gram[block] = np.pad(products, (0, 1))[np.ix_(places, places)].tolist()
    tasks = [replace(task, truth={block: f"w_{t}" for block in task.truth}) for t, task in enumerate(seq.tasks)]
    return replace(seq, tasks=tasks + [Task(0, 0, {block: f"probe_{place}" for block in blocks}, blocks) for place, (_, blocks) in enumerate(probes)], gram=gram)

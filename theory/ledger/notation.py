"""Symbols and named intermediates that the ledger's formulas share (paper letters, tasks counted from 1).

Intermediates that change their form at an interpolation threshold are written as `sympy.Piecewise`, so that one
formula covers fewer samples than parameters and more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy import Abs, Piecewise

from theory.errors import InputError
from theory.formula import Condition, Formula

_SLACK = 1e-9  # of relations that floating-point input meets but for rounding

p, p_1, p_2, n_1, n_2 = sympy.symbols("p p_1 p_2 n_1 n_2", positive=True, integer=True)
sigma_1, sigma_2 = sympy.symbols("sigma_1 sigma_2", nonnegative=True)
u_11, q_11, d_u, d_q, x_q = sympy.symbols("u_11 q_11 d_u d_q x_q", nonnegative=True)
c_u, c_q = sympy.symbols("c_u c_q", real=True)

N, r, r_A, r_B, k_A, k_B, a_A, b_A, a_B, b_B, beta, E_1, e_u, e_q, w_11, w_22, D, c_w, g_u, g_q, kappa_1, S_1, xi, eta, v_1 = sympy.symbols(
    "N r r_A r_B k_A k_B a_A b_A a_B b_B beta E_1 e_u e_q w_11 w_22 D c_w g_u g_q kappa_1 S_1 xi eta v_1", real=True
)

MEANING = {
    "p": "dimension of the shared parameters",
    "p_1": "dimension of task 1's specific parameters",
    "p_2": "dimension of task 2's specific parameters, at least p_1",
    "n_1": "samples of task 1",
    "n_2": "samples of task 2",
    "sigma_1": "standard deviation of task 1's noise",
    "sigma_2": "standard deviation of task 2's noise",
    "u_11": "|u_1|^2, squared length of the shared truth of task 1",
    "q_11": "|q_1|^2, squared length of the specific truth of task 1",
    "d_u": "|u_2 - u_1|^2, squared distance of the shared truths",
    "c_u": "<u_2 - u_1, u_1>, the change of the shared truth along it",
    "d_q": "|q_2 - q_1|^2, squared distance of the specific truths (task 1's padded with zeros)",
    "c_q": "<q_2 - q_1, q_1>, the change of the specific truth along it",
    "x_q": "the part of d_q in the p_2 - p_1 extra parameters, the squared length of task 2's truth there",
}


@dataclass(frozen=True)
class Entry(Formula):
    """A formula of the catalogue: in this notation, whose letters bound one another beyond the formula's own domain."""

    products = (("c_u", "u_11", "d_u"), ("c_q", "q_11", "d_q"), ("c_w", "w_11", "d_w"))  # Cauchy and Schwarz
    parts = (("x_q", "d_q"), ("k", "n"), ("m", "p"))  # of a distance, of the samples that can be stored, of the parameters

    def require_possible(self, values: Mapping[str, Any]) -> None:
        """Refuse squared lengths and inner products that no vectors have, parts above the whole, lists that are not one a task."""
        for product, *lengths in self.products:
            if all(name in values for name in (product, *lengths)):
                bound = math.sqrt(float(values[lengths[0]]) * float(values[lengths[1]]))
                if abs(float(values[product])) > bound * (1 + _SLACK):
                    squares = " and ".join(f"{name} = {float(values[name]):g}" for name in lengths)
                    raise InputError(
                        f"formula {self.name}: {product} is {values[product]!r}, but an inner product of vectors with squared lengths {squares} "
                        f"is at most {bound:g} in size"
                    )
        for part, whole in self.parts:
            if part in values and whole in values and float(values[part]) > float(values[whole]) * (1 + _SLACK):
                above = f"more than {whole} = {values[whole]!r}, of which it is a part"
                raise InputError(f"formula {self.name}: {part} is {values[part]!r}, {above}; give at most that")
        if values.get("x_q") and values["p_2"] == values["p_1"]:
            raise InputError(f"formula {self.name}: x_q is {values['x_q']!r}, but p_2 = p_1 leaves no extra parameters; give 0, or a larger p_2")
        for name, value in values.items():
            if np.ndim(value):
                self._require_squares(name, np.asarray(value, dtype=float), values)

    def _require_squares(self, name: str, array: np.ndarray, values: Mapping[str, Any]) -> None:
        if self.parameters[name].startswith("matrix"):
            if not np.allclose(array, array.T, rtol=_SLACK, atol=0) or np.diagonal(array).any() or (array < 0).any():
                wanted = "squared distances are symmetric, zero on the diagonal, not negative"
                raise InputError(f"formula {self.name}: {name} is {values[name]!r}; {wanted}")
        elif (array < 0).any():
            raise InputError(f"formula {self.name}: {name} is {values[name]!r}; squared lengths are not negative")
        if "T" in values and len(array) != values["T"]:
            raise InputError(f"formula {self.name}: {name} has {len(array)} entries for T = {values['T']} tasks; make them equal")


def surviving(n: sympy.Expr, d: sympy.Expr) -> sympy.Expr:
    """Return 1 - n/d, the share of the start's error that n samples leave; 0 for n >= d."""
    return Piecewise((1 - n / d, n < d), (0, True))


def noise_gain(n: sympy.Expr, d: sympy.Expr) -> sympy.Expr:
    """Return k, the squared step per unit of noise variance."""
    return Piecewise((n / (d - n - 1), n < d), (d / (n - d - 1), True))


def spread(n: sympy.Expr, d: sympy.Expr) -> sympy.Expr:
    """Return a in E[P v v' P] = a |v|^2 I + b v v'."""
    return Piecewise((n * (d - n) / (d * (d - 1) * (d + 2)), n < d), (0, True))


def kept(n: sympy.Expr, d: sympy.Expr, a: sympy.Expr) -> sympy.Expr:
    """Return b in E[P v v' P] = a |v|^2 I + b v v'."""
    return Piecewise((n * (n + 2) / (d * (d + 2)) - a, n < d), (1, True))


# What formulas rest on (`theory.law.BASIS`): steps as a whole, their division among blocks, steps with stored samples.
WHOLE = ("recursion", "projection_mean", "inverse_wishart_mean")
DIVIDED = (*WHOLE, "projection_spread")
STORED = ("replay", *WHOLE[1:])

# After task 1, trained on everything from zero.
TASK_1 = ((N, p + p_1), (w_11, u_11 + q_11), (r, surviving(n_1, N)), (beta, spread(n_1, N)), (kappa_1, noise_gain(n_1, N) * sigma_1**2))
ERROR_1 = ((E_1, r * w_11 + kappa_1),)
BLOCK_ERRORS = ((e_u, (r - beta * N) * u_11 + beta * p * w_11 + p * kappa_1 / N), (e_q, (r - beta * N) * q_11 + beta * p_1 * w_11 + p_1 * kappa_1 / N))
# Errors of task 1's estimate towards task 2's truths: what frozen training meets as noise (g_u) and moves (g_q).
TOWARDS_2 = ((g_u, e_u + 2 * r * c_u + d_u), (g_q, e_q + 2 * r * c_q + d_q))
DISTANCES = ((D, d_u + d_q), (c_w, c_u + c_q))
FROZEN_STEP = ((r_A, surviving(n_2, p_2)), (k_A, noise_gain(n_2, p_2)))
FULL_STEP = ((r_B, surviving(n_2, p + p_2)), (k_B, noise_gain(n_2, p + p_2)))


def off_threshold(samples: sympy.Expr, dimension: sympy.Expr, task: int) -> tuple[Condition, Condition]:
    """Return the conditions for a finite mean and for a trusted normal interval of one step."""
    gap = Abs(samples - dimension)
    return Condition(gap > 1, f"E tr (A'A)^-1 of task {task} is finite"), Condition(gap >= 8, f"moments of task {task} beyond the fourth exist")


def below_threshold(samples: sympy.Expr, dimension: sympy.Expr, task: int) -> tuple[Condition, Condition]:
    """Return the same two conditions for a formula that holds for fewer samples than parameters only."""
    finite = Condition(samples < dimension - 1, f"E tr (A'A)^-1 of task {task} is finite, and the task is overparameterized")
    return finite, Condition(samples <= dimension - 8, f"moments of task {task} beyond the fourth exist")


_CONTAINED = Condition(p_2 >= p_1, "task 2's specific parameters contain task 1's")
_FIRST, _FROZEN, _FULL = off_threshold(n_1, N, 1), off_threshold(n_2, p_2, 2), off_threshold(n_2, p + p_2, 2)
HEAD_DOMAIN, FROZEN_NORMAL = ((_FIRST[i], _FROZEN[i]) for i in (0, 1))
BOTH_DOMAIN, FULL_NORMAL = ((_FIRST[i], _FULL[i]) for i in (0, 1))
OVER_DOMAIN, FROZEN_OVER_NORMAL = ((_FIRST[i], below_threshold(n_2, p_2, 2)[i]) for i in (0, 1))
FROZEN_DOMAIN, FULL_DOMAIN, FROZEN_OVER_DOMAIN = (domain + (_CONTAINED,) for domain in (HEAD_DOMAIN, BOTH_DOMAIN, OVER_DOMAIN))


def needed(terms: tuple, expression: sympy.Expr, conditions: tuple[Condition, ...]) -> tuple:
    """Return those of the intermediates ``terms`` that an expression and its conditions use, in order."""
    names, used = set(expression.free_symbols), []
    for condition in conditions:
        names |= condition.relation.free_symbols
    for symbol, definition in reversed(terms):
        if symbol in names:
            used.append((symbol, definition))
            names |= definition.free_symbols
    return tuple(reversed(used))


def meanings(*names: str) -> dict[str, str]:
    """Return the meanings of the named parameters."""
    return {name: MEANING[name] for name in names}

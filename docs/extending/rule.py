"""A training rule of your own: for samplers, verdicts and sweeps.

    $ python rule.py
    $ driftlaw check rule.py

A rule is data; its filter g says what it makes of an eigenvalue x of A'A. The least step has g(x) = 1/x, ridge 1/(x + lam). Here: eigenvalues
up to ``cut`` times the number of rows are dropped. Laws refuse it by name; samples are judged all the same. A filter without jumps has a law
too, once `theory.spectral.filter_values.register` has it, in the same way as the sampler below.
"""

from dataclasses import dataclass

import numpy as np
import sympy

from simulate import simulate
from simulate.sample.solvers import step_filter
from theory import one_block
from theory.conditions import Rule


@dataclass(frozen=True)
class Truncated(Rule):
    """Least squares on the leading principal components."""

    cut: float


@step_filter.register
def _(rule: Truncated, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    return np.divide(1, eigenvalues, out=np.zeros_like(eigenvalues), where=eigenvalues > rule.cut * rows)


def build(n, p, sigma):
    """One task, of a truth of length 1."""
    return one_block(p, (n,), sigma, gram=[[1]])


n, p, sigma = sympy.symbols("n p sigma")
formula = 1 - n / p + n * sigma**2 / (p - n - 1)  # of the least step, which the rule is where it drops nothing
quantity = "error[0,0]"
solver = Truncated(0.0)
cases = [{"n": 10, "p": 40, "sigma": 0.5}]

if __name__ == "__main__":
    for cut in (0.0, 1.0, 2.0):
        print(f"cut {cut}: error {simulate(build(10, 40, 0.5), 2000, solver=Truncated(cut)).estimate('error[0,0]')}")

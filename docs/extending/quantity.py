"""A quantity of your own: read from laws and samples alike, judged with its error scale and tail order derived.

    $ python quantity.py
    $ driftlaw check quantity.py

A quantity is weights on the errors[t, i]: of task i after training on task t. Here: the mean error of the task just trained.
"""

import numpy as np
import sympy

from theory import Quantity, expected_errors, one_block

PATH_MEAN = Quantity("path mean", lambda T: np.eye(T) / T)


def build(n, p):
    """Two tasks with one truth of length 1, without noise."""
    return one_block(p, (n, n), 0, gram=[[1, 1], [1, 1]])


n, p = sympy.symbols("n p")
formula = ((1 - n / p) + (1 - n / p) ** 2) / 2  # every task leaves the share 1 - n/p of the error
quantity = PATH_MEAN
cases = [{"n": 5, "p": 20}, {"n": 10, "p": 40}]

if __name__ == "__main__":
    print(f"the law says {float(expected_errors(build(5, 20)).read(PATH_MEAN)):.6f}, the formula {float(formula.subs({n: 5, p: 20})):.6f}")

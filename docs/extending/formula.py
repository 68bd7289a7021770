"""A formula of your own: in the catalogue, judged by simulation, evaluated, exported.

    $ driftlaw theory show own_first_error --load formula.py
    $ driftlaw theory eval own_first_error --load formula.py --set n=8 p=20 sigma=0.5
    $ driftlaw verify own_first_error --load formula.py

A formula says what it gives (`quantity`), of which experiment (`build`) and where it holds (`domain`). It is judged like ours.
"""

import sympy

from theory import Formula, one_block
from theory.formula import Condition, Family
from theory.formulas import FAMILIES, FORMULAS

n, p, sigma = sympy.symbols("n p sigma", positive=True)

FIRST_ERROR = FORMULAS.register(
    Formula(
        name="own_first_error",
        statement="Excess risk after one task, trained from zero, where the truth has length 1.",
        expression=1 - n / p + n * sigma**2 / (p - n - 1),
        parameters={"n": "number of samples", "p": "number of parameters", "sigma": "standard deviation of the noise"},
        source="projection of an isotropic truth, mean of an inverse Wishart matrix",
        status="exact",
        quantity="error[0,0]",
        build=lambda n, p, sigma: one_block(p, (n,), sigma, gram=[[1]]),
        domain=(Condition(p > n + 1, "the inverse Wishart matrix has a mean"),),
    )
)
CASES = ({"n": 8, "p": 20, "sigma": 0.5}, {"n": 5, "p": 60, "sigma": 1.0})
FAMILIES.register(Family("own_first_error", FIRST_ERROR, CASES, "Right far from the threshold n = p"))

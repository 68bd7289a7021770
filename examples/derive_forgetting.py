"""A statement to derive: frozen training on two tasks. `driftlaw derive examples/derive_forgetting.py --appendix proof.tex` writes its proof."""

import sympy

import driftlaw as dl

p, q, n_1, n_2 = sympy.symbols("p q n_1 n_2", positive=True, integer=True)  # dimensions of both blocks, samples of both tasks
sigma, u, v, d = sympy.symbols("sigma u v d", nonnegative=True)  # noise, |u_1|^2, |q_1|^2, |q_2 - q_1|^2
c = sympy.Symbol("c", real=True)  # <q_2 - q_1, q_1>

truths = {"shared": [[u, u], [u, u]], "specific": [[v, v + c], [v + c, v + 2 * c + d]]}
experiment = dl.frozen({"shared": p, "specific": q}, (n_1, n_2), sigma, gram=truths)
quantity = "forgetting"

"""A statement to refute: frozen training forgets less where two tasks are equal."""

import driftlaw as dl

quantity, relation = "forgetting", "<="
space = {"p": (5, 60), "p_s": (5, 60), "n": (1, 50), "sigma": (0.0, 1.0), "u": (0.0, 2.0)}


def constraint(p_s, n):
    return n < p_s - 1


def build(p, p_s, n, sigma, u, training=dl.frozen):
    gram = {"shared": [[u, u], [u, u]], "specific": [[1, 1], [1, 1]]}
    return training({"shared": p, "specific": p_s}, (n, n), sigma, gram=gram)


def against(p, p_s, n, sigma, u):
    return build(p, p_s, n, sigma, u, dl.initialized)

r"""Frozen deviation and the reconstruction around $v_1$.

(a) Solid: exact law; dashed: $v_1E_1+(1-r_A)|q_2-q_1|^2+k_A\sigma_2^2$, whose $v_1$ is published (Lemma 4.2)
and whose form is our reconstruction. They cross exactly at the share $p/(p+p_1)$ (stars), where the norm is
split as the dimensions are. (b) Exact minus reconstruction: lines by its closed formula, points of the same
simulations. {simulation} {experiment} Padded norm.
"""

from dataclasses import replace

import numpy as np

from figures.kit import FROZEN, INITIALIZED, THIRD, Figure, Line, Panel, Point, Sampler, Table, curves, reference
from theory import TaskSequence, expected_errors
from theory.formulas import FORMULAS
from theory.ledger.two_tasks import two_tasks

EXPERIMENT = {"p": 40, "p_2": 60, "n_1": 30, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.5, "d_u": 0, "d_q": 0}
P_1 = {60: FROZEN, 20: THIRD}
SHOWN = 60
CASE = "p_1={}"
SHARES = np.linspace(0, 1, 101)
SIMULATED = SHARES[::10]
QUANTITY, GAP = "deviation", "deviation - reconstruction"
EXACT, FORM, GAP_FORM = "expected_errors", "v1_reconstruction", "v1_reconstruction_gap"
FORM_LOOK = replace(INITIALIZED, marker="")
X_LABEL = "share of the norm in the shared block, $|u_1|^2/|w_1|^2$"


def parameters(share: float | np.ndarray, p_1: int) -> dict:
    """Return the case with |w_1| = 1 of which the share |u_1|^2 lies in the shared block."""
    return {**EXPERIMENT, "p_1": p_1, "u_11": share, "q_11": 1 - share}


def sequence(share: float | np.ndarray, p_1: int) -> TaskSequence:
    """Return the experiment of `parameters` under frozen training."""
    return two_tasks(**parameters(share, p_1), c_u=0)


def crossing(p_1: int) -> float:
    """Return the share at which the reconstruction is exact."""
    return EXPERIMENT["p"] / (EXPERIMENT["p"] + p_1)


def compute(table: Table, sampler: Sampler) -> None:
    for p_1 in P_1:
        forms = {QUANTITY: FORM, GAP: GAP_FORM} if p_1 == SHOWN else {GAP: GAP_FORM}
        for quantity, name in forms.items():
            values = [FORMULAS[name](**parameters(share, p_1)) for share in SHARES.tolist()]
            table.add_curve(quantity, "frozen", "share", SHARES, values, name, CASE.format(p_1))
            place = crossing(p_1)
            table.add_mark(quantity, "frozen", "share", place, FORMULAS[name](**parameters(place, p_1)), name, CASE.format(p_1))
    exact = expected_errors(sequence(SHARES, SHOWN)).deviation()
    table.add_curve(QUANTITY, "frozen", "share", SHARES, exact, EXACT, CASE.format(SHOWN))
    places = [(p_1, share) for p_1 in P_1 for share in SIMULATED.tolist()]
    results = sampler.run([Point({"frozen": sequence(share, p_1)}, (QUANTITY,)) for p_1, share in places])
    for (p_1, share), result in zip(places, results, strict=True):
        simulated = result["frozen", QUANTITY]
        if p_1 == SHOWN:
            table.add_point(QUANTITY, "frozen", "share", share, simulated, CASE.format(p_1))
        gap = simulated and replace(simulated, mean=simulated.mean - FORMULAS[FORM](**parameters(share, p_1)))
        table.add_point(GAP, "frozen", "share", share, gap, CASE.format(p_1))


LEFT = Panel(
    f"$p_1={SHOWN}$",
    [
        Line(P_1[SHOWN], "exact law, simulation", {"source": (EXACT, "simulate")}),
        Line(FORM_LOOK, "reconstruction\n(form ours, $v_1$ published)", {"source": FORM}),
    ],
    {"quantity": QUANTITY, "case": CASE.format(SHOWN)}, stars="", legend={"loc": "lower right"},
    axes={"xlabel": X_LABEL, "ylabel": r"frozen deviation $E\,L_1(\theta_2)$"},
)  # fmt: skip
RIGHT = Panel(
    "the difference, for two $p_1$", [Line(look, f"$p_1={p_1}$", {"case": CASE.format(p_1)}) for p_1, look in P_1.items()],
    {"quantity": GAP}, stars=r"share $p/(p+p_1)$", legend={"loc": "upper left"}, axes={"xlabel": X_LABEL, "ylabel": "exact minus reconstruction"},
    finish=lambda ax, _: reference(ax, color=FORM_LOOK.colour, linestyle=FORM_LOOK.line, linewidth=None),
)  # fmt: skip


NAMES = globals() | {"EXPERIMENT": {**EXPERIMENT, "w_11": 1}}
FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT), NAMES, trials=3000, quick_trials=300, size=(7.4, 3.5))

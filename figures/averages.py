r"""Averages of estimates, and features that overlap.

(a, b) Mean error of ${T}$ tasks after the last one against the penalty of all: of the last estimate, of the running mean, of the best weights
of sum 1, and where training restarts from the mean, a step of $1/t$. Where tasks differ, the mean does what a penalty does; where they are one and samples
are few, it keeps early estimates that are far from the truth. At the best penalties of each, best weights save {saved} of the mean's error.
(c) Forgetting of two ridge steps against the cosine $\rho$ of all angles between their features: orthogonal features forget nothing, but where
truths agree a small overlap lowers the error. Lines: the exact law and, in (c), its closed form. {simulation}
Experiment: (a, b) $p={P}$, $\sigma={SIGMA:g}$; (c) dimension {DIM}, $n={DIM_N}$, $\lambda=1$, $\sigma=0.2$.
"""

from dataclasses import replace

import numpy as np

from figures.kit import STEPS, THEORY, Figure, Line, Panel, Point, Sampler, Table, curves
from theory import Ridge, TaskSequence, expected_errors, one_block
from theory.ledger.gaps import OVERLAP_FORGETTING, overlapping_ridge_tasks
from theory.optima import best_average
from theory.regimes import alike

P, T, SIGMA = 40, 6, 0.3
STREAMS = {"one task, n = 14": (14, 1.0), "cosine 0.7, n = 34": (34, 0.7)}
PENALTIES, SIMULATED = np.geomspace(0.1, 1000, 25), (0.1, 1.0, 10.0, 100.0, 1000.0)
AGREEMENTS, DIM, DIM_N = (1.0, 0.5, 0.0), 16, 8
OVERLAPS, PLACES = np.arange(41) / 40, (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # at 0 every draw forgets 0
WORDS = {"last": "last estimate", "mean": "running mean", "best": "best weights", "restart": "restart from the mean"}
ERROR, FORGETTING = "generalization", "forgetting"


def sequences(stream: str, penalty: float) -> dict[str, TaskSequence]:
    """Return the experiment under every way to read it."""
    n, cosine = STREAMS[stream]
    seq = one_block(P, (n,) * T, SIGMA, gram=alike(T, cosine)).under(rule=Ridge(penalty))
    short = replace(seq, tasks=[replace(task, scale=1 / (t + 1)) for t, task in enumerate(seq.tasks)])
    return {"last": seq, "mean": seq.under(average="mean"), "best": seq.under(average=best_average(seq, affine=True).choice), "restart": short}


def compute(table: Table, sampler: Sampler) -> None:
    for stream in STREAMS:
        laws = [{name: expected_errors(seq).read(ERROR) for name, seq in sequences(stream, x).items()} for x in PENALTIES]
        for name in WORDS:
            table.add_curve(ERROR, name, "penalty", PENALTIES, [law[name] for law in laws], "expected_errors", stream)
        sampler.add(table, "penalty", [Point(sequences(stream, x), (ERROR,), x=x, case=stream) for x in SIMULATED])
    for agreement in AGREEMENTS:
        rest = {"sigma_1": 0.2, "sigma_2": 0.2, "lambda_1": 1.0, "lambda_2": 1.0, "w_11": 1.0, "d_w": 2 * (1 - agreement), "c_w": agreement - 1}
        case: dict = {"p": DIM, "n_1": DIM_N, "n_2": DIM_N, **rest}
        table.add_curve(FORGETTING, "ridge", "rho", OVERLAPS, [OVERLAP_FORGETTING(**case, rho=rho) for rho in OVERLAPS], OVERLAP_FORGETTING.name, f"{agreement:g}")
        sampler.add(table, "rho", [Point({"ridge": overlapping_ridge_tasks(**case, rho=rho)}, (FORGETTING,), x=rho, case=f"{agreement:g}") for rho in PLACES])


LINES = [Line(look, words, {"training": name}) for (name, words), look in zip(WORDS.items(), STEPS, strict=True)]
AXES: dict = {"xscale": "log", "yscale": "log", "xlabel": r"penalty $\lambda$", "ylabel": f"generalization error $G_{T}$"}
AGREE = [Line(look, f"{agreement:g}", {"case": f"{agreement:g}"}) for agreement, look in zip(AGREEMENTS, STEPS, strict=False)]
OVERLAP: dict = {"zero": True, "axes": {"xlabel": r"overlap $\rho$", "ylabel": "forgetting"}, "legend": {"loc": "upper left", "title": "cosine of truths"}}
PANELS = [Panel(stream, LINES, {"quantity": ERROR, "case": stream}, axes=AXES, legend={"loc": "upper left"} if n < P / 2 else None) for stream, (n, _) in STREAMS.items()]


def facts(table: Table) -> dict:
    least = [[table.select(kind=THEORY, case=case, training=name).column("mean").min() for name in ("best", "mean")] for case in STREAMS]
    return {"saved": " and ".join(f"{1 - best / mean:.0%}" for best, mean in least)}


FIGURE = Figure(__doc__, compute, curves(*PANELS, Panel("overlap of features", AGREE, {"quantity": FORGETTING}, **OVERLAP)), globals(), facts, trials=1000, quick_trials=150, size=(10.4, 3.6))

r"""The weight of shared steps, between both trainings and beyond.

Task 2 takes the step that fits its data and has the least $\lambda|\Delta u|^2+|\Delta q|^2$: $\lambda=1$ is
initialized training, $\lambda\to\infty$ frozen training (horizontal lines, exact law). (a) All weights; (b-d)
$\lambda\geq0.7$ only. Black line: deterministic equivalent, an approximation with an error of order
1/dimension, {bias:.1f} % of the frozen end here. Stars: the best weight of that approximation; for the
deviation $\lambda={best:.1f}$. There the simulated deviation is {gains} training (paired, 95 % intervals).
{simulation} The points share their draws. Experiment: $p={BLOCKS[shared]}$, $p_1=p_2={BLOCKS[specific]}$,
$n_1={SAMPLES[0]}$, $n_2={SAMPLES[1]}$, $\sigma_1={SIGMA[0]:g}$, $\sigma_2={SIGMA[1]:g}$,
$|u_1|^2={SHARED:g}$, $|q_1|^2={SPECIFIC:g}$, $|q_2-q_1|^2={DISTANCE:g}$ orthogonal to $q_1$, $u_2=u_1$.
"""

from dataclasses import replace

import numpy as np

from figures.kit import MARK, PLAIN, SIMULATION, THEORY, TRAININGS, Axes, Figure, Line, Panel, Point, Sampler, Table, curves, entry, reference, star
from theory import TaskSequence, expected_errors, frozen, initialized
from theory.equivalents import approximate_errors, best_weight
from theory.optima import CRITERIA

BLOCKS, SAMPLES, SIGMA = {"shared": 30, "specific": 40}, (10, 20), (0.3, 0.5)
SHARED, SPECIFIC, DISTANCE = 0.1, 2.0, 0.3  # |u_1|^2, |q_1|^2, |q_2 - q_1|^2
GRAM = {"shared": np.full((2, 2), SHARED), "specific": np.array([[SPECIFIC, SPECIFIC], [SPECIFIC, SPECIFIC + DISTANCE]])}
WEIGHTS = np.geomspace(1e-2, 1e4, 121)
SIMULATED = WEIGHTS[[0, 10, 20, 28, 34, 40, 44, 48, 57, 64, 80, 100, 120]]
FROM = 0.7  # weight from which the panels show what happens near the best one
TRAINED = "weighted"
ENDS = {training: TRAININGS[training] for training in ("initialized", "frozen")}
LABELS = {"deviation": r"$E\,L_1(\theta_2)$", "forgetting": "$F_2$", "generalization": "$G_2$"}
END, GAIN = "end", "gain"


def sequence(weight: float) -> TaskSequence:
    """Return the experiment in which a squared shared step of task 2 costs ``weight`` times a specific one."""
    seq = initialized(BLOCKS, SAMPLES, SIGMA, gram=GRAM)
    return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], weights={"shared": float(weight)})))


def end(training: str) -> TaskSequence:
    """Return one of the two ends."""
    return (frozen if training == "frozen" else initialized)(BLOCKS, SAMPLES, SIGMA, gram=GRAM)


def compute(table: Table, sampler: Sampler) -> None:
    laws = [approximate_errors(sequence(weight)) for weight in WEIGHTS]
    best = {criterion: best_weight(criterion, end("initialized"), bounds=(1e-2, 1e4), points=len(WEIGHTS)) for criterion in CRITERIA}
    for criterion in CRITERIA:
        table.add_curve(criterion, TRAINED, "lambda", WEIGHTS, [getattr(law, criterion)() for law in laws], "approximate_errors")
        table.add_mark(criterion, TRAINED, "lambda", best[criterion].choice, best[criterion].value, "best_weight")
        for training in ENDS:
            value = getattr(expected_errors(end(training)), criterion)()
            table.add_curve(f"{criterion}, {END}", training, "lambda", WEIGHTS[[0, -1]], [value, value], "expected_errors")
    sampler.add_paired(table, "lambda", {weight: sequence(weight) for weight in SIMULATED.tolist()}, CRITERIA, TRAINED)
    pairs = [(criterion, training) for criterion in CRITERIA for training in ENDS]
    chosen = [Point({training: end(training), "best": sequence(best[c].choice)}, (c,), (training, "best")) for c, training in pairs]
    for (criterion, training), found in zip(pairs, sampler.run(chosen), strict=True):
        table.add_point(f"{criterion}, {GAIN}", training, "lambda", best[criterion].choice, found[f"{training} - best", criterion])


def _panel(criterion: str, whole: bool) -> Panel:
    def finish(ax: Axes, table: Table) -> None:
        for training, look in ENDS.items():
            reference(ax, at_end(table, criterion, training), color=look.colour, linestyle=look.line, linewidth=1.2)
        ax.set_xscale("log")
        ax.set_xticks([1e-2, 1, 1e2, 1e4] if whole else [1, 10, 1e2, 1e3, 1e4])
        ax.set_xticks([], minor=True)
        if whole:
            ends = [entry(replace(look, marker=""), f"{training} (exact)") for training, look in ENDS.items()]
            ax.legend(handles=[entry(PLAIN, "approximate law, simulation"), *ends, star(r"best $\lambda$")], loc="upper right")

    return Panel(
        f"{criterion}, all weights" if whole else criterion, [Line(PLAIN, "")], {"quantity": criterion},
        None if whole else lambda row: row.x >= FROM, stars=r"best $\lambda$", finish=finish,
        axes={"xlabel": r"weight $\lambda$ of the shared step", "ylabel": LABELS[criterion]},
    )  # fmt: skip


def at_end(table: Table, criterion: str, training: str) -> float:
    """Return the exact value of one of the ends."""
    return table.select(kind=THEORY, quantity=f"{criterion}, {END}", training=training).rows[0].mean


def facts(table: Table) -> dict:
    """Say by how much the best weight beats the ends in simulation, on the same draws, and how far off the approximation is."""
    heaviest = table.select(kind=THEORY, quantity="deviation").rows[-1].mean
    gains = {t: table.select(kind=SIMULATION, quantity=f"deviation, {GAIN}", training=t) for t in ENDS}
    parts = [f"{rows.rows[0].mean:.3f}\u00a0$\\pm$\u00a0{rows.rows[0].half:.3f} below {training}" for training, rows in gains.items()]
    bias, best = 100 * abs(heaviest / at_end(table, "deviation", "frozen") - 1), table.only(kind=MARK, quantity="deviation").x
    return {"bias": bias, "gains": " and ".join(parts), "best": best}


PANELS = (_panel(CRITERIA[0], True), *(_panel(criterion, False) for criterion in CRITERIA))
FIGURE = Figure(__doc__, compute, curves(*PANELS, ncols=2), globals(), facts, trials=3000, quick_trials=250, size=(7.6, 5.4))

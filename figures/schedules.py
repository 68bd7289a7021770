"""All schedules of frozen and initialized tasks against the number of tasks, and a rule that decides by gradients."""

from __future__ import annotations

from itertools import product

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.captions import simulation_sentence
from figures.draw import curve, entry, panel_letter, points
from figures.registry import Figure
from figures.sampling import Sampler, Simulated
from figures.stored_runs import stored
from figures.style import FROZEN, INITIALIZED, NOTE, STEPS, Look
from figures.table import THEORY, Table
from simulate import hybrid, simulate
from simulate.sample.adaptive import frozen_sequence
from theory import TaskSequence, initialized, moment_orders
from theory.optima import best_schedule

BLOCKS, SAMPLES, SIGMA = {"shared": 30, "specific": 60}, 20, 0.3
COSINE = 0.9
SCENARIOS = ("similar", "mixed")
CRITERIA = ("forgetting", "generalization")
TASKS = range(2, 9)
SIMULATED = (2, 4, 6, 8)
THRESHOLD = 0.0  # cosine of gradients from which the rule freezes a task
BEST, ALL = "best", "every schedule"
RULE = f"hybrid, threshold {THRESHOLD:g}"
LOOKS = {"frozen": FROZEN, "initialized": INITIALIZED, BEST: Look("#111111", (0, (1, 1.2)), "D"), RULE: Look(STEPS[3].colour, "", "^")}


def sequence(scenario: str, tasks: int) -> TaskSequence:
    """Return the experiment under initialized training: all tasks alike, or two groups that share nothing, in pairs A A B B A A B B."""
    group = (np.arange(tasks) // 2) % 2 if scenario == "mixed" else np.zeros(tasks)
    same = (group[:, None] == group).astype(float)
    gram = {"shared": same, "specific": COSINE * same + (1 - COSINE) * np.eye(tasks)}
    return initialized(BLOCKS, (SAMPLES,) * tasks, SIGMA, gram=gram)


def fixed(training: str, tasks: int) -> tuple[bool, ...]:
    """Return the schedule that freezes every task after the first, or none."""
    return (False, *(training == "frozen",) * (tasks - 1))


def compute(sampler: Sampler) -> Table:
    table = Table()
    for criterion, scenario in product(CRITERIA, SCENARIOS):
        found = {tasks: best_schedule(criterion, sequence(scenario, tasks)) for tasks in TASKS}
        values = {tasks: dict(zip(optimum.choices, optimum.values, strict=True)) for tasks, optimum in found.items()}
        for tasks in TASKS:
            every = list(values[tasks].values())
            table.add_curve(criterion, ALL, "T", [tasks] * len(every), every, "best_schedule", scenario)
        for training in ("frozen", "initialized"):
            table.add_curve(
                criterion, training, "T", TASKS, [values[tasks][fixed(training, tasks)] for tasks in TASKS], "best_schedule", scenario
            )
        table.add_curve(criterion, BEST, "T", TASKS, [found[tasks].value for tasks in TASKS], "best_schedule", scenario)
        for tasks in TASKS:
            table.add_mark(f"frozen tasks of the best, {criterion}", BEST, "T", tasks, sum(found[tasks].choice), "best_schedule", scenario)
    runs = list(product(SCENARIOS, SIMULATED))
    for number, (scenario, tasks) in enumerate(runs):
        for training, criterion, simulated in _simulated(sampler, number, scenario, tasks):
            table.add_point(criterion, training, "T", tasks, simulated, scenario)
    return table


def _simulated(sampler: Sampler, number: int, scenario: str, tasks: int) -> list[tuple[str, str, Simulated]]:
    """Estimates of the fixed trainings and the rule, all on the same draws."""
    seq = sequence(scenario, tasks)

    def run(seed: tuple[int, ...], trials: int) -> list:
        samples = {t: simulate(frozen_sequence(seq, ("shared",), fixed(t, tasks)), trials, seed) for t in ("frozen", "initialized")}
        samples[RULE] = hybrid(seq, THRESHOLD, trials, seed)
        estimates = [(name, criterion, sample.estimate(criterion)) for name, sample in samples.items() for criterion in CRITERIA]
        return [[name, criterion, estimate.mean, estimate.stderr] for name, criterion, estimate in estimates]

    record = stored(sampler, number, {"scenario": scenario, "tasks": tasks, "threshold": THRESHOLD}, __file__, run)
    orders = moment_orders(seq)  # the specific block alone has more samples to spare, so these are the smaller ones
    frozen_orders = moment_orders(frozen_sequence(seq, ("shared",), fixed("frozen", tasks)))
    least = {c: min(float(o.read(c)) for o in (orders, frozen_orders)) for c in CRITERIA}
    return [(name, criterion, Simulated(mean, stderr, sampler.trials, least[criterion])) for name, criterion, mean, stderr in record]


def draw(table: Table, canvas: Canvas) -> None:
    axes = canvas.subplots(2, 2, sharex=True)
    for row, criterion in enumerate(CRITERIA):
        for column, scenario in enumerate(SCENARIOS):
            ax = axes[row, column]
            rows = table.select(quantity=criterion, case=scenario)
            every = rows.select(training=ALL)
            ax.plot(
                every.column("x"),
                every.column("mean"),
                linestyle="none",
                marker="_",
                markersize=13,
                color=NOTE,
                alpha=0.3,
                markeredgewidth=0.8,
                zorder=1,
            )
            for training, look in LOOKS.items():
                if training != RULE:
                    curve(ax, rows.select(training=training), look)
                points(ax, rows.select(training=training), look)
            best = rows.select(training=BEST)
            ax.plot(best.column("x"), best.column("mean"), linestyle="none", marker="D", markersize=3.6, color=LOOKS[BEST].colour, zorder=4)
        axes[row, 0].set_ylabel("forgetting $F_T$" if criterion == "forgetting" else "generalization error $G_T$")
    for ax in axes[1]:
        ax.set_xlabel("number of tasks $T$")
        ax.set_xticks(list(TASKS))
    for ax, letter, title in zip(
        axes.ravel(), "abcd", [f"{scenario} tasks, {criterion}" for criterion in CRITERIA for scenario in SCENARIOS], strict=True
    ):
        panel_letter(ax, letter, title)
    names = {"frozen": "always frozen", "initialized": "always initialized", BEST: "best schedule", RULE: "hybrid rule"}
    every = Look(NOTE, "", "_")
    canvas.legend(
        handles=[*(entry(look, names[t]) for t, look in LOOKS.items()), entry(every, "all schedules")],
        loc="outside upper center",
        ncols=5,
        columnspacing=1.2,
    )


def caption(table: Table) -> str:
    last = TASKS[-1]

    def value(criterion: str, scenario: str, training: str) -> float:
        (row,) = table.select(kind=THEORY, quantity=criterion, case=scenario, training=training, x=last).rows
        return row.mean

    listed = "; ".join(
        f"{criterion}, {scenario}: {value(criterion, scenario, BEST):.2f}, {value(criterion, scenario, 'frozen'):.2f}, "
        f"{value(criterion, scenario, 'initialized'):.2f}"
        for criterion in CRITERIA
        for scenario in SCENARIOS
    ).replace("-", "\u2212")
    return (
        f"Every task after the first is frozen or initialized; dashes: all $2^{{T-1}}$ schedules by the exact law, lines the best one and "
        f"the two "
        f"constant ones. At $T={last}$ best, always frozen, always initialized: {listed}. A small forgetting can come from learning "
        f"little: freezing early tasks "
        "raises the error that forgetting is counted from. Hybrid rule: a task whose gradient on the shared parameters has a cosine of at "
        "least "
        f"{THRESHOLD:g} with the previous task's is frozen (our linear reading of a published rule). {simulation_sentence(table)} "
        f"Experiment: $p={BLOCKS['shared']}$ shared, {BLOCKS['specific']} specific parameters, {SAMPLES} samples a task, "
        f"$\\sigma={SIGMA:g}$, truths of length 1 in "
        f"each block; similar: equal shared truths, specific ones with cosine {COSINE:g}; mixed: two such groups at right angles, in pairs."
    )


FIGURE = Figure("Schedules of frozen and initialized tasks.", compute, draw, caption, trials=500, quick_trials=150, size=(7.6, 5.2))

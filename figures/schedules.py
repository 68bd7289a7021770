r"""Schedules of frozen and initialized tasks.

Every task after the first is frozen or initialized; dashes: all $2^{{T-1}}$ schedules by the exact law, lines
the best one and the two constant ones. At $T={last}$ best, always frozen, always initialized: {listed}. A
small forgetting can come from learning little: freezing early tasks raises the error that forgetting is
counted from. Hybrid rule: a task whose gradient on the shared parameters has a cosine of at least
{THRESHOLD:g} with the previous task's is frozen (our linear reading of a published rule). {simulation}
Experiment: $p={BLOCKS[shared]}$ shared, {BLOCKS[specific]} specific parameters, {SAMPLES} samples a task,
$\sigma={SIGMA:g}$, truths of length 1 in each block; similar: equal shared truths, specific ones with cosine
{COSINE:g}; mixed: two such groups at right angles, in pairs.
"""

from itertools import product

import numpy as np

from figures.kit import MARKED, NOTE, STEPS, THEORY, TRAININGS, Axes, Figure, Line, Look, Panel, Sampler, Simulated, Table, curve, curves
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
LOOKS = TRAININGS | {BEST: Look(MARKED, (0, (1, 1.2)), "D"), RULE: Look(STEPS[3].colour, "", "^"), ALL: Look(NOTE, "", "_")}
NAMES = {"frozen": "always frozen", "initialized": "always initialized", BEST: "best schedule", RULE: "hybrid rule", ALL: "all schedules"}


def sequence(scenario: str, tasks: int) -> TaskSequence:
    """Return the experiment under initialized training: all tasks alike, or two groups that share nothing, in pairs A A B B A A B B."""
    group = (np.arange(tasks) // 2) % 2 if scenario == "mixed" else np.zeros(tasks)
    same = (group[:, None] == group).astype(float)
    gram = {"shared": same, "specific": COSINE * same + (1 - COSINE) * np.eye(tasks)}
    return initialized(BLOCKS, (SAMPLES,) * tasks, SIGMA, gram=gram)


def fixed(training: str, tasks: int) -> tuple[bool, ...]:
    """Return the schedule that freezes every task after the first, or none."""
    return (False, *(training == "frozen",) * (tasks - 1))


def compute(table: Table, sampler: Sampler) -> None:
    for criterion, scenario in product(CRITERIA, SCENARIOS):
        found = {tasks: best_schedule(criterion, sequence(scenario, tasks)) for tasks in TASKS}
        values = {tasks: dict(zip(optimum.choices, optimum.values, strict=True)) for tasks, optimum in found.items()}
        for tasks in TASKS:
            table.add_curve(criterion, ALL, "T", [tasks] * len(values[tasks]), list(values[tasks].values()), "best_schedule", scenario)
        lines = {training: [values[tasks][fixed(training, tasks)] for tasks in TASKS] for training in TRAININGS}
        for training, line in (lines | {BEST: [found[tasks].value for tasks in TASKS]}).items():
            table.add_curve(criterion, training, "T", TASKS, line, "best_schedule", scenario)
        for tasks in TASKS:
            table.add_mark(f"frozen tasks of the best, {criterion}", BEST, "T", tasks, sum(found[tasks].choice), "best_schedule", scenario)
    for scenario, tasks in product(SCENARIOS, SIMULATED):
        for training, criterion, simulated in _simulated(sampler, scenario, tasks):
            table.add_point(criterion, training, "T", tasks, simulated, scenario)


def _simulated(sampler: Sampler, scenario: str, tasks: int) -> list[tuple[str, str, Simulated]]:
    """Estimates of the fixed trainings and the rule, all on the same draws."""
    seq = sequence(scenario, tasks)

    def run(seed: tuple[int, ...], trials: int) -> list:
        samples = {t: simulate(frozen_sequence(seq, ("shared",), fixed(t, tasks)), trials, seed) for t in TRAININGS}
        samples[RULE] = hybrid(seq, THRESHOLD, trials, seed)
        estimates = [(name, criterion, sample.estimate(criterion)) for name, sample in samples.items() for criterion in CRITERIA]
        return [[name, criterion, estimate.mean, estimate.stderr] for name, criterion, estimate in estimates]

    record = sampler.stored({"scenario": scenario, "tasks": tasks, "threshold": THRESHOLD}, __file__, run)
    # The specific block alone has more samples to spare than both.
    orders = [moment_orders(each) for each in (seq, frozen_sequence(seq, ("shared",), fixed("frozen", tasks)))]
    least = {c: min(o.read(c) for o in orders) for c in CRITERIA}
    return [(name, criterion, Simulated(mean, stderr, sampler.trials, least[criterion])) for name, criterion, mean, stderr in record]


def _panel(criterion: str, scenario: str) -> Panel:
    def finish(ax: Axes, table: Table) -> None:
        rows = table.select(quantity=criterion, case=scenario)
        dashes = {"marker": "_", "markersize": 13, "color": NOTE, "alpha": 0.3, "markeredgewidth": 0.8, "zorder": 1}
        curve(ax, rows.select(training=ALL), LOOKS[ALL], linestyle="none", **dashes)
        curve(ax, rows.select(training=BEST), LOOKS[BEST], linestyle="none", marker="D", markersize=3.6, zorder=4)

    lines = [Line(look, NAMES[name], {"training": name} if name != ALL else {"training": ()}) for name, look in LOOKS.items()]
    label = "forgetting $F_T$" if criterion == "forgetting" else "generalization error $G_T$"
    axes = {"ylabel": label} if scenario == SCENARIOS[0] else {}
    below = {"xlabel": "number of tasks $T$", "xticks": list(TASKS)} if criterion == CRITERIA[-1] else {}
    return Panel(f"{scenario} tasks, {criterion}", lines, {"quantity": criterion, "case": scenario}, axes=axes | below, finish=finish)


def facts(table: Table) -> dict:
    def values(criterion: str, scenario: str) -> str:
        rows = table.select(kind=THEORY, quantity=criterion, case=scenario, x=TASKS[-1])
        return ", ".join(f"{rows.only(training=training).mean:.2f}" for training in (BEST, "frozen", "initialized"))

    listed = "; ".join(f"{c}, {s}: {values(c, s)}" for c, s in product(CRITERIA, SCENARIOS))
    return {"last": TASKS[-1], "listed": listed.replace("-", "\u2212")}


FIGURE = Figure(
    __doc__, compute,
    curves(*(_panel(c, s) for c, s in product(CRITERIA, SCENARIOS)), ncols=2, sharex=True, legend={"ncols": 5, "columnspacing": 1.2}),
    globals(), facts, trials=500, quick_trials=150, size=(7.6, 5.2),
)  # fmt: skip

r"""Forgetting and generalization against the number of tasks.

(a) One block, $p={ONE_BLOCK[p]}$, $n={ONE_BLOCK[n]}$ samples a task: lines join the values of Lin et al.'s
formulas at whole $T$. (b) A shared block, $p={TWO_BLOCKS[shared]}$, with the same truth in all tasks, and a
specific block, $p_t={TWO_BLOCKS[specific]}$, $n_t={SAMPLES}$; from task 2 on frozen training moves the
specific block only, initialized training both: lines join the values of the exact law. Truths of length 1;
cosine between (specific) truths {COSINES[similar]:g} (similar) or {COSINES[dissimilar]:g} (dissimilar); noise
$\sigma={SIGMA:g}$. {simulation} The points of a curve share their draws.
"""

import numpy as np

from figures.kit import FROZEN, INITIALIZED, PLAIN, THIRD, Figure, Line, Look, Panel, Point, Sampler, Table, curves
from theory import TaskSequence, expected_errors, frozen, initialized, one_block
from theory.formulas import FORMULAS

MOST_TASKS = 20
SIMULATED = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20)
SIGMA = 0.3
ONE_BLOCK = {"p": 60, "n": 15}
TWO_BLOCKS = {"shared": 30, "specific": 60}
SAMPLES = 20
COSINES = {"similar": 0.9, "dissimilar": 0.0}
TRAININGS = {"frozen": frozen, "initialized": initialized}
FIRST = {"forgetting": 2, "generalization": 1}
LOOKS = {
    ("one block", "similar"): PLAIN,
    ("one block", "dissimilar"): Look(THIRD.colour, (0, (5, 1.8)), "s"),
    ("frozen", "similar"): Look(FROZEN.colour, "-", "o"),
    ("frozen", "dissimilar"): Look(FROZEN.colour, (0, (1.2, 1.2)), "^"),
    ("initialized", "similar"): Look(INITIALIZED.colour, (0, (5, 1.8)), "s"),
    ("initialized", "dissimilar"): Look(INITIALIZED.colour, (0, (4, 1.4, 1, 1.4)), "D"),
}


def truths(cosine: float, tasks: int) -> np.ndarray:
    """Return the Gram matrix of truths of length 1 with equal cosines."""
    return np.full((tasks, tasks), cosine) + (1 - cosine) * np.eye(tasks)


def sequence(training: str, case: str, tasks: int = MOST_TASKS) -> TaskSequence:
    """Return ``tasks`` tasks on one block, or on two of which the shared truth is the same in all tasks."""
    gram = truths(COSINES[case], tasks)
    if training == "one block":
        return one_block(ONE_BLOCK["p"], (ONE_BLOCK["n"],) * tasks, SIGMA, gram=gram)
    return TRAININGS[training](TWO_BLOCKS, (SAMPLES,) * tasks, SIGMA, gram={"shared": np.ones((tasks, tasks)), "specific": gram})


def lin_case(case: str, tasks: int) -> dict:
    """Return the parameters of Lin et al.'s formulas for ``tasks`` tasks."""
    return {**ONE_BLOCK, "sigma": SIGMA, "T": tasks, "w": np.ones(tasks), "D": 2 - 2 * truths(COSINES[case], tasks)}


def compute(table: Table, sampler: Sampler) -> None:
    for training, case in LOOKS:
        for quantity, first in FIRST.items():
            counts = range(first, MOST_TASKS + 1)
            if training == "one block":
                source = f"lin_{quantity}"
                values = [FORMULAS[source](**lin_case(case, tasks)) for tasks in counts]
            else:
                source = "expected_errors"
                law = expected_errors(sequence(training, case))
                values = [getattr(law, quantity)(tasks - 1) for tasks in counts]
            table.add_curve(quantity, training, "T", counts, values, source, case)
    texts = {(quantity, tasks): f"{quantity}[{tasks - 1}]" for quantity, first in FIRST.items() for tasks in SIMULATED if tasks >= first}
    # All T come from one sequence: its first T tasks are the experiment with T tasks.
    results = sampler.run([Point({training: sequence(training, case)}, tuple(texts.values())) for training, case in LOOKS])
    for (training, case), result in zip(LOOKS, results, strict=True):
        for (quantity, tasks), text in texts.items():
            table.add_point(quantity, training, "T", tasks, result[training, text], case)


ONE = [Line(look, case, {"training": t, "case": case}) for (t, case), look in LOOKS.items() if t == "one block"]
TWO = [Line(look, f"{t}, {case}", {"training": t, "case": case}) for (t, case), look in LOOKS.items() if t != "one block"]
BELOW = {"xlabel": "number of tasks $T$", "xticks": [1, 5, 10, 15, 20]}
BESIDE = {"loc": "center right", "bbox_to_anchor": (1, 0.72), "labelspacing": 0.25}
PANELS = (
    Panel("one block", ONE, {"quantity": "forgetting"}, zero=True, legend={"loc": "center right"}, axes={"ylabel": "forgetting $F_T$"}),
    Panel("shared and specific block", TWO, {"quantity": "forgetting"}, zero=True),
    Panel("", ONE, {"quantity": "generalization"}, zero=True, axes={**BELOW, "ylabel": "generalization error $G_T$"}),
    Panel("", TWO, {"quantity": "generalization"}, zero=True, legend=BESIDE, axes={**BELOW, "ylim": (-0.2, 4.2)}),
)  # fmt: skip


FIGURE = Figure(__doc__, compute, curves(*PANELS, ncols=2, sharex=True), globals(), trials=400, quick_trials=150, size=(7.4, 5.4))

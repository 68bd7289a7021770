r"""The training loop on linear models.

The loop that trains the networks, here on linear models with squared loss (full batches, gradient descent
with momentum, float64, to 1e-10 of the way), under the strategies initialized, frozen at depth 2 and frozen
at depth 1 of three stages. Lines: the exact law at the same $n_2$, joined. {simulation} Experiment: 40 shared
parameters in two blocks of 20, of which partially frozen training moves one, 60 specific ones; $n_1=30$,
$\sigma=(0.3, 0.5)$; shared truths equal and of length 1, specific ones of length 1 with cosine 0.6. All
trainings learn from the same draws.
"""

from deep.bridge import BridgeRecord
from deep.records import read_records
from figures.kit import DEEP, FROZEN, INITIALIZED, READERS, RECORDS, THIRD, Figure, Panel, Sampler, Simulated, Table, by_training, curves, reference
from theory import Task, TaskSequence, expected_errors, moment_orders

RUNS = RECORDS / "linear_training.jsonl"
LOOKS = {"frozen": FROZEN, "partially frozen": THIRD, "initialized": INITIALIZED}
QUANTITIES = {"deviation": "deviation from task 1", "forgetting": "forgetting $F_2$", "update": "squared update of task 2"}


def sequence(record: BridgeRecord) -> TaskSequence:
    """Return the experiment of a record with the training that its strategy came to."""
    tasks = [
        Task(samples, noise, {block: f"truth {t}" for block in record.blocks}, train)
        for t, (samples, noise, train) in enumerate(zip(record.samples, record.noise, record.trained, strict=True))
    ]
    return TaskSequence(record.blocks, tasks, record.gram)


def training(record: BridgeRecord) -> str:
    """Return what the training of the second task is called."""
    return {1: "frozen", len(record.blocks): "initialized"}.get(len(record.trained[1]), "partially frozen")


def compute(table: Table, sampler: Sampler) -> None:
    for record in read_records(RUNS, BridgeRecord):
        seq, name, samples = sequence(record), training(record), record.samples[1]
        law, orders = expected_errors(seq), moment_orders(seq)
        exact = {"deviation": law.deviation(), "forgetting": law.forgetting(), "update": law.update_magnitude[1]}
        least = min(float(orders.read(quantity)) for quantity in ("deviation", "forgetting"))
        for quantity, value in exact.items():
            table.add_curve(quantity, name, "n_2", [samples], [value], "expected_errors")
            table.add_point(quantity, name, "n_2", samples, Simulated(*record.estimates[quantity], record.trials, least))


PANELS = [
    Panel(
        words, by_training(LOOKS), {"quantity": quantity}, axes={"xlabel": "samples of task 2, $n_2$", "ylabel": label},
        finish=(lambda ax, _: reference(ax, linewidth=0.6, zorder=0)) if quantity == "forgetting" else None,
    )
    for (quantity, words), label in zip(QUANTITIES.items(), ("mean over trials", "", ""), strict=True)
]  # fmt: skip


FIGURE = Figure(__doc__, compute, curves(*PANELS, legend={"ncols": 3}), globals(), size=(8.2, 3.3), sources=(RUNS, DEEP / "bridge.py", *READERS))

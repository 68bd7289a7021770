"""`python -m deep run`: trains streams of tasks and prints accuracy matrices and metrics."""

from __future__ import annotations

import ast
import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from deep.commands.options import DataOptions, print_json
from deep.commands.reports import record_text, states_table
from deep.records import FAILED, RunRecord, to_json, write_records
from deep.runs.execute import DataSource, train_runs
from deep.runs.folder import DEFAULT, RunState
from deep.runs.names import SHOWN, run_name
from theory.errors import InputError

if TYPE_CHECKING:
    from deep.training.config import RunConfig

INTERRUPTED_STATUS = 130


@dataclass(frozen=True, kw_only=True)
class Training:
    """Options of the runs' side: where they are kept, how many at a time, what is written."""

    out: Path = DEFAULT
    """Folder of runs; finished ones are not trained again, interrupted ones go on."""
    workers: int | None = None
    """Runs at a time; None means as many as there are cores."""
    download: bool = True
    """Download data sets that are absent from their official addresses."""
    records: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the records of these runs to a file of JSON lines."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class RunCommand(DataOptions, Training):
    """Train a network on a stream of tasks, once for every order and seed, several at a time."""

    stream: str = "split-digits"
    """Kind and data set, as `python -m deep streams` takes them."""
    stream_options: tuple[str, ...] = ()
    """Options of the stream, such as tasks=5."""
    orders: tuple[int, ...] = (0,)
    """0 is the identity, 1 to 10 the seeded orders that studies use."""
    seeds: tuple[int, ...] = (0,)
    """Decide everything random: stream, first weights, batches."""
    strategy: str = "initialized"
    """How tasks are learned one after another: initialized, frozen."""
    strategy_options: tuple[str, ...] = ()
    """Options of the strategy, such as depth=2."""
    network: str | None = None
    """Network; None means the MLP with 2 x 100 units for digits, the five-stage ConvNet for larger images."""
    normalisation: str | None = None
    """Normalisation layers; None means the network's own choice."""
    scenario: str = "task"
    """task, domain or class: what is known at evaluation."""
    epochs: int = 10
    """Passes over every task's training data."""
    batch_size: int = 32
    """Examples a step."""
    optimiser: str = "sgd"
    """sgd or adam."""
    learning_rate: float = 0.1
    """Step size of the optimiser."""
    momentum: float = 0.0
    """Of sgd."""
    weight_decay: float = 0.0
    """Times the parameters, added to their gradient."""
    keep_moments: bool = False
    """Let the optimiser's moments go on from task to task."""
    precision: str = "float32"
    """float32, float64, or bfloat16 for products alone."""
    probe_examples: int = 1000
    """Training examples on which gradients are measured for the cosines; 0 leaves them out."""
    device: str = "cpu"
    """cpu or cuda."""
    evaluate_on: str = "validation"
    """validation or test: the part that accuracies are measured on."""

    def run(self) -> int:
        """Train, print the records; return the exit status."""
        return train_and_report([self._config(order, seed) for seed in dict.fromkeys(self.seeds) for order in dict.fromkeys(self.orders)], self, self)

    def _config(self, order: int, seed: int) -> RunConfig:
        from deep.training.config import RunConfig

        own = {"order": order, "seed": seed}
        own |= {name: parse_options(getattr(self, name)) for name in ("stream_options", "strategy_options")}
        return RunConfig(**own, **{field.name: getattr(self, field.name) for field in dataclasses.fields(RunConfig) if field.name not in own})


def train_and_report(configs: list[RunConfig], data: DataOptions, training: Training) -> int:
    """Train runs and print their records; return the exit status."""
    source = DataSource(data.data_root, training.download, data.own_parts)
    found: dict[str, RunRecord] = {}
    try:
        for record in train_runs(configs, training.out, source, training.workers):
            found[record.key] = record
    except KeyboardInterrupt:
        print(f"\ninterrupted: `python -m deep resume --out {training.out}` goes on from the last finished tasks", file=sys.stderr)
        return INTERRUPTED_STATUS
    records = [found[config.key] for config in configs]
    if training.records is not None:
        write_records(training.records, records)
    if training.json:
        print_json([to_json(record) for record in records])
    elif len(records) == 1:
        print(record_text(records[0], records[0].status))
    else:
        print(states_table([RunState(record.key, dict(record.config), record, running=False) for record in records]))
    for record in records:
        if record.status == FAILED:
            print(f"failed: {run_name(record.config)} (run {record.key[:SHOWN]}): {record.failure.reason}", file=sys.stderr)
    return 0


def parse_options(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the options that texts such as "depth=2" give; what is no Python literal is text.

    Raises
    ------
    InputError
        For a text without "=", or an option given twice.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise InputError(f"the option {text!r} has no value; write it as name=value, such as depth=2")
        if name in options:
            raise InputError(f"the option {name} is given twice; give it once")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[name] = value
    return options

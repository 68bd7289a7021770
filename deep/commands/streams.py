"""`driftlaw deep streams NAME`: the tasks of a stream, with counts and checksums of their content."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import tyro

from deep.commands.options import DataOptions, stream_names
from deep.streams import SCENARIOS, STREAMS, Stream, stream
from deep.streams.transforms import SETS
from simulate.wording import table
from theory.commands import JsonOption, print_json
from theory.errors import InputError


@dataclass(frozen=True)
class StreamsCommand(DataOptions, JsonOption):
    """Show the tasks of a stream: classes, numbers of images, checksum of the content."""

    name: Annotated[str, tyro.conf.Positional, stream_names(metavar="NAME")]
    seed: int = 0
    """Decides everything random about the stream."""
    order: int = 0
    """0 is the identity, 1 to 10 the seeded orders that studies use."""
    tasks: int | None = None
    """Number of tasks; None means the default of the kind."""
    validation_share: float | None = None
    """Share of the training images that is split off for validation; None means 0.1."""
    train_examples: int | None = None
    """Training images per task; None means all."""
    test_examples: int | None = None
    """Test images per task; None means all."""
    class_order: str | None = None
    """natural or seeded: how classes are arranged (split, corrupted-split)."""
    classes_per_task: int | None = None
    """Classes per task (correlated-split)."""
    common: float | None = None
    """Share of classes in common between neighbours (correlated-split)."""
    examples: str | None = None
    """repeated or divided: training images of shared classes (correlated-split)."""
    max_noise: float | None = None
    """Noise of the last task, as a share of the grey values' range (corrupted-split)."""
    max_angle: float | None = None
    """Greatest angle in degrees (rotated)."""
    original_first: bool = False
    """Keep the pixels of task 0 in place (permuted)."""
    split: bool = False
    """Divide the classes among the tasks as well (permuted)."""

    def run(self) -> int:
        """Print the stream; return the exit status."""
        given = {option.name: getattr(self, option.name, None) for kind in STREAMS.values() for option in fields(kind)}
        options = {name: value for name, value in given.items() if value is not None and value is not False}  # those leave the kind its default
        built = stream(self.name, self.seed, self.order, self.data_root, download=self.download, own_parts=self.own_parts, **options)
        record = stream_record(built)
        print_json(record) if self.json else print(_text(record))
        return 0


def stream_record(built: Stream) -> dict[str, Any]:
    """Return what a stream holds: per task its classes, numbers of images and checksum; its outputs in each scenario."""
    outputs = {}
    for scenario in SCENARIOS:
        try:
            outputs[scenario] = list(built.view(scenario).sizes)
        except InputError as error:
            outputs[scenario] = str(error)
    return {
        "name": built.name,
        "options": repr(built.options),
        "seed": built.seed,
        "order": built.order,
        "image_shape": list(built.image_shape),
        "tasks": [
            {
                "name": task.name,
                "classes": list(task.classes),
                **{part: len(getattr(task, f"{part}_indices")) for part in SETS},
                "sha256": task.fingerprint,
            }
            for task in built
        ],
        "outputs": outputs,
        "sha256": built.fingerprint,
        "notes": list(built.notes),
    }


def _outputs(sizes: list[int] | str) -> str:
    if isinstance(sizes, str):
        return f"not available: {sizes}"
    if len(sizes) == 1:
        return f"one head of {sizes[0]} outputs"
    return f"{len(sizes)} heads of {', '.join(map(str, sorted(set(sizes))))} outputs"


def _text(record: dict[str, Any]) -> str:
    rows = [("task", "what", "classes", "train", "validation", "test", "content (sha256)")]
    for number, task in enumerate(record["tasks"]):
        counts = (f"{task[part]:,}" for part in ("train", "validation", "test"))
        rows.append((str(number), task["name"], str(len(task["classes"])), *counts, task["sha256"][:16]))
    shape = " x ".join(map(str, record["image_shape"]))
    head = f"{record['name']}: {len(record['tasks'])} tasks, images of {shape}, seed {record['seed']}, order {record['order']}"
    views = [f"{scenario}-incremental: {_outputs(sizes)}" for scenario, sizes in record["outputs"].items()]
    lines = [head, record["options"], "", table(rows), "", *views, f"content of the stream (sha256): {record['sha256']}", *record["notes"]]
    return "\n".join(lines)

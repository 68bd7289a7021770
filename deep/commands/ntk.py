"""`driftlaw deep ntk`: the tangent kernel against trained networks, and ridge regression on frozen features, task after task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from deep.commands.options import DataOptions, RecordsOptions, refuse_idle, stream_names
from deep.commands.settings import parse_options
from deep.streams import stream
from simulate.wording import table
from theory.checks import positive, whole
from theory.commands import choices
from theory.errors import InputError


@dataclass(frozen=True, kw_only=True)
class NtkCommand(DataOptions, RecordsOptions):
    """Foretell forgetting by the tangent kernel and train the same perceptrons; or, with --backbone, ridge on frozen features.

    Both learn the first tasks of a stream, one after another, with the penalty lambda |theta - theta_(t-1)|^2.
    """

    stream: Annotated[str, stream_names()] = "split-digits"
    stream_options: tuple[str, ...] = ()  # Options of the stream, such as tasks=20.
    tasks: int = 3  # The first so many tasks of the stream.
    samples: int = 60  # Training images of each task.
    seeds: tuple[int, ...] = (0, 1, 2, 3)  # Decide images and first weights; features take the first seed.
    lam: tuple[float, ...] = (1.0,)  # Penalties lambda.
    width: tuple[int, ...] = (64, 256)  # Units of a hidden layer.
    depth: int = 1  # Hidden layers.
    scale: float = 1.0  # Factor of the network's output.
    network: Literal["perceptron", "vit-micro-adapters"] = "perceptron"  # What is trained; of adapters --width is the rank, the units of each.
    backbone: Annotated[str | None, choices("Frozen network whose features are learned, in place of perceptrons", ("lite0",))] = None
    head: Literal["ridge"] = "ridge"  # What learns on these features.
    sizes: tuple[int, ...] = (96,)  # Pixels that images are resized to; several are several sets of features.
    features: Path = Path("runs/features")  # Folder where features are kept.

    def run(self) -> int:
        """Compute, print; return the exit status."""
        if not (self.seeds and self.lam and self.width and self.sizes):
            raise InputError("--seeds, --lam, --width or --sizes names none, so nothing would be computed; give some")
        idle = (("width", "depth", "scale", "network"), "of frozen features") if self.backbone else (("sizes",), "without --backbone")
        refuse_idle(self, *idle)
        if self.network != "perceptron":
            refuse_idle(self, ("depth",), f"of {self.network}, which stand beside each block")
        whole(self.tasks, "--tasks", 2)
        for value in (*self.lam, self.scale, self.depth, *self.width, *self.sizes):
            positive(value, "a value of --lam, --scale, --depth, --width or --sizes", "such as 1")
        self.check_file()
        options, place = {"train_examples": self.samples} | parse_options(self.stream_options), {"download": self.download, "own_parts": self.own_parts}
        streams = [stream(self.stream, seed, 0, self.data_root, **place, **options) for seed in (self.seeds[:1] if self.backbone else self.seeds)]
        if self.tasks > len(streams[0]):
            raise InputError(f"{self.stream} has {len(streams[0])} tasks, --tasks asks for {self.tasks}; ask for fewer, or give --stream-options tasks=...")
        import torch

        from deep.kernel.head import head_records
        from deep.kernel.ntk import kernel_records

        torch.set_num_threads(1)
        if self.backbone:
            records = head_records(streams[0], self.tasks, self.backbone, self.sizes, self.lam, self.features)
        else:
            records = kernel_records(streams, self.tasks, self.width, self.depth, self.scale, self.lam, self.network)
        columns = [dict(record.settings) | {name: f"{np.mean(value):.4g}" for name, value in record.measured.items()} for record in records]
        self.report(records, lambda: table([(name, *(str(column.get(name, "-")) for column in columns)) for name in columns[0]]))
        return 0

"""`driftlaw deep ntk`: the tangent kernel against trained networks, and ridge regression on frozen features, task after task."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from deep.commands.options import DataOptions, RecordsOptions, stream_names
from deep.commands.settings import parse_options
from deep.streams import Stream, stream
from simulate.wording import table
from simulate.work.progress import bar
from theory.checks import known, positive, whole
from theory.commands import choices
from theory.errors import InputError

if TYPE_CHECKING:
    from deep.kernel.head import HeadRecord
    from deep.kernel.ntk import KernelRecord


@dataclass(frozen=True, kw_only=True)
class NtkCommand(DataOptions, RecordsOptions):
    """Foretell forgetting by the empirical tangent kernel and train the same perceptrons; or, with --backbone, ridge on frozen features."""

    stream: Annotated[str, stream_names()] = "split-digits"
    stream_options: tuple[str, ...] = ()
    """Options of the stream, such as tasks=20."""
    tasks: int = 3
    """The first so many tasks of the stream."""
    samples: int = 60
    """Training images of each task."""
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    """Decide the images and the first weights."""
    lam: tuple[float, ...] = (1.0,)
    """Penalties on |theta - theta_(t-1)|^2."""
    width: tuple[int, ...] = (64, 256)
    """Units of a hidden layer."""
    depth: int = 1
    """Hidden layers."""
    scale: float = 1.0
    """Factor of the network's output."""
    backbone: Annotated[str | None, choices("Frozen network whose features a linear head learns, in place of perceptrons", ("lite0",))] = None
    head: str = "ridge"
    """What learns on the features of a backbone."""
    sizes: tuple[int, ...] = (96,)
    """Pixels that images are resized to for the backbone; several sizes are several sets of features."""
    features: Path = Path("runs/features")
    """Folder where features are kept."""

    def run(self) -> int:
        """Compute, print; return the exit status."""
        for name in ("seeds", "lam", "width", "sizes"):
            if not getattr(self, name):
                raise InputError(f"--{name} names none, so nothing would be computed; give some")
        known(self.head, ("ridge",), "head")
        for number, what in ((self.tasks, "--tasks"), *((width, "--width") for width in self.width), (self.depth, "--depth")):
            whole(number, what, 2 if what == "--tasks" else 1)
        for value, what in ((self.scale, "--scale"), *((penalty, "--lam") for penalty in self.lam)):
            positive(value, what, "1 as a start")
        self.check_file()
        import torch

        torch.set_num_threads(1)
        if self.backbone is not None:
            from deep.kernel.head import head_records

            heads = head_records(self._stream(self.seeds[0]), self.tasks, self.backbone, self.sizes, self.lam, self.features)
            self.report(heads, lambda: _head_text(heads))
            return 0
        from deep.kernel.ntk import compare

        jobs = list(itertools.product(self.lam, self.width, map(self._stream, self.seeds)))
        records = [compare(built, self.tasks, width, self.depth, self.scale, penalty) for penalty, width, built in bar(jobs, unit="network")]
        self.report(records, lambda: _text(records))
        return 0

    def _stream(self, seed: int) -> Stream:
        options = {"train_examples": self.samples} | parse_options(self.stream_options)
        built = stream(self.stream, seed, 0, self.data_root, download=self.download, own_parts=self.own_parts, **options)
        if self.tasks > len(built):
            raise InputError(f"{self.stream} has {len(built)} tasks, --tasks asks for {self.tasks}; ask for fewer or give --stream-options tasks=...")
        return built


def _text(records: Sequence[KernelRecord]) -> str:
    import numpy as np

    rows = [("width", "lambda", "kernel", "forgetting", "foretold", "off by", "functions off by, after each task", "drift", "bound")]
    for (penalty, width), group in itertools.groupby(records, lambda record: (record.penalty, record.width)):
        group = list(group)
        trained, drift, bound = (np.array(values) for values in zip(*((r.forgetting["network"], r.drift["network"], r.drift["bound"]) for r in group), strict=True))
        for kernel in ("fixed", "refreshed"):
            foretold = np.array([record.forgetting[kernel] for record in group])
            off = 100 * np.abs(foretold - trained).mean() / np.abs(trained).mean()
            apart = " ".join(f"{value:.4f}" for value in np.mean([record.distance[kernel] for record in group], 0))
            rows.append((str(width), f"{penalty:g}", kernel, f"{trained.mean():.4f}", f"{foretold.mean():.4f}", f"{off:.2f} %", apart, f"{drift.mean():.2f}", f"{bound.mean():.0f}"))
    missed = sum(record.unconverged for record in records)
    return "\n".join([table(rows), *([f"{missed} trainings did not converge: their gradients stayed above 1e-6 of the first"] if missed else [])])


def _head_text(records: Sequence[HeadRecord]) -> str:
    names = [("+".join(map(str, record.sizes)), f"{record.penalty:g}") for record in records]
    first, second = ({"prototypes": r.prototypes, **r.measured} for r in records), ({**r.pairs, "weights - recursion": r.routes} for r in records)
    texts = []
    for values in map(list, (first, second)):
        shown = [[*name, *("-" if value is None else f"{value:.3g}" for value in row.values())] for name, row in zip(names, values, strict=True)]
        texts.append(table([("pixels", "lambda", *values[0]), *map(tuple, shown)]))
    return "\n\n".join([texts[0], f"Forgetting in pairs of tasks, by images a class of the second one:\n{texts[1]}"])

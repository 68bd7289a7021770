"""Reads the data sets of a run and builds its stream, without torch."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deep.data import DATASETS, Dataset, load
from deep.streams import Stream, make_options
from theory.own import SourceFile

if TYPE_CHECKING:
    from deep.training.config import RunConfig


@dataclass(frozen=True)
class DataSource:
    """Where data sets are read from, as in `deep.data.load`."""

    root: Path | None = None
    download: bool = True


def build_stream(config: RunConfig, source: DataSource = DataSource()) -> Stream:
    """Return the stream of a configuration; a process reads every data set once."""
    kind, datasets = config.stream_parts
    options = make_options(kind, dict(config.stream_options))
    return options.build([read_dataset(config, name, source) for name in datasets], config.seed, config.order)


def read_dataset(config: RunConfig, name: str, source: DataSource) -> Dataset:
    """Return a data set of a configuration's stream."""
    own = config.own.get((DATASETS.what, name))
    return own if isinstance(own, Dataset) else _read(name, source, config.own_parts, own and own.source)


@functools.lru_cache(maxsize=4)
def _read(name: str, source: DataSource, own_parts: bool, file: SourceFile | None) -> Dataset:
    return load(name, source.root, download=source.download, own_parts=own_parts, source=file)

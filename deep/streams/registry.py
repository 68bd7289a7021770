"""Streams by name: a kind, a hyphen and a data set, such as "split-mnist" or "domains-mnist+kmnist"."""

import dataclasses
import os
from typing import Any

from deep.data import DATASETS, load
from deep.streams.base import STREAMS, Stream, StreamOptions
from theory.checks import known, unknown


def parse_name(name: str) -> tuple[type[StreamOptions], tuple[str, ...]]:
    """Return the kind and the data sets that a stream's name means.

    Raises
    ------
    InputError
        For an unknown kind or data set; suggests the nearest name.
    """
    kind = next((kind for kind in sorted(STREAMS, key=len, reverse=True) if name.startswith(f"{kind}-")), None)
    if kind is None:
        raise unknown(name, [f"{kind}-{dataset}" for kind in STREAMS for dataset in DATASETS], "stream")
    datasets = tuple(name.removeprefix(f"{kind}-").split("+"))
    for dataset in datasets:
        known(dataset, DATASETS, f"data set in the stream {name!r}:")
    return STREAMS[kind], datasets


def make_options(kind: type[StreamOptions], values: dict[str, Any]) -> StreamOptions:
    """Return the options of a kind of stream; the error for one that it does not have names those that it has."""
    fields = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        known(name, fields, f"{kind.kind} stream option")
    return kind(**values)


def stream(
    name: str, seed: int = 0, order: int = 0, root: str | os.PathLike | None = None, *, download: bool = True, own_parts: bool = False, **options: Any
) -> Stream:
    """Read the data sets of a stream and build it.

    Parameters
    ----------
    name : str
        Kind and data set, such as "split-digits", "permuted-mnist", "correlated-split-cifar-100", "domains-mnist+kmnist".
    seed, order : int
        As in `StreamOptions.build`.
    root, download, own_parts
        As in `deep.data.load`.
    **options
        Options of the kind of stream, such as tasks=20.

    Raises
    ------
    InputError
        For unknown names and options that cannot be met, or data that are absent or damaged.

    Examples
    --------
    >>> import driftlaw as dl
    >>> tasks = dl.stream("split-digits", tasks=5)
    >>> [task.name for task in tasks][:2]
    ['classes 0, 1', 'classes 2, 3']
    """
    kind, datasets = parse_name(name)
    chosen = make_options(kind, options)
    return chosen.build([load(dataset, root, download=download, own_parts=own_parts) for dataset in datasets], seed, order)

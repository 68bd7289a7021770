"""Parts of a run that are not driftlaw's: the names that stand for objects, what of them a key holds, how they travel."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deep.data import DATASETS, Dataset
from deep.data.registry import name_of
from deep.networks import NETWORKS
from deep.strategies import STRATEGIES, Strategy
from deep.streams import STREAMS, Stream
from simulate.work.keys import json_value
from simulate.work.provenance import OURS, syntax
from theory.errors import InputError
from theory.own import SourceFile
from theory.parts import Parts, Place

Own = Mapping[tuple[str, str], Place | Dataset]  # by kind and name
_KINDS: Mapping[str, Parts[Any]] = {parts.what: parts for parts in (STRATEGIES, NETWORKS, STREAMS, DATASETS)}


def strategy_fields(strategy: Any) -> dict[str, Any]:
    """Return what a configuration says of a strategy; a class leaves the options open."""
    if isinstance(strategy, Strategy):
        return {"strategy": STRATEGIES.name_of(type(strategy)), "strategy_options": _changed(strategy)}
    return {"strategy": STRATEGIES.name_of(strategy)}


def stream_fields(stream: Any) -> dict[str, Any]:
    """Return what a configuration says of a stream; its data sets are known by their names from then on.

    Raises
    ------
    InputError
        If it has not the tasks that its options make of its data sets.
    """
    if not isinstance(stream, Stream):
        raise InputError(f"the stream is {stream!r}; give a deep.streams.Stream or the name of one")
    names = stream.name.removeprefix(f"{STREAMS.name_of(type(stream.options))}-").split("+")
    datasets = {task.dataset.name: task.dataset for task in stream}
    if set(names) != set(datasets) or not stream.options.build([datasets[name] for name in names], stream.seed, stream.order).same_tasks(stream):
        raise InputError(f"the stream {stream.name} has not all tasks that its options make; configure the whole one, and give train_run this one beside it")
    for dataset in datasets.values():
        name_of(dataset)
    return {"stream": stream.name, "stream_options": _changed(stream.options), "order": stream.order, "seed": stream.seed}


def own_parts_of(*chosen: tuple[Parts[Any], str]) -> Own:
    """Return those of the chosen parts that are not driftlaw's, as they are now."""
    found = {}
    for parts, name in chosen:
        value, place = parts.find(name), parts.place(name)
        if place.source is not None or not place.module:
            found[parts.what, name] = value if isinstance(value, Dataset) else place
    return found


def receive(own: Own) -> None:
    """Make parts known that another process has sent."""
    for (what, name), part in own.items():
        if not isinstance(part, Dataset):
            _KINDS[what].receive(name, part.source, part.mark)
        elif name not in DATASETS:
            DATASETS.name_of(part)


def part(own: Own, parts: Parts[Any], name: str) -> Any:
    """Return a part as it was when a configuration was made, whatever has its name by now."""
    found = own.get((parts.what, name))
    return found if isinstance(found, Dataset) else parts.find(name, found and found.source)


def described(own: Own) -> dict[str, Any]:
    """Describe own parts in JSON values: what their files compute, whatever comments say and wherever they lie.

    Raises
    ------
    InputError
        If a value that is bound to one cannot be written down.
    """
    found = {}
    for (what, name), place in own.items():
        if isinstance(place, Dataset):
            found[f"{what} {name}"] = {"content": place.fingerprint}
        else:
            value = part(own, _KINDS[what], name)
            found[f"{what} {name}"] = {"code": _code(place.source), **_bound(getattr(value, "make", value))}
    return found


def hashes(own: Own) -> tuple[dict[str, str], list[str]]:
    """Return the hashes of own parts' files, and the modules of driftlaw that these import."""
    sources = [place.source for place in own.values() if isinstance(place, Place)]
    read = {name: syntax(text) for source in sources for name, text in source.texts.items()}
    imports = {module for _, found in read.values() for module in found if module.split(".")[0] in OURS}
    return {name: value for name, (value, _) in read.items()}, sorted(imports)


def files(own: Own) -> dict[str, str]:
    """Return where own parts come from, for people."""
    return {f"{what} {name}": "memory" if isinstance(place, Dataset) else str(place.source) for (what, name), place in own.items()}


def _changed(value: Any) -> dict[str, Any]:
    """Return those fields of a dataclass that are not as by default."""
    found = {}
    for field in dataclasses.fields(value):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if field.init and getattr(value, field.name) != default:
            found[field.name] = getattr(value, field.name)
    return found


@functools.cache
def _code(source: SourceFile) -> list[Any]:
    neighbours = {name: syntax(text)[0] for name, _, text in source.neighbours}
    return [syntax(source.text)[0], neighbours]


def _bound(part: Callable[..., Any]) -> dict[str, Any]:
    """Describe which of a file's parts it is, and what was bound to it when it was made."""
    if isinstance(part, functools.partial):
        return {**_bound(part.func), "bound": json_value([part.args, part.keywords], f"what is bound to {part.func!r}")}
    name = getattr(part, "__qualname__", "")
    if not (inspect.isfunction(part) and "<locals>" in name):
        return {"name": name}
    held = [part.__defaults__, part.__kwdefaults__, dict(inspect.getclosurevars(part).nonlocals)]
    return {"name": name, "held": json_value(held, f"what {name} holds")}

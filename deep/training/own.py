"""Parts of a run that are not driftlaw's: the names that stand for objects, and what of them is in keys and stamps."""

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from deep.data import DATASETS, Dataset
from deep.data.registry import name_of
from deep.networks import NETWORKS, Architecture
from deep.streams import STREAMS, Stream
from deep.training.strategy import STRATEGIES, Strategy
from simulate.work.keys import json_value
from simulate.work.provenance import OURS, syntax
from theory.errors import InputError
from theory.own import where
from theory.parts import Parts, Place

Own = Mapping[tuple[str, str], Any]  # by kind and name: a place in a user's file, or a data set that is in none
KINDS: Mapping[str, Parts[Any]] = {parts.what: parts for parts in (STRATEGIES, NETWORKS, STREAMS, DATASETS)}


def strategy_fields(strategy: Any) -> dict[str, Any]:
    """Return what a configuration says of a strategy; a class leaves the options open.

    Raises
    ------
    InputError
        If an attribute was set that is no option, so that the strategy which is made for a run would not have it.
    """
    if isinstance(strategy, Strategy):
        kind = type(strategy)
        again = kind(**deepcopy({name: getattr(strategy, name) for name in kind.options()}))
        for name, value in vars(strategy).items():
            lost = name not in kind.options() and hasattr(kind, name) and isinstance(value, (int, float, str)) and value != getattr(again, name)
            if lost:
                remedy = f"write `{name}: {type(value).__name__}` below @dataclass(eq=False)"
                raise InputError(f"{name} of {where(kind)} is {value!r}, but it is no option; {remedy}")
        return {"strategy": STRATEGIES.name_of(kind), "strategy_options": _changed(strategy)}
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


def described(own: Own) -> dict[str, Any]:
    """Describe own parts in JSON values: what their files compute, whatever comments say; of a data set its content.

    Raises
    ------
    InputError
        If a value that is bound to one cannot be written down.
    """
    found = {}
    for (what, name), place in own.items():
        value = KINDS[what].chosen(name, place)
        if isinstance(value, Dataset):
            found[f"{what} {name}"] = value.fingerprint
        else:
            bound = _bound(value.make if isinstance(value, Architecture) else value)
            found[f"{what} {name}"] = [hashes({(what, name): place})[0], json_value(bound, f"what is bound to {what} {name}")]
    return found


def hashes(own: Own) -> tuple[dict[str, str], list[str]]:
    """Return the hashes of own parts' files, by name, and the modules of driftlaw that these import."""
    texts = {name: text for place in own.values() if isinstance(place, Place) for name, text in place.source.texts.items()}
    modules = {module for text in texts.values() for module in syntax(text)[1] if module.split(".")[0] in OURS}
    return {name: syntax(text)[0] for name, text in texts.items()}, sorted(modules)


def _changed(value: Any) -> dict[str, Any]:
    """Return those fields of a dataclass that are not as by default."""
    found = {}
    for field in dataclasses.fields(value):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if field.init and getattr(value, field.name) != default:
            found[field.name] = getattr(value, field.name)
    return found


def _bound(part: Any) -> list[Any]:
    """Return which of its file's parts it is, and what was bound to it when it was made."""
    if isinstance(part, functools.partial):
        return [_bound(part.func), part.args, part.keywords]
    name = getattr(part, "__qualname__", "")
    made = inspect.isfunction(part) and "<locals>" in name
    return [name, part.__defaults__, dict(inspect.getclosurevars(part).nonlocals)] if made else [name]

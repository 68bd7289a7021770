"""Keys of results: equal for equal problems, methods, seeds, options and code, in any process and on any machine."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from simulate.work.provenance import syntax
from theory.conditions import HANDLERS
from theory.errors import InputError
from theory.own import require_current, source_of
from theory.problem import Isotropic, TaskSequence
from theory.values import FrozenArray, FrozenMapping

FORMAT = 1  # of keys and records; another one makes older records unreachable


def run_key(description: Mapping[str, Any], code: str) -> str:
    """Compute the key of a run: equal for equal descriptions and versions, in any process.

    Parameters
    ----------
    description : mapping
        Problem (such as `sequence_key` gives), method, seed and options; JSON values, tuples and fractions.
    code : str
        Numerics version, raised by hand where numbers change; or `code_fingerprint`, where a cache may be lost.
    """
    return digest(canonical({"format": FORMAT, "code": code, "description": json_value(description, "description")}))


def code_fingerprint(sources: Iterable[str | os.PathLike[str]]) -> str:
    """Compute a hash of source files and of all Python files in source folders.

    Parameters
    ----------
    sources : iterable of path
        Everything that a result depends on; only contents and names count, not where the folder lies.
    """
    found: list[tuple[str, str]] = []
    for source in map(Path, sources):
        files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        for file in files:
            try:
                content = file.read_bytes()
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"cannot read the source {file}: {reason}; name files that the result depends on") from None
            found.append((str(file.relative_to(source.parent)), hashlib.sha256(content).hexdigest()))
    if not found:
        raise InputError("no source files to fingerprint; name the files that the result depends on")
    return digest(canonical(sorted(found)))


def sequence_key(seq: TaskSequence) -> dict[str, Any]:
    """Describe an experiment in JSON values; experiments with equal descriptions draw and learn the same.

    Raises
    ------
    InputError
        If the experiment holds symbols or grids, which no run can have.
    """
    conditions = [[condition_key(seq.features_of(t)), condition_key(seq.rule_of(t))] for t in range(len(seq))]
    average = {} if seq.average is None else {"average": _field(seq.average)}
    return {**draw_key(seq), **({"conditions": conditions, "risk": seq.risk} if seq.unusual else {}), **average}


def draw_key(seq: TaskSequence) -> dict[str, Any]:
    """Describe what an experiment's seeds are made from: all but feature laws, rules, risk and average, so that these are paired.

    The order of blocks counts, because it numbers their random streams; vectors stand by the hash of their content.

    Raises
    ------
    InputError
        If the experiment holds symbols or grids, which no run can have.
    """
    tasks = [
        {
            "samples": _plain(task.samples),
            "noise": _plain(task.noise),
            "truth": [[block, _truth(task.truth[block])] for block in seq.used(t)],
            "train": [[b, _plain(task.scale_of(b)), _plain(task.weight_of(b)), task.starts_from_zero(b)] for b in task.train],
            "memory": sorted((task.memory or {}).items()),
            **({"again": list(task.again)} if task.again else {}),
        }
        for t, task in enumerate(seq.tasks)
    ]
    blocks = [[block, _plain(dimension)] for block, dimension in seq.blocks.items()]
    return json_value({"blocks": blocks, "tasks": tasks, "gram": {b: _hash(matrix) for b, matrix in seq.gram.items()}}, "experiment")


def condition_key(condition: Any) -> list[Any]:
    """Describe a feature law or a training rule in JSON values: its name and its fields, arrays by their hash; for one of a user's, its file's too.

    Raises
    ------
    InputError
        If it is neither, or a user's that is in no file.
    """
    if not is_dataclass(condition) or isinstance(condition, type):
        raise InputError(f"the condition is {condition!r}; give a feature law such as Rademacher() or a training rule such as Ridge(1.0)")
    require_current(type(condition))
    handlers = (one.dispatch(type(condition)) for one in HANDLERS)  # which may be in other files than the class
    sources = [source_of(part.__module__) for part in (type(condition), *handlers)]
    texts = {name: text for source in sources if source is not None for name, text in source.texts.items()}
    own = {"code": {name: syntax(text)[0] for name, text in texts.items()}} if texts else {}
    return [type(condition).__name__, {**{field.name: _field(getattr(condition, field.name)) for field in fields(condition)}, **own}]


def _field(value: Any) -> Any:
    if isinstance(value, FrozenMapping):
        return {key: _field(entry) for key, entry in value.items()}
    return _hash(value) if isinstance(value, FrozenArray) else json_value(value, "condition")


def _truth(truth: Any) -> Any:
    if isinstance(truth, Isotropic):
        return ["isotropic", _plain(truth.norm), truth.name]
    return ["vector", _hash(truth)] if isinstance(truth, FrozenArray) else ["named", truth]


def _plain(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"the experiment holds {value!r}; a run needs one number there (substitute it, or take seq.at(index))") from None


def _hash(array: FrozenArray) -> str:
    try:
        values = array.values.astype("<f8")
    except (TypeError, ValueError):
        raise InputError(f"the experiment holds {array!r} with symbols; put numbers in before running it") from None
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def json_value(value: Any, what: str) -> Any:
    """Return ``value`` in JSON's own types, fractions as text; raises InputError with the place of what JSON cannot hold."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InputError(f"{what} has keys {list(value)}, not all of them text; use text keys")
        return {key: json_value(entry, f"{what}[{key!r}]") for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(entry, f"{what}[{index}]") for index, entry in enumerate(value)]
    if value is None or isinstance(value, (str, bool, np.bool_)):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    kind = type(value).__name__
    raise InputError(f"{what} is {value!r} of type {kind}, which JSON cannot hold; store finite numbers, text, lists and mappings")


def canonical(value: Any) -> str:
    """Write JSON values in the one way that keys and checksums are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """Compute the SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()

"""The designs by name, read from the files beside this one: `hybrid.toml`, `regimes.toml`, `memory.toml`, `ntk_cl.toml`."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from deep.studies.design import Preset, Rule, StudyStream, Unit
from theory.parts import Parts, instances

PRESETS: Parts[Preset] = Parts("preset", instances(Preset))
PUBLISHED: dict[str, dict[str, Sequence[float]]] = {}  # by stream and training: Task.Acc, Avg.Acc and forgetting in %, in arXiv 2602.20796
FILES = [Path(__file__).with_name(f"{name}.toml") for name in ("hybrid", "regimes", "memory", "ntk_cl")]


def units(orders: int, first_seed: int, count: int, first: int = 0) -> tuple[Unit, ...]:
    """Return ``count`` units that go through ``orders`` orders from the ``first`` on again and again, each with a seed of its own."""
    return tuple(Unit(first + number % orders, first_seed + number) for number in range(count))


def _combined(values: Mapping[str, Sequence]) -> list[dict[str, Any]]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def _rules(depths: Sequence[int], tuned: Mapping[str, Sequence], grid: Sequence[Mapping] = ({},), each: Mapping[str, Sequence] | None = None, by_depth: Sequence[Mapping] = (), **rule: Any) -> Iterator[Rule]:
    """Make a rule of each depth, or one; ``each`` names values all combinations of which are tried, and so does ``tuned`` for all rules."""
    tried = [{**options, **own} for options in (_combined(each) if each else grid) for own in _combined(tuned)]
    for depth in depths:
        yield Rule(**rule, grid=(by_depth[depth - 1],) if by_depth else tuple({"depth": depth, **options} for options in tried), regime=depth)
    if not depths:
        yield Rule(**rule, grid=tuple(tried))


def preset(
    name: str, common: Mapping, streams: Sequence[Mapping], rules: Sequence[Mapping], depths: Sequence[int] = (), tuned: Mapping[str, Sequence] = {}, **rest: Any
) -> Preset:
    """Return the design that a table of such a file stands for."""
    made = (tuple(StudyStream(**{**common, **stream}) for stream in streams), tuple(rule for table in rules for rule in _rules(depths, tuned, **table)))
    phases = {phase: units(**rest.pop(phase)) for phase in ("development", "confirmation")}
    return Preset(name, *made, **phases, **{**rest, "explained": tuple(rest.get("explained", ()))})


for _file in FILES:
    _tables = tomllib.loads(_file.read_text(encoding="utf-8"))
    PUBLISHED |= _tables.get("published", {})
    for _name, _table in _tables["preset"].items():
        _table |= {**_tables["preset"].get(_table.pop("like", None), {}), **_table}
        PRESETS.register(preset(_name, **_table))

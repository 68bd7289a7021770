"""Records of the hybrid study that are kept with the figures, and how its arms look."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from deep.records import read_records
from deep.studies.design import BASELINES, CONFIRM, Preset
from deep.studies.effects import UnitEffects
from deep.studies.pair_records import PairRecord
from deep.studies.presets import PRESETS
from deep.studies.records import StudyRun
from deep.studies.statistics import Results
from figures.measured import DEEP, READERS, RECORDS
from figures.registry import Figure
from figures.style import FROZEN, INITIALIZED, PLAIN, STEPS, THIRD, Look

STUDIES = DEEP / "studies"
CODE = (*READERS, *(STUDIES / f"{name}.py" for name in ("design", "effects", "pair_records", "presets", "records", "statistics")))
LOOKS = dict(zip(BASELINES, (INITIALIZED, FROZEN, Look("#8A8A8A", "-", "v")), strict=True)) | {
    "threshold": STEPS[1], "graded": Look("#0B1F4B", "-", "<"), "per-stage": THIRD, "magnitude": STEPS[3], "constrained": STEPS[2],
}  # fmt: skip

COLUMNS = 3


def panels(canvas: Canvas, count: int, **options: Any) -> list[Axes]:
    """Return ``count`` axes in rows of three."""
    axes = canvas.subplots(math.ceil(count / COLUMNS), COLUMNS, squeeze=False, **options).ravel()
    for ax in axes[count:]:
        ax.set_visible(False)
    return list(axes[:count])


def letter(number: int) -> str:
    """Return the letter of a panel, counted from 0: a to z, aa to zz."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[number] if number < len(letters) else letters[number // len(letters) - 1] + letters[number % len(letters)]


def confirmed_streams() -> int:
    """Count the streams of all confirmed studies."""
    return sum(len(confirmed(path).streams) for path in confirmed_files().values())


def confirmed_files() -> dict[str, Path]:
    """Files of confirmed studies, by preset; those that were recorded."""
    return _present("hybrid_{}.jsonl")


def explained_files() -> dict[str, Path]:
    """Files of what explains them, by preset; those that were recorded."""
    return _present("hybrid_{}_explain.jsonl")


def _present(pattern: str) -> dict[str, Path]:
    paths = {name: RECORDS / pattern.format(name) for name in PRESETS}
    return {name: path for name, path in paths.items() if path.exists()}


@cache
def confirmed(path: Path) -> Results:
    """Read the runs of a confirmation."""
    return Results(run for run in read_records(path, StudyRun) if run.phase == CONFIRM)


@cache
def explained(path: Path) -> tuple[list[UnitEffects], list[PairRecord]]:
    """Read what explains a study."""
    records = read_records(path, UnitEffects, PairRecord)
    return [entry for entry in records if isinstance(entry, UnitEffects)], [entry for entry in records if isinstance(entry, PairRecord)]


def case(preset: Preset, stream: str) -> str:
    """Name of a stream in tables: its label, with its preset's name where another recorded preset has the same label."""
    others = (PRESETS[name] for name in confirmed_files() if name != preset.name)
    return f"{stream} ({preset.name})" if any(stream == entry.label for other in others for entry in other.streams) else stream


def look(arm: str) -> Look:
    """Return an arm's look; a control has its rule's."""
    rule = next((name for name in LOOKS if arm == name or arm.startswith(f"{name} ")), None)
    return PLAIN if rule is None else LOOKS[rule]


def face(arm: str) -> str:
    """Return the colour that fills an arm's marker: strategies are filled, the best fixed depth and controls hollow."""
    return "white" if " " in arm else look(arm).colour


def figure(files: dict[str, Path], make: Callable[[tuple[Path, ...]], Figure]) -> Figure | None:
    """Return a figure of records with its sources; None, which is no figure, as long as none was recorded."""
    return make((*files.values(), *CODE)) if files else None

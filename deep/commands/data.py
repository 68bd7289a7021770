"""`driftlaw deep data [NAME]`: which data sets are present, and what one of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from deep.commands.options import DataOptions
from deep.data import DATASETS, Dataset, load, resolve_root, survey
from deep.data.locations import DataRoot
from deep.data.registry import Presence
from simulate.wording import table
from theory.commands import JsonOption, choices, print_json


@dataclass(frozen=True)
class DataCommand(DataOptions, JsonOption):
    """List the data sets, where they were looked for and what to put where; with NAME, read and verify that one."""

    name: Annotated[str | None, tyro.conf.Positional, choices("Data set to read and verify", DATASETS, metavar="NAME")] = None

    def run(self) -> int:
        """Print the list or the record; return the exit status."""
        if self.name is None:
            root = resolve_root(self.data_root)
            presences = survey(root)
            print_json(_survey_record(root, presences)) if self.json else print(_survey_text(root, presences))
            return 0
        dataset = load(self.name, self.data_root, download=self.download, own_parts=self.own_parts)
        print_json(dataset_record(dataset)) if self.json else print(_dataset_text(dataset))
        return 0


def _state(presence: Presence) -> str:
    if not presence.parts:
        return "present (your own)" if presence.place != "scikit-learn" else "present (embedded)"
    if not presence.absent:
        return "present"
    if len(presence.absent) < len(presence.parts):
        return f"{' and '.join(presence.absent)} part absent"
    return "absent"


def _survey_record(root: DataRoot, presences: tuple[Presence, ...]) -> dict[str, Any]:
    return {
        "data_root": str(root.path),
        "chosen_by": root.chosen_by,
        "data_sets": [
            {
                "name": presence.name,
                "state": _state(presence),
                "parts": {
                    part: {"found": str(found.located) if found.located else None, "incomplete": found.incomplete, "looked": found.looked}
                    for part, found in presence.parts.items()
                },
                "instruction": presence.instruction,
                "place": presence.place,
            }
            for presence in presences
        ],
    }


def _survey_text(root: DataRoot, presences: tuple[Presence, ...]) -> str:
    rows = [("data set", "state", "found in")]
    lines = []
    for presence in presences:
        places = dict.fromkeys(str(found.located) for found in presence.parts.values() if found.located)
        rows.append((presence.name, _state(presence), ", ".join(places) or presence.place or "-"))
        if presence.absent:
            looked = dict.fromkeys(place for part in presence.absent for place in presence.parts[part].looked)
            incomplete = [f"  incomplete: {text}" for part in presence.absent for text in presence.parts[part].incomplete]
            lines += ["", f"{presence.name}: {_state(presence)}", f"  looked in: {', '.join(looked)}"]
            lines += [*incomplete, f"  {presence.instruction}"]
    head = f"data root: {root.path} (from {root.chosen_by})"
    return "\n".join([head, "", table(rows), *lines])


def dataset_record(dataset: Dataset) -> dict[str, Any]:
    """Return the record of a data set: what it holds, from which files, and how these were verified."""
    parts = {name: part for name, part in (("train", dataset.train), ("test", dataset.test)) if part is not None}
    return {
        "name": dataset.name,
        "image_shape": list(dataset.image_shape),
        "classes": list(dataset.classes),
        "parts": {name: {"images": len(part), "sha256": part.fingerprint} for name, part in parts.items()},
        "files": [{"path": file.path, "part": file.part, "checked": file.checked} for file in dataset.files],
        "notes": list(dataset.notes),
    }


def _dataset_text(dataset: Dataset) -> str:
    record = dataset_record(dataset)
    rows = [("part", "images", "content (sha256)")]
    rows += [(name, f"{part['images']:,}", part["sha256"][:16]) for name, part in record["parts"].items()]
    files = [("file", "part", "verified by")] + [(file["path"], file["part"], file["checked"]) for file in record["files"]]
    shape = " x ".join(map(str, dataset.image_shape))
    head = f"{dataset.name}: images of {shape}, {len(dataset.classes)} classes ({', '.join(dataset.classes)})"
    return "\n\n".join([head, table(rows), table(files), *dataset.notes])

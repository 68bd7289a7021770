"""`driftlaw deep reference`: peers' whole settings, what was published of them, and what comes out here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from deep.commands.options import DataRootOption, Training, refuse_idle
from deep.records import read_records
from deep.reference import REFERENCES, page
from deep.runs.execute import DataSource
from deep.studies.records import StudyRun
from theory.commands import choices
from theory.errors import InputError
from theory.exits import STANDS, interrupt_says


@dataclass(frozen=True, kw_only=True)
class ReferenceCommand(DataRootOption, Training):
    """Train methods in the settings of their authors, and print the page that compares published numbers with ours."""

    preset: Annotated[tuple[str, ...], choices("All by default; take minutes to an hour of a core each", REFERENCES)] = ()
    seeds: int = 3
    """Repetitions, from 0 on without 10, on which strengths are chosen."""
    stored: tuple[Path, ...] = ()
    """Train nothing: print the page of these files of records, or of the presets among them."""

    def run(self) -> int:
        """Train or read, print the page; return the exit status."""
        self.check_file()
        chosen = [REFERENCES.find(name) for name in self.preset or REFERENCES]
        if self.stored:
            refuse_idle(self, ("seeds", "out", "workers", "data_root", "download"), "of stored records")
            runs = [run for file in self.stored for run in read_records(file, StudyRun) if run.preset in {reference.name for reference in chosen}]
            if not runs:
                raise InputError(f"the stored records have no run of {', '.join(self.preset) or 'a preset'}; give the files that have, or leave --preset out")
        else:
            from deep.studies.driver import Setting

            setting = Setting(self.out, DataSource(self.data_root, self.download), self.workers, tell=lambda text: print(text, file=sys.stderr, flush=True))
            with interrupt_says("the same command goes on from the last finished tasks"):
                runs = [run for reference in chosen for run in reference.train(self.seeds, setting)]
        self.report(runs, lambda: page(runs))
        return STANDS

"""`driftlaw deep study`: develops on validation data, confirms on test data, and says before either what that costs and can see."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from deep.commands.options import DataOptions, Training
from deep.records import write_records
from deep.runs.execute import DataSource
from deep.studies.design import ALL, PHASES, STUDIES
from deep.studies.presets import PRESETS
from theory.checks import known
from theory.commands import choices, print_json
from theory.exits import STANDS, interrupt_says

_TIMES = "the first one of the study unless one is named; --phase power says what each costs; cifar100 is meant for a GPU"


@dataclass(frozen=True, kw_only=True)
class StudyCommand(DataOptions, Training):
    """Run a study: develop on validation data, write the protocol, confirm once on test data with fresh seeds, judge."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """hybrid: strategies between frozen and initialized training. regimes: methods by trainable depth. memory: kinds of GEM."""
    preset: Annotated[str | None, choices(f"{_TIMES}. All", PRESETS)] = None
    phase: str = ALL
    """power (what it costs and can see, at once), develop, confirm, all (both), or explain: what each task's depth is worth and how tasks
    are related, on validation data."""
    protocol: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Protocol that development writes and confirmation needs; None means protocol-PRESET.json in the folder of runs."""
    device: str = "cpu"
    """cpu or cuda."""

    def run(self) -> int:
        """Run the study, print what it found; return the exit status."""
        known(self.name, STUDIES, "study")
        ours = [name for name, preset in PRESETS.items() if preset.study == self.name]
        preset = PRESETS.find(self.preset or ours[0])
        known(preset.name, ours, f"preset of the study {self.name}:")
        known(self.phase, PHASES, "phase")
        self.check_file()
        from deep.studies.driver import Setting, run_study
        from deep.training.device import chosen_device

        chosen_device(self.device)  # before hundreds of runs find out
        source = DataSource(self.data_root, self.download)
        setting = Setting(self.out, source, self.workers, self.device, self.own_parts, lambda text: print(text, file=sys.stderr, flush=True))
        with interrupt_says("the same command goes on from the last finished tasks"):
            study = run_study(preset, self.phase, self.protocol or self.out / f"protocol-{preset.name}.json", setting)
        if self.records is not None:
            write_records(self.records, (*study.runs, *study.explanation))
        print_json(study.json()) if self.json else print(study.text())
        return STANDS

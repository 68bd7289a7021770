"""A study of seconds, and runs of a study that never happened, for tests."""

from dataclasses import replace

import numpy as np

from deep.studies.design import AS_RATE, CONFIRM, Preset, Rule, StudyStream
from deep.studies.presets import units
from deep.studies.records import StudyRun

_SMALL = {"network": "mlp-100", "loop": {"epochs": 2}}
TINY = Preset(
    name="tiny",
    streams=(
        StudyStream("split", "split-digits", {"train_examples": 40}, published="split CIFAR-10", **_SMALL),
        StudyStream("rotated", "rotated-digits", {"tasks": 3, "train_examples": 60}, "domain", **{**_SMALL, "loop": {**_SMALL["loop"], "scaling": "unit"}}),
        StudyStream("absent", "split-cifar-10", {}, **_SMALL),
    ),
    rules=(
        Rule("threshold", ({"threshold": 0.0}, {"threshold": -1.0})),
        Rule("constrained", ({"weight": 0.1, "depth": 1},), AS_RATE),
        Rule("magnitude", ({"rule": "mean"},), AS_RATE),
    ),
    development=units(2, 100, 2),
    confirmation=units(3, 1000, 3, 2),
    deals=2,
    explained=("rotated",),
)


def made_run(arm: str, unit: int, shares: tuple[float, float, float], stream: str = "split", **changes) -> StudyRun:
    """Return a finished run of three tasks: of two of them the accuracies a[0,0], a[1,0] and a[1,1]; dealt controls have another order."""
    options = {"rate": 0.5} if arm.endswith("as a rate") else {}
    run = StudyRun(
        preset="made", phase=CONFIRM, stream=stream, arm=arm, deal=0, strategy=arm, options=options, learning_rate=0.05, order=unit, seed=1000 + unit,
        network="mlp-100", scenario="task", key=f"{arm}{unit}", status="finished", accuracy=((shares[0],), (shares[1], shares[2])),
        trained=("111", *(("111", "001") if " at random" in arm else ("001", "111"))), update=(1.0, 0.5, 0.5), decision=({}, {}, {}), device="cpu",
        versions={"python": "3"},
    )  # fmt: skip
    return replace(run, **changes)


def made_runs(levels: dict[str, float], count: int = 8, spread: float = 0.01, seed: int = 1, stream: str = "split") -> list[StudyRun]:
    """Return runs whose Avg.Acc is an arm's level plus a unit's own part, common to all arms, plus noise."""
    generator = np.random.default_rng(seed)
    common = generator.normal(0, 0.05, count)
    return [made_run(arm, unit, (float(np.clip(level + common[unit] + generator.normal(0, spread), 0, 1)),) * 3, stream)
            for arm, level in levels.items() for unit in range(count)]  # fmt: skip

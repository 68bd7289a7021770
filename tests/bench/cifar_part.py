"""A balanced part of CIFAR-100 as a data set of one's own, and the hybrid study on it, with the paper's nine blocks.

    DRIFTLAW_IMAGES=FILE driftlaw deep study hybrid --load tests/bench/cifar_part.py --preset cifar100-part --device cuda

FILE is what `python tests/bench/balanced_part.py` writes.
"""

import os
from dataclasses import replace
from pathlib import Path

from balanced_part import unpacked

from deep.data import DATASETS, Dataset
from deep.studies.design import Preset, Rule, StudyStream
from deep.studies.presets import PRESETS, units
from theory.errors import InputError

NAME = "cifar-100-part"


@DATASETS.register(name=NAME)
def part() -> Dataset:
    """Return the part in the file that the environment variable DRIFTLAW_IMAGES names."""
    if "DRIFTLAW_IMAGES" not in os.environ:
        raise InputError("DRIFTLAW_IMAGES is not set; set it to a file that `python tests/bench/balanced_part.py` has made")
    train, test = unpacked(Path(os.environ["DRIFTLAW_IMAGES"]).read_bytes())
    classes = tuple(f"class {label}" for label in range(int(train.labels.max()) + 1))
    return Dataset(NAME, classes, train, test, notes=(f"A balanced part of CIFAR-100: {len(train):,} training and {len(test):,} test images.",))


_LOOP = {"epochs": 10, "batch_size": 64, "learning_rate": 0.05, "momentum": 0.9, "precision": "bfloat16", "execution": "captured"}
_OPTIONS = {"tasks": 10, "validation_share": 0.1}
LARGE = Preset(
    name="cifar100-part",
    streams=(StudyStream("split CIFAR-100, 10 tasks", f"split-{NAME}", _OPTIONS, network="paper-resnet", loop=_LOOP, published="split CIFAR-100, 10 tasks"),),
    rules=(Rule("threshold", tuple({"threshold": value, "few": 2} for value in (0.0, 0.1, 0.3))),),
    development=units(1, 100, 1),
    confirmation=units(3, 1000, 3, first=1),
    deals=1,
)
_SMALL = replace(LARGE.streams[0], network="convnet", loop={"epochs": 1, "batch_size": 8, "learning_rate": 0.05})
for preset in (LARGE, replace(LARGE, name="cifar100-part-toy", streams=(_SMALL,), confirmation=units(2, 1000, 2, first=1))):
    PRESETS.register(preset)

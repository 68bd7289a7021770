"""What GEM's constraints are worth on images that no memory holds: `python examples/held_out_constraints.py memory-digits constraints.jsonl [DATA_ROOT]`.

Along the training of each arm as the study's protocol tunes it, in its development units: for every earlier task the gradient g_mem on its memory
beside g_test on held-out images. A memory that the model has not seen would have a slope <g_mem, g_test> / |g_test|^2 of 1 in the mean and
|g_mem|^2 / |g_test|^2 above 1; one that was fitted has less, as the linear theory says (`driftlaw.FORMULAS["memory_alignment"]`).
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from deep.runs.execute import DataSource, build_stream
from deep.strategies.gem import GEM
from deep.studies.design import DEVELOP, Preset, Rule, Unit
from deep.studies.driver import Wanted, config
from deep.studies.presets import PRESETS
from deep.studies.protocol import choose, read_protocol
from deep.training.examples import Examples, StreamExamples
from deep.training.run import train_run
from deep.training.task import TaskContext

EVERY = 10  # steps
NAMES = ("slope", "ratio", "alignment", "conflict", "violated")
HELD: list[Examples] = []  # of the tasks so far
SEEN: list[list[float]] = []


class Watched(GEM):
    """GEM that looks at held-out images, and does as it would without."""

    name = "watched-gem"
    _steps = 0

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Project, and measure every so many steps."""
        before, found = gradient.clone(), super().transform_gradient(gradient, task)
        self._steps += 1
        if self.gradients is not None and self._steps % EVERY == 0:
            memories = self.gradients.rows.unflatten(0, (len(HELD), -1)).mean(1)  # of a task that has several, their mean
            for memory, examples in zip(memories, HELD, strict=True):
                test = task.gradient(examples)
                square, product = float(test @ test), float(memory @ test)
                slope, ratio = product / square, float(memory @ memory) / square
                SEEN.append([task.number, slope, ratio, slope**2 / ratio, float(before @ test) < 0, float(found @ test) < 0])
        return found


def measured(preset: Preset, rule: Rule, options: dict[str, Any], unit: Unit, source: DataSource) -> Iterator[dict[str, Any]]:
    """Train an arm; return for every task after the first the means over steps and earlier tasks, and the share of violations where g conflicts."""
    HELD.clear(), SEEN.clear()
    wanted = config(Wanted(preset.streams[0], rule.name, unit, rule.strategy, options), DEVELOP, "cpu")
    chosen = replace(wanted, strategy=Watched(**wanted.strategy_options), strategy_options={})

    def watch(task: TaskContext, examples: StreamExamples) -> None:
        HELD.append(examples.evaluation(task.number, task.number))

    train_run(chosen, build_stream(wanted, source), watch=watch)
    seen = np.array(SEEN)
    for number in np.unique(seen[:, 0]).astype(int).tolist():
        own = seen[seen[:, 0] == number, 1:]
        means = dict(zip(NAMES, own.mean(0).round(4).tolist(), strict=True))
        there = own[own[:, 3] > 0, 4]
        yield {"arm": rule.label, "order": unit.order, "seed": unit.seed, "task": number + 1, **means, "violated in conflict": round(float(there.mean()), 4) if len(there) else None}


if __name__ == "__main__":
    name, path, *root = sys.argv[1:]
    preset, source = PRESETS[name], DataSource(Path(root[0]) if root else None, download=False)
    protocol = read_protocol(Path(__file__).parents[1] / "figures" / "records" / f"{name}_protocol.json")
    chosen = choose(preset, preset.streams[0], protocol.tried[preset.streams[0].label])
    rows = [row for rule in preset.rules if rule.strategy == GEM.name for unit in preset.development for row in measured(preset, rule, dict(chosen[rule.name].options), unit, source)]
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

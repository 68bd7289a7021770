"""The loop that trains networks, on linear models run to the limit, against the law of `theory.expected_errors`.

Two kinds of checks. In every trial the end of training is the smallest step that fits the data (or least squares), to
rounding. And the means over trials of errors, forgetting, deviation and step sizes are those of the law: with K
comparisons in this file the critical |z| is that of a family-wise false-alarm rate of 1e-6; seeds are fixed, so that
a pass stays one. A value that is wrong by the critical |z| plus 3 standard errors is seen with probability .9987; the
test checks that this is below 12 % of the value that it judges (update sizes and errors, in every experiment).
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from deep import bridge
from deep.bridge import train_linear
from deep.gaussian import gaussian_tasks
from simulate.evidence import Estimate, upper_quantile
from theory import Task, TaskSequence, expected_errors

TRIALS = 1024
FAMILY = 1e-6
SEEN = 0.12
GRAM = {
    "shared_kept": [[0.5, 0.4, 0.3], [0.4, 0.6, 0.2], [0.3, 0.2, 0.4]],
    "shared_trained": [[0.5, 0.2, 0.1], [0.2, 0.4, 0.3], [0.1, 0.3, 0.7]],
    "specific": [[1.0, 0.7, 0.0], [0.7, 0.8, 0.2], [0.0, 0.2, 1.2]],
}
NOISE = (0.3, 0.5, 0.2)


@dataclass(frozen=True)
class Case:
    """An experiment, the strategy that trains it, and how many of the last blocks this moves after the first task."""

    blocks: tuple[int, int, int]
    samples: tuple[int, ...]
    strategy: str
    options: tuple[tuple[str, object], ...]
    depth: int

    def sequence(self) -> TaskSequence:
        """Return the experiment with the training that the strategy stands for."""
        blocks = dict(zip(GRAM, self.blocks, strict=True))
        tasks = [self._task(number, samples) for number, samples in enumerate(self.samples)]
        gram = {block: np.array(matrix)[: len(tasks), : len(tasks)] for block, matrix in GRAM.items()}
        return TaskSequence(blocks=blocks, tasks=tasks, gram=gram)

    def _task(self, number: int, samples: int) -> Task:
        start = "zero" if dict(self.options).get("start") == "fresh" else "previous"
        train = tuple(GRAM)[-self.depth :] if number else tuple(GRAM)
        return Task(samples, NOISE[number], dict.fromkeys(GRAM, f"w{number}"), train, start=start)


CASES = {
    "initialized": Case((20, 20, 60), (30, 20), "initialized", (), 3),
    "initialized from fresh": Case((20, 20, 60), (30, 20), "initialized", (("start", "fresh"),), 3),
    "frozen": Case((20, 20, 60), (30, 20), "frozen", (("depth", 1),), 1),
    "partially frozen": Case((20, 20, 60), (30, 20), "frozen", (("depth", 2),), 2),
    "more samples than specific parameters": Case((20, 20, 16), (20, 40), "frozen", (("depth", 1),), 1),
    "three tasks, initialized": Case((20, 20, 60), (30, 20, 25), "initialized", (), 3),
    "three tasks, partially frozen": Case((20, 20, 60), (30, 20, 25), "frozen", (("depth", 2),), 2),
}


@pytest.fixture(scope="module")
def trained():
    """Train a case; each once."""
    torch.set_num_threads(1)
    return functools.cache(lambda name: train_linear(CASES[name].sequence(), CASES[name].strategy, dict(CASES[name].options), TRIALS, seed=7))


def comparisons(case: Case, runs) -> dict[str, tuple[Estimate, float]]:
    """Estimates and exact values of a case by name."""
    law = expected_errors(case.sequence())
    tasks = len(case.samples)
    found = {"deviation": (runs.deviation(), law.deviation()), "forgetting": (runs.forgetting(), law.forgetting())}
    for t in range(tasks):
        found[f"update {t}"] = (runs.updates[:, t], law.update_magnitude[t])
        found |= {f"error of {i} after {t}": (runs.errors[:, t, i], law.errors[t, i]) for i in range(tasks)}
    return {name: (Estimate.from_samples(values), float(exact)) for name, (values, exact) in found.items()}


COMPARISONS = sum(2 + len(case.samples) + len(case.samples) ** 2 for case in CASES.values())
CRITICAL = upper_quantile(FAMILY / COMPARISONS / 2)


def worst(found: dict[str, tuple[Estimate, float]]) -> tuple[float, str]:
    """Return the largest |z| and what it belongs to."""
    return max((abs(estimate.mean - exact) / estimate.stderr, name) for name, (estimate, exact) in found.items())


@pytest.mark.parametrize("name", CASES)
def test_the_loop_reproduces_the_law(name, trained):
    found = comparisons(CASES[name], trained(name))
    z, where = worst(found)
    assert z < CRITICAL, (where, *found[where])
    for quantity, (estimate, exact) in found.items():
        if quantity != "forgetting":  # a difference near zero, whose size says nothing about its error
            assert (CRITICAL + 3) * estimate.stderr < SEEN * exact, quantity


@pytest.mark.parametrize("name", CASES)
def test_each_trial_ends_at_the_smallest_step_that_fits(name):
    """Against an SVD; the loop stops at 1e-10 of the first distance, conditioned at worst by about 1e3."""
    case = CASES[name]
    seq, trials = case.sequence(), 24
    runs = train_linear(seq, case.strategy, dict(case.options), trials, seed=3)
    widths = np.array(case.blocks)
    theta = np.zeros((trials, widths.sum()))
    for t, task in enumerate(gaussian_tasks(seq, trials, (3, 0))):
        moved = np.repeat(runs.trained[t], widths)
        if case.options == (("start", "fresh"),):
            theta = np.zeros_like(theta)
        for trial in range(trials):
            rows = task.inputs[:, trial]
            residual = task.targets[:, trial] - rows @ theta[trial]
            theta[trial, moved] += np.linalg.lstsq(rows[:, moved], residual, rcond=None)[0]
        assert np.abs(runs.estimates[t] - theta).max() < 1e-7
        assert np.array_equal(runs.estimates[t][:, ~moved], np.zeros((trials, 0)) if moved.all() else runs.estimates[t - 1][:, ~moved])


@pytest.mark.parametrize(("name", "mistaken"), [
    ("initialized", replace(CASES["frozen"])),
    ("frozen", replace(CASES["partially frozen"])),
    ("initialized", replace(CASES["initialized from fresh"])),
    ("partially frozen", replace(CASES["partially frozen"], blocks=(20, 20, 64))),
    ("more samples than specific parameters", replace(CASES["more samples than specific parameters"], samples=(20, 56))),
])
def test_the_law_of_another_experiment_is_rejected(name, mistaken, trained):
    """The comparison can fail: other training, four dimensions more, sixteen samples more."""
    z, _ = worst(comparisons(mistaken, trained(name)))
    assert z > CRITICAL


def test_too_few_steps_are_seen(monkeypatch):
    """A loop that stops after two steps does not pass for one that converged; later stops show trial by trial, as above."""
    true = bridge.heavy_ball
    monkeypatch.setattr(bridge, "heavy_ball", lambda *arguments: replace(true(*arguments), steps=2))
    case = CASES["initialized"]
    z, _ = worst(comparisons(case, train_linear(case.sequence(), "initialized", {}, 512, seed=7)))
    assert z > CRITICAL

"""Deterministic equivalents: exact limits, and their distance from simulation at the stated order."""

from dataclasses import replace

import numpy as np
import pytest
from scaffold import assert_refused

from driftlaw import NoClosedForm, Task, TaskSequence, expected_errors, frozen, initialized, simulate
from theory.equivalents import Spectrum, approximate_errors

TRUTHS = {"shared": np.array([[1.0, 1.0], [1.0, 1.0]]), "specific": np.array([[1.0, 0.5], [0.5, 1.0]])}


def _start(factor: int = 1) -> TaskSequence:
    return initialized({"shared": 30 * factor, "specific": 40 * factor}, (20 * factor, 15 * factor), (0.3, 0.5), gram=TRUTHS)


def _weighted(weight: float, factor: int = 1) -> TaskSequence:
    seq = _start(factor)
    return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], weights={"shared": weight})))


def test_spectrum_solves_its_equation():
    spectrum = Spectrum(15, [30, 40], [0.1, 1.0])
    assert sum(d * v / (v + spectrum.kappa) for d, v in ((30, 0.1), (40, 1.0))) == pytest.approx(15, rel=1e-12)
    flat = Spectrum(15, [70], [1.0])
    assert flat.survival[0] == pytest.approx(1 - 15 / 70) and flat.slack == pytest.approx(15 - 15**2 / 70)


def test_equal_weights_and_saturated_steps_are_exact():
    for seq in (_start(), replace(_start(), tasks=(_start().tasks[0], replace(_start().tasks[1], weights={"shared": 2.0, "specific": 2.0})))):
        assert np.array_equal(approximate_errors(seq).errors, expected_errors(_start()).errors)
    tall = initialized({"shared": 6, "specific": 8}, (20, 30), 0.3, gram=TRUTHS)
    weighted = replace(tall, tasks=(tall.tasks[0], replace(tall.tasks[1], weights={"shared": 5.0})))
    assert np.array_equal(approximate_errors(weighted).errors, expected_errors(tall).errors)


@pytest.mark.parametrize(("weight", "limit"), [(1 + 1e-9, "initialized"), (1e9, "frozen")])
def test_the_ends_are_initialized_and_frozen_training_up_to_one_over_dimension(weight, limit):
    def gap(factor: int) -> float:
        seq = _start(factor)
        end = seq if limit == "initialized" else frozen(dict(seq.blocks), (20 * factor, 15 * factor), (0.3, 0.5), gram=TRUTHS)
        return approximate_errors(_weighted(weight, factor)).deviation() / expected_errors(end).deviation() - 1

    assert abs(gap(1)) < 0.02
    assert gap(8) / gap(1) == pytest.approx(1 / 8, rel=0.15)


@pytest.mark.parametrize(("weight", "settings"), [(0.5, {}), (3.0, {}), (30.0, {}), (1e4, {}), (4.0, {"start": {"specific": "zero"}, "scale": 0.7})])
def test_simulation_stays_within_the_stated_distance(weight, settings):
    """Four times the dimensions of the example: 0.5 % plus 5 standard errors (false alarm below 1e-6 a quantity)."""
    seq = _weighted(weight, factor=4)
    seq = replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], **settings)))
    law, sample = approximate_errors(seq), simulate(seq, 1500, seed=3)
    for theory, estimate in ((law.errors, sample.errors), (law.step_sizes, sample.step_sizes), (law.update_magnitude, sample.update_magnitude)):
        assert np.all(np.abs(estimate.mean - theory) <= 5 * estimate.stderr + 0.005 * np.abs(theory))


def test_bad_input_is_named():
    assert_refused(lambda: Spectrum(70, [30, 40], [1.0, 1.0]), "0 < n < 70")
    with pytest.raises(NoClosedForm, match="memory"):
        approximate_errors(TaskSequence({"a": 9}, [Task(3, 0.1, {"a": np.ones(9)}, ("a",)), Task(3, 0.1, {"a": np.ones(9)}, ("a",), memory={0: 2})]))
    grid = initialized({"shared": 30, "specific": np.arange(40, 50)}, (20, 15), 0.3, gram=TRUTHS)
    assert_refused(lambda: approximate_errors(grid), "one numeric experiment")

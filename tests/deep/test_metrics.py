"""Metrics of the accuracy matrix against values worked out by hand."""

import numpy as np
import pytest
from scaffold import assert_refused, refusals
from scipy.stats import binomtest

from deep.metrics import average_accuracy, backward_transfer, forgetting, forward_transfer, incremental_accuracy, interval, read, summary, task_accuracy
from theory import Quantity

# Binary fractions, so that the sums are exact.
ACCURACY = [[0.75, 0.50, 0.25], [0.625, 1.00, 0.375], [0.25, 0.875, 0.50]]
BASELINE = [0.125, 0.25, 0.50]


def test_metrics_by_hand():
    assert backward_transfer(ACCURACY) == -0.3125
    assert backward_transfer(ACCURACY, by_tasks=True) == pytest.approx(-0.625 / 3)
    assert forward_transfer(ACCURACY, BASELINE, by_tasks=True) == pytest.approx(forward_transfer(ACCURACY, BASELINE) * 2 / 3)
    assert incremental_accuracy(ACCURACY) == pytest.approx(np.mean([np.mean(np.asarray(ACCURACY)[task, : task + 1]) for task in range(3)]))
    assert forward_transfer(ACCURACY, BASELINE) == ((0.50 - 0.25) + (0.375 - 0.50)) / 2


def test_a_quantity_of_ones_own_reads_accuracies():
    ahead = Quantity("ahead of time", lambda tasks: np.eye(tasks, k=1) / (tasks - 1))
    assert read(ahead, ACCURACY) == (0.50 + 0.375) / 2 and read("error[2,0]", ACCURACY) == 0.25
    assert_refused(lambda: read("step_size", ACCURACY), "is of step_sizes")


def test_the_bits_are_those_of_means():
    for tasks in range(2, 24):
        matrix = np.random.default_rng(tasks).random((tasks, tasks))
        assert average_accuracy(matrix) == matrix[-1].mean() and task_accuracy(matrix) == np.diagonal(matrix).mean()
        assert forgetting(matrix) == (np.diagonal(matrix) - matrix[-1])[:-1].mean()


@pytest.mark.parametrize(("right", "images"), [(0, 10), (19, 29), (95, 100), (29, 29)])
def test_intervals_are_wilsons(right, images):
    assert interval(right / images, images) == pytest.approx(tuple(binomtest(right, images).proportion_ci(method="wilson")), abs=1e-12)


def test_one_task_has_accuracies_only():
    assert summary([[0.75]], [0.5]) == {
        "average_accuracy": 0.75, "task_accuracy": 0.75, "forgetting": None, "backward_transfer": None, "forward_transfer": None,
    }  # fmt: skip


test_what_is_no_accuracy_matrix_or_baseline = refusals([
    (lambda: average_accuracy([[0.5, 0.5]]), "square"),
    (lambda: average_accuracy([[50.0, 50.0], [50.0, 50.0]]), "not per cent"),
    (lambda: average_accuracy([[float("nan")]]), "outside"),
    (lambda: forgetting([[0.75]]), "needs at least 2"),
    (lambda: forward_transfer(ACCURACY, BASELINE[:2]), "one accuracy for each of the 3 tasks"),
])

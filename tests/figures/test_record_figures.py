"""Figures that are drawn from committed records: their numbers against the records, and that no torch is needed."""

import json

import numpy as np
import pytest
from scaffold import assert_refused, python
from scipy.stats import t as student

from deep.path import PathRecord, best_scale, parabola, vertex
from deep.records import read_records
from figures import accuracy_matrices, update_path
from figures.kit import RECORDS
from figures.kit.table import MEASURED


def lines(name: str) -> list[dict]:
    """Records of a file, read as plain JSON."""
    return [json.loads(line) for line in (RECORDS / name).read_text().splitlines()]


@pytest.mark.parametrize("scenario", ["task", "domain"])
@pytest.mark.parametrize("strategy", ["initialized", "frozen"])
def test_accuracies_are_the_records_means(made, scenario, strategy):
    records = lines(f"split_digits_{scenario}_{strategy}.jsonl")
    assert [record["config"]["order"] for record in records] == list(range(11))
    assert {(record["config"]["scenario"], record["config"]["strategy"], record["config"]["evaluate_on"]) for record in records} == {
        (scenario, strategy, "test")
    }
    for after, task in ((0, 0), (4, 0), (2, 3), (4, 4)):
        values = [record["results"][after]["accuracy"][task] for record in records]
        row = made("accuracy_matrices").only(kind=MEASURED, training=strategy, case=scenario, quantity=f"accuracy on task {task + 1}", x=after + 1)
        assert row.mean == pytest.approx(np.mean(values), abs=1e-15)
        assert row.stderr == pytest.approx(np.std(values, ddof=1) / 11**0.5, abs=1e-15) and row.trials == 11
    forgotten = np.mean([np.mean([r["results"][k]["accuracy"][k] - r["results"][4]["accuracy"][k] for k in range(4)]) for r in records])
    assert made("accuracy_matrices").only(quantity="forgetting", training=strategy, case=scenario).mean == pytest.approx(forgotten, abs=1e-15)


def test_the_difference_is_paired_by_order(made):
    matrices = made("accuracy_matrices")
    for scenario in ("task", "domain"):
        left, right = (lines(f"split_digits_{scenario}_{strategy}.jsonl") for strategy in ("frozen", "initialized"))
        pairs = [a["metrics"]["average_accuracy"] - b["metrics"]["average_accuracy"] for a, b in zip(left, right, strict=True)]
        rows = matrices.select(quantity="average_accuracy", training=accuracy_matrices.DIFFERENCE, case=scenario)
        assert rows.rows[0].mean == pytest.approx(np.mean(pairs), abs=1e-15)
        assert rows.rows[0].half == pytest.approx(student.ppf(0.975, 10) * np.std(pairs, ddof=1) / 11**0.5, rel=1e-12)
        assert f"{100 * np.mean(pairs):+.1f}".replace("-", "\u2212") in accuracy_matrices.FIGURE.caption(matrices)


@pytest.mark.parametrize("strategy", ["initialized", "frozen"])
def test_curves_along_the_update_are_the_records_means(made, strategy):
    records, paths = lines(f"split_digits_paths_{strategy}.jsonl"), made("update_path")
    scales = records[0]["scales"]
    whole = np.array([[curves[0]["loss"] for curves in record["curves"]] for record in records])
    assert {curves[0]["part"] for record in records for curves in record["curves"]} == {"all stages"}
    drawn = paths.select(kind=MEASURED, quantity="loss", training=strategy)
    assert np.allclose(drawn.column("mean"), whole.mean((0, 1)), atol=1e-12) and list(drawn.column("x")) == scales
    fitted = paths.select(quantity="loss", training=strategy, source="parabola")
    for scale in (0.0, 0.5, 1.0):
        assert fitted.only(x=scale).mean == pytest.approx(drawn.only(x=scale).mean, rel=1e-12)
    assert np.allclose(np.diff(fitted.column("mean"), 3), 0, atol=1e-9)
    frozen_stage = paths.select(quantity=update_path.BEST, training=strategy, case="hidden1")
    assert bool(len(frozen_stage)) == (strategy == "initialized")


def test_the_end_of_training_is_the_record_of_a_run():
    """At s = 1 the path has the accuracies that runs of the same settings have recorded, at s = 0 those before the task."""
    for strategy in ("initialized", "frozen"):
        runs = {record["config"]["order"]: record for record in lines(f"split_digits_domain_{strategy}.jsonl")}
        for record in read_records(RECORDS / f"split_digits_paths_{strategy}.jsonl", PathRecord):
            results = runs[record.config["order"]]["results"]
            for task in range(1, 5):
                for scale, row in ((0.0, task - 1), (1.0, task)):
                    measured = record.curve(task).accuracy[record.scales.index(scale)]
                    assert measured == pytest.approx(np.mean(results[row]["accuracy"][: task + 1]), abs=1e-5)


def test_parabola_and_best_length():
    scales = np.arange(-2, 13) / 8
    for place in (0.25, 0.3, 0.93, 1.2):
        values = 2 + 3 * (scales - place) ** 2
        assert best_scale(scales, values) == pytest.approx(place, abs=1e-12)
        assert vertex(parabola(scales, values)) == pytest.approx(place, abs=1e-12)
        assert parabola(scales, values) == pytest.approx([2 + 3 * place**2, -6 * place, 3], abs=1e-12)
    assert best_scale(scales, scales) == -0.25 and best_scale(scales, -scales) == 1.5
    assert vertex(parabola(scales, -(scales**2))) is None
    assert_refused(lambda: parabola([0.0, 1.0], [1.0, 2.0]), "goes through 0, 0.5 and 1")


def test_drawing_needs_no_torch(tmp_path):
    program = "import sys; from figures.__main__ import main; main(['accuracy_matrices', '--out', sys.argv[1]]); sys.exit('torch' in sys.modules)"
    assert python("-c", program, tmp_path).returncode == 0
    assert (tmp_path / "accuracy_matrices.png").stat().st_size > 10_000

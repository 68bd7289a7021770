"""Reference numbers: settings of peers, the page of the committed records, and what a published number is judged by."""

from dataclasses import replace

import numpy as np
import pytest
from scaffold import ROOT, assert_refused
from scipy.stats import t as student

from deep.__main__ import main
from deep.data import load
from deep.records import read_records, write_records
from deep.reference import FAILED, NOT_WITHIN, REFERENCES, TUNED, UNDECIDED, WITHIN, Method, Reference
from deep.studies.design import CONFIRM, DEVELOP, StudyStream
from deep.studies.records import StudyRun

FILES = sorted((ROOT / "figures" / "records").glob("reference_*.jsonl"))
QUICK = StudyStream("digits", "split-digits", {"tasks": 2, "train_examples": 40}, network="mlp-100", loop={"epochs": 1})
MINE = Reference("mine", "Of my own", "Nowhere.", QUICK, (Method("none"), Method("held", "ewc", {"strength": 1.0}, {"strength": [1.0, 9.0]}, published={"ACC": 0.5})), QUICK)


def test_the_page_is_that_of_the_committed_records(capsys):
    assert main(["reference", "--stored", *map(str, FILES)]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_records_are_of_the_settings_as_they_stand(file):
    """Every run that the setting plans for these seeds and methods, in no other configuration; strengths are the best of what was tried."""
    runs = read_records(file, StudyRun)
    reference = REFERENCES[file.stem.removeprefix("reference_")]
    seeds = 1 + max(run.seed for run in runs if run.phase == CONFIRM)
    assert [(run.phase, run.arm, run.key) for run in runs] == [(phase, name, config.key) for phase, name, config in reference.plan(seeds) if name in {run.arm for run in runs}]
    assert {run.seed for run in runs if run.phase == DEVELOP} <= {TUNED} and seeds <= TUNED
    for method in reference.methods:
        reached = {str(options): value or 0.0 for options, value in reference.tried(runs, method.name) or [(method.options, 1.0)]}
        assert max(reached, key=reached.__getitem__) == str(method.options)


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Records and page of a small setting."""
    REFERENCES.register(MINE)
    file = tmp_path_factory.mktemp("mine") / "records.jsonl"
    assert main(["reference", "--preset", "mine", "--seeds", "3", "--out", str(file.parent / "runs"), "--workers", "1", "--records", str(file)]) == 0
    return read_records(file, StudyRun)


def test_stored_records_of_a_preset_alone(mine, tmp_path, capsys):
    """Nothing else that is given would be read; presets that are not there are an error, and those without a measured run no crash."""
    stored, own = ("reference", "--stored", *map(str, FILES)), tmp_path / "own.jsonl"
    for runs, titles in ((mine, ["## Of my own"]), ([run for run in mine if run.phase == DEVELOP], [])):
        write_records(own, runs)
        assert main([*stored, str(own), "--preset", "mine"]) == 0
        assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("## ")] == titles
    for more, reason in {"--preset mine": "no run of mine", "--seeds 4 --workers 1": "--seeds, --workers says nothing"}.items():
        assert main([*stored, *more.split()]) == 2 and reason in capsys.readouterr().err


def test_a_setting_of_ones_own(mine, capsys):
    assert [(run.phase, run.arm, run.seed, run.options) for run in mine] == [
        *((CONFIRM, "none", seed, {}) for seed in range(3)), *((DEVELOP, "held", TUNED, {"strength": value}) for value in (1.0, 9.0)),
        *((CONFIRM, "held", seed, {"strength": 1.0}) for seed in range(3)),
    ]  # fmt: skip
    assert [config.seed for phase, name, config in MINE.plan(12) if (phase, name) == (CONFIRM, "held")] == [*range(TUNED), 11, 12]
    text = MINE.section(mine)
    assert all(f"strength={value} {run.metric('average_accuracy'):.3f}" in text for value, run in zip((1.0, 9.0), mine[3:5], strict=True)) and "--seeds 3" in text
    assert_refused(lambda: Method("held", "ewc", {"strength": 2.0}, {"strength": [1.0, 9.0]}), "not in its grid")


@pytest.mark.parametrize(("published", "effect", "verdict"), [
    (0.0, 1.0, WITHIN), (0.99, 1.0, WITHIN), (1.01, 1.0, NOT_WITHIN), (-1.01, 1.0, NOT_WITHIN), ([1.2, 0.21], 1.0, WITHIN), ([1.2, 0.19], 1.0, NOT_WITHIN), (0.0, 1e-9, UNDECIDED),
])  # fmt: skip
def test_a_published_number_is_judged_by_the_interval_of_the_mean(mine, published, effect, verdict):
    """Numbers so many half widths from the mean; the half width and its effect by hand."""
    values = [run.accuracy[1][0] - run.accuracy[0][0] for run in mine[:3]]  # BWT of two tasks: / T is half of it
    half = student.ppf(0.975, 2) * np.std(values, ddof=1) / 3**0.5
    number, error = published if isinstance(published, list) else (published, 0.0)
    for measure, share in (("BWT", 1.0), ("BWT / T", 0.5)):
        method = Method("none", published={measure: [share * (np.mean(values) + number * half), share * error * half]})
        row = replace(MINE, methods=(method,), effect=share * half * 1.001 * effect).rows(mine)[0]
        assert (row[0], row[1], row[2], row[5]) == ("none", measure, "3", verdict)
        assert row[4] == f"{share * np.mean(values):.3f} [{share * (np.mean(values) - half):.3f}, {share * (np.mean(values) + half):.3f}]"
    broken = [replace(run, status="failed") for run in mine]
    assert replace(MINE, methods=(method,)).rows(broken)[0][4:] == ("-", FAILED)


def test_each_task_by_its_own_network(mine):
    """Trained anew for each task, the accuracy just after it is that of a network that knows nothing else."""
    method = Method("none", published={"ACC, each by its own network": 2.0})
    found = replace(MINE, methods=(method,)).rows(mine)[0][4]
    assert found.startswith(f"{np.mean([(run.accuracy[0][0] + run.accuracy[1][1]) / 2 for run in mine[:3]]):.3f} ")


def test_digits_in_the_size_of_others():
    small, large = load("digits"), load("digits-28")
    for part, own in ((small.train, large.train), (small.test, large.test)):
        assert own.images.shape[1:] == (28, 28) and np.array_equal(own.images[:, 2:26:3, 2:26:3], part.images) and np.array_equal(own.labels, part.labels)
        assert own.images.sum() == 9 * part.images.sum(dtype=int)

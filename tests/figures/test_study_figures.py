"""Figures of the hybrid study on made records: every drawn number against the records, and pictures of any number of streams."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_study import made_run
from scaffold import assert_refused
from scipy.stats import spearmanr, t as student

from deep.records import read_records, write_records
from deep.studies.design import BASELINES, COMMON, CONFIRM, DEVELOP, Preset
from deep.studies.driver import candidates
from deep.studies.presets import PRESETS
from deep.studies.protocol import Candidate, Protocol, choose, write_protocol, written
from deep.studies.records import PairRecord, StudyRun, UnitEffects
from figures import hybrid_accuracy, hybrid_forgetting, hybrid_scores, magnitude_forgetting, memory_study, regimes_study
from figures.kit import RECORDS, studies
from figures.kit.draw import letter
from figures.kit.table import MARK, MEASURED, THEORY, Table
from figures.registry import MissingRecords, require_records
from theory import expected_errors, frozen, initialized

DIGITS = PRESETS["digits"]
MODULES = (hybrid_accuracy, hybrid_forgetting, hybrid_scores, magnitude_forgetting)
STREAMS = ("split digits", "rotated digits")
UNITS = 6
ARMS = (*BASELINES, *(rule.strategy for rule in DIGITS.rules), *(rule.control_name for rule in DIGITS.rules))


def made(stream: str, place: int, unit: int, gain: float) -> StudyRun:
    """Return a run of three tasks; its accuracies, updates and depths follow from its arm's place and its unit."""
    arm, first, last = ARMS[place], 0.75 + place / 256, 0.5 + place / 128 + (unit + 1) * place / 1024 + gain
    trained = ("111", *(("111" if unit % 2 else "011", "001")[:: -1 if arm.endswith("at random") else 1]))
    accuracy = ((first,), (first, first), (last, last, first))
    return made_run(arm, unit, (0.0,) * 3, stream, preset="digits", options={}, accuracy=accuracy, trained=trained, update=(9.0, 1.0 + place, 2.0 + unit))


def made_runs() -> list[StudyRun]:
    """Threshold is far above everything on the split stream."""
    return [
        made(stream, place, unit, 0.25 * (ARMS[place] == "threshold" and stream == "split digits"))
        for stream in STREAMS
        for place in range(len(ARMS))
        for unit in range(UNITS)
    ]


EXPLAINED = [entry for entry in read_records(RECORDS / "hybrid_digits-large_explain.jsonl", UnitEffects, PairRecord) if entry.stream == STREAMS[0]]
EFFECTS, PAIRS = ([entry for entry in EXPLAINED if isinstance(entry, kind)] for kind in (UnitEffects, PairRecord))


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Made records in place of the committed ones."""
    monkeypatch.setattr(studies, "RECORDS", tmp_path)
    runs = made_runs()
    write_records(tmp_path / "hybrid_digits.jsonl", [*runs, replace(runs[0], phase=DEVELOP)])
    write_records(tmp_path / "hybrid_digits_explain.jsonl", [*EFFECTS, *PAIRS])
    return {(run.stream, run.arm, run.order): run for run in runs}


@pytest.mark.parametrize(("metric", "module"), [("average_accuracy", hybrid_accuracy), ("forgetting", hybrid_forgetting)])
def test_differences_are_paired(recorded, metric, module):
    table = module.FIGURE.table(None)
    for stream in STREAMS:
        for arm in ("frozen", "threshold", "constrained as a rate"):
            pairs = [recorded[stream, arm, unit].metric(metric) - recorded[stream, "initialized", unit].metric(metric) for unit in range(UNITS)]
            row = table.only(quantity="minus initialized", training=arm, case=stream)
            assert row.mean == pytest.approx(np.mean(pairs), abs=1e-15) and row.trials == UNITS
            assert row.half == pytest.approx(student.ppf(0.975, UNITS - 1) * np.std(pairs, ddof=1) / UNITS**0.5, rel=1e-9, abs=1e-15)
        level = table.only(quantity="itself", case=stream)
        assert level.mean == pytest.approx(np.mean([recorded[stream, "initialized", unit].metric(metric) for unit in range(UNITS)]), abs=1e-15)
        lines = {row.training: row.x for row in table.select(quantity="minus initialized", case=stream)}
        assert len(set(lines.values())) == len(ARMS) - 1 and lines["magnitude"] < lines["magnitude as a rate"] < lines["constrained"]


def test_verdicts_are_shown(recorded):
    table = hybrid_accuracy.FIGURE.table(None)
    verdicts = {(row.training, row.case): row.source for row in table.select(kind=MARK)}
    assert len(verdicts) == 10 and verdicts["threshold", "split digits"] == "supported" and verdicts["threshold", "rotated digits"] != "supported"
    assert "Supported: threshold on split digits." in hybrid_accuracy.FIGURE.caption(table)


def test_a_failed_run_is_left_out_and_told_of(recorded, tmp_path):
    """Its unit counts in no mean of its arm; the others' means stay, and the caption names it."""
    runs = made_runs()
    place = next(number for number, run in enumerate(runs) if (run.stream, run.arm) == (STREAMS[0], "graded"))
    runs[place] = replace(runs[place], status="failed", accuracy=runs[place].accuracy[:1], trained=runs[place].trained[:1])
    write_records(tmp_path / "hybrid_digits.jsonl", runs)
    table = hybrid_accuracy.FIGURE.table(None)
    assert table.only(kind=MEASURED, training="graded", case=STREAMS[0]).trials == 5
    assert "Means of 6 runs" in hybrid_accuracy.FIGURE.caption(table) and f"left out of the means: graded on {STREAMS[0]} 1 of 6." in hybrid_accuracy.FIGURE.caption(table)
    assert "left out" not in hybrid_accuracy.FIGURE.caption(table.select(lambda row: row.training != "graded"))


def test_streams_of_two_studies_are_told_apart(recorded, tmp_path):
    runs = [replace(run, preset="digits-large") for run in made_runs() if run.order < 4]
    write_records(tmp_path / "hybrid_digits-large.jsonl", runs)
    table = hybrid_accuracy.FIGURE.table(None)
    assert {row.case for row in table} == {f"{stream} ({name})" for stream in STREAMS for name in ("digits", "digits-large")}
    assert "a to b: Means of 6 runs" in hybrid_accuracy.FIGURE.caption(table) and "c to d: Means of 4 runs" in hybrid_accuracy.FIGURE.caption(table)


def test_strategies_are_filled_and_what_they_are_compared_with_is_hollow():
    filled = {arm for arm in ARMS if studies.face(arm) != "white"}
    assert filled == {"initialized", "frozen", *(rule.strategy for rule in DIGITS.rules)}
    assert all(studies.look(rule.control_name) is studies.look(rule.strategy) for rule in DIGITS.rules)


def test_letters_of_many_panels():
    assert [letter(number) for number in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_scores_benefits_and_pairs(recorded):
    table = hybrid_scores.FIGURE.table(None)
    points = table.select(quantity=hybrid_scores.BENEFIT)
    assert len(points) == sum(len(unit.scores) for unit in EFFECTS)
    for unit in EFFECTS:
        assert [points.only(x=score).mean for score in unit.scores] == pytest.approx(unit.benefit, abs=1e-15)
    estimate = table.only(quantity=hybrid_scores.CORRELATION, x_name="estimate", training="score and benefit").mean
    assert estimate == pytest.approx(np.corrcoef(points.column("x"), points.column("mean"))[0, 1], rel=1e-12)
    drawn = table.select(quantity=hybrid_scores.WINS, training=hybrid_scores.KEPT)
    ranked = {row.x_name: row.mean for row in table.select(quantity=hybrid_scores.CORRELATION, training="ranks of pairs")}
    assert ranked["estimate"] == pytest.approx(spearmanr(drawn.column("x"), drawn.column("mean")).statistic, rel=1e-12)
    assert 0 < ranked["p"] <= 1
    assert sorted(drawn.column("mean")) == pytest.approx(sorted(pair.kept for pair in PAIRS), abs=1e-15)
    both = table.select(quantity=hybrid_scores.WINS, training=hybrid_scores.BOTH)
    assert sorted(both.column("mean")) == pytest.approx(sorted(pair.advantage for pair in PAIRS), abs=1e-15)
    assert list(drawn.column("x")) == sorted(map(hybrid_scores.law_advantage, PAIRS))
    means = table.select(quantity=hybrid_scores.BINNED)
    assert len(means) == 5 and np.mean(means.column("mean")) == pytest.approx(np.mean(drawn.column("mean")), abs=1e-15)


def test_what_the_law_says_of_a_pair():
    """Written out for fewer samples than specific parameters: a large shared error speaks against frozen training."""
    pair = replace(PAIRS[0], samples=20, dimensions=(60, 40), distance=(9.0, 2.0), error=(0.5, 3.0))
    gap = 20 / 40 - 20 / 100
    expected = gap * (3.0 - 2.0) - 0.5 * (1 + 20 / (40 - 20 - 1) - (1 - 20 / 100))
    assert hybrid_scores.law_advantage(pair) == pytest.approx(expected, rel=1e-12)
    assert hybrid_scores.law_advantage(replace(pair, error=(0.6, 3.0))) < expected < hybrid_scores.law_advantage(replace(pair, error=(0.5, 3.1)))


def test_chances_of_correlations_are_chances(monkeypatch):
    """Without a relation p is below .1 in a tenth of cases, with effects of runs, or of tasks that many pairs share, too."""
    monkeypatch.setattr(hybrid_scores, "SHUFFLES", 199)
    generator, runs = np.random.default_rng(0), [(place // 6, (place,)) for place in range(18)]
    pairs = [(seed, (i, j)) for seed in range(2) for i in range(6) for j in range(6) if i != j]

    def share(entries, points, count=200):
        """Share of p-values below .1."""
        table = Table()
        for _ in range(count):
            hybrid_scores._add_correlation(table, "made", *points(), hybrid_scores._shuffles(entries), "", "")
        return np.mean(table.select(x_name="p").column("mean") < 0.1)

    assert share(pairs, lambda: [[effect[seed, i] for seed, (i, _) in pairs] for effect in generator.standard_normal((2, 2, 6))]) == pytest.approx(0.1, abs=0.085)
    assert share(runs, lambda: 2 * generator.standard_normal((2, 3)).repeat(6, axis=1) + generator.standard_normal((2, 18))) < 0.185
    assert share(runs, lambda: np.arange(18) + np.outer([0, 1], generator.standard_normal(18)), 5) == 1


def test_updates_and_the_law_beside_them(recorded):
    table = magnitude_forgetting.FIGURE.table(None)
    row = table.only(quantity="forgetting", training="frozen", case="split digits")
    ratios = [(2.0**2 + (2 + unit) ** 2) / (1.0 + (2 + unit) ** 2) for unit in range(UNITS)]
    assert row.x == pytest.approx(np.mean(ratios), rel=1e-12)
    assert row.mean == pytest.approx(np.mean([recorded["split digits", "frozen", unit].metric("forgetting") for unit in range(UNITS)]), abs=1e-15)
    blocks, gram = magnitude_forgetting.BLOCKS, np.full((5, 5), 0.5) + np.eye(5) * 0.5
    laws = [expected_errors(make(blocks, (30,) * 5, 0.3, gram=dict.fromkeys(blocks, gram))) for make in (frozen, initialized)]
    magnitudes = [np.mean([law.update_magnitude[task] for task in range(1, 5)]) for law in laws]
    marks = table.select(kind=MARK, case=magnitude_forgetting.LAW)
    drawn = [(row.x, row.mean) for row in marks if row.training == "frozen"][1]  # of different tasks
    assert drawn == pytest.approx((magnitudes[0] / magnitudes[1], laws[0].forgetting()), rel=1e-12)
    curve = table.select(kind=THEORY, training="different tasks")
    assert (curve.rows[-1].x, curve.rows[-1].mean) == pytest.approx((1, laws[1].forgetting()), rel=1e-12)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_pictures(recorded, picture, module):
    table = module.FIGURE.table(None)
    shown = " ".join(text.get_text() for ax in picture(module.FIGURE, table).axes for text in [ax.title, *ax.texts, ax._left_title])
    assert all(name in shown for name in {row.case for row in table if row.case != magnitude_forgetting.LAW})


def recorded_study(preset: Preset, folder: Path) -> list[StudyRun]:
    """Write records and protocol of a study that never happened."""
    generator, (stream, *_) = np.random.default_rng(2), preset.streams
    tried = tuple(Candidate(name, dict(options), share, 0.01) for (name, options), share in zip(candidates(preset, stream), generator.uniform(0.6, 0.9, 999).tolist(), strict=False))
    write_protocol(folder / f"{preset.name}_protocol.json", Protocol(preset.name, preset.fingerprint, {stream.label: tried}, {stream.label: written(preset, stream, tried)}, {}, "cpu"))
    arms = [(arm, entry, unit, CONFIRM) for arm, entry in choose(preset, stream, tried).items() for unit in preset.confirmation]
    arms += [(entry.strategy, entry, unit, DEVELOP) for entry in tried for unit in preset.development]
    runs = [made_run(arm, unit.order, generator.uniform(0.4, 0.9, 3).tolist(), stream.label, seed=unit.seed, phase=phase, strategy=entry.strategy, options=dict(entry.options))
            for arm, entry, unit, phase in arms]  # fmt: skip
    write_records(folder / f"{preset.name}.jsonl", runs)
    return runs


def test_regimes_are_compared_with_fine_tuning_and_the_last_with_the_first(recorded, tmp_path, picture):
    runs = {(run.arm, run.order): run.metric("average_accuracy") for run in recorded_study(PRESETS["regimes-digits"], tmp_path) if run.phase == CONFIRM}
    table, orders = regimes_study.FIGURE.table(None), range(6, 39)
    for end in ("", COMMON):
        gains = [[runs["LwF R3" + end, order] - runs["fine-tuning R3" + end, order] for order in orders], [runs[f"SI R5{end}", order] - runs[f"SI R1{end}", order] for order in orders]]
        rows = [table.only(training=name + end, case=f"digits: {case}") for name, case in (("LwF", "R3"), ("SI", regimes_study.DEPTH))]
        assert [row.mean for row in rows] == pytest.approx(np.mean(gains, 1), abs=1e-12) and {row.trials for row in rows} == {33}
    assert "With own options: digits: undecided" in regimes_study.FIGURE.caption(table) and len(picture(regimes_study.FIGURE, table).axes) == 6


def test_the_envelope_is_of_plain_training_and_simple_memories(recorded, tmp_path, picture):
    """No point of theirs lies beyond it, and each corner is one of them; others are counted where they do."""
    recorded_study(PRESETS["memory-digits"], tmp_path)
    table = memory_study.FIGURE.table(None)
    tried, edge = table.select(quantity=memory_study.TRIED), [(row.x, row.mean) for row in table.select(quantity=memory_study.ENVELOPE)]
    simple, others = ([(row.x, row.mean) for row in tried if memory_study.simple(row.training) == kind] for kind in (True, False))
    assert len(simple) == 45 and len(others) == 36 and {mean for _, mean in edge} <= {mean for _, mean in simple} and sorted(edge, reverse=True) == sorted(edge, key=lambda point: point[1])

    def beyond(points):
        return [point for point in points if not any(x >= point[0] and y >= point[1] for x, y in edge)]

    assert not beyond(simple) and f"Of 36 settings of the other kinds {len(beyond(others))} lie outside." in memory_study.FIGURE.caption(table)
    assert picture(memory_study.FIGURE, table).axes[0].lines[0].get_xydata() == pytest.approx(100 * np.array(edge))


def test_there_is_no_figure_without_records(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "RECORDS", tmp_path)
    assert_refused(lambda: require_records(studies.metric_figure("forgetting", "Forgetting", "T.")), "hybrid_", MissingRecords)
    path = tmp_path / "hybrid_digits.jsonl"
    path.write_text("")
    assert studies.metric_figure("forgetting", "Forgetting", "T.").sources[0] == path

"""The README keeps its word: its lemma gives its verdict, its snippet its numbers, its commands run."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from scaffold import ROOT, python as _run
from scipy.stats import sem

from deep.records import read_records
from deep.studies.confirmation import mean_step_weight
from deep.studies.design import CONFIRM
from deep.studies.presets import PRESETS
from deep.studies.records import StudyRun
from deep.studies.statistics import DECIDING, SUPPORTED, Results, comparisons, verdicts
from figures import hybrid_scores
from figures.kit.studies import RECORDS, confirmed, confirmed_files, confirmed_streams

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = " ".join(README.split())
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)


def _sentences(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(mylemma:|agree |disagree )", line)]


def test_the_lemma_gets_the_verdict_that_is_shown_and_the_corrected_one_agrees(tmp_path):
    wrong, right = "+ n * sigma**2 / p ", "+ n * sigma**2 / (p - n - 1) "
    results = []
    for lemma in (SNIPPETS[0], SNIPPETS[0].replace(wrong, right)):
        (tmp_path / "mylemma.py").write_text(lemma, encoding="utf-8")
        results.append(_run("-m", "simulate", "check", "mylemma.py", cwd=tmp_path))
    shown = re.search(r"<!-- verdict:begin -->\n(.*?)<!-- verdict:end -->", README, re.S).group(1)
    assert [result.returncode for result in results] == [1, 0]
    assert _sentences(results[0].stdout) == _sentences(shown) != []
    assert results[1].stdout.startswith("mylemma: agree (3 agree of 3 cases)")


def test_the_snippet_gives_the_number_that_is_shown():
    program = SNIPPETS[1] + "\nlaw, sample = expected_errors(seq).deviation(), simulate(seq, trials=20000, seed=1).deviation()"
    program += "\nprint(law, abs(sample.mean - law) < 5 * sample.stderr)"
    result = _run("-c", program)
    assert result.stdout.startswith("1.1209") and result.stdout.strip().endswith("True"), result.stderr


def test_an_experiment_with_its_own_conditions_and_quantity():
    program = f"{SNIPPETS[1]}\n{SNIPPETS[2]}\nfound = simulate(ridge, trials=500, seed=1).read(along)"
    program += "\nprint(ridge.unusual, found.stderr > 0, 'no exact law' if ridge.unusual else '')\nexpected_errors(ridge)"
    result = _run("-c", program)
    assert result.stdout.startswith("(StudentT(df=9.0), Ridge(lam=2.0)) True"), result.stderr
    assert "no exact law is known for StudentT(df=9.0), Ridge(lam=2.0)" in result.stderr


def test_the_sweep_fills_its_table(tmp_path):
    (tmp_path / "mysweep.py").write_text(SNIPPETS[3], encoding="utf-8")
    result = _run("-m", "simulate", "sweep", "mysweep.py", "--trials", "256", "--out", "mysweep.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len((tmp_path / "mysweep.csv").read_text(encoding="utf-8").splitlines()) == 1 + 2 * 4 * 3


@pytest.mark.parametrize("line", sorted(set(re.findall(r"^    \.venv/bin/python (-m .*?)(?:\s+#.*)?$", README, re.M))))
def test_every_command_is_one(line):
    """Commands run as written, apart from optional parts; those that take long are asked for their help."""
    words = shlex.split(re.sub(r"\[.*?\]", "", line))
    if words[1] in ("figures", "simulate", "figures.report") or words[1:2] == ["deep"] and words[2] not in ("data", "streams"):
        words = [*words[:2], *(word for word in words[2:3] if words[1] in ("simulate", "deep")), "--help"]
    result = _run(*words)
    assert result.returncode == 0 and result.stdout, result.stderr


def test_every_path_of_the_layout_exists():
    layout = README[README.index("## Layout") :]
    for folder in re.findall(r"^    (\w+)/", layout, re.M):
        assert (ROOT / folder).is_dir()
    for folder, file in re.findall(r"\b(\w+)/(?:\)|,| of| and)|\((\w+\.py)\)", layout):
        assert any((ROOT / package / (folder or file)).exists() for package in ("theory", "simulate", "deep", "figures"))
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()


def test_the_hybrid_study_found_what_is_said():
    """Every row of the table against the committed records: streams, runs, and what is supported."""
    rows = re.findall(r"^\| .*\(`([\w-]+)`\).* \| (\d+) \| (\d+) \| (.*) \|$", README, re.M)
    assert [row[0] for row in rows] == list(confirmed_files())
    for name, streams, runs, claimed in rows:
        preset, results = PRESETS[name], confirmed(confirmed_files()[name])
        compared = comparisons(results, preset.rules, preset.level)
        assert not any(entry.above for entry in compared if (entry.reference, entry.metric) == ("threshold at random", DECIDING))
        found = [verdict.rule for verdict in verdicts(compared, preset.rules) if verdict.verdict == SUPPORTED]
        count = 0 if claimed == "none" else claimed.count(",") + 1
        assert (int(streams), int(runs), count) == (len(results.streams), len(preset.confirmation), len(found))
        assert all(rule in claimed for rule in found)


def test_the_fairer_control_gave_what_is_said():
    """The differences to initialized training whose later tasks alone are slowed, with the study's own intervals."""
    later = [replace(run, arm=f"{run.arm.partition(' ')[0]} as a rate") for run in read_records(RECORDS / "hybrid_later_rate.jsonl", StudyRun)]
    found = {}
    for name, path in confirmed_files().items():
        preset, fair = PRESETS[name], {(run.stream, run.arm, run.unit, run.deal): run for run in later if run.preset == name}
        runs = {(run.stream, run.arm, run.unit, run.deal): run for run in read_records(path, StudyRun) if run.phase == CONFIRM}
        places = {key[:2] for key in fair}
        assert fair.keys() == {key for key in runs if key[:2] in places}
        for (stream, arm, *place), run in fair.items():
            assert run.options == {"rate": mean_step_weight(runs[stream, arm.partition(" ")[0], *place])}
        for entry in comparisons(Results((runs | fair).values()), preset.rules, preset.level):
            if entry.metric == DECIDING and (entry.stream, entry.reference) in places:
                found[entry.stream] = 100 * entry.difference.mean, entry.above
    ahead, open_ = ([f"+{short(mean, 1)}" for mean, above in sorted(found.values()) if above == wanted] for wanted in (True, False))
    assert f"one head (by {ahead[0]}, {ahead[1]} and {ahead[2]} points)" in TEXT and f"include zero ({open_[0]} and {open_[1]})" in TEXT
    assert len(ahead) == 3 and all(("one head" in stream) == above for stream, (_, above) in found.items()) and len(open_) == 2


def test_the_errors_that_intervals_leave_out_are_what_is_said():
    """Standard errors of a rule minus initialized training, by runs and by orders."""

    def gains(name, stream):
        rule, base = (confirmed(confirmed_files()[name]).values(stream, arm, DECIDING) for arm in ("magnitude", "initialized"))
        return {unit: 100 * (rule[unit] - base[unit]) for unit in rule}

    digits, mnist = gains("digits-large", "split digits, one head"), gains("mnist-large", "rotated MNIST")
    by_order = [np.mean([gain for unit, gain in mnist.items() if unit.order == order]) for order in {unit.order for unit in mnist}]
    assert f"the {short(sem([*digits.values()]))} counted" in TEXT
    assert f"By its {len(by_order)} orders instead of its {len(mnist)} runs" in TEXT
    assert f"is {sem(by_order):.1f} points, not {sem([*mnist.values()]):.1f}." in TEXT


def test_what_scores_and_the_law_foresaw_is_what_is_said():
    """The sentences below the table, number by number, against the committed records."""
    table = hybrid_scores.FIGURE.table(None)
    marks = table.select(quantity=hybrid_scores.CORRELATION)
    score, chance, rank, rank_chance = (
        marks.select(training=training, x_name=which).column("mean")
        for training in (hybrid_scores.SCORES, hybrid_scores.RANKS) for which in ("estimate", "p")
    )  # fmt: skip
    assert len(score) == 6 and f"adds lies between {short(min(score))} and +{short(max(score))}, on none of them different" in TEXT
    assert f"(p of {short(min(chance), 3)} or more" in TEXT and min(chance) > 0.05
    assert [np.sum((rank_chance < 0.01) & (sign * rank > 0)) for sign in (1, -1)] == [1, 3]
    assert not np.any((rank_chance >= 0.01) & (rank_chance <= 0.05)) and "rightly on one of six streams and the wrong way round on three" in TEXT
    pairs = table.select(quantity=hybrid_scores.WINS, training=hybrid_scores.KEPT)
    better = sum(row.mean > hybrid_scores._TIE for row in pairs)
    assert not any(row.x > 0 for row in pairs) and f"frozen training forgot less in {better} of {len(pairs)} pairs" in TEXT
    drawn = []
    for _, results, stream, *_ in confirmed_streams():
        own = {run.unit: run.trained for run in results.runs(stream, "threshold")}
        drawn += [run.trained == own[run.unit] for run in results.runs(stream, "threshold at random")]
    assert f"in {sum(drawn)} of {len(drawn)} runs drew the rule's own schedule" in TEXT


def short(number: float, digits: int = 2) -> str:
    """Write a number below 1 as the README does, without the zero before the point."""
    return re.sub(r"\b0\.", ".", f"{number:.{digits}f}")

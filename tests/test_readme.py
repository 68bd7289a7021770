"""The README keeps its word: its lemma gives its verdict, its snippet its numbers, its commands run."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from scaffold import ROOT, python as _run

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.S)


def _sentences(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(mylemma:|agree |disagree )", line)]


def test_the_lemma_gets_the_verdict_that_is_shown(tmp_path):
    (tmp_path / "mylemma.py").write_text(SNIPPETS[0], encoding="utf-8")
    result = _run("-m", "simulate", "check", "mylemma.py", cwd=tmp_path)
    shown = re.search(r"<!-- verdict:begin -->\n(.*?)<!-- verdict:end -->", README, re.S).group(1)
    assert result.returncode == 1 and _sentences(result.stdout) == _sentences(shown) != []


def test_the_corrected_lemma_agrees(tmp_path):
    wrong, right = "+ n * sigma**2 / p ", "+ n * sigma**2 / (p - n - 1) "
    assert wrong in SNIPPETS[0]
    (tmp_path / "mylemma.py").write_text(SNIPPETS[0].replace(wrong, right), encoding="utf-8")
    result = _run("-m", "simulate", "check", "mylemma.py", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout.startswith("mylemma: agree (3 agree of 3 cases)")


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
    from deep.studies.presets import PRESETS
    from deep.studies.statistics import SUPPORTED, comparisons, verdicts
    from figures.kit.studies import confirmed, confirmed_files

    rows = re.findall(r"^\| .*\(`([\w-]+)`\).* \| (\d+) \| (\d+) \| (.*) \|$", README, re.M)
    assert [row[0] for row in rows] == list(confirmed_files())
    for name, streams, runs, claimed in rows:
        preset, results = PRESETS[name], confirmed(confirmed_files()[name])
        assert (int(streams), int(runs)) == (len(results.streams), len(preset.confirmation))
        compared = comparisons(results, preset.rules, preset.level)
        control = ("threshold", "threshold at random", "average_accuracy")
        assert all(entry.low <= 0 for entry in compared if (entry.rule, entry.reference, entry.metric) == control)
        found = [verdict for verdict in verdicts(compared, preset.rules) if verdict.verdict == SUPPORTED]
        assert (claimed == "none") == (not found)
        assert len(found) == len(claimed.split(", ")) * (claimed != "none") and all(verdict.rule in claimed for verdict in found)


def test_the_fairer_control_gave_what_is_said():
    """The differences to initialized training whose later tasks alone are slowed, with the study's own intervals."""
    from deep.records import read_records
    from deep.studies.confirmation import mean_step_weight
    from deep.studies.presets import PRESETS
    from deep.studies.records import StudyRun
    from deep.studies.statistics import Results, comparisons
    from figures.kit.studies import RECORDS, confirmed_files

    later = read_records(RECORDS / "hybrid_later_rate.jsonl", StudyRun)
    found = {}
    for name, path in confirmed_files().items():
        recorded = [run for run in read_records(path, StudyRun) if run.phase == "confirm"]
        for stream, arm in dict.fromkeys((run.stream, run.arm) for run in later if run.preset == name):
            rule = arm.partition(" ")[0]
            own = [run for run in later if (run.preset, run.stream, run.arm) == (name, stream, arm)]
            weights = {run.unit: mean_step_weight(run) for run in recorded if (run.stream, run.arm) == (stream, rule)}
            assert all(run.options == {"rate": weights[run.unit]} for run in own) and len(own) == len(weights)
            others = [run for run in recorded if (run.stream, run.arm) != (stream, f"{rule} as a rate")]
            compared = comparisons(Results([*others, *(replace(run, arm=f"{rule} as a rate") for run in own)]), PRESETS[name].rules, PRESETS[name].level)
            (entry,) = (
                entry for entry in compared
                if (entry.stream, entry.rule, entry.reference, entry.metric) == (stream, rule, f"{rule} as a rate", "average_accuracy")
            )  # fmt: skip
            found[stream] = 100 * entry.difference.mean, entry.low > 0
    ahead = [f"+{mean:.1f}" for mean, above in sorted(found.values()) if above]
    open_ = [f"+{mean:.1f}".replace("+0.", "+.") for mean, above in sorted(found.values()) if not above]
    text = " ".join(README.split())
    assert f"one head (by {ahead[0]}, {ahead[1]} and {ahead[2]} points)" in text and f"include zero ({open_[0]} and {open_[1]})" in text
    assert len(ahead) == 3 and all(("one head" in stream) == above for stream, (_, above) in found.items()) and len(open_) == 2


def test_the_errors_that_intervals_leave_out_are_what_is_said():
    """Standard errors of a rule minus initialized training, by runs and by orders."""
    from figures.kit.studies import confirmed, confirmed_files

    def errors(name, stream, rule):
        values = [confirmed(confirmed_files()[name]).values(stream, arm, "average_accuracy") for arm in (rule, "initialized")]
        found = {unit: 100 * (values[0][unit] - values[1][unit]) for unit in values[0]}
        by_order = [np.mean([gain for unit, gain in found.items() if unit.order == order]) for order in dict.fromkeys(unit.order for unit in found)]
        return len(found), len(by_order), *(np.std(draws, ddof=1) / len(draws) ** 0.5 for draws in (list(found.values()), by_order))

    text = " ".join(README.split())
    assert f"the {short(errors('digits-large', 'split digits, one head', 'magnitude')[2])} counted" in text
    runs, orders, counted, right = errors("mnist-large", "rotated MNIST", "magnitude")
    assert f"By its {orders} orders instead of its {runs} runs" in text and f"is {right:.1f} points, not {counted:.1f}." in text


def test_what_scores_and_the_law_foresaw_is_what_is_said():
    """The sentences below the table, number by number, against the committed records."""
    from figures import hybrid_scores
    from figures.kit.studies import confirmed, confirmed_files

    table = hybrid_scores.FIGURE.table(None)
    found = {(row.case, row.training, row.x_name): row.mean for row in table.select(quantity=hybrid_scores.CORRELATION)}
    cases = dict.fromkeys(case for case, _, _ in found)
    score, chance = ([found[case, hybrid_scores.SCORES, which] for case in cases] for which in ("estimate", "p"))
    text = " ".join(README.split())
    assert len(cases) == 6 and f"adds lies between {short(min(score))} and +{short(max(score))}, on none of them different" in text
    assert f"(p of {short(min(chance), 3)} or more" in text and min(chance) > 0.05
    ranks = [(found[case, hybrid_scores.RANKS, "estimate"], found[case, hybrid_scores.RANKS, "p"]) for case in cases]
    assert [sum(p < 0.01 and sign * rho > 0 for rho, p in ranks) for sign in (1, -1)] == [1, 3]
    assert all(p < 0.01 or p > 0.05 for _, p in ranks) and "rightly on one of six streams and the wrong way round on three" in text
    pairs = table.select(quantity=hybrid_scores.WINS, training=hybrid_scores.KEPT)
    better = sum(row.mean > hybrid_scores._TIE for row in pairs)
    assert not any(row.x > 0 for row in pairs) and f"frozen training forgot less in {better} of {len(pairs)} pairs" in text
    drawn = []
    for path in confirmed_files().values():
        results = confirmed(path)
        for stream in results.streams:
            own = {run.unit: run.trained for run in results.runs(stream, "threshold")}
            drawn += [run.trained == own[run.unit] for run in results.runs(stream, "threshold at random")]
    assert f"in {sum(drawn)} of {len(drawn)} runs drew the rule's own schedule" in text


def short(number: float, digits: int = 2) -> str:
    """Write a number below 1 as the README does, without the zero before the point."""
    return f"{number:.{digits}f}".replace("0.", ".", 1)

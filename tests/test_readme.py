"""The README keeps its word: its lemma gives its verdict, its snippet its numbers, its commands run; so does the hybrid study's page."""

import re
import shlex
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scaffold import ROOT, python as _run
from scipy.stats import sem, t as student

from deep.records import read_records
from deep.studies.design import CONFIRM
from deep.studies.driver import mean_step_weight
from deep.studies.foresight import Choices, area_by_orders, row, second_tasks
from deep.studies.presets import PRESETS
from deep.studies.records import PairRecord, StudyRun, UnitEffects
from deep.studies.statistics import DECIDING, VERDICTS, Results, comparisons, interval_text, signed, verdicts
from figures import hybrid_estimate, hybrid_scores
from figures.hybrid_estimate import COSINE, CUT, ESTIMATE, NAMES, auc, losses
from figures.kit.studies import again_files, case, confirmed, confirmed_files, confirmed_streams, explained_files
from simulate import simulate
from simulate.evidence import holm
from simulate.sample.adaptive import frozen_sequence
from theory.claims import judge

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "hybrid.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
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


def test_the_snippet_prints_what_is_shown():
    assert _run("-c", SNIPPETS[1]).stdout.splitlines() == re.findall(r"^    (\w+: forgetting .*)$", README, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("line", re.findall(r"^    driftlaw (.*?)(?:\s+#.*)?$", README, re.M))
def test_every_command_is_one(line, tmp_path):
    """Those that take no time run as written; the others are asked for their help."""
    words = shlex.split(line)
    at_once = line.startswith("theory") or "--help" in words
    result = _run("-m", "driftlaw", *(words if at_once else [*words[: 2 if words[0] == "deep" else 1], "--help"]), cwd=tmp_path)
    assert result.returncode == 0 and result.stdout, result.stderr


def test_what_is_linked_is_there():
    for place in re.findall(r"\]\(([^)]*)\)", README):
        assert (ROOT / place).exists(), place


def test_the_hybrid_study_found_what_is_said():
    """Every row of both tables against the committed records: verdicts as they are now, and intervals as they were then."""
    rows = re.findall(r"^\| .*\(`([\w-]+)`\).* \| (\d+) \| (\d+) \| (\d+) \| .* \| (.*) \|$", PAGE, re.M)
    told = {row[0]: row[1:] for row in re.findall(r"^\| (.*?) \| ([+-].*\]) \| ([+-].*\]) \| ([+-].*\]) \| ([\d.]+) \| (.*?) \| (.*) \|$", PAGE, re.M)}
    assert [row[0] for row in rows] == list(confirmed_files()) and len(told) == 5
    for name, streams, runs, orders, claimed in rows:
        preset, results, first = PRESETS[name], confirmed(confirmed_files()[name]), Results(read_records(confirmed_files()[name], StudyRun))
        compared = comparisons(results, preset.rules, preset.level)
        judged = verdicts(compared, preset.rules, preset.effect)
        counts = [f"{count} {verdict}" for verdict in VERDICTS if (count := sum(entry.verdict == verdict for entry in judged))]
        assert sorted(counts) == sorted(claimed.split(", "))
        assert [int(streams), int(runs), int(orders)] == [len(results.streams), len(preset.confirmation), len({unit.order for unit in preset.confirmation})]
        found = {(entry.stream, entry.rule, entry.reference): entry for entry in compared}
        for verdict in (entry for entry in judged if f"{entry.stream}, {entry.rule}" in told):
            names = (verdict.stream, verdict.rule, f"{verdict.rule} as a rate")
            entry = found[names]
            now = (interval_text(entry), f"{entry.wins[0]:.2f}", signed(entry.detectable), verdict.verdict)
            assert (*(by_runs(each, names, 0.05 / (2 * len(compared))) for each in (first, results)), *now) == told.pop(f"{verdict.stream}, {verdict.rule}")
    assert not told


def by_runs(results: Results, names: tuple[str, str, str], tail: float) -> str:
    """Write the difference with the interval that takes runs as independent."""
    stream, *arms = names
    own, other = (results.values(stream, arm, DECIDING) for arm in arms)
    gains = [own[unit] - other[unit] for unit in own]
    half = student.ppf(1 - tail, len(gains) - 1) * sem(gains)
    return f"{signed(np.mean(gains))} [{signed(np.mean(gains) - half)}, {signed(np.mean(gains) + half)}]"


def test_fair_controls_and_images_are_of_the_confirmed_runs():
    """The rate of the rule's own run in the same unit; and accuracies measured image by image, of which a few differ by rounding."""
    again = [run for file in again_files() for run in read_records(file, StudyRun)]
    stored = {(run.preset, run.stream, run.arm, run.unit): run for path in confirmed_files().values() for run in read_records(path, StudyRun) if run.phase == CONFIRM}
    rates = [run for run in again if not run.images]
    fair = {(run.preset, run.stream, run.arm.replace(" later", ""), run.unit): run for run in rates}
    assert len(fair) == len(rates) == 111
    for run in rates:
        assert run.options == {"rate": mean_step_weight(stored[run.preset, run.stream, run.arm.partition(" ")[0], run.unit])}
    pairs = [(run, (stored | fair)[run.preset, run.stream, run.arm, run.unit]) for run in again if run.images]
    assert all(one.options == other.options for one, other in pairs)
    gaps = [abs(one.metric(DECIDING) - other.metric(DECIDING)) for one, other in pairs]
    assert f"Of their {len(pairs)} runs {sum(one.accuracy == other.accuracy for one, other in pairs)} came out as recorded" in TEXT
    assert f"at most {round(max(gaps) * 1795)} other answers of 1,795" in TEXT


def test_what_scores_and_the_law_foresaw_is_what_is_said():
    """The sentences below the table, number by number, against the committed records."""
    table = hybrid_scores.FIGURE.table(None)
    marks = table.select(quantity=hybrid_scores.CORRELATION)
    score, chance, rank, rank_chance = (
        marks.select(training=training, x_name=which).column("mean")
        for training in (hybrid_scores.SCORES, hybrid_scores.RANKS) for which in ("estimate", "p")
    )  # fmt: skip
    assert len(score) == 6 and f"adds lies between {min(score):.2f} and +{max(score):.2f}, on none of them different" in TEXT
    assert f"(p of {min(chance):.3f} or more" in TEXT and min(chance) > 0.05
    assert [np.sum((rank_chance < 0.01) & (sign * rank > 0)) for sign in (1, -1)] == [1, 3]
    assert not np.any((rank_chance >= 0.01) & (rank_chance <= 0.05)) and "rightly on one of six streams and the wrong way round on three" in TEXT
    pairs = table.select(quantity=hybrid_scores.WINS, training=hybrid_scores.KEPT)
    better = sum(row.mean > hybrid_scores._TIE for row in pairs)
    assert not any(row.x > 0 for row in pairs) and f"frozen training forgot less in {better} of {len(pairs)} pairs" in TEXT
    drawn = []
    for _, results, stream, *_ in confirmed_streams():
        own = {run.unit: run.trained for run in results.runs(stream, "threshold")}
        drawn += [run.trained == own[run.unit] for run in results.runs(stream, "threshold at random")]
    assert f"did in {sum(drawn)} of {len(drawn)} runs" in TEXT


def explained_tasks(effects: Sequence[UnitEffects], pairs: Sequence[PairRecord]) -> Choices:
    """Return all tasks but the first of the explained units, on validation data, with the squared distance of neighbours' truths; ``kept`` is of the pair alone."""
    found = {(pair.stream, pair.order, pair.seed, pair.second): pair for pair in pairs if pair.second == pair.first + 1}
    rows = []
    for unit in effects:
        for task, (score, benefit) in enumerate(zip(unit.scores, unit.benefit, strict=True)):
            pair = found[unit.stream, unit.order, unit.seed, task + 1]
            rows.append((unit.stream, unit.order, score, sum(pair.distance), pair.kept, -benefit))
    return Choices(*(np.array(column) for column in zip(*rows, strict=True)))


def foreseen() -> Iterator[tuple[str, Choices]]:
    """Give the choices of every row on what the score saw in networks."""
    for name, path in confirmed_files().items():
        results = confirmed(path)
        yield from ((case(PRESETS[name], stream), second_tasks(results, [stream])) for stream in results.streams)
        yield f"all of {name}", second_tasks(results, results.streams)
    for name, path in explained_files().items():
        records = read_records(path, UnitEffects, PairRecord)
        effects, pairs = ([one for one in records if isinstance(one, kind)] for kind in (UnitEffects, PairRecord))
        for stream in dict.fromkeys(unit.stream for unit in effects):
            yield f"{case(PRESETS[name], stream)}, explained", explained_tasks([unit for unit in effects if unit.stream == stream], pairs)
        yield f"all of {name}, explained", explained_tasks(effects, pairs)


def test_what_the_score_saw_in_networks_is_what_is_said():
    """Rows, adjusted p of the areas, areas of the law's size, and what the law says of the cosine."""
    found, chances = [*foreseen()], []
    assert [line for line in (f"| {' | '.join(row(*one))} |" for one in found) if line not in PAGE] == [] and len(found) == 27
    for _, one in found:
        areas = [area_by_orders(one.stream, one.order, one.score, gain) for gain in (one.kept, one.gain)]
        chances += [2 * student.sf(abs(each.value - 0.5) / ((each.high - each.value) / student.ppf(0.975, freedom)), freedom)
                    for each in areas if each for freedom in [len(set(one.order.tolist())) - 1]]  # fmt: skip
    assert f"Of {len(chances)} testable areas two leave out 0.5" in TEXT and sum(p < 0.05 for p in chances) == 2 and f"least p = {min(holm(chances)):.2f})" in TEXT
    pairs = [pair for pair in read_records(explained_files()["digits-large"], UnitEffects, PairRecord) if isinstance(pair, PairRecord)]
    for own in ([pair for pair in pairs if pair.stream == "rotated digits"], pairs):
        size = area_by_orders(*map(np.array, zip(*((pair.stream, pair.order, hybrid_scores.law_advantage(pair), pair.kept) for pair in own), strict=True)))
        assert f"{size.value:.2f} [{size.low:.2f}, {size.high:.2f}] ({size.seen:.2f})" in TEXT
    distances, nearest = np.linspace(0.125, 1.875, 8), np.sqrt(hybrid_estimate.critical_distance(**hybrid_estimate.EXPERIMENT))
    drawn = [hybrid_estimate.scores("forgetting", hybrid_estimate.sequence(x), 400, (7, place))[0] for place, x in enumerate(distances)]
    near, far = ({name: np.concatenate([one[name] for one, chosen in zip(drawn, side, strict=True) if chosen]) for name in NAMES} for side in (distances < nearest, distances >= nearest))
    r = np.corrcoef(np.repeat(distances, 400), np.concatenate([near[COSINE], far[COSINE]]))[0, 1]
    areas = (auc(near[name], far[name]) for name in (COSINE, ESTIMATE, CUT))
    assert "is {:.2f}, its correlation with the distance {:+.2f}, the area of the estimate {:.2f} and of the cut one {:.2f}.".format(next(areas), r, *areas) in TEXT


def test_what_the_claim_on_gradients_found_is_what_is_said():
    falls, _, best, never, *_ = list(judge("gradient_direction").effect.values())[1:]
    assert f"In {100 * falls:.1f} % of {judge('gradient_direction').effect['settings']:,} random settings the cosine falls" in TEXT
    assert best == never and f"{100 * never:.1f} % of the settings are decided wrongly" in TEXT


@pytest.mark.long
def test_what_scores_lose_in_random_settings_is_what_is_said():
    found = hybrid_estimate.in_settings(2000)
    rows = re.findall(r"^\| (?:below|between|above|all).*?\| (\d+) \| (.*) \|$", PAGE, re.M)
    case = 1 + (found["n_2"] > found["p_2"]) + (found["n_2"] > found["p"] + found["p_2"])
    for (count, said), cases in zip(rows, ((1,), (2,), (3,), (1, 2, 3)), strict=True):
        here = {name: values[np.isin(case, cases)] for name, values in found.items()}
        ratio, wins = here["ratio"], here["ratio"] < 0
        best = min(losses(ratio, here[COSINE] >= least).mean() for least in [*here[COSINE], np.inf])
        lost = [losses(ratio, False).mean(), best, *(losses(ratio, here[name] > 0).mean() for name in (ESTIMATE, CUT))]
        areas = [auc(here[name][wins], here[name][~wins]) for name in NAMES]
        assert [f"{100 * wins.mean():.1f} %", *map("{:.3f}".format, lost), *map("{:.2f}".format, areas)] == said.split(" | ")
        assert int(count) == len(ratio)


@pytest.mark.long
def test_what_scores_lose_where_the_winner_changes_is_what_is_said():
    drawn, kept = [], ("shared",)
    for x in (0, 2):
        seq, seed = hybrid_estimate.sequence(x), (5, x)
        runs = [simulate(each, 4000, seed).per_trial("forgetting") for each in (frozen_sequence(seq, kept), seq)]
        drawn.append((hybrid_estimate.scores("forgetting", seq, 4000, seed)[0], runs))
    (near, (kept_near, moved_near)), (far, (kept_far, moved_far)) = drawn

    def lost(name, least):
        gone = np.where(near[name] >= least, 0, moved_near - kept_near).mean() + np.where(far[name] >= least, kept_far - moved_far, 0).mean()
        return f"{gone / 2:.2f}"

    cosine, unbiased, cut = (f"{auc(near[name], far[name]):.2f}" for name in NAMES)
    assert f"larger cosine with probability {cosine}, the smaller estimate with {unbiased}, and with {cut} once cut" in TEXT
    means, spreads = ([f"{getattr(each[COSINE], moment)():.2f}" for each in (near, far)] for moment in ("mean", "std"))
    assert f"mean moves from {means[0]} to {means[1]}, the wrong way, with a standard deviation of {spreads[0]} and {spreads[1]} between" in TEXT
    gaps = [f"{hybrid_estimate.gap('forgetting', hybrid_estimate.sequence(x)):.2f}" for x in (0, 2)]
    spreads = [f"{each[ESTIMATE].std():.1f}" for each in (near, far)]
    assert f"forgetting moves from {gaps[0]} to {gaps[1]}, with a standard deviation of its estimate of {spreads[0]} and {spreads[1]}." in TEXT
    best = {name: min(lost(name, least) for least in np.quantile([near[name], far[name]], np.linspace(0, 1, 101))) for name in (COSINE, CUT)}
    assert f"sign of the estimate is {lost(ESTIMATE, 0)} there, no better than {best[COSINE]} at the cosine's best threshold" in TEXT
    assert f"the best one loses {best[CUT]}, and never freezing {lost(COSINE, 2)}" in TEXT

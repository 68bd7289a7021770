"""Whether the best method changes with the regime: decisions on made values with planted swaps, how often they are wrong, and a study of seconds."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made_study import TINY, made_run
from scaffold import ROOT
from scipy.stats import sem, t as student

from deep.__main__ import main
from deep.records import read_records
from deep.studies import presets
from deep.studies.design import COMMON, MEMORY, REGIMES, Rule
from deep.studies.protocol import Candidate, choose, read_protocol
from deep.studies.records import GROUPS, StudyRun
from deep.studies.regimes import NOT_TESTABLE, STAYS, SWAP, TUNINGS, UNDECIDED, _paired, all_pairs, decide, depth_effects, measured, norms, side
from deep.studies.report import Study
from deep.studies.statistics import DECIDING, Results, contrast, signed
from figures.kit.studies import recorded

METHODS = "abcde"
SWAPPED = replace(
    TINY, name="swapped", study=REGIMES, streams=(TINY.streams[1],), explained=(),
    rules=tuple(Rule("constrained", ({"weight": 1.0, "depth": depth}, {"weight": 0.1, "depth": depth}), method="held", regime=depth) for depth in (1, 3))
    + tuple(Rule("frozen", ({"depth": depth},), method="plain", regime=depth) for depth in (1, 3)),
)  # fmt: skip


def values(generator, units: int, first: dict[str, float], last: dict[str, float]) -> dict[tuple[str, int], np.ndarray]:
    """Return values of five methods in two regimes, in standard deviations of a paired difference; what a unit shares is large."""
    shared = generator.normal(0, 5, (2, units))
    means = {(method, regime): table.get(method, 0.0) for regime, table in ((1, first), (5, last)) for method in METHODS}
    return {key: mean + shared[int(key[1] > 1)] + generator.normal(0, 0.5**0.5, units) for key, mean in means.items()}


def found(units: int, first: dict, last: dict, named: tuple[str, str] | None = None, effect: float = 1.0, seed: int = 1) -> str:
    """Return the decision on a data set of which development, of six units, names the methods."""
    generator = np.random.default_rng(seed)
    developed = {key: own.mean() for key, own in values(generator, 6, first, last).items()}
    best = tuple(max(METHODS, key=lambda method: developed[method, regime]) for regime in (1, 5))
    return decide({"s": named or best}, {"s": values(generator, units, first, last)}, effect)[0].verdict


@pytest.mark.parametrize(("first", "last", "named", "effect", "outcome"), [
    ({"a": 2}, {"b": 2}, ("a", "b"), 1, SWAP),
    ({"a": 2}, {"b": 2}, ("b", "a"), 1, STAYS),  # the other way round
    ({"a": 2}, {"a": 0}, ("a", "b"), 1, STAYS),  # one side is not enough, and one below the effect is
    ({"a": 2}, {"a": 0}, ("a", "b"), 0.2, UNDECIDED),
    ({}, {}, ("a", "a"), 1, STAYS),  # equal methods: none is far ahead of it
    ({}, {}, ("a", "a"), 0.1, UNDECIDED),
    ({"a": 2}, {"b": 2}, ("a", "a"), 1, UNDECIDED),
])  # fmt: skip
def test_planted_swaps(first, last, named, effect, outcome):
    assert found(33, first, last, named, effect) == outcome


def test_how_often_a_swap_is_found():
    """None where there is none, whatever development names; with 33 units one of +-1 standard deviation in more than 80 % of data sets."""
    shares = {name: np.mean([found(33, *means, seed=seed) == SWAP for seed in range(200)])
              for name, means in {"none": ({}, {}), "one winner": ({"a": 0.5}, {"a": 0.5}), "swap": ({"a": 1}, {"b": 1})}.items()}  # fmt: skip
    assert shares["none"] <= 0.03 and shares["one winner"] == 0 and shares["swap"] > 0.8, shares


def test_how_often_a_swap_of_the_effect_is_denied():
    """In at most 5 % of 400 data sets where it is there on both sides, within 3.5 standard errors; in more than 90 % where there is none."""
    true, false = (np.mean([found(11, {"a": h}, {"b": h}, ("a", "b"), effect, seed) == STAYS for seed in range(400)]) for h, effect in ((0.3, 0.3), (0, 1.2)))
    assert 0.012 < true <= 0.05 + 3.5 * (0.05 * 0.95 / 400) ** 0.5 and false > 0.9, (true, false)


@pytest.mark.long
def test_how_often_a_swap_is_found_is_what_the_page_says():
    """Its table, within 4.5 standard errors of 400 data sets on both sides and the rounding."""
    page = (ROOT / "docs" / "regimes.md").read_text(encoding="utf-8")
    rows = [[*map(float, line.strip("|").replace("h =", "").split("|"))] for line in re.findall(r"^\| *(?:\d.*)\|$", page, re.M)]
    assert [row[0] for row in rows] == [11, 22, 33, 55]
    for units, *shares in rows:
        for h, stated in zip((0, 0.25, 0.5, 0.75, 1, 1.5), shares, strict=True):
            share = np.mean([found(int(units), {"a": h}, {"b": h}, seed=seed) == SWAP for seed in range(1000, 1400)])
            assert abs(share - stated) < 4.5 * (2 * max(share * (1 - share), 0.0025) / 400) ** 0.5 + 0.005, (units, h, share)


def told(study: Study) -> Iterator[str]:
    """Give what the page says of a study of regimes: means with Student's intervals, what depth is worth, norms and their correlations, verdicts."""
    for suffix, stream in itertools.product(TUNINGS, study.results.streams):
        values, images = (found[stream] for found in study.read(suffix))
        for arm, *numbers, _ in depth_effects(values, images)[:-1]:
            cells = [f"{100 * own.mean():.1f} ± {100 * student.ppf(0.975, len(own) - 1) * sem(own):.1f}" for (name, _), own in values.items() if name == arm]
            yield f"| {arm}{suffix.replace(' ', ', ')} | {' | '.join(cells)} | {'{} [{}, {}]'.format(*map(signed, numbers))} |"
    for stream in study.results.streams:
        yield from ("| R{} | {:.2f} | {:+.2f} [{:+.2f}, {:+.2f}] |".format(*row) for row in norms(study.preset, study.results, stream))
    yield from (entry.sentence for entry in study.judged())


def test_the_page_of_regimes_says_what_was_found():
    """Rows and verdicts; how many pairs of methods differ, with own or common options; and that no pair stands there with both signs."""
    text = " ".join((ROOT / "docs" / "regimes.md").read_text(encoding="utf-8").split())
    for study in recorded(REGIMES).values():
        pairs = {(row["stream"], row["options"], row["regime"], row["better"], row["other"]) for row in study.pairs()}
        assert not {pair[:2] + pair[3:] for pair in pairs} & {(*pair[:2], pair[4], pair[3]) for pair in pairs}, "a flip of ranks"
        assert f"{len(pairs)} differences" in text and not [words for words in told(study) if words not in text]


def test_the_page_of_memories_says_what_was_found():
    """Means and forgetting of the arms, how many pairs differ, and what memories see of held-out images."""
    text, ((path, study),) = " ".join((ROOT / "docs" / "memories.md").read_text(encoding="utf-8").split()), recorded(MEMORY).items()
    rows, found = [json.loads(line) for line in next(path.parent.glob("memory*_constraints.jsonl")).read_text().splitlines()], []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        cells = (", ".join(f"{row[name]:.2f}" for row in rows if row["arm"] == arm and row["task"] in (2, 5, 10)) for name in ("slope", "ratio", "conflict", "violated"))
        found.append(f"| {arm} | {' | '.join(cells)} |")
    estimates = {arm: [study.results.estimate("permuted digits", arm, metric) for metric in (DECIDING, "forgetting")] for arm in study.results.arms("permuted digits")}
    found += [f"| {arm} | {' | '.join(f'{100 * own.mean:.1f} ± {100 * student.ppf(0.975, own.count - 1) * own.stderr:.1f}' for own in both)} |" for arm, both in estimates.items()]
    values, images = (own["permuted digits"] for own in study.read())
    for arm, other in (("p-mGEM by stages", "GEM, gamma 0.5"), ("d-mGEM(2)", "GEM, gamma 0.5"), ("d-mGEM(2)", "GEM, gamma 1")):
        estimate, freedom = contrast(*_paired(values, images, (arm, 0), (other, 0)))
        half = student.ppf(0.975, freedom) * estimate.stderr
        found.append(f"[{100 * (estimate.mean - half):+.2f}, {100 * (estimate.mean + half):+.2f}]")
    assert not [words for words in (*found, f"{len(study.pairs())} differ") if words not in text]


def test_a_margin_is_part_of_what_would_have_been_seen():
    gains = np.random.default_rng(0).normal(0, 1, 20)
    assert side("", gains, 1.0, margin=0.3).seen == pytest.approx(side("", gains, 1.0).seen - 0.3)


def test_units_in_which_an_arm_failed_are_told():
    whole = values(np.random.default_rng(1), 33, {"a": 2}, {"b": 2})
    (swap,) = decide({"s": ("a", "b")}, {"s": whole}, 1.0, units=40)
    (few,) = decide({"s": ("a", "b")}, {"s": {key: own[:1] for key, own in whole.items()}}, 1.0, units=40)
    assert swap.verdict == SWAP and "7 of 40 units left out" in swap.sentence
    assert few.verdict == NOT_TESTABLE and "39 of 40" in few.sentence and all_pairs({key: own[:1] for key, own in whole.items()}) == []


def test_holm_over_data_sets():
    """A swap at 3.8 % stands alone and falls beside an undecided data set."""
    gains = np.array([1.0, -0.3, 1.0, 1.0, -0.3, 1.0, -0.3, 0.4])
    weak = {("a", 1): gains, ("b", 1): gains * 0, ("a", 5): gains * 0, ("b", 5): 9 + gains}
    both = decide({"x": ("a", "b"), "y": ("a", "b")}, {"x": weak, "y": {key: own * 0 for key, own in weak.items()}}, 0.5)
    assert [entry.verdict for entry in (*decide({"x": ("a", "b")}, {"x": weak}, 0.5), *both)] == [SWAP, UNDECIDED, STAYS]


def test_holm_over_denials():
    """A side 2.1 % from the effect, at half of the level, denies a swap where the data set is alone, and not where there are two."""
    gains = np.array([1.0, -0.3, 1.0, 1.0, -0.3, 1.0, -0.3, 0.4])
    short = {("a", 1): gains - 0.4, ("b", 1): gains * 0, ("a", 5): gains * 0, ("b", 5): 9 + gains}
    alone, *both = (entry.verdict for names in ("x", "xy") for entry in decide(dict.fromkeys(names, ("a", "b")), dict.fromkeys(names, short), 0.6))
    assert (alone, both) == (STAYS, [UNDECIDED] * 2)


def test_shared_test_images_count_in_a_swap():
    """Two of 32 groups carry the whole difference, in all units: other test images might not."""
    clear = {key: np.linspace(-0.01, 0.01, 12) + mean for key, mean in {("a", 1): 0.1, ("b", 1): 0.0, ("a", 5): 0.0, ("b", 5): 0.1}.items()}
    images = {key: np.stack([np.outer(own, [16] * 2 + [0] * 30), np.ones((12, GROUPS))], 2) / GROUPS for key, own in clear.items()}
    outcomes = [decide({"x": ("a", "b")}, {"x": clear}, 0.1, images=found)[0].verdict for found in ({}, {"x": images})]
    assert outcomes == [SWAP, UNDECIDED]
    assert len(all_pairs(clear)) == 2 and not all_pairs(clear, images=images)
    # Two that hardly differ from unit to unit, and do on images, hide no other difference.
    even = {("a", 1): clear["a", 1], ("b", 1): clear["b", 1], ("c", 1): clear["b", 1] + np.resize([1e-9, -1e-9], 12)}
    uneven = {key: np.stack([np.tile(own[:, None] / GROUPS + (key[0] == "c") * np.resize([1e-3, -1e-3], GROUPS), 1), np.full((12, GROUPS), 1 / GROUPS)], 2) for key, own in even.items()}
    assert {(row["better"], row["other"]) for row in all_pairs(even, images=uneven)} == {("a", "b"), ("a", "c")}


def test_all_pairs_in_new_units_and_on_new_images_are_seldom_wrong():
    """Half of the variance of a mean difference is that of 32 groups of images: at 5 % at most 24 of 200 studies name a pair, without images far more."""
    wrong = np.zeros(2)
    for seed in range(200):
        generator, units = np.random.default_rng(seed), 14
        gains = {(method, 1): generator.normal(0, 1, (units, 1)) + generator.normal(0, (GROUPS / units) ** 0.5, GROUPS) for method in "abc"}
        images = {key: np.stack([own, np.ones_like(own)], 2) / GROUPS for key, own in gains.items()}
        means = {key: own.mean(1) for key, own in gains.items()}
        wrong += [bool(all_pairs(means, images=images)), bool(all_pairs(means))]
    assert 0 < wrong[0] <= 24 < wrong[1]


def test_what_depth_is_worth():
    """Of each method and of their mean; shared test images widen the interval."""
    made = values(np.random.default_rng(3), 20, {"a": -2}, {})
    paired = np.array([made[method, 5] - made[method, 1] for method in METHODS])
    images = {key: np.stack([np.outer(np.full(20, key[1]), [16] * 2 + [0] * 30), np.ones((20, GROUPS))], 2) / GROUPS for key in made}
    found, wide = depth_effects(made), depth_effects(made, images)
    assert [row[0] for row in found] == [*METHODS, "their mean"] and [row[1] for row in found[:-1]] == pytest.approx(paired.mean(1))
    assert found[-1][1] == pytest.approx(paired.mean()) and found[-1][3] - found[-1][1] == pytest.approx(student.ppf(0.975, 19) * paired.mean(0).std(ddof=1) / 20**0.5)
    assert all(one[3] < other[3] for one, other in zip(found, wide, strict=True))


def test_all_pairs_at_once_are_seldom_wrong_and_find_what_is_far():
    """Ten pairs in two regimes: at 5 % a study without differences names any in at most 24 of 200 (4.5 standard errors); 2 sd are found."""
    wrong = sum(bool(all_pairs(values(np.random.default_rng(seed), 14, {}, {}))) for seed in range(200))
    assert 0 < wrong <= 24
    rows = all_pairs(values(np.random.default_rng(2), 33, {"a": 2}, {"b": 2}))
    named = {(row["regime"], row["better"], row["other"]) for row in rows}
    assert {(1, "a", "b"), (5, "b", "a")} <= named and not any("c" in row[1] for row in named)
    assert all(row["difference"] > 0 and row["wins"][0] > 0.5 for row in rows)


def test_one_strength_for_all_regimes_is_the_best_on_their_mean():
    measured = [Candidate("constrained", {"weight": weight, "depth": depth}, share, None) for weight, depth, share in
                ((1.0, 1, 0.5), (0.1, 1, 0.8), (1.0, 3, 0.7), (0.1, 3, 0.6))]  # fmt: skip
    plain = [Candidate("frozen", {"depth": depth}, 0.5, None) for depth in (1, 3)]
    chosen = choose(SWAPPED, SWAPPED.streams[0], measured + plain)
    assert {arm: entry.options["weight"] for arm, entry in chosen.items() if "held" in arm} == {
        "held R1": 0.1, "held R3": 1.0, "held R1" + COMMON: 0.1, "held R3" + COMMON: 0.1,
    }  # fmt: skip


def test_norms_and_forgetting():
    """Forgetting made of the norm in one regime, of nothing in the other; a failed run takes its unit out."""
    generator, runs = np.random.default_rng(4), []
    for unit in range(12):
        for rule, (norm, other) in zip(SWAPPED.rules, generator.uniform(1, 2, (4, 2)), strict=True):
            runs.append(made_run(rule.name, unit, (0.9, 0.9 - 0.2 * (norm if rule.regime == 3 else other), 0.5), "rotated", update=(9.0, norm, norm)))
    preset = replace(SWAPPED, confirmation=tuple(run.unit for run in runs[::4]))
    (one, norm, r, low, high), (_, _, close, *_) = norms(preset, Results(runs), "rotated")
    assert one == 1 and 1 < norm < 2 and low < r < high and abs(r) < 0.6 and close == pytest.approx(1, abs=1e-5)
    assert not norms(preset, Results(replace(run, accuracy=runs[0].accuracy) for run in runs), "rotated")  # all forget alike
    broken = [replace(run, status="failed") if (run.order, run.arm) == (3, "held R1") else run for run in runs]
    assert len(measured(preset, Results(broken), "rotated")["plain", 3]) == 11


def test_a_study_of_regimes_from_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(presets.PRESETS._parts, SWAPPED.name, SWAPPED)
    options = ["study", "regimes", "--preset", "swapped", "--workers", "1", "--out", str(tmp_path), "--data-root", str(tmp_path)]
    assert main([*options, "--records", str(tmp_path / "runs.jsonl")]) == 0
    out = capsys.readouterr().out
    assert all(words in out for words in ("held R1 common", "update norm", "last regime minus first", "foreseen: ", "pairs of methods that differ"))
    assert main([*options, "--phase", "confirm", "--json"]) == 0
    value, runs = json.loads(capsys.readouterr().out), read_records(tmp_path / "runs.jsonl", StudyRun)
    assert [entry["rule"].endswith(COMMON) for entry in value["verdicts"]] == [False, True] and not value["comparisons"]
    chosen = read_protocol(tmp_path / "protocol-swapped.json").chosen["rotated"]
    assert {run.arm for run in runs if run.phase == "confirm"} == {name + end for name in ("held R1", "held R3", "plain R1", "plain R3") for end in ("", COMMON)}
    for run in runs:
        assert run.phase == "develop" or run.options == chosen[run.arm]
        assert {mask.count("1") for mask in run.trained[1:]} <= ({1, 3} if run.phase == "develop" else {int(run.arm.split()[1][1:]), 3})

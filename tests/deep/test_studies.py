"""The hybrid study end to end on a preset of seconds: phases, protocol, controls, records, interruption, bad input."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import interrupted_at
from made_study import TINY
from scaffold import ROOT, assert_refused, refusals

from deep.__main__ import main
from deep.networks import build
from deep.records import read_records
from deep.runs import RunsFolder
from deep.runs.execute import DataSource
from deep.studies import presets, protocol
from deep.studies.design import BEST_DEPTH, FROZEN, INITIALIZED, Rule, Unit
from deep.studies.driver import Setting, Wanted, _measured, candidates, check, config, dealt, mean_step_weight, train_all
from deep.studies.protocol import Candidate, choose, read_protocol
from deep.studies.records import METRICS, StudyRun, UnitEffects
from deep.studies.statistics import VERDICTS, Results
from deep.training.run import BOUND
from simulate.work.provenance import equal
from theory.errors import InputError

RECORDS = ROOT / "figures" / "records"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder in which the tiny study was developed, confirmed and explained; records of each phase."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS._parts, TINY.name, TINY)
        for phase in ("develop", "confirm", "explain"):
            assert run(folder, "--phase", phase, "--records", folder / f"{phase}.jsonl") == 0
        yield folder


def run(folder: Path, *options: object) -> int:
    """Run the command line on a folder, with no data sets but the embedded one."""
    (folder / "data").mkdir(exist_ok=True)
    return main(["study", "hybrid", "--preset", "tiny", "--workers", "1", "--data-root", str(folder / "data"), "--out", str(folder), *map(str, options)])


def records(study: Path, phase: str) -> list[StudyRun]:
    """Return the runs that a phase recorded."""
    return read_records(study / f"{phase}.jsonl", StudyRun)


@pytest.mark.slow
def test_development_reads_no_test_image_and_confirmation_only_these(study):
    parts = {key: {RunsFolder(study).run(record.key).config()["evaluate_on"] for record in records(study, key)} for key in ("develop", "confirm")}
    assert parts == {"develop": {"validation"}, "confirm": {"test"}}
    units = {phase: {record.unit for record in records(study, phase)} for phase in parts}
    assert units == {"develop": {(0, 100), (1, 101)}, "confirm": {(2, 1000), (3, 1001), (4, 1002)}}  # orders that development has not seen


def test_the_protocol_chooses_the_candidate_with_the_highest_mean(study):
    found, runs = read_protocol(study / "protocol-tiny.json"), records(study, "develop")
    assert [*found.tried] == ["split", "rotated"] and found.absent == {"absent": "cifar-10 absent"}
    for label, tried in found.tried.items():
        for rule in TINY.rules:
            own = [record for record in runs if (record.stream, record.strategy) == (label, rule.strategy)]
            means = [np.mean([record.metric("average_accuracy") for record in own if record.options == options]) for options in rule.grid]
            assert found.chosen[label][rule.strategy] == rule.grid[int(np.argmax(means))]
        depths = {entry.options.get("depth", 3): entry.average_accuracy for entry in tried if entry.strategy in (INITIALIZED, FROZEN)}
        assert len(depths) == 3 and depths[found.chosen[label][BEST_DEPTH]["depth"]] == max(depths.values())
        assert found.chosen[label][FROZEN] == {"depth": 2} and len(tried) == 1 + 2 + 4


def test_confirmation_trains_what_the_protocol_says(study):
    tried = read_protocol(study / "protocol-tiny.json").tried
    chosen = {(stream.label, arm): entry for stream in TINY.streams[:2] for arm, entry in choose(TINY, stream, tried[stream.label]).items()}
    for record in records(study, "confirm"):
        own = chosen.get((record.stream, record.arm), record)
        assert (record.strategy, record.options) == (own.strategy, own.options)
    arms = [*("initialized", "frozen", "best depth"), *(rule.strategy for rule in TINY.rules), *(rule.control_name for rule in TINY.rules)]
    assert sorted(Results(records(study, "confirm")).arms("split")) == sorted(arms)


def test_controls_have_the_rules_own_dose(study):
    runs = records(study, "confirm")
    results = Results(runs)
    for stream in ("split", "rotated"):
        rules = {record.unit: record for record in results.runs(stream, "threshold")}
        controls = results.runs(stream, "threshold at random") if "threshold at random" in results.arms(stream) else []
        several = {unit for unit, rule in rules.items() if len({*rule.trained[1:]}) > 1}  # where there is another schedule
        assert {(control.unit, control.deal) for control in controls} == {(unit, deal) for unit in several for deal in (0, 1)}
        for control in controls:
            own = rules[control.unit].trained
            assert sorted(control.trained[1:]) == sorted(own[1:]) and control.trained[0] == "111" and control.trained != own
        for name, mean in (("constrained", 0.4), ("magnitude", None)):
            own = {record.unit: record for record in results.runs(stream, name)}
            for control in results.runs(stream, f"{name} as a rate"):
                weight = mean_step_weight(own[control.unit])
                assert mean is None or weight == pytest.approx((1 + 2 * 0.1) / 3, rel=1e-12)
                assert control.strategy == "initialized" and control.options == {"rate": weight} and control.learning_rate == 0.05
    # Heads of their own keep whole steps; the rotated stream's common head does not.
    scales = [[(1 + 2 / task) / 3 for task in range(2, 6)], [1 / task for task in range(2, 4)]]
    assert [mean_step_weight(results.runs(stream, "magnitude")[0]) for stream in ("split", "rotated")] == pytest.approx([*map(np.mean, scales)], abs=1e-6)


def test_decisions_are_dealt_in_every_order_and_reproducibly():
    masks = ("001", "011", "111")
    found, again = ([tuple(dealt(masks, seed, deal)) for seed in range(40) for deal in range(2)] for _ in range(2))
    assert found == again
    assert all(sorted(order) == sorted(masks) for order in found) and len(set(found)) == 5 and masks not in found and any(found[2 * seed] != found[2 * seed + 1] for seed in range(40))


def test_records_give_the_metrics_of_the_runs(study):
    for record in records(study, "confirm"):
        whole = RunsFolder(study).run(record.key).record()
        assert [record.metric(metric) for metric in METRICS] == pytest.approx([whole.metrics[metric] for metric in METRICS], abs=2e-6)
        assert record.trained == tuple("".join(str(int(stage)) for stage in result.trained) for result in whole.results)
        assert record.update == pytest.approx([result.update_magnitude for result in whole.results], rel=1e-5)
        assert np.sum(record.images, 0) == pytest.approx([record.metric("average_accuracy"), 1], abs=5e-5)


def test_what_is_printed(study, capsys):
    assert run(study, "--phase", "power") == 0 and "worth finding" in capsys.readouterr().out
    assert run(study, "--phase", "confirm") == 0
    out, err = capsys.readouterr()
    for words in ("threshold at random", "published: hybrid", "80.55", "at 95 %", "verdicts", "would have been found with probability 0.8", "cost: about", "left out: absent, cifar-10 absent", "+-"):
        assert words in out, words
    assert "tiny, confirm: " in err
    assert run(study, "--phase", "confirm", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert len(value["comparisons"]) == 2 * 3 * 4 and len(value["verdicts"]) == 6
    assert all(entry["verdict"] in VERDICTS and entry["sentence"] in out for entry in value["verdicts"])


def test_candidates_tune_the_loop_too(study):
    wanted = Wanted(TINY.streams[1], "held", Unit(0, 100), "constrained", {"weight": 0.1, "epochs": 1, "learning_rate": 0.02})
    (run,) = train_all([wanted], TINY, "develop", Setting(study, workers=1))
    chosen = RunsFolder(study).run(run.key).config()
    assert run.options == wanted.options and (chosen["epochs"], run.learning_rate, chosen["strategy_options"]) == (1, 0.02, {"weight": 0.1})
    assert Candidate("constrained", wanted.options, run.metric("average_accuracy"), None) == _measured("constrained", wanted.options, [run])


def test_explanation(study):
    effects = read_records(study / "explain.jsonl", UnitEffects)
    assert [(unit.order, unit.seed) for unit in effects] == list(TINY.development)
    developed = Results(record for record in records(study, "develop") if record.strategy == "magnitude")
    for unit in effects:
        assert unit.exhaustive and unit.schedules == 9 and len(unit.scores) == 2 and len(unit.stage_scores[0]) == 2
        assert unit.reached["best schedule"] >= max(unit.reached[name] for name in ("threshold", "mean schedule"))
        assert unit.reached["magnitude"] == pytest.approx(developed.values("rotated", "magnitude", "average_accuracy")[Unit(unit.order, unit.seed)], abs=1e-6)


@pytest.mark.parametrize(("change", "reason"), [
    (lambda value: value.update(preset="digits"), "it is of the preset 'digits', not 'tiny'"),
    (lambda value: value.update(design="0" * 64), "the preset has changed since"),
    (lambda value: value.update(device="cuda"), "it was developed on cuda, not cpu"),
    (lambda value: value["streams"][0].update(label="absent"), "the data of absent are absent now"),
    (lambda value: value["streams"][0].update(label="splat"), "the preset has no stream 'splat'"),
    (lambda value: value["streams"][0]["chosen"].update({BEST_DEPTH: {"depth": 99}}), "what is chosen for best depth on split is not"),
    (lambda value: value["streams"][0]["chosen"].pop("threshold"), "what is chosen for threshold on split is not what its candidates say"),
    (lambda value: value.update(schema=2), "no protocol of schema 1"),
    (lambda value: value.pop("absent"), "lacks a field"),
    (lambda value: value.update(extra=1), "one too many"),
])  # fmt: skip
def test_a_protocol_that_does_not_fit(study, tmp_path, change, reason, capsys):
    value = json.loads((study / "protocol-tiny.json").read_text())
    change(value)
    (tmp_path / "protocol.json").write_text(json.dumps(value))
    for phase in ("confirm", "explain"):
        assert run(tmp_path, "--phase", phase, "--protocol", tmp_path / "protocol.json") == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and reason in err and not RunsFolder(tmp_path).states()


def test_another_protocol_is_not_written_over(study, tmp_path):
    """The same one may be written again, as a study that goes on does; a damaged one is replaced."""
    found = read_protocol(study / "protocol-tiny.json")
    (tmp_path / "protocol.json").write_text("half")
    for _ in range(2):
        protocol.write_protocol(tmp_path / "protocol.json", found)
    assert read_protocol(tmp_path / "protocol.json") == found
    with pytest.raises(InputError, match="holds another protocol, and a confirmation may rest on it; choose another --protocol.*fresh seeds"):
        protocol.write_protocol(tmp_path / "protocol.json", replace(found, device="cuda"))


def test_confirmation_after_a_change_of_the_design_or_the_code(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(presets.PRESETS._parts, "tiny", replace(TINY, deals=3))
    assert run(study, "--phase", "confirm") == 2 and "the preset has changed since" in capsys.readouterr().err
    monkeypatch.setitem(presets.PRESETS._parts, "tiny", TINY)
    value = json.loads((study / "protocol-tiny.json").read_text())
    value["stamp"]["files"]["deep/metrics.py"] = "0"
    (tmp_path / "protocol.json").write_text(json.dumps(value))
    options = (study, "--phase", "confirm", "--protocol", tmp_path / "protocol.json")
    assert run(*options) == 0 and "(deep/metrics.py changed since); threshold, constrained, magnitude on split came out again" in capsys.readouterr().err
    real = StudyRun.metric
    monkeypatch.setattr(StudyRun, "metric", lambda run, name: real(run, name) * (1 + 1e-9))
    assert run(*options) == 2 and "other code (deep/metrics.py changed since), and threshold on split" in capsys.readouterr().err


def test_committed_protocols_are_read_and_fit_their_presets():
    for path in RECORDS.glob("*_protocol.json"):
        protocol.check_protocol(found := read_protocol(path), presets.PRESETS[found.preset], "cpu", {})


@pytest.mark.slow
def test_a_unit_of_the_committed_study_on_digits_is_confirmed(tmp_path):
    """What development measured of one candidate, and one run of the confirmation, on any kind of processor."""
    preset, told = presets.PRESETS["digits-large"], []
    found = read_protocol(RECORDS / "hybrid_digits-large_protocol.json")
    setting = Setting(tmp_path, DataSource(tmp_path, download=False), 1, tell=told.append)
    check(found, preset, setting)
    assert "threshold, graded, per-stage, magnitude, constrained on split digits came out again" in told[-1]
    stream = preset.streams[0]
    runs = (run for run in read_records(RECORDS / "hybrid_digits-large.jsonl", StudyRun) if run.arm == "threshold")
    stored = next(run for run in runs if run.stream == stream.label)
    (again,) = train_all([Wanted(stream, stored.arm, stored.unit, stored.strategy, stored.options)], preset, "confirm", setting)
    numbers = [[list(map(list, run.accuracy)), list(run.trained), list(run.update)] for run in (stored, again)]
    assert equal(*numbers, exact=False, bound=BOUND)
    better = {label: tuple(replace(entry, average_accuracy=1.05 * entry.average_accuracy) for entry in entries) for label, entries in found.tried.items()}
    assert_refused(lambda: check(replace(found, tried=better), preset, setting), "on split digits has Avg.Acc")


@pytest.mark.parametrize(("arguments", "reason"), [
    (["--phase", "confirm"], "there is no protocol"),
    (["--preset", "digit"], "did you mean 'digits'"),
    (["--preset", "regimes-digits"], "unknown preset of the study hybrid: 'regimes-digits'"),
    (["--preset", "digits-large"], "6 of its 11 orders are used in development and its 33 units have 11 orders; give each unit"),
    (["--preset", "mnist"], "no stream of the preset mnist has its data here"),
    (["--device", "gpu"], "unknown device"),
    (["--out", "{tmp}/file/runs"], "cannot write"),
    (["--phase", "confirm", "--protocol", "{tmp}/file"], "cannot read the protocol"),
])  # fmt: skip
def test_bad_input(study, tmp_path, arguments, reason, capsys):
    (tmp_path / "file").write_text("")
    assert run(tmp_path, *(argument.replace("{tmp}", str(tmp_path)) for argument in arguments)) == 2
    err = capsys.readouterr().err
    assert reason in err and "error: " in err and not RunsFolder(tmp_path).states()


@pytest.mark.slow
def test_a_study_that_was_interrupted_goes_on(study, tmp_path, capsys):
    """Ctrl-C in development, then in confirmation: finished runs stay as they are, the end is that of an uninterrupted study."""

    def seconds() -> dict[str, float]:
        return {state.key: state.record.seconds for state in RunsFolder(tmp_path).states() if state.status == "finished"}

    before, total = {}, len({record.key for record in records(study, "develop")})
    for count in (total // 2, total + 10):
        with interrupted_at(tmp_path, count):
            assert run(tmp_path, "--data-root", study / "data") == 130
        assert "interrupted: the same command goes on" in capsys.readouterr().err and before.items() <= seconds().items()
        before = seconds()
        assert count - total // 2 <= len(before) < count
    assert run(tmp_path, "--data-root", study / "data", "--records", tmp_path / "all.jsonl") == 0
    assert before.items() <= seconds().items()
    assert read_records(tmp_path / "all.jsonl", StudyRun) == records(study, "develop") + records(study, "confirm")
    assert (tmp_path / "protocol-tiny.json").read_text() == (study / "protocol-tiny.json").read_text()


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_make_sense(name):
    """Every candidate of every stream is a configuration that the network takes."""
    preset = presets.PRESETS[name]
    for stream in preset.streams:
        names = build(stream.network, (32, 32, 3), (2,)).stages
        for rule, options in candidates(preset, stream):
            config(Wanted(stream, rule, preset.development[0], rule, options), "develop", "cpu").new_strategy().check(names)


test_designs_and_rules_that_are_refused = refusals([
    (lambda: replace(TINY, confirmation=(Unit(0, 100), Unit(1, 5))), "uses a seed twice"),
    (lambda: replace(TINY, confirmation=(Unit(0, 1),)), "intervals need 2"),
    (lambda: replace(TINY, development=()), "development needs 1"),
    (lambda: replace(TINY, streams=(TINY.streams[0],) * 2), "each once"),
    (lambda: replace(TINY, deals=0), "at least 1"),
    (lambda: replace(TINY, level=1.0), "level"),
    (lambda: replace(TINY, explained=("splits",)), "did you mean 'split'"),
    (lambda: Rule("threshold", ()), "no candidates"),
    (lambda: Rule("threshold", ({},), "at randon"), "control"),
])

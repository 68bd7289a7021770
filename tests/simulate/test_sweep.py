"""Sweeps: right numbers, the same bits however they are computed, resumed and extended, precise or said not to be."""

import contextlib
import dataclasses
import hashlib
import importlib
import json
import math

import numpy as np
import pytest
import scipy.stats
from scaffold import assert_refused, refusals

import simulate.sweeps.chunks
from driftlaw import InputError, Quantity, Simulation, expected_errors, grid, initialized, one_block, one_head_per_task, simulate as sample, sweep
from simulate.sweeps.chunks import CHUNK, chunks_of, pack, point_number
from simulate.sweeps.points import make_points
from simulate.sweeps.precision import FIRST, INFINITE, OPEN, REACHED, ROUNDING, ZERO, next_goal, status
from simulate.sweeps.records import PointRecord
from simulate.sweeps.tally import Tally
from simulate.work.files import is_locked
from simulate.work.jobs import JobError
from simulate.work.store import RunStore

CASES = grid(p=(30, 50), n=(6, 12))


def build(p, n, noise=0.3):
    return initialized({"shared": p, "specific": 20}, (10, n), noise, gram={"shared": np.eye(2), "specific": np.eye(2)})


def numbers(result):
    return [row.as_dict() for row in result.rows]


def test_estimates_are_those_of_the_law():
    """Twelve z-scores of right numbers: their squares are chi-square with at least half as many degrees, 1e-6 to fail."""
    result = sweep(build, CASES, ["forgetting", "deviation[1]", "step_size[0]"], trials=3000, method="direct", workers=2)
    z = []
    for row in result.rows:
        law = expected_errors(build(**row.case))
        exact = {"forgetting": law.forgetting(), "deviation[1]": law.deviation(), "step_size[0]": law.step_sizes[0]}[row.quantity]
        z.append((row.mean - float(exact)) / row.stderr)
        assert row.trials == row.estimate.count == 3000 and row.status == "fixed" and row.sampling.method == "direct"
    # two-sided and Bonferroni over all rows, whatever their dependence
    assert max(map(abs, z)) < scipy.stats.norm.isf(1e-6 / (2 * len(z)))
    assert len({round(value, 12) for value in z}) == len(z)


@pytest.mark.parametrize("method", CHUNK)
def test_a_point_is_the_sum_of_its_chunks(method):
    """Against one pass over the same draws; both sum 2,100 numbers, so that rounding stays below 2,100 units of the last place."""
    (row,) = sweep(build, CASES[0], "forgetting", trials=2100, method=method, seed=5).rows
    parts = [
        sample(build(**CASES[0]), count, (5, point_number(build(**CASES[0])), chunk), method=method).per_trial("forgetting")
        for chunk, count in chunks_of(2100, method)
    ]
    values = np.concatenate(parts)
    unit = 2100 * np.finfo(float).eps
    assert len(parts) == math.ceil(2100 / CHUNK[method]) > 1 and len(values) == len(np.unique(values)) == 2100
    assert row.mean == pytest.approx(values.mean(), rel=unit * np.abs(values).mean() / abs(values.mean()))
    assert row.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(2100), rel=2 * unit)
    assert sum(last + 1 for _, _, last in row.estimate.draws) == 2100 and len(row.estimate.draws) == len(parts)


@pytest.mark.parametrize("method", CHUNK)
def test_workers_do_not_change_a_bit(method, monkeypatch):
    monkeypatch.setattr(simulate.sweeps.chunks, "JOB_SECONDS", 0.0)  # a job for each chunk
    ways = [{"workers": 1}, {"workers": 3}, {"kind": "processes", "workers": 2}, {"memory_limit": 2e6}]
    first, *others = (numbers(sweep(build, CASES, ["forgetting", "error[0,0]"], trials=1500, method=method, **way)) for way in ways)
    assert all(other == first for other in others)


def test_points_and_seeds_draw_independently():
    one, other = (sweep(build, CASES, "error[0,0]", trials=64, seed=seed, method="direct") for seed in (0, 1))
    found = [row.mean for row in (*one.rows, *other.rows)]
    assert len(set(found)) == len(found)
    again = sweep(build, CASES[::-1], "error[0,0]", trials=64, method="direct")
    assert numbers(again) == numbers(one)[::-1]  # a point's numbers do not depend on the others


def test_auto_takes_the_method_that_each_experiment_asks_for():
    rows = sweep(build, [{"p": 3, "n": 1}, {"p": 4000, "n": 12}], "deviation", trials=10).rows
    named = [sample(build(**row.case), 1, method="auto").method for row in rows]
    assert [row.sampling.method for row in rows] == named and "reduced" in named


# The store.


def test_what_is_stored_is_not_computed_again(tmp_path):
    first = sweep(build, CASES, "forgetting", trials=900, store=tmp_path)
    again = sweep(build, CASES, "forgetting", trials=900, store=tmp_path)
    assert first.computed == 4 * 900 and again.computed == 0 and numbers(again) == numbers(first)
    assert len(list(tmp_path.glob("*.json"))) == 4  # a file for each point
    more = sweep(build, [*CASES, {"p": 60, "n": 6}], "forgetting", trials=900, store=RunStore(tmp_path))
    assert more.computed == 900 and numbers(more)[:4] == numbers(first)


@pytest.mark.parametrize(("method", "kept"), [("direct", 3 * 256), ("reduced", 0)])
def test_more_trials_extend_and_fewer_take_nothing_away(tmp_path, method, kept):
    options = {"quantities": "forgetting", "method": method, "store": tmp_path}
    sweep(build, CASES[0], trials=1000, **options)
    longer = sweep(build, CASES[0], trials=2500, **options)
    assert longer.computed == 2500 - kept and numbers(longer) == numbers(sweep(build, CASES[0], "forgetting", trials=2500, method=method))
    shorter = sweep(build, CASES[0], trials=1000, **options)
    assert numbers(shorter) == numbers(sweep(build, CASES[0], "forgetting", trials=1000, method=method))
    assert sweep(build, CASES[0], trials=2500, **options).computed == 0


def test_other_quantities_are_added_to_the_same_draws(tmp_path):
    one = sweep(build, CASES, "forgetting", trials=300, store=tmp_path)
    both = sweep(build, CASES, ["deviation", "forgetting"], trials=300, store=tmp_path)
    assert both.computed == 4 * 300 and numbers(both)[1::2] == numbers(one)
    assert sweep(build, CASES, ["forgetting[-1]", "deviation"], trials=300, store=tmp_path).computed == 0
    assert sweep(build, CASES, "deviation", trials=300, store=tmp_path).computed == 0


@pytest.mark.parametrize("other", [{"seed": 1}, {"method": "reduced"}, {"dtype": "float32"}])
def test_other_draws_have_other_records(tmp_path, other):
    options = {"trials": 100, "method": "direct", "store": tmp_path}
    one = sweep(build, CASES, "forgetting", **options)
    found = sweep(build, CASES, "forgetting", **{**options, **other})
    assert found.computed == 400 and not {row["mean"] for row in numbers(found)} & {row["mean"] for row in numbers(one)}
    assert sweep(build, CASES, "forgetting", **options).computed == 0


@pytest.fixture
def other_code(monkeypatch):
    """Sweeps as of another version: `change` its stamp, and its numbers by a factor."""

    def change(factor=1.0, processor="one", file="simulate/simulation.py"):
        stamp = {"files": {file: f"of {factor}"}, "packages": {"numpy": np.__version__}, "processor": processor}
        for module in ("chunks", "driver"):
            monkeypatch.setattr(importlib.import_module(f"simulate.sweeps.{module}"), "sampler_stamp", lambda backend: stamp)
        monkeypatch.setattr(Simulation, "per_trial", lambda self, quantity: factor * real(self, quantity))
        monkeypatch.setattr(simulate.sweeps.chunks, "simulate", lambda *a, **b: counted.append(a[2][2]) or sample(*a, **b))

    real, counted = Simulation.per_trial, []
    change.counted = counted
    return change


def test_results_of_other_code_that_come_out_again_are_adopted(tmp_path, other_code):
    options = {"quantities": ["forgetting", Quantity("mine", lambda T: np.eye(T))], "trials": 900, "method": "direct", "store": tmp_path}
    other_code()
    first = sweep(build, CASES, **options)
    other_code(file="simulate/sample/steps.py")
    other_code.counted.clear()
    again = sweep(build, CASES, **options)
    assert (again.adopted, again.set_aside, again.computed) == (4, 0, 0) and numbers(again) == numbers(first)
    assert other_code.counted == [0] * 4  # the first chunk of each
    third = sweep(build, CASES, **options)
    assert (third.adopted, third.computed) == (0, 0) and other_code.counted == [0] * 4 and len(list(tmp_path.glob("*.json"))) == 4


def test_results_of_other_code_that_do_not_are_named_left_aside_and_found_again(tmp_path, other_code):
    other_code(1.5)
    broken = sweep(build, CASES[:3], "forgetting", trials=300, store=tmp_path)
    other_code()
    with pytest.warns(RuntimeWarning, match=r"3 of 4 points .*simulation.py.* computed again"):
        found = sweep(build, CASES, "forgetting", trials=300, store=tmp_path)
    assert (found.set_aside, found.adopted, found.computed) == (3, 0, 1200)
    assert found.rows[0].mean == pytest.approx(broken.rows[0].mean / 1.5) and len(list(tmp_path.glob("*.json"))) == 7
    assert sweep(build, CASES, "forgetting", trials=300, store=tmp_path).computed == 0
    other_code(1.5, file="simulate/sample/steps.py")
    back = sweep(build, CASES[:3], "forgetting", trials=300, store=tmp_path)
    assert (back.adopted, back.computed) == (3, 0) and numbers(back) == numbers(broken)


@pytest.mark.parametrize(("processor", "adopted"), [("one", 0), ("another", 1)])
def test_last_bits_may_differ_on_another_processor_only(tmp_path, other_code, processor, adopted):
    other_code(1 + 1e-12)
    sweep(build, CASES[0], "forgetting", trials=300, store=tmp_path)
    other_code(1.0, processor)
    with contextlib.nullcontext() if adopted else pytest.warns(RuntimeWarning, match="computed again"):
        assert sweep(build, CASES[0], "forgetting", trials=300, store=tmp_path).adopted == adopted


def test_a_record_that_other_code_writes_meanwhile_is_kept(tmp_path, other_code):
    """Its chunks go aside, where a later sweep finds them."""
    (point,) = make_points(build, CASES[0], "forgetting", simulate.sweeps.chunks.Sampling("direct"))
    stamps = [{"files": {"a.py": name}, "packages": {}, "processor": "one"} for name in "xy"]
    records = [PointRecord(point.key, RunStore(tmp_path), stamp) for stamp in stamps]
    for number, record in enumerate(records):
        record.add(number, {"forgetting[1]": Tally(256, 0.5, 1.0, 1.0)}, stamps[number])
        record.save()
    kept = [RunStore(tmp_path).get(key)["chunks"] for key in RunStore(tmp_path).keys()]
    assert sorted(chunk for chunks in kept for chunk in chunks) == ["0", "1"]


def test_numbers_of_another_numerics_version_are_never_used(tmp_path, monkeypatch):
    sweep(build, CASES[0], "forgetting", trials=300, store=tmp_path)
    monkeypatch.setattr(importlib.import_module("simulate.sweeps.records"), "NUMERICS", 2)
    found = sweep(build, CASES[0], "forgetting", trials=300, store=tmp_path)
    assert (found.computed, found.adopted) == (300, 0) and len(list(tmp_path.glob("*.json"))) == 2


def test_a_chunk_depends_on_drawing_tallies_and_keys_but_on_no_formula():
    files = set(simulate.sweeps.chunks.sampler_stamp("numpy")["files"])
    needed = {"simulate/sample/steps.py", "simulate/sample/reduced.py", "simulate/simulation.py", "simulate/evidence.py"}
    assert needed | {"simulate/sweeps/tally.py", "simulate/work/keys.py", "theory/quantities.py", "theory/conditions.py"} <= files
    assert not files & {"theory/law.py", "simulate/sweeps/driver.py", "simulate/work/cluster.py"}
    assert "torch" in simulate.sweeps.chunks.sampler_stamp("torch")["packages"]


def test_workers_of_another_version_are_refused(monkeypatch):
    other = {**simulate.sweeps.chunks.sampler_stamp("numpy"), "packages": {"numpy": "0.0"}}
    monkeypatch.setattr(importlib.import_module("simulate.sweeps.driver"), "sampler_stamp", lambda backend: other)
    assert_refused(lambda: sweep(build, CASES, "forgetting", trials=64), "the workers run another version .*numpy")


def test_two_sweeps_on_one_store_keep_what_both_have_computed(tmp_path, monkeypatch):
    """One begins and ends while the other is in its first chunk, with another quantity and more trials; processes wait at the lock."""
    real, within, put = simulate.sweeps.chunks.simulate, [], RunStore.put

    def put_alone(store, *record):
        assert is_locked(store.root / ".lock"), "somebody may come in between"
        return put(store, *record)

    def interleaved(*arguments, **options):
        if not within:
            within.append(True)
            sweep(build, CASES, "deviation", trials=2000, method="direct", store=tmp_path, workers=1)
        return real(*arguments, **options)

    monkeypatch.setattr(simulate.sweeps.chunks, "JOB_SECONDS", 0.0)
    monkeypatch.setattr(simulate.sweeps.chunks, "simulate", interleaved)
    monkeypatch.setattr(RunStore, "put", put_alone)
    sweep(build, CASES, "forgetting", trials=1000, method="direct", store=tmp_path, workers=1)
    monkeypatch.undo()
    for quantity, trials in (("forgetting", 1000), ("deviation", 2000)):
        found = sweep(build, CASES, quantity, trials=trials, method="direct", store=tmp_path)
        alone = sweep(build, CASES, quantity, trials=trials, method="direct")
        assert found.computed == 0 and numbers(found) == numbers(alone)


def test_records_of_before_are_read_if_they_come_out_again(tmp_path):
    """Chunk by chunk a list of count, mean, sum of squares and scale for every quantity, under a key that named the code."""
    sampling = simulate.sweeps.chunks.Sampling("direct")
    (point,) = make_points(build, CASES[0], "forgetting", sampling)
    first = sample(point.seq, 256, (0, point_number(point.seq), 0), method="direct")
    mean, squares, scale = (getattr(Tally.of(first, "forgetting"), name) for name in ("mean", "squares", "scale"))

    def store(folder, mean):
        record = {"0": {"forgetting[1]": [256, mean, squares, scale]}, "1": {"forgetting[1]": [44, 0.5, 11.0, 1.25]}}
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        key = f"{point.key.split('-')[0]}-{'0' * 24}"
        stored = {"format": 1, "key": key, "checksum": hashlib.sha256(text.encode()).hexdigest(), "record": record}
        folder.mkdir()
        (folder / f"{key}.json").write_text(json.dumps(stored))
        return folder

    found = sweep(build, CASES[0], "forgetting", trials=300, method="direct", store=store(tmp_path / "right", mean))
    assert found.computed == 0 and found.adopted == 1
    assert found.rows[0].mean == pytest.approx((256 * mean + 44 * 0.5) / 300, rel=1e-14)
    with pytest.warns(RuntimeWarning, match="left aside"):
        wrong = sweep(build, CASES[0], "forgetting", trials=300, method="direct", store=store(tmp_path / "wrong", 1.01 * mean))
    assert wrong.computed == 300 and wrong.adopted == 0


def test_what_is_finished_is_read_where_one_may_not_write(tmp_path, read_only):
    options = {"trials": 300, "store": tmp_path}
    first = sweep(build, CASES, "forgetting", **options)
    read_only(tmp_path)
    assert numbers(sweep(build, CASES, "forgetting", **options)) == numbers(first)
    assert_refused(lambda: sweep(build, CASES, "forgetting", trials=600, store=tmp_path), r"cannot write to the folder .*Read-only")


def test_what_cannot_be_stored_is_not_computed(tmp_path, read_only, monkeypatch):
    read_only(tmp_path)
    monkeypatch.setattr(simulate.sweeps.chunks, "simulate", lambda *_, **__: pytest.fail("computed in vain"))
    assert_refused(lambda: sweep(build, CASES, "forgetting", trials=300, store=tmp_path / "new"), r"cannot write to the folder .*Read-only")


def test_one_experiment_in_two_cases_is_computed_once():
    result = sweep(lambda p, n, tag: build(p, n), [{"p": 30, "n": 6, "tag": tag} for tag in "ab"], "forgetting", trials=300)
    assert result.computed == 300 and result.rows[0].mean == result.rows[1].mean and result.rows[1].case["tag"] == "b"


def test_a_failing_point_leaves_the_others_stored(tmp_path, monkeypatch):
    real = simulate.sweeps.chunks.simulate

    def fail(seq, *arguments, **options):
        if seq.blocks["shared"] == 50:
            raise InputError("no such thing")
        return real(seq, *arguments, **options)

    monkeypatch.setattr(simulate.sweeps.chunks, "JOB_SECONDS", 0.0)
    monkeypatch.setattr(simulate.sweeps.chunks, "simulate", fail)
    assert_refused(lambda: sweep(build, CASES, "forgetting", trials=100, store=tmp_path), "p=50 n=6: no such thing", JobError)
    assert len(list(tmp_path.glob("*.json"))) == 2
    monkeypatch.setattr(simulate.sweeps.chunks, "simulate", real)
    assert sweep(build, CASES, "forgetting", trials=100, store=tmp_path).computed == 200


def test_packing_keeps_every_chunk_once_and_in_size():
    points = make_points(build, grid(p=range(20, 60), n=(6,)), "forgetting", simulate.sweeps.chunks.Sampling("direct"))
    portions = [
        simulate.sweeps.chunks.Portion(index, point.seq, ("forgetting[1]",), point.sampling, tuple(chunks_of(100 + 300 * (index % 9), "direct")), 1e9)
        for index, point in enumerate(points)
    ]
    jobs = list(pack(portions))
    wanted = [(portion.point, *chunk) for portion in portions for chunk in portion.chunks]
    assert [(portion.point, *chunk) for job in jobs for portion in job for chunk in portion.chunks] == wanted
    assert 1 < len(jobs) < len(wanted) and max(len(job) for job in jobs) > 1


# Precision.


def test_sampling_stops_at_the_first_fixed_number_that_is_precise_enough():
    result = sweep(build, CASES, ["forgetting", "deviation"], precision=0.01)
    for point in range(4):
        rows = result.rows[2 * point : 2 * point + 2]
        trials = rows[0].trials
        assert trials == rows[1].trials and math.log2(trials / FIRST).is_integer()
        assert all(row.status == REACHED and row.relative <= 0.01 for row in rows)
        if trials > FIRST:
            half = sweep(build, rows[0].case, ["forgetting", "deviation"], trials=trials // 2)
            assert max(row.relative for row in half.rows) > 0.01
    assert len({row.trials for row in result.rows}) > 1 and not result.warnings


def test_the_limit_on_trials_is_said(tmp_path):
    result = sweep(build, CASES[:2], ["forgetting", "step_size[0]"], precision=0.008, max_trials=3000, store=tmp_path)
    assert {row.trials for row in result.rows} == {3000}
    assert [row.status for row in result.rows] == [OPEN if row.relative > 0.008 else REACHED for row in result.rows]
    assert {row.status for row in result.rows} == {OPEN, REACHED}
    assert any("did not reach precision 0.008 within 3,000 trials; raise max_trials" in text for text in result.warnings)
    further = sweep(build, CASES[:2], ["forgetting", "step_size[0]"], precision=0.008, max_trials=2**15, store=tmp_path)
    assert {row.status for row in further.rows} == {REACHED} and further.computed < sum(row.trials for row in further.rows[::2])


def test_nobody_waits_for_an_infinite_variance():
    """Task 1 fits 27 samples with 30 parameters: gap 3, moments below order 2. Task 0 is far from its threshold."""
    seq = one_block(30, (10, 27), 0.5, gram=np.eye(2))
    both = sweep(lambda: seq, {}, ["error[1,1]", "error[0,0]"], precision=0.02)
    assert [row.status for row in both.rows] == [INFINITE, REACHED]
    assert both.rows[0].estimate is None and both.rows[0].stderr is None and both.rows[0].mean > 0 and both.rows[0].moment_order == 2
    assert "1 of 2 quantities have an infinite variance" in both.warnings[0] and "variance infinite" in str(both)
    alone = sweep(lambda: seq, {}, "error[1,1]", precision=0.02)
    assert alone.computed == 0 and alone.rows[0].trials == 0 and alone.rows[0].mean is None
    fixed = sweep(lambda: one_block(30, (10, 30), 0.5, gram=np.eye(2)), {}, "error[1,1]", trials=100)
    assert fixed.rows[0].mean is None and fixed.rows[0].status == INFINITE and "mean infinite" in str(fixed)


def test_a_mean_of_zero_ends_at_the_size_of_the_errors():
    """The second truth is placed where the law says that nothing is forgotten on average: no relative error can be small."""

    def exact(distance):
        gram = [[1, 1 - distance / 2], [1 - distance / 2, 1]]
        return one_block(40, (10, 8), 0.2, gram=gram)

    at0, at1 = (float(expected_errors(exact(d)).forgetting()) for d in (0.0, 1.0))
    (row,) = sweep(lambda: exact(at0 / (at0 - at1)), {}, "forgetting", precision=0.02).rows
    assert row.status == ZERO and row.trials <= 2**14 and abs(row.mean) < 3 * row.stderr
    # with one head for each task and the shared block frozen, forgetting is zero in every trial
    heads = one_head_per_task(20, (12, 15), (10, 5), 0.3, gram={"shared": np.ones((2, 2)), "head": (1, 1)}, train_shared=False)
    (none,) = sweep(lambda: heads, {}, "forgetting", precision=1e-3).rows
    assert none.status == ZERO and none.trials == FIRST and abs(none.mean) < ROUNDING


def test_the_rule_of_precision():
    def tally(mean, stderr, scale=1.0):
        return Tally(100, mean, stderr**2 * 100 * 99, scale)

    assert status(tally(-2.0, 0.0199), 0.01) == REACHED and status(tally(2.0, 0.0201), 0.01) == OPEN
    assert status(tally(0.02, 0.0099), 0.01) == ZERO and status(tally(0.02, 0.0101), 0.01) == OPEN
    assert status(tally(0.031, 0.0099), 0.01) == OPEN  # clearly not zero, so the relative error counts
    assert status(tally(1e-12, 1e-12), 0.01) == ZERO and status(tally(0.0, 0.0, 0.0), 0.01) == ZERO
    assert [next_goal(1024, 3000), next_goal(2048, 3000)] == [2048, 3000]


def test_tallies_merge_as_estimates_do():
    parts = np.split(np.random.default_rng(0).normal(3, 1, 206), [1, 6])
    first, *rest = (Tally(len(x), float(x.mean()), float(((x - x.mean()) ** 2).sum()), float(x.mean())) for x in parts)
    merged, values, unit = first.merge(rest[0]).merge(rest[1]), np.concatenate(parts), 206 * np.finfo(float).eps
    assert merged.count == 206 and merged.mean == pytest.approx(values.mean(), rel=unit) and merged.scale == pytest.approx(merged.mean, rel=unit)
    assert merged.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(206), rel=unit) and first.stderr == math.inf


# Bad input.


def refused(**changes):
    return lambda: sweep(**{"build": build, "cases": CASES, "quantities": "forgetting", **changes})


test_bad_input_is_refused = refusals([
    (refused(trials=1), "trials is 1; give a whole number of at least 2"),
    (refused(trials=10, precision=0.1), "trials is 10 beside precision=0.1; give one of them"),
    (refused(precision=0), "precision is 0; give a relative standard error between 0 and 1"),
    (refused(precision=0.1, max_trials=100), "max_trials is 100; give a whole number of at least 1,024"),
    (refused(seed=-1), "seed is -1"),
    (refused(seed=(1, 2)), r"seed is \(1, 2\); give one whole number"),
    (refused(method="exact"), "method is 'exact'; choose one of direct, reduced, banded, auto"),
    (refused(quantities=[]), "quantities is empty"),
    (refused(quantities=[abs]), "the quantity is <built-in function abs>; a sweep stores results by name"),
    (refused(quantities="forgeting"), r"case 0 \(p=30, n=6\): there is no quantity 'forgeting'; did you mean 'forgetting'"),
    (refused(quantities="error[0,2]"), r"case 0 .*the sequence has tasks 0 to 1"),
    (refused(cases=[]), "cases is empty"),
    (refused(cases={"p": 30}), r"case 0 \(p=30\): build needs 'n', which the case lacks"),
    (refused(cases={"p": 30, "n": 6, "nois": 1}), "build does not read 'nois'; did you mean 'noise'"),
    (refused(cases={"p": 30, "n": -1}), r"case 0 \(p=30, n=-1\): samples is -1"),
    (refused(cases={"p": np.array([30, 31]), "n": 6}), "case 0"),
    (refused(build=lambda p, n: None), "build returned a NoneType; it must return a theory.TaskSequence"),
    (refused(store="/proc/nowhere"), "cannot write to the folder"),
    *((lambda values=values: grid(a=values), "the values of a are .*give a list or range") for values in (3, "abc", {"a": 1})),
])


def test_grids_are_products():
    assert grid(a=(1, 2), b=range(2)) == [{"a": 1, "b": 0}, {"a": 1, "b": 1}, {"a": 2, "b": 0}, {"a": 2, "b": 1}]


def test_rows_are_plain_for_programs(tmp_path):
    result = sweep(build, CASES[:1], "forgetting", trials=64)
    row = result.rows[0]
    assert row.as_dict().items() >= dataclasses.asdict(row.sampling).items()
    assert_refused(lambda: result.write(tmp_path / "x.txt"), "the output is x.txt; let its name end in one of .csv, .json")

"""Figures of the samplers' costs, of distributions, of double descent and of the verdicts' calibration.

A simulated value may be 5 standard errors off the exact one: false alarm 6e-7 each where means are normal; a curve that is
off by 8 is caught with probability .998. Seeds are fixed, so a pass stays one.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scaffold import assert_refused
from scipy.stats import binom

from driftlaw import expanding, expected_errors, simulate
from figures import cost_against_p, forgetting_distributions, verdict_calibration
from figures.kit import both
from figures.kit.table import MARK, MEASURED, SIMULATION, THEORY, Table
from simulate.calibration.measure import SUBJECTS
from simulate.evidence import holm

# Double descent.


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_one_block_is_the_published_closed_form_above_the_threshold(made, noise):
    curve = made("double_descent").select(kind=THEORY, training="one block", case=f"sigma={noise:g}")
    truths = np.full((10, 10), 0.8) + 0.2 * np.eye(10)
    for p in (54, 200, 10**6):
        row = next(row for row in curve if row.x == p)
        r, spread = 1 - 50 / p, 2 - 2 * truths  # squared distances of the truths
        errors = r**10 + (1 - r) * np.array([r ** (9 - i) for i in range(10)]) @ spread + p * noise**2 / (p - 51) * (1 - r**10)
        assert row.mean == pytest.approx(errors.mean(), rel=1e-9)


# Distributions.


@pytest.mark.parametrize(("name", "distance"), [("equal", 0.0), ("distant", 1.0)])
@pytest.mark.parametrize("training", ["frozen", "initialized"])
def test_distributions_have_the_laws_mean_and_tails_that_complete_shares(made, training, name, distance):
    table = made("forgetting_distributions").select(training=training, case=name)
    gram = {"shared": np.zeros((2, 2)), "specific": [[1.0, 1.0], [1.0, 1.0 + distance]]}
    seq = expanding(60, (30, 0), (15, 15), (0.3, 0.3), gram=gram, train_shared=training == "initialized")
    (mark,), mean = table.select(kind=MARK), table.only(quantity="forgetting", kind=SIMULATION)
    assert mark.x == pytest.approx(expected_errors(seq).forgetting(), rel=1e-12)
    assert abs(mean.mean - mark.x) < 5 * mean.stderr
    share, tail = ({row.x: row.mean for row in table.select(quantity=quantity)} for quantity in ("share at most", "share above"))
    assert np.all(np.diff([*share.values()]) >= 0) and np.all(np.diff([*tail.values()]) <= 0)
    common = share.keys() & tail.keys()
    assert len(common) > 5 and all(share[x] + tail[x] == pytest.approx(1) for x in common)


def test_direct_sampling_lies_in_the_band(made):
    """2,000 direct trials within the sum of two DKW bands of level 1e-6 around the figure's distribution function."""
    table = made("forgetting_distributions").select(quantity="share at most", training="frozen", case="equal")
    values = simulate(both(**forgetting_distributions.EXPERIMENT, d_q=0.0)["frozen"], 2000, 7).per_trial("forgetting")
    direct = np.array([(values <= x).mean() for x in table.column("x")])
    band = sum(math.sqrt(math.log(2e6) / (2 * count)) for count in (2000, table.trials()))
    assert np.abs(direct - table.column("mean")).max() < band < 0.1
    shifted = np.array([(values + 0.05 <= x).mean() for x in table.column("x")])
    assert np.abs(shifted - table.column("mean")).max() > band  # a third of a standard deviation would be seen


def test_bands_hold_what_they_say():
    """The DKW band holds 400 uniform samples' functions in at least 95 % (less 5 binomial deviations); exact binomial ends by hand."""
    generator = np.random.default_rng(1)
    x = np.sort(generator.random((400, 200)), axis=1)
    distance = np.maximum(np.arange(1, 201) / 200 - x, x - np.arange(200) / 200).max(axis=1)
    held = np.mean(distance <= forgetting_distributions.dkw(200))
    assert 0.95 - 5 * math.sqrt(0.95 * 0.05 / 400) < held < 0.999
    low, high = forgetting_distributions.tail_band(np.array([0.0, 7.0]), 100)
    tail = 0.05 / 4
    assert low[0] == 0 and (1 - high[0]) ** 100 == pytest.approx(tail)
    assert binom.sf(6, 100, low[1]) == pytest.approx(tail) and binom.cdf(7, 100, high[1]) == pytest.approx(tail)


# Costs.


@pytest.fixture
def costs(tmp_path, monkeypatch):
    """A benchmark of the tests' own: the loop takes 1e-5 p seconds a trial, the reduced sampler 1e-5; returns its file."""
    lines = [{"kind": "machine", "schema": 1, "cores": 2}, {"kind": "goal", "value": 1.0}]
    for tasks in (2, 10):
        for name, power in (("loop: numpy lstsq", 1), ("reduced", 0), ("direct: torch float64", 1)):
            for p in (100, 10_000) if power else (100, 10_000, 10**6):
                seconds = tasks / 2 * 1e-5 * p**power
                times = {"seconds_per_trial": seconds, "least": 0.9 * seconds, "most": 1.5 * seconds}
                lines.append({"kind": "time", "contender": name, "tasks": tasks, "samples": 50, "parameters": p, "repeats": 3, **times})
    file = tmp_path / "bench.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    monkeypatch.setattr(cost_against_p, "RECORD", file)
    return file


def test_costs_are_those_of_the_record(costs, picture):
    table = cost_against_p.FIGURE.table(None)
    assert {row.training for row in table} == {"loop: numpy lstsq", "reduced"}  # the figure's methods only
    (row,) = table.select(quantity="median time", training="loop: numpy lstsq", case="T=10, n=50", x=10_000).rows
    assert (row.mean, row.trials, row.kind) == (0.5, 3, MEASURED)
    assert "$p=10{,}000$" in (text := cost_against_p.FIGURE.caption(table)) and "10,000-fold at $T=2$ and 10,000-fold at $T=10$" in text
    (loop, reduced) = picture(cost_against_p.FIGURE, table).axes[1].containers
    assert reduced.lines[0].get_xdata().tolist() == [100, 10_000, 10**6]
    (segments,) = (bars.get_segments() for bars in loop.lines[2])
    assert [segment[:, 1].tolist() for segment in segments] == [pytest.approx([0.0045, 0.0075]), pytest.approx([0.45, 0.75])]


@pytest.mark.parametrize("damage", ["", "{}\n", '{"kind": "machine", "schema": 7}\n', "not json\n"])
def test_a_damaged_benchmark_is_refused(costs, damage):
    costs.write_text(damage)
    assert_refused(lambda: cost_against_p.FIGURE.table(None), "bench.jsonl.*make bench")


# Calibration of the verdicts.


LEAST_RUNS = {"equality": 20_000, "bound": 4000, "limit": 1000, "ordering": 2000}


def test_the_record_is_that_of_full_calibrations():
    """Of one command for each kind, newest first; all rates were judged together, each carries the runs of its command."""
    header, rates = verdict_calibration.read_report(verdict_calibration.RECORD)
    measured = {}
    while header:
        kinds = header["command"].partition("--kinds ")[2].partition(" --")[0].split() or ["equality"]
        assert " calibrate " in header["command"] and not measured.keys() & set(kinds)
        measured |= dict.fromkeys(kinds, header["meta_runs"])
        header = header.get("earlier")
    assert measured.keys() == LEAST_RUNS.keys() and all(measured[kind] >= least for kind, least in LEAST_RUNS.items())
    assert all(rate["runs"] == measured[rate["statement"]] for rate in rates)
    assert {(rate["statement"], rate["training"], rate["gap"], rate["delta"]) for rate in rates} == {(s.kind, s.training, s.gap, s.delta) for s in SUBJECTS}
    assert [rate["p_holm"] for rate in rates] == pytest.approx(holm([rate["p"] for rate in rates]).tolist())
    assert not [rate for rate in rates if rate["p_holm"] <= 1e-3]


def test_the_calibration_figure_shows_the_record(made):
    table, (_, rates) = made("verdict_calibration"), verdict_calibration.read_report(verdict_calibration.RECORD)
    for rate in rates:
        name, strict, alone = verdict_calibration.family(rate), rate["false_alarm"] == 0.01, rate["statement"] != "equality"
        share, start = rate["count"] / rate["runs"], "statements: " if alone else ""
        if rate["event"] == "false alarm":
            column = {"quantity": f"{start}false alarm at {rate['false_alarm']:g}"} if alone else {"quantity": "false alarms", "x_name": f"gap at {rate['false_alarm']:g}"}
            (row,) = table.select(training=name, **column).rows
            assert row.mean == share and row.x == rate["gap"]
        if rate["event"] == "too low" and rate["quantity"].startswith("deviation") and strict:
            rows = table.select(quantity="statements: off by delta, not seen" if alone else "not as promised: too low", training=name)
            assert any(value == pytest.approx(1 - share) for value in rows.column("mean"))
        if rate["event"] == "wrong, but holds" and strict:
            assert table.select(quantity="statements: wrong, but holds at 0.01", training=name).column("mean").tolist() == [share]
    assert len({row.training for row in table.select(kind=MEASURED)}) == 4 + 4 + 4 + 2  # bounds and orderings to both sides
    assert table.select(kind=MARK).column("mean").tolist() == pytest.approx([0.01, 0.05, 0.05])
    runs = table.select(kind=MEASURED).rows[0].trials
    assert f"{runs:,} times" in verdict_calibration.FIGURE.caption(table)


def test_a_share_of_nothing_is_drawn_by_its_upper_end(made, drawn):
    """Log axes have no place for 0; the interval's upper end is 1 - .025^(1/runs)."""
    table = made("verdict_calibration")
    empty = Table([replace(row, mean=0.0) if row.quantity.endswith("too low") else row for row in table])
    canvas = drawn("verdict_calibration", empty)
    runs = table.select(kind=MEASURED).rows[0].trials
    ends = [line.get_ydata()[0] for line in canvas.axes[2].lines if line.get_marker() == "_" and len(line.get_xdata()) == 1]
    assert sum(end == pytest.approx(1 - 0.025 ** (1 / runs), rel=1e-9) for end in ends) == sum(one.kind == "equality" for one in SUBJECTS)


def test_a_damaged_calibration_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict_calibration, "RECORD", tmp_path / "none.jsonl")
    assert_refused(lambda: verdict_calibration.FIGURE.table(None), "none.jsonl")

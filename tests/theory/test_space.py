"""Spaces of settings: both ends belong to them, constraints hold, and shrinking stays inside."""

import sys

import numpy as np
import pytest
from scaffold import assert_refused, refusals

from theory.errors import InputError
from theory.space import Space

SPACE = {"p": (5, 9), "x": (-1.0, 2.0), "kind": ["a", "b"], "size": [3, 1], "w": 1.0}


def test_both_ends_are_reached_and_every_value_is_as_likely():
    space = Space.read(SPACE)
    ends = space.at(np.array([[0.0] * 4, [1.0] * 4]))
    assert [space.pick(ends, row) for row in (0, 1)] == [
        {"p": 5, "x": -1.0, "kind": "a", "size": 3, "w": 1.0}, {"p": 9, "x": 2.0, "kind": "b", "size": 1, "w": 1.0},
    ]  # fmt: skip
    middle = space.at(np.repeat((np.arange(1000) + 0.5)[:, None] / 1000, 4, axis=1))
    assert Space.read({"p": range(5, 10)}) == Space.read({"p": (5, 9)})
    assert np.unique(middle["p"], return_counts=True)[1].tolist() == [200] * 5 and middle["size"].dtype.kind == "i"


def test_constraints_are_asked_at_once_or_one_setting_at_a_time():
    places = np.random.default_rng(0).random((300, 2))
    at_once, branching = (Space.read({"p": (5, 60), "n": (1, 50)}, rule) for rule in (lambda n, p: n < p - 1, [lambda n, p: n < p - 1 and p > 0]))
    found = at_once.admits(at_once.at(places))
    assert np.array_equal(found, branching.admits(branching.at(places))) and 0 < found.sum() < 300
    with pytest.raises(InputError, match=r"at \{'p': .*division by zero.*constraint"):
        broken = Space.read({"p": (0, 1)}, lambda p: 1 / int(p) > 0)
        broken.admits(broken.at(np.linspace(0, 1, 4)[:, None]))


def test_shrinking_is_reproducible_stays_inside_and_ends_where_no_single_step_goes_on():
    space = Space.read({"p": (5, 60), "n": (1, 50), "x": (-1.0, 2.0), "kind": ["a", "b", "c"]}, lambda n, p: n < p - 10)

    def holds(one):
        assert one["n"] < one["p"] - 10  # what leaves the region is not even asked
        return one["p"] * one["n"] >= 300 and one["x"] <= -0.25 and one["kind"] != "a"

    found = [space.smallest(np.array([0.95, 0.7, 0.01, 0.99]), holds, seed) for seed in (0, 0)]
    assert found[0] == found[1] and holds(found[0]) and found[0]["kind"] == "b" and found[0]["x"] in (-0.25, -0.5, -1.0)
    for name in ("p", "n"):
        smaller = {**found[0], name: found[0][name] - 1}
        assert not (smaller["n"] < smaller["p"] - 10 and holds(smaller))


test_refusals = refusals({
    "no mapping": (lambda: Space.read(None), "space is None.*mapping"),
    "nothing varies": (lambda: Space.read({"p": 5}), "single setting"),
    "reversed": (lambda: Space.read({"p": (60, 5)}), r"reversed; write \(5, 60\)"),
    "no numbers": (lambda: Space.read({"p": ("a", 5)}), "give .low, high."),
    "endless": (lambda: Space.read({"p": (0.0, float("inf"))}), "give .low, high."),
    "no choice": (lambda: Space.read({"p": []}), "give .low, high., a list"),
    "constraint on what is no parameter": (lambda: Space.read({"p": (1, 2)}, lambda q: q), "reads 'q'"),
})  # fmt: skip


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert_refused(lambda: Space.read(SPACE).smallest(np.zeros(4), bool), r"install driftlaw\[refute\]")

"""What frozen stages give once a task: the same training as if it were computed in every step, at another cost."""

import numpy as np
import pytest
from made_training import made_config, made_examples, made_stream, made_task

from deep.networks.linear import BlockLinear
from deep.training.run import train_run
from theory.errors import InputError

LAYERS = {"mlp-100x4": "none", "convnet": "batch"}
METHODS = {
    "frozen": {}, "ewc": {"strength": 3.0}, "si": {"strength": 0.1}, "lwf": {}, "replay": {"memory_size": 8}, "a-gem": {"memory_size": 8}, "fast-gem": {"memory_size": 4},
    "gem": {"memory_size": 4, "parts": 2}, "scheduled": {"masks": ["01001", "00001"]},
}  # fmt: skip


def trained(network: str, keep: bool, strategy: str = "frozen", **changes):
    options = METHODS[strategy] if strategy == "scheduled" else {**METHODS[strategy], "depth": changes.pop("depth", 2)}
    config = made_config(network=network, normalisation=LAYERS.get(network), strategy=strategy, strategy_options=options, precision="float64", scenario="domain", keep_features=keep, **changes)
    return train_run(config, made_stream(shape=(8, 8)))


@pytest.mark.parametrize("network", LAYERS)
@pytest.mark.parametrize("strategy", METHODS)
def test_training_is_the_same(network, strategy):
    """But for rounding, which a few steps of double precision leave at 1e-9; normalisation by batches below what trains is by kept statistics."""
    each, once = (trained(network, keep, strategy) for keep in (False, True))
    assert each.key != once.key and each.baseline == once.baseline
    for ours, theirs in zip(once.results, each.results, strict=True):
        assert ours.trained == theirs.trained and ours.accuracy == theirs.accuracy
        np.testing.assert_allclose([*ours.update, *ours.losses], [*theirs.update, *theirs.losses], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("strategy", "memory"), [("frozen", 0), ("gem", 4), ("fast-gem", 4)])
def test_frozen_stages_see_an_example_once_a_task(strategy, memory):
    """The task's 18 and the memory's of each earlier task, beside steps; else the memory's in each of 6 steps. Not in the first task, which trains everything."""
    for keep, own, passes in ((False, 0, 6), (True, 18, 1)):
        passed = [result.examples - 2 * 18 for result in trained("mlp-100x4", keep, strategy, depth=1).results]
        assert passed == [0, own + passes * memory, own + passes * 2 * memory]


def test_networks_that_are_no_chain_are_refused():
    task, _, _ = made_task(BlockLinear({"first": 2, "last": 3}, trials=1), made_examples(4, (1, 5)))
    with pytest.raises(InputError, match="BlockLinear is no plain chain"), task.keeping((False, True)):
        raise AssertionError("it went on")
    with task.keeping((True, True)):
        assert task.below == 0

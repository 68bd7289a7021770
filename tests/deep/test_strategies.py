"""What strategies share beside their contract, and the registry that finds them."""

import pytest
import torch
from made_training import EVERY_STRATEGY, made_config, made_stream
from scaffold import refusals

from deep.networks import build
from deep.strategies import strategy
from deep.strategies.initialized import Initialized
from deep.streams.seeds import Role, generator
from driftlaw import RunConfig, train_run

STREAM = made_stream()


def run(name, options, **changes):
    """Train on the stream; return the record and the network's state after each task."""
    states = []

    def watch(task, _):
        states.append({name: value.clone() for name, value in task.network.state_dict().items()})

    return train_run(made_config(strategy=name, strategy_options=options, **changes), STREAM, watch=watch), states


def same(left, right):
    return all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.fixture(scope="module")
def initialized():
    return run("initialized", {})


@pytest.mark.parametrize(("name", "options"), EVERY_STRATEGY, ids=str)
def test_the_first_task_is_that_of_initialized_training(name, options, initialized):
    record, states = run(name, options)
    assert same(states[0], initialized[1][0])
    assert record.results[0].accuracy == initialized[0].results[0].accuracy and record.baseline == initialized[0].baseline
    assert record.results[0].trained == (True, True, True)


def test_another_seed_gives_other_numbers(initialized):
    record = train_run(made_config(seed=1), made_stream(seed=1))
    assert record.baseline != initialized[0].baseline or record.accuracy.tolist() != initialized[0].accuracy.tolist()
    assert record.results[0].update != initialized[0].results[0].update


def test_a_fresh_start_is_that_of_the_untrained_network(monkeypatch):
    """Without gradients a later task ends where it began: at the untrained body, whatever was learned; other heads stay."""
    class Still(Initialized):
        def begin_task(self, task):
            self.factor = 0.0 if task.number else 1.0

        def transform_gradient(self, gradient, task):
            return gradient.mul_(self.factor)

    monkeypatch.setattr(RunConfig, "new_strategy", lambda config: Still(start="fresh"))
    untrained = build("mlp-100", (4, 4), (2, 2, 2), "none", int(generator(0, Role.WEIGHTS).integers(2**63))).state_dict()
    _, (first, second, _) = run("initialized", {}, normalisation="none")
    assert not any(torch.equal(value, first[name]) for name, value in untrained.items() if name.startswith(("body", "heads.0")))
    assert all(torch.equal(second[name], first[name] if name.startswith("heads.0") else value) for name, value in untrained.items())


test_unknown_names_and_options = refusals([
    (lambda: strategy("frozn"), "unknown strategy 'frozn' .did you mean 'frozen'"),
    (lambda: strategy("frozen", dept=1), "did you mean 'depth'"),
    (lambda: strategy("frozen").load({"direction": 1}), "keeps no state, but the checkpoint holds direction"),
])

"""What strategies share beside their contract, and the registry that finds them."""

from __future__ import annotations

import pytest
import torch
from made_training import STRATEGIES, made_config, made_stream
from scaffold import refusals

import deep.strategies
import deep.training.run
from deep.networks import build
from deep.strategies import Strategy, names, registry, strategy
from deep.strategies.initialized import Initialized
from deep.streams.seeds import Role, generator
from deep.training.run import train_run
from theory.errors import InputError

STREAM = made_stream()
EVERY = [pytest.param(name, options, id=f"{name}-{options}") for name, options in STRATEGIES]


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


@pytest.mark.parametrize(("name", "options"), EVERY)
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
    still = Initialized(start="fresh")
    still.transform_gradient = lambda gradient, task: gradient * (task.number == 0)
    monkeypatch.setattr(deep.training.run, "strategy", lambda name, **options: still)
    untrained = build("mlp-100", (4, 4), (2, 2, 2), "none", int(generator(0, Role.WEIGHTS).integers(2**63))).state_dict()
    _, (first, second, _) = run("initialized", {}, normalisation="none")
    assert not any(torch.equal(value, first[name]) for name, value in untrained.items() if name.startswith(("body", "heads.0")))
    assert all(torch.equal(second[name], first[name] if name.startswith("heads.0") else value) for name, value in untrained.items())


def test_a_new_file_is_picked_up(monkeypatch, tmp_path):
    (tmp_path / "novel.py").write_text(
        "from deep.strategies.base import Strategy\n\n\nclass Novel(Strategy):\n    name = 'novel'\n", encoding="utf-8"
    )
    monkeypatch.setattr(deep.strategies, "__path__", [*deep.strategies.__path__, str(tmp_path)])
    registry._strategies.cache_clear()
    try:
        assert "novel" in names() and isinstance(strategy("novel"), Strategy)
        with pytest.raises(InputError, match="takes no options, but 'depth' is given"):
            strategy("novel", depth=1)
        (tmp_path / "twin.py").write_text((tmp_path / "novel.py").read_text(encoding="utf-8"), encoding="utf-8")
        registry._strategies.cache_clear()
        with pytest.raises(InputError, match="two strategies are called 'novel'"):
            names()
    finally:
        monkeypatch.undo()
        registry._strategies.cache_clear()


test_unknown_names_and_options = refusals([
    (lambda: strategy("frozn"), "unknown strategy 'frozn' .did you mean 'frozen'"),
    (lambda: strategy("frozen", dept=1), "did you mean 'depth'"),
    (lambda: strategy("frozen").load({"direction": 1}), "keeps no state, but the checkpoint holds direction"),
])

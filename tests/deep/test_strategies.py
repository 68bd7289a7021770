"""The contract of every strategy, and the registry that finds them."""

from __future__ import annotations

import itertools

import pytest
import torch
from made_training import made_config, made_stream, train_until
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
RUNS = {name: [{}] for name in names()}
RUNS["initialized"] = [{}, {"start": "fresh"}]
RUNS["frozen"] = [{"depth": depth} for depth in (1, 2, 3)]
RUNS["scheduled"] = [{"masks": ["010", "101"]}]
EVERY = [pytest.param(name, options, id=f"{name}-{options}") for name, runs in RUNS.items() for options in runs]


def run(name, options, folder=None, **changes):
    """Train on the stream; return the record and the network's state after each task."""
    states = []

    def watch(task, _):
        states.append({name: value.clone() for name, value in task.network.state_dict().items()})

    return train_run(made_config(strategy=name, strategy_options=options, **changes), STREAM, folder, watch=watch), states


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


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_what_is_frozen_never_moves_and_what_trains_does(name, options):
    """Frozen stages with their statistics, and the heads of other tasks, stay bit for bit."""
    record, states = run(name, options)
    stages = {f"body.{stage}": number for number, stage in enumerate(record.stages[:-1])}
    for task, (before, after) in enumerate(itertools.pairwise(states), 1):
        trained = record.results[task].trained
        for parameter, value in after.items():
            part = ".".join(parameter.split(".")[:2])
            moves = trained[stages[part]] if part in stages else trained[-1] and part == f"heads.{task}"
            assert moves or torch.equal(value, before[parameter]), (task, parameter)
        moved = torch.tensor(record.results[task].update) > 0
        assert moved.tolist() == list(trained)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_resumed_equals_uninterrupted(name, options, tmp_path):
    """So the same seed gives the same numbers, and a strategy's state is of what a file without code may hold."""
    changes = {"optimiser": "adam", "learning_rate": 0.01, "keep_moments": True}
    whole, states = run(name, options, **changes)
    for stop in (1, 2):
        train_until(stop, made_config(strategy=name, strategy_options=options, **changes), STREAM, tmp_path / str(stop))
        resumed, later = run(name, options, tmp_path / str(stop), **changes)
        assert resumed.numbers() == whole.numbers() and len(later) == 3 - stop
        assert all(map(same, states[stop:], later))


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

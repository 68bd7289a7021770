"""The contract of every strategy, and the registry that finds them."""

from __future__ import annotations

import io
import itertools

import pytest
import torch
from made_training import made_config, made_stream
from scaffold import refusals

from deep.networks import build
from deep.strategies import STRATEGIES, StepPlan, Strategy, last_stages, strategy
from deep.strategies.initialized import Initialized
from deep.streams.seeds import Role, generator
from deep.training.config import RunConfig
from deep.training.run import train_run

STREAM = made_stream()
RUNS = {name: [{}] for name in STRATEGIES}
RUNS["initialized"] = [{}, {"start": "fresh"}]
RUNS["frozen"] = [{"depth": depth} for depth in (1, 2, 3)]
RUNS["scheduled"] = [{"masks": ["010", "101"]}]
EVERY = [pytest.param(name, options, id=f"{name}-{options}") for name, runs in RUNS.items() for options in runs]


def run(name, options, folder=None, stop=None, **changes):
    """Train on the stream; return the record and the network's state after each task, stopped after ``stop`` tasks."""
    states = []

    class Stop(Exception):
        pass

    def watch(task, _):
        states.append({name: value.clone() for name, value in task.network.state_dict().items()})

    def store(record):
        if len(record.results) == stop:
            raise Stop

    try:
        record = train_run(made_config(strategy=name, strategy_options=options, **changes), STREAM, folder, store, watch=watch)
    except Stop:
        record = None
    return record, states


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
def test_the_same_seed_gives_the_same_numbers(name, options):
    (first, weights), (second, again) = (run(name, options) for _ in range(2))
    assert first.numbers() == second.numbers() and all(map(same, weights, again))


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_resumed_equals_uninterrupted(name, options, tmp_path):
    whole, states = run(name, options, optimiser="adam", learning_rate=0.01, keep_moments=True)
    for stop in (1, 2):
        stopped, _ = run(name, options, tmp_path / str(stop), stop, optimiser="adam", learning_rate=0.01, keep_moments=True)
        assert stopped is None
        resumed, later = run(name, options, tmp_path / str(stop), optimiser="adam", learning_rate=0.01, keep_moments=True)
        assert resumed.numbers() == whole.numbers() and len(later) == 3 - stop
        assert all(map(same, states[stop:], later))


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_a_state_survives_the_checkpoint_format(name, options, monkeypatch):
    """Only tensors, numbers, text and nests of them: what a file without code may hold."""
    kept = []

    class Kept(type(strategy(name, **options))):
        def end_task(self, task):
            super().end_task(task)
            kept.append(self.state())

    monkeypatch.setattr(RunConfig, "new_strategy", lambda config: Kept(**options))
    run(name, options)
    for state in kept:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        strategy(name, **options).load(torch.load(buffer, weights_only=True))


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


class Projecting(Strategy):
    """A-GEM: a step lengthens the loss on the first task's examples in no first order; counts what was bent and what still broke the rule."""

    name = "projecting"
    everywhere = False  # over all parameters, as if all of them moved

    def __init__(self):
        self.memory, self.projected, self.violated = None, 0, 0

    def transform_gradient(self, gradient, task):
        if task.number == 0:
            return gradient
        self.reference = task.gradient(self.memory)
        if not self.everywhere:
            self.reference = self.reference * task.mask
        dot = gradient @ self.reference
        self.bent = bool(dot < 0)
        return gradient - dot / self.reference.square().sum() * self.reference if self.bent else gradient

    def after_step(self, step, task):
        if task.number and self.bent:
            self.projected += 1
            self.violated += bool(step @ self.reference > 1e-9 * step.norm() * self.reference.norm())

    def end_task(self, task):
        self.memory = self.memory or task.examples


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_projection_within_the_mask_holds_for_the_step_taken(monkeypatch, everywhere, depth):
    """With a head for each task: heads of earlier tasks do not move, so a projection over all parameters is another step's."""
    class Deep(Projecting):
        def plan(self, task):
            return StepPlan(last_stages(task.stages, depth))

    strategy = Deep()
    strategy.everywhere = everywhere
    monkeypatch.setattr(RunConfig, "new_strategy", lambda config: strategy)
    train_run(made_config(normalisation="none", precision="float64", epochs=8), STREAM)
    assert strategy.projected >= 8 and (strategy.violated > strategy.projected / 2 if everywhere else strategy.violated == 0)


test_unknown_names_and_options = refusals([
    (lambda: strategy("frozn"), "unknown strategy 'frozn' .did you mean 'frozen'"),
    (lambda: strategy("frozen", dept=1), "did you mean 'depth'"),
    (lambda: strategy("frozen", depth=0), "depth is 0"),
    (lambda: strategy("initialized", start="again"), "unknown start"),
    (lambda: strategy("frozen").load({"direction": 1}), "keeps no state, but the checkpoint holds direction"),
])

"""The loop: equal to a plain one, every example counted, nothing below the lowest trained stage, no waiting."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from made_training import OPTIMISERS, made_examples, made_network, made_task
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from deep.strategies.initialized import Initialized
from deep.streams.seeds import Role, generator
from deep.training.loop import Diverged, train_task
from deep.training.optimiser import Optimiser
from deep.training.strategy import StepPlan, Strategy, last_stages
from theory.errors import InputError

PLAIN = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, weight_decay=0.01),
}


class Counting(TorchDispatchMode):
    """Counts the operators that run."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[str(function.overloadpacket)] += 1
        return function(*args, **(kwargs or {}))


def plain_loop(network, examples, make_optimiser, epochs, batch_size):
    """What one would write by hand."""
    optimiser = make_optimiser(network.parameters())
    network.train()
    steps = 0
    for epoch in range(epochs):
        order = generator(0, Role.BATCHES, 0, epoch).permutation(len(examples))
        for start in range(0, len(examples), batch_size):
            batch = torch.from_numpy(order[start : start + batch_size])
            loss = functional.cross_entropy(network(examples.inputs[batch]), examples.targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            steps += 1
    return steps


@pytest.mark.parametrize("optimiser", PLAIN)
@pytest.mark.parametrize("name", ["mlp-100", "convnet"])
def test_fifty_steps_equal_a_plain_loop(name, optimiser):
    """Rounding of 50 steps: 1e-16 relative a step, grown by a few powers of ten; a single wrong sample differs by 1e-3."""
    examples = made_examples(49, (1, 8, 8))
    ours, theirs = (made_network(name, (8, 8), normalisation="batch") for _ in range(2))
    task, options, steps = made_task(ours, examples, epochs=10, **OPTIMISERS[optimiser])
    trained = train_task(task, Initialized(), options, steps)
    assert plain_loop(theirs, examples, PLAIN[optimiser], 10, 10) == trained.steps == 50
    for left, right in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


class Watching(Strategy):
    """Notes what the loop shows."""

    name = "watching"

    def __init__(self):
        self.batches, self.gradients, self.steps, self.calls = [], [], [], []

    def begin_task(self, task):
        self.calls.append("begin")

    def penalty(self, parameters, batch, task):
        self.batches.append(batch.indices)
        assert batch.features.shape[0] == batch.outputs.shape[0] == len(batch.targets) == len(batch.inputs)

    def transform_gradient(self, gradient, task):
        self.gradients.append(gradient.clone())
        return gradient

    def after_step(self, step, task):
        self.steps.append(step)

    def end_task(self, task):
        self.calls.append("end")


def test_the_ragged_last_batch_is_trained_and_counted():
    examples = made_examples(25)
    task, options, optimiser = made_task(made_network(), examples, learning_rate=0.0)
    strategy = Watching()
    trained = train_task(task, strategy, options, optimiser)
    assert [len(batch) for batch in strategy.batches] == [10, 10, 5] * 2
    for epoch in (strategy.batches[:3], strategy.batches[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(25))
    assert not torch.equal(torch.cat(strategy.batches[:3]), torch.cat(strategy.batches[3:]))
    assert (trained.steps, trained.examples) == (6, 50)
    with torch.no_grad():
        loss = float(functional.cross_entropy(task.network(examples.inputs), examples.targets))
    np.testing.assert_allclose(trained.losses, [loss, loss], rtol=1e-12)


@pytest.mark.parametrize(("iterations", "epochs", "examples"), [(2, 1, 20), (4, 2, 35), (6, 2, 50)])
def test_iterations_cut_the_last_epoch(iterations, epochs, examples):
    """As the first steps of the epochs that they begin."""
    class Watching(Initialized):
        def after_step(self, step, task):
            steps.append(step.tolist())

    ends = []
    for options in ({"iterations": iterations}, {"epochs": 2}):
        steps = []
        task, loop, optimiser = made_task(made_network(), made_examples(25), **options)
        ends.append((train_task(task, Watching(), loop, optimiser), steps))
    (cut, few), (_, all_) = ends
    assert (cut.steps, len(cut.losses), cut.examples) == (iterations, epochs, examples) and few == all_[:iterations]


def test_strategies_see_gradients_and_steps():
    task, options, optimiser = made_task(made_network(), made_examples())
    strategy = Watching()
    train_task(task, strategy, options, optimiser)
    assert strategy.calls == ["begin", "end"] and len(strategy.steps) == len(strategy.gradients) == 6
    for gradient, step in zip(strategy.gradients, strategy.steps, strict=True):
        torch.testing.assert_close(step, -options.learning_rate * gradient, rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(sum(strategy.steps), task.step, rtol=1e-9, atol=1e-14)


def test_a_gradient_may_be_replaced_or_changed_in_place():
    steps = []
    for change in (lambda gradient, task: -gradient, lambda gradient, task: gradient.neg_()):
        task, options, optimiser = made_task(made_network(), made_examples(10), epochs=1)
        strategy = Initialized()
        strategy.transform_gradient = change
        gradient = task.gradient()
        train_task(task, strategy, options, optimiser)
        torch.testing.assert_close(task.step, options.learning_rate * gradient, rtol=1e-9, atol=1e-12)
        steps.append(task.step)
    assert torch.equal(*steps)


def test_a_penalty_acts_but_is_no_part_of_the_loss():
    pull = Initialized()
    pull.penalty = lambda parameters, batch, task: 1e3 + parameters.sum()
    plain, pulled = (made_task(made_network(), made_examples(10), epochs=1) for _ in range(2))
    losses = [train_task(task, strategy, options, optimiser).losses for (task, options, optimiser), strategy in ((plain, Initialized()), (pulled, pull))]
    assert losses[0] == losses[1]
    torch.testing.assert_close(pulled[0].step, plain[0].step - plain[1].learning_rate, rtol=1e-9, atol=1e-12)


def chosen(plan):
    """Return a strategy that trains as planned."""
    found = Initialized()
    found.plan = lambda task: plan
    return found


def run_plan(plan, number=1, **options):
    """Train the second task of a network with two heads as planned; return task, network before it, and operators that ran."""
    network = made_network("convnet", (8, 8), heads=(3, 3), normalisation="batch")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    examples = made_examples(25, (1, 8, 8))
    examples = type(examples)(examples.inputs, examples.targets, head=1)
    task, loop, optimiser = made_task(network, examples, number, weight_decay=0.1, **options)
    with Counting() as counting:
        train_task(task, chosen(plan), loop, optimiser)
    return task, before, counting.counts


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("trained", [*(last_stages("12345", depth) for depth in range(1, 6)), (1, 0, 1, 0, 0), (0, 1, 0, 0, 1)])
def test_what_is_not_trained_does_not_move(trained, optimiser):
    trained = tuple(map(bool, trained))
    task, before, _ = run_plan(StepPlan(trained), optimiser=optimiser)
    parameters = dict(task.network.named_parameters())
    masks = dict(zip(parameters, task.mask.split([parameter.numel() for parameter in parameters.values()]), strict=True))
    for name, value in task.network.state_dict().items():
        stage = int(name.split(".")[1].removeprefix("conv")) - 1 if name.startswith("body") else 4
        moves = trained[stage] and not name.startswith("heads.0")
        assert torch.equal(value, before[name]) != moves, name
        assert name not in masks or (masks[name].all() if moves else not masks[name].any()), name


@pytest.mark.parametrize("depth", range(1, 6))
def test_frozen_stages_cost_no_backward_pass(depth):
    """Six steps: one backward convolution for each trained stage but the head, none below."""
    _, _, counts = run_plan(StepPlan(last_stages("12345", depth)))
    assert counts["aten.convolution"] == 6 * 4
    assert counts["aten.convolution_backward"] == 6 * (depth - 1)


def test_step_weights_scale_the_steps_of_stages():
    whole, weighted = (run_plan(StepPlan((True,) * 5, weights=weights), epochs=1, batch_size=25)[0] for weights in (None, (0.0, 0.5, 1, 1, 2)))
    for stage, weight in enumerate((0, 0.5, 1, 1, 2)):
        place = whole.flat.place(stage)
        torch.testing.assert_close(weighted.step[place], weight * whole.step[place], rtol=1e-9, atol=1e-15)
        assert torch.equal(weighted.mask[place], whole.mask[place] & (weight > 0))


def test_fresh_parameters_and_statistics():
    network = made_network("convnet", (8, 8), normalisation="batch")
    task, options, optimiser = made_task(network, made_examples(25, (1, 8, 8)), number=1)
    train_task(task, Initialized(), options, optimiser)
    first = {name: value.clone() for name, value in network.state_dict().items()}
    task.flat.set(task.flat.parameters.detach() * 2)
    train_task(task, chosen(StepPlan((True,) * 5, "fresh")), options, optimiser)
    assert all(torch.equal(value, first[name]) for name, value in network.state_dict().items())


def test_low_precision_keeps_weights_in_float32():
    examples = made_examples(25, dtype=torch.float32)
    steps = []
    for precision in ("float32", "bfloat16"):
        task, options, optimiser = made_task(made_network(dtype=torch.float32), examples, precision=precision)
        train_task(task, Initialized(), options, optimiser)
        assert task.flat.parameters.dtype == torch.float32
        steps.append(task.step)
    assert not torch.equal(*steps)
    assert float((steps[0] - steps[1]).norm() / steps[0].norm()) < 0.1  # eight bits a product


@pytest.mark.parametrize(("options", "step"), [({"epochs": 4}, 5), ({"epochs": 1, "batch_size": 5}, 4)])
def test_a_loss_that_is_not_finite_names_its_step(options, step):
    """The gradient breaks in the fifth step: the sixth loss shows it, or the parameters in the end."""
    task, options, optimiser = made_task(made_network(), made_examples(25), **options)
    breaking, steps = Initialized(), itertools.count(1)
    breaking.transform_gradient = lambda gradient, task: gradient * float("nan") if next(steps) == 5 else gradient
    with pytest.raises(Diverged, match="loss is nan") as error:
        train_task(task, breaking, options, optimiser)
    assert error.value.step == step


@pytest.mark.parametrize(
    ("losses", "diverges"),
    [
        ([3e27], True),
        ([3e27, 0.7], True),  # blew up and left a dead network
        ([3e27, 0.1], False),  # blew up and recovered
        ([6.5], False),  # below ten times the entropy of two equal classes
        ([7.5], True),
        ([0.6, 0.7], False),  # learned nothing
    ],
)
def test_what_counts_as_diverged(losses, diverges):
    """Two classes, the first batch's loss log 2: far above that and above chance, in some epoch, and no better than chance in the end."""
    examples = made_examples(10, classes=2)
    examples = type(examples)(examples.inputs, torch.arange(10) % 2)
    task, options, optimiser = made_task(made_network(heads=(2,)), examples, epochs=len(losses), batch_size=5)
    given = iter([value for mean in losses for value in (mean, mean)])
    first = []

    def loss(outputs, targets):
        value = next(given)
        value = np.log(2) if not first else 2 * value - np.log(2) if len(first) == 1 else value  # so that the first epoch has its mean
        first.append(value)
        return outputs.sum() * 0 + value

    task.loss = loss
    if diverges:
        with pytest.raises(Diverged, match="training diverged") as error:
            train_task(task, Initialized(), options, optimiser)
        assert error.value.step == 2 * len(losses) - 1
    else:
        np.testing.assert_allclose(train_task(task, Initialized(), options, optimiser).losses, losses)


def test_a_task_that_starts_badly_has_not_diverged():
    """A network that is sure of the wrong classes: its first loss is no sign of divergence, however large."""
    task, options, optimiser = made_task(made_network(heads=(3,)), made_examples(10), number=1, epochs=1, batch_size=5, learning_rate=0.0)
    with torch.no_grad():
        task.network.heads[0].bias.copy_(torch.tensor([1e3, 0, 0]))
    assert train_task(task, Initialized(), options, optimiser).losses[0] > 100


def test_moments_end_with_the_task_or_go_on():
    """Two tasks on the same full batch: with moments kept as one task of twice the epochs, else as with a new optimiser."""

    def end(epochs, tasks, keep=False, anew=False):
        task, options, optimiser = made_task(made_network(), made_examples(10), epochs=epochs, keep_moments=keep, optimiser="adam", learning_rate=0.01)
        for _ in range(tasks):
            train_task(task, Initialized(), options, Optimiser(task.flat, options) if anew else optimiser)
        return task.flat.parameters.detach()

    kept, ended = end(3, 2, keep=True), end(3, 2)
    torch.testing.assert_close(kept, end(6, 1), rtol=1e-9, atol=1e-12)
    assert torch.equal(ended, end(3, 2, anew=True)) and not torch.equal(kept, ended)


def test_a_plan_for_another_network():
    task, options, optimiser = made_task(made_network(), made_examples(), number=1)
    with pytest.raises(InputError, match="plan is for 5 stages, the network has 3"):
        train_task(task, chosen(StepPlan((True,) * 5)), options, optimiser)

"""EWC, SI, LwF and GEM against the same written down by hand, by autograd alone."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_training import made_config, made_examples, made_network, made_stream, made_task
from scaffold import refusals
from torch import nn
from torch.func import functional_call

from deep.networks import Network
from deep.networks.linear import half_squared_error
from deep.strategies import strategy
from deep.strategies.gem import RIDGE
from deep.training.by_layers import MemoryGradients
from deep.training.examples import Examples
from deep.training.fisher import fisher
from deep.training.flat import FlatParameters
from deep.training.loop import _permutation, train_task
from deep.training.optimiser import Optimiser
from deep.training.options import LoopOptions
from deep.training.run import train_run
from deep.training.task import TaskContext

TASKS, RATE, MOMENTUM = 3, 0.1, 0.8


def unflat(network, vector):
    """Return a flat vector's parts by the parameters' names."""
    named = dict(network.named_parameters())
    return {name: part.view(value.shape) for (name, value), part in zip(named.items(), vector.split([value.numel() for value in named.values()]), strict=True)}


def tasks_of(network="mlp-100", shape=(4, 4), momentum=0.0, **options):
    """Return contexts of tasks with one head, the loop's options and the optimiser."""
    task, loop, optimiser = made_task(made_network(network, shape, **options), made_examples(20, (1, *shape)), learning_rate=RATE, momentum=momentum)
    more = [TaskContext(number, task.flat, made_examples(20, (1, *shape), seed=number), task.first) for number in range(1, TASKS)]
    return [task, *more], loop, optimiser


def outputs(network, vector, inputs):
    return functional_call(network, unflat(network, vector), (inputs,))


def squares(network, vector, examples, labels="exact"):
    """Fisher information, example by example and label by label."""
    total = torch.zeros_like(vector)
    for image, target in zip(examples.inputs, examples.targets, strict=True):
        scores = torch.log_softmax(examples.among_candidates(outputs(network, vector, image[None]))[0], 0)
        drawn = [(float(score.detach().exp()), score) for score in scores] if labels == "exact" else [(1.0, scores[target])]
        for weight, score in drawn:
            total += weight * torch.autograd.grad(score, vector, retain_graph=True)[0].square()
    return total / len(examples)


@pytest.mark.parametrize("by_layers", [False, True])
@pytest.mark.parametrize("network", ["mlp-100", "convnet"])
def test_the_fisher_information_is_that_of_each_example(network, by_layers):
    (task, *_), _, _ = tasks_of(network, (8, 8) if network == "convnet" else (4, 4), normalisation="none")
    vector = task.flat.parameters.detach().clone().requires_grad_()
    among = replace(task.examples, targets=task.examples.targets % 2, candidates=torch.tensor([0, 2]))
    for labels, examples in itertools.product(("exact", "empirical"), (task.examples, among)):
        found = fisher(task, examples, labels, by_layers=by_layers)
        torch.testing.assert_close(found, squares(task.network, vector, examples, labels).detach(), rtol=1e-9, atol=1e-15)
    part = fisher(task, task.examples, trained=[False] * (len(task.stages) - 1) + [True])
    place = task.flat.place(len(task.stages) - 1)
    assert torch.allclose(part[place], squares(task.network, vector, task.examples)[place]) and not part[: place.start].any()


def test_sampled_labels_come_near_all_of_them():
    """The mean of 400 draws, within 5 of its standard deviations, as seen in the draws."""
    (task, *_), _, _ = tasks_of()
    torch.manual_seed(0)
    last = task.flat.place(2)
    draws = torch.stack([fisher(task, task.examples, "sampled")[last] for _ in range(400)])
    z = (draws.mean(0) - fisher(task, task.examples)[last]) / (draws.std(0) / 20).clamp_min(1e-300)
    assert z.abs().max() < 5 and draws.std() > 0


def by_hand(name, strength):
    """Train by steps with momentum along autograd's gradient of loss and penalty; return the parameters."""
    tasks, loop, _ = tasks_of(momentum=MOMENTUM)
    network, theta = tasks[0].network, tasks[0].flat.parameters.detach().clone()
    weights, centre, teacher = torch.zeros_like(theta), theta, None
    for task in tasks:
        start, path, velocity = theta, torch.zeros_like(theta), 0.0
        for batch in (batch for epoch in range(loop.epochs) for batch in _permutation(task, epoch).split(loop.batch_size)):
            inputs, targets = task.examples.inputs[batch], task.examples.targets[batch]
            leaf = theta.clone().requires_grad_()
            loss = torch.nn.functional.cross_entropy(outputs(network, leaf, inputs), targets)
            (alone,) = torch.autograd.grad(loss, leaf, retain_graph=True)
            if name == "lwf" and teacher is not None:
                now, then = (torch.softmax(outputs(network, vector, inputs) / 3, 1) for vector in (leaf, teacher))
                loss = loss + strength * 9 * (then * (then.log() - now.log())).sum(1).mean()
            else:
                loss = loss + strength * (weights * (leaf - centre) ** 2).sum() / (2 if name == "ewc" else 1)
            velocity = MOMENTUM * velocity + torch.autograd.grad(loss, leaf)[0]
            after = theta - RATE * velocity
            path += alone * (theta - after)
            theta = after
        if name == "ewc":
            weights = 0.5 * weights + squares(network, theta.clone().requires_grad_(), task.draw(12))
        if name == "si":
            weights = weights + path / ((theta - start) ** 2 + 0.01)
        centre = teacher = theta
    return theta


def test_ewc_on_a_linear_model_is_a_ridge_step():
    """Each weight with a penalty of its own, the mean square of its input in the task before; solved in closed form."""
    flat, learner = FlatParameters(Network({"pixels": nn.Flatten()}, 4, (2,)).double()), strategy("ewc", strength=0.7)
    inputs, targets = torch.randn(2, 30, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).split([4, 2], 2)
    loop = LoopOptions(epochs=600, batch_size=30, precision="float64", learning_rate=0.3)
    solution, pull = torch.zeros(5, 2, dtype=torch.float64), torch.zeros(5, 5, dtype=torch.float64)
    for number, (images, wanted) in enumerate(zip(inputs, targets, strict=True)):
        task = TaskContext(number, flat, Examples(images.view(30, 1, 2, 2), wanted), flat.parameters.detach().clone(), loss=half_squared_error)
        train_task(task, learner, loop, Optimiser(flat, loop))
        design = torch.cat([images, torch.ones(30, 1, dtype=torch.float64)], 1)
        solution = torch.linalg.solve(design.T @ design / 30 + pull, design.T @ wanted / 30 + pull @ solution)
        pull = 0.7 * design.square().mean(0).diag()
        found = torch.cat([flat.network.heads[0].weight.detach().T, flat.network.heads[0].bias.detach()[None]])
        torch.testing.assert_close(found, solution, rtol=1e-9, atol=1e-12)


OPTIONS = {"ewc": {"strength": 3.0, "decay": 0.5, "probe_examples": 12}, "si": {"strength": 100.0, "damping": 0.01}, "lwf": {"strength": 1.5, "temperature": 3.0}}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_run_is_that_by_hand(name):
    tasks, loop, optimiser = tasks_of(momentum=MOMENTUM)
    learner = strategy(name, **OPTIONS[name])
    for task in tasks:
        task.start = task.flat.parameters.detach().clone()
        train_task(task, learner, loop, optimiser)
    expected = by_hand(name, OPTIONS[name]["strength"])
    torch.testing.assert_close(tasks[0].flat.parameters.detach(), expected, rtol=1e-9, atol=1e-12)
    assert (by_hand(name, 0.0) - expected).abs().max() > 1e-3  # the penalty tells


def least(gram, product, bound):
    """Minimise v'Kv/2 + b'v among v >= bound: the best of all choices of which are at the bound, that keep to it."""
    found = []
    for free in itertools.product([False, True], repeat=len(product)):
        free, factors = np.array(free), np.full(len(product), bound)
        factors[free] = np.linalg.solve(gram[np.ix_(free, free)], -(product + gram @ np.where(free, 0, factors))[free])
        found += [factors] if (factors >= bound).all() else []
    return min(found, key=lambda v: v @ gram @ v / 2 + product @ v)


def drawn(constraints, seed, groups=2):
    random = np.random.default_rng(seed)
    rows, own = random.normal(size=(groups, constraints, 9)), random.normal(size=(groups, 9))
    return rows @ rows.transpose(0, 2, 1), np.einsum("jkp,jp->jk", rows, own)


def solved(name, grams, products, **options):
    return strategy(name, **options).solve(torch.from_numpy(grams), torch.from_numpy(products)).numpy()


@pytest.mark.parametrize("seed", range(20))
def test_the_dual_is_solved(seed):
    """Against a search of all active sets; and replay with the strength as its weight, then projection, is the same (no ridge)."""
    grams, products = drawn(4, seed)
    violated = (products < 0).any(1)[:, None]
    expected = np.stack([least(gram, product, 0.5) for gram, product in zip(grams, products, strict=True)])
    replayed = solved("gem", grams, products + 0.5 * grams.sum(2), strength=0.0)
    for found in (solved("gem", grams, products), solved("fast-gem", grams, products, steps=5000), np.where(violated, replayed + 0.5, 0.0)):
        np.testing.assert_allclose(found, np.where(violated, expected, 0.0), atol=1e-9)
    added = np.where(violated, solved("gem", grams, products, strength=0.0) + 0.5, 0.0)
    for name, options in (("gem", {}), ("fast-gem", {"steps": 5000})):
        np.testing.assert_allclose(solved(name, grams, products, form="added", **options), added, atol=1e-9)
    alone = grams[:, :1, :1], products[:, :1]
    np.testing.assert_allclose(solved("fast-gem", *alone, rule="diagonal"), solved("gem", *alone), rtol=1e-12)


@pytest.mark.parametrize("name", ["gem", "fast-gem"])
@pytest.mark.parametrize(("groups", "options"), [("all", {}), ("stage", {}), ("tensor", {}), ("tensor", {"depth": 2})])
def test_gem_is_that_by_hand(name, groups, options):
    """Where each group's constraints hold, over what trains alone; as many examples are counted as a step looks at."""
    tasks, loop, optimiser = tasks_of()
    learner = strategy(name, groups=groups, strength=0.2, **({"steps": 1000} if name == "fast-gem" else {}), **options)
    flat, projected = tasks[0].flat, 0
    theta = flat.parameters.detach().clone()
    for task in tasks:
        trains = flat.place(1).start if "depth" in options and task.number else 0
        ends = {"all": [trains, len(theta)], "stage": [flat.place(0).start, flat.place(1).start, flat.place(2).start, len(theta)]}
        ends["tensor"] = [0, *np.cumsum([value.numel() for value in flat.network.parameters()])]
        places = [slice(*pair) for pair in itertools.pairwise(ends[groups]) if pair[0] >= trains]
        for batch in (batch for epoch in range(loop.epochs) for batch in _permutation(task, epoch).split(loop.batch_size)):
            leaf = theta.clone().requires_grad_()
            seen = [task.examples.subset(batch), *(earlier.examples for earlier in tasks[: task.number])]
            losses = [torch.nn.functional.cross_entropy(outputs(flat.network, leaf, some.inputs), some.targets) for some in seen]
            gradient, *rows = (torch.autograd.grad(loss, leaf)[0] for loss in losses)
            for place in places:
                own = np.stack([row[place] for row in rows]) if rows else np.zeros((0, 1))
                product = own @ gradient[place].numpy() if rows else np.ones(1)
                if product.min() < 0:
                    gradient[place] += torch.from_numpy(least(own @ own.T + RIDGE * np.eye(len(own)), product, 0.2) @ own)
                    projected += 1
                theta[place] -= RATE * gradient[place]
        task.start = flat.parameters.detach().clone()
        trained = train_task(task, learner, loop, optimiser)
        assert trained.examples == 40 + trained.steps * 20 * task.number
    torch.testing.assert_close(flat.parameters.detach(), theta, rtol=1e-6, atol=1e-9)
    assert projected > 1


def test_parts_of_a_memory_have_constraints_of_their_own():
    tasks, loop, optimiser = tasks_of()
    learner = strategy("gem", memory_size=12, parts=5)
    train_task(tasks[0], learner, loop, optimiser)
    learner.begin_task(tasks[1])
    rows = learner.gradients.measure(tasks[1])
    whole = learner.memory.examples[0]
    torch.testing.assert_close(rows.mean(0), tasks[1].gradient(whole))
    assert len(rows) == 4 and len(whole) == 12 and (rows - rows[0]).abs().amax(1)[1:].min() > 1e-3


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("parts", [2, 12])
def test_debiased_memories_lose_what_sampling_adds_to_their_length(parts, noise):
    """Of two parts, <g_1, g_2> is left; of as many parts as examples the estimate of the catalogue; a tenth of the length where labels are noise."""
    tasks, loop, optimiser = tasks_of()
    tasks[0].examples.targets.mul_(noise)
    learner, seen = strategy("gem", memory_size=12, parts=parts, debiased=True, groups="stage", strength=0.0), []
    train_task(tasks[0], learner, loop, optimiser)
    tasks[0].flat.set(tasks[0].first)  # at the minimum noise alone would be left
    learner.begin_task(tasks[1])
    learner.solve = lambda grams, products: seen.append((grams.clone(), products)) or torch.zeros_like(products)
    gradient = tasks[1].gradient(tasks[1].examples)
    learner.transform_gradient(gradient, tasks[1])
    memory = learner.memory.examples[0]
    own = torch.stack([tasks[1].gradient(memory.subset(part)) for part in torch.arange(12).chunk(parts)])
    mean = tasks[1].gradient(memory)
    for stage, gram, product in zip(range(3), *map(list, seen[0])):
        place = tasks[0].flat.place(stage)
        square = mean[place].square().sum()
        left = own[0, place] @ own[1, place] if parts == 2 else (12 * square - own[:, place].square().sum(1).mean()) / 11
        torch.testing.assert_close(gram[0, 0], left.clamp_min(0.1 * square) + RIDGE)
        torch.testing.assert_close(product[0], mean[place] @ gradient[place])
        assert left < 0.1 * square if noise else 0.1 * square < left < 0.99 * square


def test_a_dual_that_has_no_minimum_gets_more_on_its_diagonal():
    gram, product = np.array([[0.5, 1.0], [1.0, 0.5]]), np.array([-1.0, -1.0])
    for strength in (0.0, 0.4):
        np.testing.assert_allclose(solved("gem", gram[None], product[None], strength=strength)[0], least(gram + np.eye(2), product, strength))


def test_strengths_follow_a_schedule():
    tasks, loop, optimiser = tasks_of()
    learner, used = strategy("gem", strength=[0.0, 0.7]), []
    for task in [*tasks, TaskContext(3, tasks[0].flat, tasks[0].examples, tasks[0].first)]:
        train_task(task, learner, loop, optimiser)
        used.append((learner.now, learner.bound))
    assert used == [(0.0, 0.0), (0.0, 0.0), (0.7, 0.7), (0.7, 0.7)]


@pytest.mark.parametrize("old_heads", [False, True])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_memories_in_one_pass_have_the_gradients_that_they_have_alone(scenario, old_heads):
    """Over what the task trains, old heads among that; with what each compares its classes with."""
    found = []

    def watch(task, examples):
        if task.number == 2:
            memories = [examples.training(number) for number in (0, 1)]
            found.append(((MemoryGradients(task, memories).measure(task) - torch.stack([*map(task.gradient, memories)])) * task.mask).abs().max())
            assert task.mask[task.flat.segments[2].place].all() == (old_heads or scenario != "task")

    train_run(made_config(strategy="gem", strategy_options={"old_heads": old_heads}, scenario=scenario, normalisation="none", precision="float64"), made_stream(), watch=watch)
    assert found[0] < 1e-14


class Twice(nn.Module):
    """A linear layer that is passed twice."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, inputs):
        return self.layer(torch.tanh(self.layer(inputs.flatten(1))))


def test_a_layer_that_is_passed_twice_is_measured_example_by_example():
    task = made_task(Network({"twice": Twice()}, 16, (3,)).double(), made_examples(12))[0]
    examples = task.examples
    torch.testing.assert_close(fisher(task, examples), fisher(task, examples, by_layers=False))
    parts = [examples.subset(part) for part in torch.arange(12).chunk(2)]
    torch.testing.assert_close(MemoryGradients(task, parts).measure(task), torch.stack([*map(task.gradient, parts)]))


def test_nearly_parallel_memories_in_single_precision_have_a_dual():
    """Rounded inner products of long gradients, which no Cholesky factor has without more on the diagonal."""
    generator = torch.Generator().manual_seed(0)
    rows = 1000 * (torch.ones(6, 4000) + 1e-6 * torch.randn(6, 4000, generator=generator))
    gradient = -rows[0] + torch.randn(4000, generator=generator)
    found = strategy("gem", strength=0.0).solve((rows @ rows.T + RIDGE * torch.eye(6))[None], (rows @ gradient)[None])
    assert bool(found.isfinite().all()) and float(rows.double()[0] @ (gradient + found[0] @ rows).double()) > -1e-3 * float(rows[0] @ rows[0])


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_what_is_replayed_and_projected_on_is_drawn_from_the_memory(scenario):
    """Each head's share of it; with one head for all classes these are told apart from all classes so far."""
    replay, averaged = strategy("replay", memory_size=24, weight="tasks"), strategy("a-gem")
    seen = []

    def watch(task, _):
        for learner in (replay, averaged):
            learner.begin_task(task)
        if task.number == 2:
            parts = replay._parts
            assert sum(map(len, parts)) == 24 and [round(32 * len(part) / 24) for part in parts] == [len(part) for _, part in replay.drawn()] and len(parts) == (2 if scenario == "task" else 1)
            assert sorted(torch.cat([part.units + 10 * part.head for part in parts]).tolist()) == sorted(
                unit + 10 * examples.head for examples in replay.memory.examples.values() for unit in examples.units.tolist()
            )
            with task.network.evaluating():
                torch.manual_seed(0)
                draws = torch.stack([replay.penalty(None, None, task).detach() for _ in range(200)]) / 2
                mean = sum(len(part) * task.mean_loss(part).detach() for part in parts) / 24
            assert abs(draws.mean() - mean) < 5 * draws.std() / 200**0.5 and draws.std() > 0
            gradients = torch.randn(40, len(task.flat), dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * task.mask
            for gradient in gradients:
                torch.manual_seed(1)
                found = averaged.transform_gradient(gradient.clone(), task)
                torch.manual_seed(1)
                memory = sum(share * task.gradient(part) for share, part in averaged.drawn()) * task.mask
                seen.append(bool(memory @ gradient < 0))
                expected = gradient - memory * (memory @ gradient / (memory @ memory)) if seen[-1] else gradient
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
        for learner in (replay, averaged):
            learner.end_task(task)

    train_run(made_config(scenario=scenario, precision="float64", normalisation="none"), made_stream(train=40), watch=watch)
    assert {True, False} == {*seen}


@pytest.mark.parametrize("name", ["ewc", "si", "lwf", "gem", "fast-gem", "replay", "a-gem", "frozen", "constrained"])
def test_a_regime_holds_from_the_task_that_it_says(name):
    for since, first in (("first", (False, False, True)), ("second", (True, True, True))):
        options = {"depth": 1, "since": since, **({"weight": 0.0} if name == "constrained" else {})}
        record = train_run(made_config(strategy=name, strategy_options=options), made_stream())
        assert [result.trained for result in record.results] == [first, (False, False, True), (False, False, True)]
        assert all((norm > 0) == trains for result in record.results for norm, trains in zip(result.update, result.trained, strict=True))


@pytest.mark.parametrize(("scenario", "shapes"), [("class", [{}, {0: 2}, {0: 4}]), ("domain", [{}, {0: 2}, {0: 2}]), ("task", [{}, {0: 2}, {0: 2, 1: 2}])])
def test_lwf_compares_the_classes_that_were_there(scenario, shapes):
    """With one head for all classes, the units of classes that come later are out; heads add up; the teacher is in evaluation mode, the student in training."""
    learner, seen = strategy("lwf", strength=0.5, temperature=3.0), []

    def watch(task, _):
        learner.begin_task(task)
        seen.append({head: teacher.shape[1] for head, teacher in learner._teacher.items()})
        network, places = task.network, torch.arange(len(task.examples))
        inputs, said = task.examples.batch(places)[0], lambda features: [torch.log_softmax(network.heads[head](features)[:, :units] / 3, 1) for head, units in seen[-1].items()]
        with network.evaluating():
            then = said(network.features(inputs))
        features = network.features(inputs)
        expected = sum(0.5 * 9 * (old.exp() * (old - now)).sum(1).mean() for old, now in zip(then, said(features), strict=True))
        if seen[-1]:
            torch.testing.assert_close(learner.penalty(None, SimpleNamespace(indices=places, features=features), task), expected)
            assert expected > 1e-4
        learner.end_task(task)

    train_run(made_config(scenario=scenario), made_stream(), watch=watch)
    assert seen == shapes


test_what_cannot_be_meant = refusals([
    (lambda: strategy("ewc", depth=4).check(("a", "b", "head")), "depth 4 is beyond the network"),
    (lambda: strategy("ewc", labels="true"), "unknown labels of the Fisher information: 'true'"),
    (lambda: fisher(made_task(made_network(), made_examples(4))[0], made_examples(4), "tru"), "unknown labels"),
    (lambda: strategy("si", damping=0.0), "the damping is 0.0; give a finite number above 0"),
    (lambda: strategy("gem", groups="stages"), "unknown groups of parameters: 'stages' .did you mean 'stage'"),
    (lambda: strategy("gem", debiased=True), "parts is 1 and memory_size 256; choose 2 or more that divide it"),
    (lambda: strategy("gem", strength=[]), "the number of strengths is 0"),
    (lambda: strategy("gem", strength=[0.5, -1.0]), "the strength is -1.0"),
    (lambda: strategy("fast-gem", debiased=True, parts=2), "choose rule='diagonal'"),
    (lambda: train_run(made_config(strategy="replay", strategy_options={"sample": 1}), made_stream()), "sample=1 in all .*; raise sample"),
    (lambda: strategy("lwf", old_heads=1), "old_heads is 1; give True or False"),
])

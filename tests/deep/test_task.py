"""A task's measurements for strategies, and plans that are refused."""

from __future__ import annotations

import torch
from made_training import made_examples, made_network, made_task
from scaffold import refusals
from torch.nn import functional

from deep.strategies.base import StepPlan, last_stages
from deep.streams.seeds import Role


def test_the_probe_is_the_gradient_of_the_mean_loss_and_leaves_no_trace():
    examples = made_examples(1201, (1, 8, 8))
    network = made_network("convnet", (8, 8), normalisation="batch")
    network.set_training((True, False, True, True, True))
    task, _, _ = made_task(network, examples)
    task.flat.require(task.flat.chosen((False, True, True, True, True), 0))
    task.flat.gradients.fill_(7)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    gradient = task.gradient()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert (task.flat.gradients == 7).all() and [stage.training for stage in network.body.values()] == [True, False, True, True]
    assert [next(stage.parameters()).requires_grad for stage in network.body.values()] == [False, True, True, True]
    assert task.looked_at == 1201
    network.eval()
    network.requires_grad_()
    loss = functional.cross_entropy(network(examples.inputs), examples.targets)
    expected = torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(network.parameters()))])
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)
    head = task.gradient(trained=last_stages(task.stages, 1))
    assert not head[: task.flat.place(4).start].any()
    torch.testing.assert_close(head[task.flat.place(4)], expected[task.flat.place(4)], rtol=1e-9, atol=1e-12)


def test_drawn_examples_are_the_same_at_every_call():
    task, _, _ = made_task(made_network(), made_examples(40))
    assert task.draw(40) is task.examples and len(task.draw(7)) == 7
    assert torch.equal(task.draw(7).inputs, task.draw(7).inputs)
    assert not torch.equal(task.draw(7).inputs, task.draw(7, Role.PROBE).inputs)


test_plans_that_do_not_fit = refusals([
    (lambda: StepPlan((False, False)), "trains no stage"),
    (lambda: StepPlan((True,), "afresh"), "unknown start"),
    (lambda: StepPlan((True, True), weights=(1.0, -1.0)), "step weights"),
])

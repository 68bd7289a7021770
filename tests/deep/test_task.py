"""What a strategy works with: parameters and gradients as flat vectors, a task's measurements, plans."""

import pytest
import torch
from made_training import made_examples, made_network, made_task
from scaffold import assert_refused, refusals
from torch.nn import functional

from deep.streams.seeds import Role
from deep.training.flat import FlatParameters
from deep.training.strategy import StepPlan, last_stages


@pytest.fixture
def flat():
    return FlatParameters(made_network("convnet", (8, 8), heads=(3, 2)))


def test_the_vector_is_the_network_in_the_order_of_its_stages(flat):
    network = flat.network
    joined = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    assert torch.equal(flat.parameters, joined) and len(flat) == len(joined)
    places = [flat.place(stage) for stage in range(len(flat.stages))]
    assert places[0].start == 0 and places[-1].stop == len(flat)
    assert all(left.stop == right.start for left, right in zip(places, places[1:], strict=False))
    for place, stage in zip(places, (*network.body.values(), network.heads), strict=True):
        assert torch.equal(flat.parameters[place], torch.cat([parameter.detach().flatten() for parameter in stage.parameters()]))


def test_vector_and_network_are_one_memory(flat):
    flat.set(torch.full_like(flat.parameters, 0.5))
    assert all((parameter == 0.5).all() for parameter in flat.network.parameters())
    flat.network.load_state_dict({name: torch.full_like(value, 2) for name, value in flat.network.state_dict().items()})
    assert (flat.parameters == 2).all()
    assert_refused(lambda: flat.set(torch.zeros(3, dtype=torch.float64)), "give a vector of as many")


def test_gradients_and_those_of_a_penalty_in_the_vector_add_up(flat):
    examples = made_examples(shape=(1, 8, 8))
    loss = functional.cross_entropy(flat.network(examples.inputs), examples.targets)
    expected = torch.autograd.grad(loss, list(flat.network.parameters()), retain_graph=True, allow_unused=True, materialize_grads=True)
    expected = torch.cat([gradient.flatten() for gradient in expected])
    start = flat.parameters.detach().clone() - 1
    (loss + 0.5 * (flat.parameters - start).square().sum()).backward()
    torch.testing.assert_close(flat.gradients, expected + 1, rtol=1e-13, atol=1e-13)
    assert flat.gradients.data_ptr() == flat.parameters.grad.data_ptr() == next(flat.network.parameters()).grad.data_ptr()


def test_a_regime_is_a_mask(flat):
    trained = (False, True, False, False, True)
    mask = flat.mask(trained, 1)
    head = flat.network.heads[1]
    size = sum(parameter.numel() for parameter in (*flat.network.body["conv2"].parameters(), *head.parameters()))
    assert int(mask.sum()) == size and mask[flat.place(1)].all() and mask[-len(head.bias) :].all()
    assert not mask[flat.place(4)][: flat.network.heads[0].weight.numel()].any()
    flat.require(flat.chosen(trained, 1))
    wanted = torch.cat([torch.full((parameter.numel(),), parameter.requires_grad) for parameter in flat.network.parameters()])
    assert torch.equal(wanted, mask)


def test_norms_of_stages(flat):
    vector = torch.zeros_like(flat.parameters)
    vector[flat.place(2).start : flat.place(2).start + 2] = torch.tensor([3.0, 4.0])
    vector[-1] = -2
    assert flat.norms(vector) == (0, 0, 5, 0, 2)


def test_other_parameters_for_a_while(flat):
    before, gradients = flat.parameters.detach().clone(), flat.gradients.fill_(3).clone()
    with pytest.raises(ZeroDivisionError), flat.at(before + 1):
        assert torch.equal(flat.parameters, before + 1)
        flat.gradients.zero_()
        raise ZeroDivisionError
    assert torch.equal(flat.parameters, before) and torch.equal(flat.gradients, gradients)


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

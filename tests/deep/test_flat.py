"""Parameters and gradients as flat vectors."""

from __future__ import annotations

import pytest
import torch
from made_training import made_examples, made_network
from torch.nn import functional

from deep.training.flat import FlatParameters
from theory.errors import InputError


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
    with pytest.raises(InputError, match="give a vector of as many"):
        flat.set(torch.zeros(3, dtype=torch.float64))


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
    mask = flat.mask(trained, head=1)
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

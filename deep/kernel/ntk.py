"""The empirical neural tangent kernel against the same network, trained task after task with the same penalty."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from deep.kernel.ridge import drift_bound, forgetting, kernel_steps, squared_errors
from deep.networks import Architecture, Network, build
from deep.networks.mlp import mlp
from deep.records import built
from deep.streams import Stream
from deep.training.examples import StreamExamples
from theory.errors import InputError

Function = Callable[[Tensor, Tensor], Tensor]
CHUNK = 2**24  # entries of a block of gradients, 128 MiB
CONVERGED = 1e-6  # of the gradient before the first step


def tangent_parametrised(network: Network, seed: int, bias: float = 0.1) -> tuple[Function, Tensor]:
    """Return a network of one output as a function of flat parameters and inputs, and standard normal parameters.

    Weights are multiplied by (2 / inputs)^(1/2), those of the head by (1 / inputs)^(1/2), biases by ``bias`` (Jacot, Gabriel, Hongler, 2018).
    """
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    scales = {name: bias if len(shape) == 1 else ((1 if name.startswith("heads") else 2) / shape[1:].numel()) ** 0.5 for name, shape in shapes.items()}

    network.requires_grad_(False)

    def function(parameters: Tensor, inputs: Tensor) -> Tensor:
        parts = zip(shapes.items(), parameters.split([shape.numel() for shape in shapes.values()]), strict=True)
        return functional_call(network, {name: scales[name] * part.view(shape) for (name, shape), part in parts}, (inputs,))[:, 0]

    generator = torch.Generator().manual_seed(seed)
    return function, torch.randn(sum(shape.numel() for shape in shapes.values()), generator=generator, dtype=torch.float64)


def tangent_kernel(function: Function, parameters: Tensor, left: Tensor, right: Tensor) -> np.ndarray:
    """Compute the products of the gradients in the parameters at left and right inputs, shape (left, right), in blocks."""
    gradients = vmap(grad(lambda theta, x: function(theta, x[None])[0]), (None, 0))
    size = max(1, CHUNK // len(parameters))
    blocks = ([rows @ gradients(parameters, part).T for part in right.split(size)] for rows in (gradients(parameters, part) for part in left.split(size)))
    return torch.cat([torch.cat(row, 1) for row in blocks]).numpy()


def train(function: Function, start: Tensor, inputs: Tensor, targets: Tensor, penalty: float, steps: int = 5000) -> tuple[Tensor, bool]:
    """Minimise |f(X) - Y|^2 + penalty |theta - start|^2 by L-BFGS; return the parameters and whether the gradient fell to 1e-6 of its first length."""
    theta = start.clone().requires_grad_()
    descent = torch.optim.LBFGS([theta], max_iter=steps, tolerance_grad=1e-10, tolerance_change=0, history_size=50, line_search_fn="strong_wolfe")
    lengths = []

    def loss() -> Tensor:
        descent.zero_grad()
        value = (function(theta, inputs) - targets).square().sum() + penalty * (theta - start).square().sum()
        value.backward()
        lengths.append(float(theta.grad.norm()))
        return value

    descent.step(loss)
    loss()
    return theta.detach(), lengths[-1] <= CONVERGED * lengths[0]


@dataclass(frozen=True)
class KernelRecord:
    """What the kernel foretells of one network on one stream, and what training made of it.

    Parameters
    ----------
    stream : str
    width, depth : int
        Of the perceptron's hidden layers.
    scale, penalty : float
        The function is scale (f(theta) - f(theta_0)).
    tasks, samples, seed : int
        Samples of each task.
    forgetting : mapping of str to float
        Growth of the mean squared error on test images since a task's own training: of the network, and as the kernel at the start (fixed) and
        that at each task's start (refreshed) foretell it.
    distance : mapping of str to list of float
        |f_kernel - f_network| / |f_network| on the test images of task 1, after each task.
    drift : mapping of str to float
        |f_T - f_1| on these: of the network, by the fixed kernel, and at most by `drift_bound`.
    unconverged : int
        Trainings whose gradient did not fall to 1e-6 of its first length.
    """

    KIND: ClassVar[str] = "kernel"

    stream: str
    width: int
    depth: int
    scale: float
    penalty: float
    tasks: int
    samples: int
    seed: int
    forgetting: Mapping[str, float]
    distance: Mapping[str, Any]
    drift: Mapping[str, float]
    unconverged: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KernelRecord:
        """Return the record of the fields that `deep.records.to_json` writes."""
        return built(cls, value)


def compare(stream: Stream, tasks: int, width: int, depth: int = 1, scale: float = 1.0, penalty: float = 1.0) -> KernelRecord:
    """Train a perceptron on the first tasks of a stream and foretell it by its kernel.

    Notes
    -----
    Two classes a task, with targets -1 and 1 for one output; units are GELU, for with ReLU the minimum lies on kinks, where no gradient vanishes.

    Raises
    ------
    InputError
        For tasks that have not two classes each.
    """
    if any(len(task.classes) != 2 for task in stream):
        raise InputError(f"the tasks of {stream.name} have {[len(task.classes) for task in stream]} classes; the network has one output, choose tasks with two")
    examples = StreamExamples(stream, "domain", "test", torch.device("cpu"), torch.float64)
    parts = [examples.training(task) for task in range(tasks)] + [examples.evaluation(task, task) for task in range(tasks)]
    batches = [part.batch(torch.arange(len(part))) for part in parts]
    inputs, wanted = torch.cat([x for x, _ in batches]), 2.0 * torch.cat([y for _, y in batches]).double() - 1
    ends = np.cumsum([0, *map(len, parts)])
    rows = [slice(*pair) for pair in itertools.pairwise(ends)]
    own, held_out, targets = rows[:tasks], rows[tasks:], wanted.numpy()[:, None]

    network = build(Architecture(partial(mlp, width=width, hidden=depth, activation=nn.GELU), "none"), stream.image_shape, (1,))
    raw, first = tangent_parametrised(network, stream.seed)
    theta, origin, reached, refreshed, unconverged = first, raw(first, inputs), [np.zeros_like(targets)], [], 0
    for places in own:
        refreshed.append(scale**2 * tangent_kernel(raw, theta, inputs, inputs[places]))
        theta, converged = train(lambda p, x: scale * (raw(p, x) - origin[places]), theta, inputs[places], wanted[places], penalty)
        reached.append((scale * (raw(theta, inputs) - origin)).numpy()[:, None])
        unconverged += not converged
    fixed = [scale**2 * tangent_kernel(raw, first, inputs, inputs[places]) for places in own]
    functions = {
        "network": np.stack(reached[1:]),
        "fixed": kernel_steps(fixed, own, targets, penalty),
        "refreshed": kernel_steps(refreshed, own, targets, penalty, reached),
    }
    seen = {name: found[:, held_out[0], 0] for name, found in functions.items()}
    lengths = np.linalg.norm(seen["network"], axis=1)
    return KernelRecord(
        stream.name, width, depth, scale, penalty, tasks, len(parts[0]), stream.seed,
        {name: forgetting(squared_errors(found, targets, held_out)) for name, found in functions.items()},
        {name: (np.linalg.norm(seen[name] - seen["network"], axis=1) / lengths).tolist() for name in ("fixed", "refreshed")},
        {name: float(np.linalg.norm(seen[name][-1] - seen[name][0])) for name in ("network", "fixed")}
        | {"bound": drift_bound(fixed, functions["fixed"], own, targets, penalty, held_out[0])},
        unconverged,
    )  # fmt: skip

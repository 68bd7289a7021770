"""The empirical neural tangent kernel against the same network, trained task after task with the same penalty."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parameters_to_vector

from deep.kernel.ridge import KernelRecord, drift_bound, forgetting, gathered, kernel_step, kernel_steps, squared_errors
from deep.networks import Architecture, Network, build
from deep.networks.branches import PRETRAINED, ChannelBranch, freeze
from deep.networks.mlp import mlp
from deep.networks.vit import MICRO, load_checkpoint, vit
from deep.streams import Stream
from simulate.work.progress import bar
from theory.errors import InputError

Function = Callable[[Tensor, Tensor], Tensor]  # from flat parameters and N inputs to N outputs
CHUNK = 2**24  # entries of a block of gradients, 128 MiB
KERNELS = ("fixed", "refreshed")
PERCEPTRON = "perceptron"


def tangent_parametrised(network: Network, seed: int, bias: float = 0.1) -> tuple[Function, Tensor]:
    """Return a network of one output as a function of flat parameters and inputs, and standard normal parameters.

    Weights are multiplied by (2 / inputs)^(1/2), those of the head by (1 / inputs)^(1/2), biases by ``bias`` (Jacot, Gabriel, Hongler, 2018).
    """
    parted, shapes = _parted(network), {name: parameter.shape for name, parameter in network.named_parameters()}
    scales = {name: bias if len(shape) == 1 else ((1 if name.startswith("heads") else 2) / shape[1:].numel()) ** 0.5 for name, shape in shapes.items()}

    def function(parameters: Tensor, inputs: Tensor) -> Tensor:
        return functional_call(network, {name: scales[name] * part for name, part in parted(parameters).items()}, (inputs,))[:, 0]

    return function, torch.randn(sum(shape.numel() for shape in shapes.values()), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _parted(module: nn.Module) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return what takes flat parameters of a module apart, by their names."""
    shapes = {name: parameter.shape for name, parameter in module.named_parameters()}
    sizes = [shape.numel() for shape in shapes.values()]
    return lambda flat: {name: part.view(shape) for (name, shape), part in zip(shapes.items(), flat.split(sizes), strict=True)}


def adapters(image_shape: tuple[int, ...], rank: int, seed: int) -> tuple[Function, Tensor]:
    """Return vit-micro, read out by fixed random weights, as a function of its adapters' parameters and of inputs, and these parameters at first.

    Adapters are bottlenecks of ``rank`` GELU units beside each block's perceptron. What they add is zero at first.
    """
    height, width, channels = (*image_shape, 1)[:3]
    stem, *blocks, last = freeze(load_checkpoint(vit((channels, height, width), (), "layer", **MICRO), PRETRAINED).double().eval()).body.values()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        branch = ChannelBranch(MICRO["width"], len(blocks), rank, nn.GELU).double().eval()
        readout = torch.randn(MICRO["width"], dtype=torch.float64) / MICRO["width"] ** 0.5
    parted = _parted(branch)

    def function(parameters: Tensor, inputs: Tensor) -> Tensor:
        return last(functional_call(branch, parted(parameters), (stem(inputs), blocks))) @ readout

    return function, parameters_to_vector(branch.parameters()).detach()


def tangent_kernel(function: Function, parameters: Tensor, left: Tensor, right: Tensor) -> np.ndarray:
    """Compute the products of the gradients in the parameters at left and right inputs, shape (left, right), block by block."""
    gradients = partial(vmap(grad(lambda theta, x: function(theta, x[None])[0]), (None, 0)), parameters)
    size = max(1, CHUNK // len(parameters))
    return torch.cat([torch.cat([rows @ gradients(part).T for part in right.split(size)], 1) for rows in map(gradients, left.split(size))]).detach().numpy()


def train(function: Function, start: Tensor, inputs: Tensor, targets: Tensor, penalty: float, steps: int = 5000) -> tuple[Tensor, bool]:
    """Minimise |f(X) - Y|^2 + penalty |theta - start|^2 by L-BFGS; return the parameters and whether the gradient fell to 1e-6 of its first length."""
    theta, lengths = start.clone().requires_grad_(), []
    descent = torch.optim.LBFGS([theta], max_iter=steps, tolerance_grad=1e-10, tolerance_change=0, history_size=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        value = (function(theta, inputs) - targets).square().sum() + penalty * (theta - start).square().sum()
        (theta.grad,) = torch.autograd.grad(value, theta)
        lengths.append(float(theta.grad.norm()))
        return value

    descent.step(loss)
    loss()
    return theta.detach(), lengths[-1] <= 1e-6 * lengths[0]


def compare(stream: Stream, tasks: int, width: int, depth: int = 1, scale: float = 1.0, penalty: float = 1.0, network: str = PERCEPTRON) -> dict[str, float]:
    """Train a perceptron, or adapters of rank ``width``, on the first tasks of a stream, and foretell by kernels what it says and forgets.

    The function is scale (f(theta) - f(theta_0)); two classes a task are its targets -1 and 1. Units are GELU: with ReLU the minimum lies on kinks,
    where no gradient vanishes.

    Returns
    -------
    dict
        Forgetting: growth of the mean squared error on test images since a task's own training, of the network, and as the kernel at theta_0
        (fixed) and the expansion at each task's start (refreshed) foretell it. Functions: |f_kernel - f_network| / |f_network| on the test
        images of task 1, after each task. Drift: |f_T - f_1| on these, and `drift_bound`. Trainings that did not converge.

    Raises
    ------
    InputError
        For tasks that have not two classes each.
    """
    if any(len(task.classes) != 2 for task in stream):
        raise InputError(f"the tasks of {stream.name} have {[len(task.classes) for task in stream]} classes; the network has one output, choose tasks with two")
    parts, (own, _, held_out) = gathered(stream[:tasks])
    images, labels = np.concatenate([part.images for part in parts]).astype(float), np.concatenate([part.labels for part in parts])
    images = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images
    inputs, targets = torch.from_numpy((images - images[own[0]].mean()) / images[own[0]].std()), 2.0 * labels[:, None] - 1
    if network == PERCEPTRON:
        raw, theta = tangent_parametrised(build(Architecture(partial(mlp, width=width, hidden=depth, activation=nn.GELU), "none"), stream.image_shape, (1,)), stream.seed)
    else:
        raw, theta = adapters(stream.image_shape, width, stream.seed)
    kernel, origin = scale**2 * tangent_kernel(raw, theta, inputs, inputs[: own[-1].stop]), raw(theta, inputs).detach()
    functions, reached, missed = {"fixed": kernel_steps(kernel, own, targets, penalty), "refreshed": []}, [np.zeros_like(targets)], 0
    for rows in own:
        functions["refreshed"].append(kernel_step(reached[-1], scale**2 * tangent_kernel(raw, theta, inputs, inputs[rows]), rows, targets, penalty))
        theta, converged = train(lambda p, x: scale * (raw(p, x) - origin[rows]), theta, inputs[rows], torch.from_numpy(targets[rows, 0]), penalty)
        reached.append(scale * (raw(theta, inputs) - origin).detach().numpy()[:, None])
        missed += not converged
    functions["network"] = reached[1:]
    seen = {name: np.stack(found)[:, held_out[0], 0] for name, found in functions.items()}
    apart = {name: np.linalg.norm(seen[name] - seen["network"], axis=1) / np.linalg.norm(seen["network"], axis=1) for name in KERNELS}
    return (
        {f"forgetting, {name}": forgetting(squared_errors(np.stack(functions[name]), targets, held_out)) for name in ("network", *KERNELS)}
        | {f"functions off by, {name}, task {task}": float(value) for name in KERNELS for task, value in enumerate(apart[name], 1)}
        | {"drift": float(np.linalg.norm(seen["network"][-1] - seen["network"][0])), "not converged": missed}
        | {"drift, bound": drift_bound(kernel, functions["fixed"], own, targets, penalty, held_out[0])}
    )


def kernel_records(
    streams: Sequence[Stream], tasks: int, widths: Sequence[int], depth: int, scale: float, lams: Sequence[float], network: str = PERCEPTRON
) -> list[KernelRecord]:
    """Compare on streams of several seeds; forgetting is off by |F_kernel - F_network| as a share of the mean |F_network|."""
    records = []
    for penalty, width in bar(list(itertools.product(lams, widths)), unit="width"):
        found = [compare(stream, tasks, width, depth, scale, penalty, network) for stream in streams]
        measured = {name: [one[name] for one in found] for name in found[0]}
        trained = np.array(measured["forgetting, network"])
        off = {f"forgetting off by, {name}": np.abs(trained - measured[f"forgetting, {name}"]) / np.abs(trained).mean() for name in KERNELS}
        settings = {"stream": streams[0].name, "width": width, "depth": depth, "scale": scale, "penalty": penalty, "tasks": tasks}
        settings |= {"samples": len(streams[0][0].train_indices), "seeds": [stream.seed for stream in streams]}
        settings |= {} if network == PERCEPTRON else {"network": network}
        records.append(KernelRecord(settings, measured | {name: value.tolist() for name, value in off.items()}))
    return records

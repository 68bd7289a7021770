"""The diagonal of a network's Fisher information, averaged over examples: never the square of a batch's mean gradient."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from deep.networks import Network
from deep.training.by_layers import Calls, watching
from deep.training.examples import Examples
from deep.training.task import TaskContext
from theory.checks import known
from theory.errors import InputError

LABELS = ("exact", "sampled", "empirical")
_CHUNK = 64  # examples whose gradients are in memory at once


def fisher(task: TaskContext, examples: Examples, labels: str = "exact", trained: Sequence[bool] | None = None, *, by_layers: bool = True) -> Tensor:
    """Compute the mean over examples of the squared gradient of each one's log-likelihood, normalisation layers in evaluation mode.

    Parameters
    ----------
    task : TaskContext
        Whose network, as it is now.
    examples : Examples
    labels : {"exact", "sampled", "empirical"}
        All, weighted by the model's own probabilities; one drawn by these, of PyTorch's generator; the true one. Targets that are
        real numbers take "exact", that of normal errors of variance 1.
    trained : sequence of bool, optional
        Stages that are wanted, of the heads that of the examples; zero elsewhere. Default: all.
    by_layers : bool
        Where linear layers hold all parameters, square their inputs and their outputs' gradients instead of each example's
        gradient: the same numbers but for rounding, some 50 times faster.

    Returns
    -------
    Tensor of shape (P,)
    """
    network, head, real = task.network, examples.head, examples.targets.is_floating_point()
    if real and labels != "exact":
        raise InputError(f"the labels of the Fisher information are {labels!r}, but the targets are real numbers; choose exact")
    known(labels, LABELS, "labels of the Fisher information:")
    with task.measuring(head, trained):
        for indices in torch.arange(len(examples), device=examples.inputs.device).split(_CHUNK):
            inputs, targets = examples.batch(indices)
            with watching(network) as calls:
                outputs = examples.among_candidates(network(inputs, head))
            scores, shares = (outputs, torch.ones_like(outputs)) if real else (torch.log_softmax(outputs, 1), torch.softmax(outputs, 1).detach())
            if labels == "exact":
                drawn = [(torch.full_like(indices, unit), shares[:, unit]) for unit in range(shares.shape[1])]
            else:
                drawn = [(targets if labels == "empirical" else torch.multinomial(shares, 1)[:, 0], torch.ones_like(shares[:, 0]))]
            if by_layers and calls.complete:
                _add_by_layers(calls, scores, drawn)
            else:
                _add_by_examples(network, examples, inputs, drawn)
        return task.flat.gradients / len(examples)


def _add_by_layers(calls: Calls, scores: Tensor, drawn: list[tuple[Tensor, Tensor]]) -> None:
    """Add squares to the parameters' gradients: an example's gradient of a linear layer is the outer product of two vectors."""
    squares = [torch.zeros_like(output) for _, _, output, _ in calls.seen]
    for units, weights in drawn:
        for square, delta in zip(squares, calls.deltas(scores.gather(1, units[:, None]).sum()), strict=True):
            square.addcmul_(delta.square(), weights[:, None])
    for (layer, inputs, _, _), square in zip(calls.seen, squares, strict=True):
        layer.weight.grad.addmm_(square.T, inputs.square())
        if layer.bias is not None:
            layer.bias.grad += square.sum(0)


def _add_by_examples(network: Network, examples: Examples, inputs: Tensor, drawn: list[tuple[Tensor, Tensor]]) -> None:
    """Add squares to the parameters' gradients, of each example's gradient by a vectorized map."""
    parameters = dict(network.named_parameters())
    wanted = {name: value.detach() for name, value in parameters.items() if value.requires_grad}
    rest = {name: value.detach() for name, value in (parameters | dict(network.named_buffers())).items() if name not in wanted}
    real = examples.targets.is_floating_point()

    def score(chosen: dict[str, Tensor], image: Tensor, unit: Tensor) -> Tensor:
        outputs = examples.among_candidates(functional_call(network, chosen | rest, (image[None], examples.head)))[0]
        return (outputs if real else torch.log_softmax(outputs, 0)).gather(0, unit[None])[0]

    for units, weights in drawn:
        for name, value in vmap(grad(score), in_dims=(None, 0, 0))(wanted, inputs, units).items():
            parameters[name].grad += torch.einsum("n,n...->...", weights, value.square())

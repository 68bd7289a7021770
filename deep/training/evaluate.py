"""Accuracy of a network on the tasks of a stream."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from deep.networks import Network
from deep.training.examples import Examples

EVALUATION_BATCH = 250


def accuracy(network: Network, examples: Examples) -> float:
    """Compute the share of examples whose largest output among the candidates is the right one."""
    hits = sum((outputs.argmax(1) == targets).sum() for outputs, targets in outputs_of(network, examples))
    return int(hits) / len(examples)


def accuracies(network: Network, tasks: Sequence[Examples]) -> tuple[float, ...]:
    """Compute the accuracy on each task."""
    return tuple(accuracy(network, examples) for examples in tasks)


@torch.no_grad()
def outputs_of(network: Network, examples: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    """Compute outputs of the candidates, shape (N, K), and targets, batch by batch, with the normalisation statistics as they are."""
    with network.evaluating():
        for indices in torch.arange(len(examples), device=examples.inputs.device).split(EVALUATION_BATCH):
            inputs, targets = examples.batch(indices)
            yield examples.among_candidates(network(inputs, examples.head)), targets

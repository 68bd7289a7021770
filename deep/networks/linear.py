"""Linear models with their parameters in blocks: the networks whose training the theory knows exactly."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deep.networks.base import Network


class _Block(nn.Module):
    """Adds the products of its inputs with its parameters to what the blocks before have added up."""

    def __init__(self, trials: int, dimension: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(trials, dimension, dtype=dtype))

    def forward(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Take and return the inputs of this and later blocks, shape (N, trials, dimensions), and the sum, shape (N, trials)."""
        inputs, total = state
        own, rest = inputs.tensor_split((self.weight.shape[1],), dim=2)
        return rest, total + torch.einsum("ntd,td->nt", own, self.weight)


class _LastBlock(_Block):
    """The head: returns the sum alone."""

    def forward(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """Return the sum of all blocks, shape (N, trials)."""
        return super().forward(state)[1]


class BlockLinear(Network):
    """Many independent linear models side by side, each y = sum_b x_b' theta_b, all from zero; the blocks are the stages.

    Parameters
    ----------
    blocks : mapping of block name to int
        Dimensions, at least two blocks; the last block is the head and is called so.
    trials : int
        Number of models.
    dtype : torch.dtype
    """

    def __init__(self, blocks: Mapping[str, int], trials: int, dtype: torch.dtype = torch.float64) -> None:
        nn.Module.__init__(self)
        *body, last = blocks.values()
        self.body = nn.ModuleDict({name: _Block(trials, dimension, dtype) for name, dimension in zip(blocks, body, strict=False)})
        self.heads = nn.ModuleList([_LastBlock(trials, last, dtype)])

    def features(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the last block takes of inputs of shape (N, trials, dimensions)."""
        return super().features((inputs, inputs.new_zeros(inputs.shape[:2])))


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean over examples of half the squared residuals, added over models, shapes (N, trials)."""
    return (outputs - targets).square().sum(1).mean() / 2

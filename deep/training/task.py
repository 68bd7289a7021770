"""One task as a strategy sees it: the flat vector, the task's examples, and measurements on them that are counted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from deep.networks import Network
from deep.networks.base import Midway
from deep.streams.seeds import Role, generator
from deep.training.examples import Examples
from deep.training.flat import FlatParameters
from theory.errors import InputError

PROBE_BATCH = 500


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean cross-entropy of classes; the default loss."""
    return functional.cross_entropy(outputs, targets)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a penalty may use of the current step.

    Parameters
    ----------
    inputs : Tensor of shape (N, ...)
        As the network takes them; `deep.networks.base.Midway` where features are kept.
    targets : Tensor of shape (N, ...)
    indices : Tensor of shape (N,)
        Of the examples in the task.
    features : Tensor of shape (N, width)
        What the heads take, with its graph.
    outputs : Tensor of shape (N, K)
        Of the candidates, with their graph.
    """

    inputs: Tensor | Midway
    targets: Tensor
    indices: Tensor
    features: Tensor
    outputs: Tensor


@dataclass(eq=False)
class TaskContext:
    """A task that is about to be trained, is being trained, or has just been.

    Parameters
    ----------
    number : int
        From 0.
    flat : FlatParameters
        Of the network; read-only but for ``end_task``, which may move parameters.
    examples : Examples
        The task's training data.
    first : Tensor of shape (P,)
        Parameters of the untrained network.
    seed : int
        Of the run.
    loss : callable
        Mean loss of outputs (N, K) and targets.

    Attributes
    ----------
    start : Tensor of shape (P,)
        Parameters before the task's first step.
    mask : Tensor of bool, shape (P,)
        Which parameters the task trains; all that its head depends on until the plan is made.
    passed : int
        Count of `FlatParameters.passed` from which `looked_at` counts.
    below : int
        Number of first stages whose outputs are kept while the task trains; 0 for none.
    """

    number: int
    flat: FlatParameters
    examples: Examples
    first: Tensor
    seed: int = 0
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
    start: Tensor = field(init=False)
    mask: Tensor = field(init=False)
    passed: int = field(init=False)
    below: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.passed = self.flat.passed.count
        self.start = self.flat.parameters.detach().clone()
        self.mask = self.flat.mask((True,) * len(self.stages), self.head)

    @property
    def network(self) -> Network:
        """The network, whose parameters are views of ``flat.parameters``."""
        return self.flat.network

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages from input to head."""
        return self.flat.stages

    @property
    def head(self) -> int:
        """Number of the head that learns the task."""
        return self.examples.head

    @property
    def looked_at(self) -> int:
        """Examples that were passed forward for this task beside the loop's own steps, by whatever means."""
        return self.flat.passed.count - self.passed

    @property
    def step(self) -> Tensor:
        """Step from the task's start to the current parameters, shape (P,)."""
        return self.flat.parameters.detach() - self.start

    @contextmanager
    def keeping(self, trained: Sequence[bool]) -> Iterator[None]:
        """Keep for a while what the stages below the lowest trained one make of the task's examples, and let `midway` do so of others."""
        self.below = [*trained[:-1], True].index(True)
        if self.below and type(self.network).features is not Network.features:
            raise InputError(f"keep_features is on, but {type(self.network).__name__} is no plain chain of stages, so that nothing goes on from one of them; leave it off")
        self.examples = self.midway(self.examples)
        try:
            yield
        finally:
            self.below, self.examples = 0, replace(self.examples, midway=None)

    def midway(self, examples: Examples) -> Examples:
        """Return examples with what the stages whose outputs are kept make of them, if any are."""
        if not self.below:
            return examples
        with torch.no_grad(), self.network.evaluating():
            batches = torch.arange(len(examples), device=examples.inputs.device).split(PROBE_BATCH)
            values = torch.cat([self.network.through(examples.batch(indices)[0], self.below) for indices in batches])
        return replace(examples, midway=Midway(values, self.below))

    def draw(self, count: int, role: Role = Role.STRATEGY) -> Examples:
        """Return ``count`` training examples, or all if there are no more, drawn without replacement; the same at every call."""
        total = len(self.examples)
        if count >= total:
            return self.examples
        chosen = generator(self.seed, role, self.number).choice(total, count, replace=False)
        return self.examples.subset(torch.from_numpy(chosen).to(self.examples.inputs.device))

    def gradient(self, examples: Examples | None = None, trained: Sequence[bool] | None = None) -> Tensor:
        """Compute the gradient of the mean training loss at the current parameters.

        Parameters
        ----------
        examples : Examples, optional
            Default: the task's whole training data. Those of an earlier task give that task's gradient.
        trained : sequence of bool, optional
            Stages that the gradient is asked for; zero elsewhere. Default: all.

        Returns
        -------
        Tensor of shape (P,)

        Notes
        -----
        Normalisation layers use their running statistics and leave them; the gradient in progress and the modes of
        stages stay as they are.
        """
        examples = self.examples if examples is None else examples
        with self.measuring(examples.head, trained):
            for indices in torch.arange(len(examples), device=examples.inputs.device).split(PROBE_BATCH):
                (self.mean_loss(examples, indices) * (len(indices) / len(examples))).backward()
            return self.flat.gradients.clone()

    def mean_loss(self, examples: Examples, indices: Tensor | None = None) -> Tensor:
        """Compute the mean loss on examples, such as those of a memory, with its graph; the network is in whatever mode it is in."""
        indices = torch.arange(len(examples), device=examples.inputs.device) if indices is None else indices
        inputs, targets = examples.batch(indices)
        return self.loss(examples.among_candidates(self.network(inputs, examples.head)).to(self.flat.parameters.dtype), targets)

    @contextmanager
    def measuring(self, head: int, trained: Sequence[bool] | None) -> Iterator[None]:
        """Be in evaluation mode, with zero gradients, asked for of these stages; afterwards modes, gradients and what asks for them are as before."""
        flat, required, gradients = self.flat, self.flat.required, self.flat.gradients.clone()
        flat.require(flat.chosen(trained or (True,) * len(self.stages), head))
        flat.gradients.zero_()
        try:
            with self.network.evaluating():
                yield
        finally:
            flat.gradients.copy_(gradients)
            flat.require(required)

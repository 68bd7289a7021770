"""Gradient episodic memory and its modular kinds: a step shall raise the loss on no earlier task's memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from deep.strategies.regime import MOST, Rehearsing
from deep.training.by_layers import MemoryGradients
from deep.training.memory import Memory
from deep.training.strategy import STRATEGIES
from deep.training.task import TaskContext
from theory.checks import between, flag, known, whole
from theory.errors import InputError

FORMS = ("inside", "added")
GROUPS = ("all", "stage", "tensor")
RIDGE = 1e-3  # on the diagonal of the gradients' inner products, as in the authors' code
LEAST = 0.1  # of a memory gradient's squared length that is left of it, so that v stays within ten times the plain one
ROUNDING = 1e-6  # of products in single precision, relative to the sum of squared lengths


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class GEM(Rehearsing):
    """Take the gradient z nearest to the batch's gradient g such that <z, g_k> >= 0 for the gradient g_k of each memory k.

    z = g + sum_k v_k g_k, where v minimises v'(GG' + ridge)v / 2 + (Gg)'v, G the rows g_k, among v of at least the strength. Steps on
    which no <g, g_k> is negative take g.

    Parameters
    ----------
    memory_size : int
        Examples of each task, drawn at random. As batches are random too, so are those that a task saw last.
    strength : float or sequence of float
        Of the memory: a gradient of the sum of all memories' losses that is added, and then projected. Several: for the second task, the
        third and so on; the last one goes on.
    form : {"inside", "added"}
        Strength as the bound of v, as in the authors' code; or added to v >= 0 in the end, as the paper words it.
    groups : {"all", "stage", "tensor"}
        Groups of parameters, each of which keeps constraints of its own (p-mGEM).
    parts : int
        Into which each task's memory is divided, with a constraint each (d-mGEM).
    debiased : bool
        Estimate with the parts by how much sampling makes the squared length |g_k|^2 of each memory's gradient too large, which is why v
        is too small, and leave that out of the dual (ours: "memory_debiased_square" of the catalogue). Constraints are of whole memories then.
    **options
        Of `deep.strategies.regime.Rehearsing`: depth, since, old_heads.

    Notes
    -----
    Sources: arXiv 1706.08840; modular: arXiv 2410.00868. Gradients are those over what the task trains, with normalisation layers in
    evaluation mode; a memory's loss compares the classes that its task knew. The dual is a non-negative least-squares problem in v minus the strength, of the Cholesky factor.
    """

    name: ClassVar[str] = "gem"

    memory_size: int = 256
    strength: float | Sequence[float] = 0.5
    form: str = "inside"
    groups: str = "all"
    parts: int = 1
    debiased: bool = False
    memory: Memory = field(init=False, repr=False)
    gradients: MemoryGradients | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.memory = Memory(whole(self.memory_size, "the size of the memory", 1))
        self._strengths = [between(strength, "the strength", 0.0, MOST) for strength in (self.strength if isinstance(self.strength, (list, tuple)) else [self.strength])]
        whole(len(self._strengths), "the number of strengths", 1)
        self.now = self._strengths[0]
        known(self.form, FORMS, "form of the strength:")
        known(self.groups, GROUPS, "groups of parameters:")
        whole(self.parts, "the number of parts", 1)
        if flag(self.debiased, "debiased") and (self.parts < 2 or self.memory_size % self.parts):
            raise InputError(f"debiased GEM compares equal parts of a memory, but parts is {self.parts} and memory_size {self.memory_size}; choose 2 or more that divide it")

    def begin_task(self, task: TaskContext) -> None:
        """Take up what has a constraint, and the strength."""
        self.now = self._strengths[min(max(task.number, 1), len(self._strengths)) - 1]
        if few := [len(examples) for examples in self.memory.examples.values() if self.debiased and len(examples) % self.parts]:
            raise InputError(f"debiased GEM divides the memory of each task into {self.parts} equal parts, but one holds {few[0]} examples; choose parts that divide it")
        kept = [examples.subset(part) for examples in self.memory.examples.values() for part in torch.arange(len(examples), device=examples.inputs.device).chunk(self.parts)]
        self.gradients = MemoryGradients(task, kept) if kept else None

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Project."""
        if self.gradients is None:
            return gradient
        parts = self.gradients.measure(task).unflatten(0, (-1, self.parts if self.debiased else 1))
        rows = parts.mean(1) if self.debiased else parts[:, 0]
        groups = self._places(task)
        products = torch.stack([sum(rows[:, place] @ gradient[place] for place in group) for group in groups])
        grams = torch.stack([sum(rows[:, place] @ rows[:, place].T for place in group) for group in groups])
        if self.debiased:  # the variance of a mean of equal parts, from the parts
            squares, mean = torch.stack([sum(parts[..., place].square().sum((1, 2)) for place in group) for group in groups]) / self.parts, grams.diagonal(dim1=1, dim2=2)
            mean.copy_(torch.maximum(mean - (squares - mean) / (self.parts - 1), LEAST * mean))
        grams.diagonal(dim1=1, dim2=2).add_(RIDGE)
        for group, factors in zip(groups, self.solve(grams, products), strict=True):
            for place in group:
                gradient[place].addmv_(rows[:, place].T, factors)
        return gradient

    def solve(self, grams: Tensor, products: Tensor) -> Tensor:
        """Return v of each group of parameters, shape (J, K), from GG' + ridge, shape (J, K, K), and Gg."""
        both = torch.cat([grams, products[:, :, None]], 2).double().cpu().numpy()
        found = np.stack([self._factors(group[:, :-1], group[:, -1]) for group in both])
        return torch.from_numpy(found).to(products)

    @property
    def bound(self) -> float:
        """Least v of the dual."""
        return self.now if self.form == "inside" else 0.0

    def _factors(self, gram: np.ndarray, product: np.ndarray) -> np.ndarray:
        if not (product < 0).any() or not np.isfinite(gram).all():  # the latter where training diverged, which the loop will tell
            return np.zeros(len(product))
        try:
            root = cholesky(gram, lower=True)
        except np.linalg.LinAlgError:  # products of long, nearly parallel gradients, rounded to single precision; or debiased
            gram = gram + max(ROUNDING * np.trace(gram), -2 * np.linalg.eigvalsh(gram)[0]) * np.eye(len(gram))
            root = cholesky(gram, lower=True)
        return nnls(root.T, solve_triangular(root, -(product + self.bound * gram.sum(1)), lower=True))[0] + self.now

    def _places(self, task: TaskContext) -> list[list[slice]]:
        """Where each group of the parameters that train lies in the flat vector."""
        groups: dict[int, list[slice]] = {}
        for segment in task.flat.required:
            places = [segment.place]
            if self.groups == "tensor":
                module = [*task.network.body.values()][segment.stage] if segment.head is None else task.network.heads[segment.head]
                places = [slice(start := parameter.storage_offset(), start + parameter.numel()) for parameter in module.parameters()]
            for place in places:
                groups.setdefault({"all": 0, "stage": segment.stage}.get(self.groups, place.start), []).append(place)
        return list(groups.values())

    def end_task(self, task: TaskContext) -> None:
        """Keep examples of the task."""
        self.memory.see(task)

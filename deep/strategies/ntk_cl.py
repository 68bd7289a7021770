"""NTK-CL: branches beside a frozen transformer, each mechanism as the public code computes it and as the abstract describes it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from deep.networks.branches import KINDS, NEVER, STATES, BranchedViT, CosineHead
from deep.training.examples import Examples
from deep.training.memory import Memory
from deep.training.strategy import STRATEGIES, Strategy
from deep.training.task import PROBE_BATCH, Batch, TaskContext
from theory.checks import between, known, whole
from theory.errors import InputError

FORMS = PUBLISHED, LIVE = ("published", "live")
DIRECTIONS = 40  # of old prototypes, at most; in the public code
TEMPERATURE = 0.1
_CURRENT, _MIXED = STATES.index("current"), KINDS.index("mixed")
_EVERY = 10**9


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class NtkCl(Strategy):
    """Train branches of a frozen transformer on the cross-entropies of their features; classify by cosines to class means of features.

    For the network "vit-micro-branches" or another `deep.networks.branches.branched`.

    Parameters
    ----------
    token : {"published", "live"}
        Whether the maps that make the prompts start at zero, where they get no gradient, or drawn at random.
    fusion : {"published", "live"}
        Attention of the token features to the channel features alone, which is a linear map, or to both.
    orthogonality : {"published", "live"}
        Penalty on unit features: the sum of their entries outside the span of old prototypes, signs and all; or their energy within it.
    orthogonality_strength : float
    contrast : {"published", "live"}
        Minus the contrastive loss of the batch's classes, which rewards spread within these; or plus it.
    contrast_strength : float
    pull : float
        Times the squared distance of the branches from where the task began.
    mean : {"iterates", "restart", "adaptive"}
        Running mean of the branches over tasks, with equal weights; with these, and the next task begins there; or with weights that are
        inversely proportional to a task's squared distance from the mean so far.
    prototypes : {"stored", "refreshed"}
        Class means of features as they were at the end of their task; or all made anew after each task, which needs all data.
    weights : (float, float, float)
        Of the cosines of the running mean's, the branches' and the frozen features.
    kinds : (float, float, float)
        Of those of channel, token and mixed features.
    measured : int
        Images of each task on which the tangent kernel is measured once all classes are seen, and with it the drift of stored prototypes;
        0 leaves both out, and so do tasks that share classes. Data of earlier tasks are read for it.

    Notes
    -----
    Source: arXiv 2407.17120 and its public code. Other here: the classifier's cosines are times 10; prompts of the last block, which reach
    nothing, are left out; the mean takes up the last task too; the pull is on all parameters of branches and fusion, biases included.
    """

    name: ClassVar[str] = "ntk-cl"
    makes_prototypes: ClassVar[bool] = True
    remembered: ClassVar[tuple[str, ...]] = ("_first", "_mass")

    token: str = PUBLISHED
    fusion: str = PUBLISHED
    orthogonality: str = PUBLISHED
    orthogonality_strength: float = 1e-4
    contrast: str = PUBLISHED
    contrast_strength: float = 0.03
    pull: float = 1e-3
    mean: str = "iterates"
    prototypes: str = "stored"
    weights: Sequence[float] = (0.3, 0.1, 0.0)
    kinds: Sequence[float] = (0.0, 0.0, 1.0)
    measured: int = 0
    _first: Tensor | None = field(init=False, default=None, repr=False)  # parameters before the first step
    _mass: float | None = field(init=False, default=None, repr=False)  # weights of the mean so far
    _memory: Memory = field(init=False, default_factory=lambda: Memory(_EVERY), repr=False)
    _basis: Tensor = field(init=False, repr=False)
    _found: dict[str, Any] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        choices = {"mean": ("iterates", "restart", "adaptive"), "prototypes": ("stored", "refreshed")}
        for name, several in (choices | dict.fromkeys(("token", "fusion", "orthogonality", "contrast"), FORMS)).items():
            known(getattr(self, name), several, f"{name} of ntk-cl:")
        for name in ("orthogonality_strength", "contrast_strength", "pull"):
            between(getattr(self, name), f"the {name}", 0.0, 1e12)
        for name, what in (("weights", STATES), ("kinds", KINDS)):
            if len(values := getattr(self, name)) != len(what) or min(values) < 0 or not any(values):
                raise InputError(f"the {name} are {values!r}; give a number of at least 0 for each of {', '.join(what)}, not all 0")
        whole(self.measured, "the number of measured images", 0)

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for another network than one with branches."""
        if "token" not in stages or "fusion" not in stages:
            raise InputError(f"ntk-cl trains branches, but the network has the stages {', '.join(stages)}; choose the network vit-micro-branches")

    @torch.no_grad()
    def begin_task(self, task: TaskContext) -> None:
        """Put the branches into their forms before the first task; find the span of the old prototypes."""
        network = task.network
        if not task.number:
            network.body["fusion"].live.fill_(self.fusion == LIVE)
            network.readout.copy_(torch.outer(torch.tensor(self.weights), torch.tensor(self.kinds)))
            if self.token == PUBLISHED:
                for parameter in network.body["token"].parameters():
                    parameter.zero_()
            for old, new in network.averaged:
                old.copy_(new)
            self._first = task.start = task.flat.parameters.detach().clone()
        shown = network.heads[task.head].shown
        shown.fill_(False)[task.examples.units] = True
        old = torch.cat([head.prototypes[_CURRENT, _MIXED] for head in network.heads])
        old = normalize(old[old.any(1)], dim=1)
        self._basis = torch.linalg.svd(old.mT, full_matrices=False)[0][:, :DIRECTIONS]

    def penalty(self, parameters: Tensor, batch: Batch, task: TaskContext) -> Tensor:
        """Compute the cross-entropies of the single branches, the pull, and the terms of orthogonality and contrast."""
        head, branches = task.network.heads[task.head], slice(0, task.flat.place(len(task.stages) - 1).start)
        total = self.pull * (parameters - task.start)[branches].square().sum()
        for kind in range(_MIXED):
            total = total + task.loss(task.examples.among_candidates(head.scores(batch.features[:, kind])), batch.targets)
        unit = normalize(batch.features[:, _MIXED], dim=1)
        within = unit @ self._basis
        terms = within.square() if self.orthogonality == LIVE else unit - within @ self._basis.mT
        contrasted = contrast(unit, batch.targets) * (1 if self.contrast == LIVE else -1)
        return total + self.orthogonality_strength * terms.sum(1).mean() + self.contrast_strength * contrasted

    @torch.no_grad()
    def end_task(self, task: TaskContext) -> None:
        """Update running means and prototypes; measure."""
        network = task.network
        distance = sum(float((new - old).square().sum()) for old, new in network.averaged)
        weight = 1 / max(distance, 1e-12) if self.mean == "adaptive" else 1.0
        self._mass = (self._mass or 0.0) + weight
        for old, new in network.averaged:
            old.lerp_(new, weight / self._mass)
            if self.mean == "restart":
                new.copy_(old)
        several = [*self._memory.tasks.values(), task.examples]
        states = [bool(used) or name == "current" for name, used in zip(STATES, network.readout.any(1), strict=True)]
        alone = sum(len(own.units.unique()) for own in several) == sum(len(head.weight) for head in network.heads)  # all classes are seen, each in one task
        self._found = self._measure(task, several, states) if self.measured and task.number and alone else {}
        for head, units, means in class_means(network, several if self.prototypes == "refreshed" else several[-1:], states):
            head.prototypes[:, :, units] = means
        if self.measured or self.prototypes == "refreshed":
            self._memory.see(task)

    def decision(self) -> dict[str, Any]:
        """Return what was measured.

        The squared drift of prototypes of earlier tasks, of length 1, kind by kind, of the branches and of what else has a weight; and by stage norms
        of the blocks of the tangent kernel of the mixed features, in a direction drawn at random, before the first task and after the last.
        """
        return self._found

    def _measure(self, task: TaskContext, several: Sequence[Examples], states: Sequence[bool]) -> dict[str, Any]:
        """Measure what `decision` returns."""
        moved = [
            (normalize(means, dim=-1) - normalize(head.prototypes[:, :, units], dim=-1)).square().sum(-1)
            for head, units, means in class_means(task.network, several[:-1], states)
        ]
        with torch.enable_grad(), task.measuring(task.head, None):
            after = self._kernel(task, several)
            with task.flat.at(self._first):
                kernels = {"kernel_before": self._kernel(task, several), "kernel_after": after}
        drift = zip(STATES, states, torch.cat(moved, 2).mean(2).tolist(), strict=True)
        return {"drift": {name: value for name, wanted, value in drift if wanted}, **kernels}

    def _kernel(self, task: TaskContext, several: Sequence[Examples]) -> dict[str, dict[str, float]]:
        """Compute, by stage, mean norms of the blocks within a task and between two, and the latter over the geometric mean of the former."""
        rows, found = [], {}
        for examples in several:
            places = torch.arange(self.measured, device=examples.inputs.device) * len(examples) // self.measured
            for image in examples.batch(places)[0].split(1):
                mixed = task.network.sets(image, (False, True, False))[0, _CURRENT, _MIXED]
                signs = torch.randint(2, mixed.shape, generator=torch.Generator().manual_seed(0)).to(mixed) * 2 - 1
                task.flat.gradients.zero_()
                (signs @ mixed).backward()
                rows.append(task.flat.gradients.clone())
        between = ~torch.eye(len(several), dtype=torch.bool, device=mixed.device)
        for stage, name in enumerate(task.stages[1:-1], 1):
            own = torch.stack(rows)[:, task.flat.place(stage)]
            norms = (own @ own.T).view(len(several), self.measured, len(several), self.measured).square().sum((1, 3)).sqrt()
            within = norms.diagonal()
            shares = (norms / torch.outer(within, within).sqrt().clamp(min=1e-30))[between]
            found[name] = {"within": float(within.mean()), "between": float(norms[between].mean()), "share": float(shares.mean())}
        return found


def contrast(unit: Tensor, targets: Tensor) -> Tensor:
    """Compute the contrastive loss of the classes of a batch, of features of length 1, shape (N, width); at the temperature 0.1."""
    alone = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    scores = torch.log_softmax((unit @ unit.mT / TEMPERATURE).masked_fill(alone, NEVER), 1)
    same = (targets[:, None] == targets) & ~alone
    return -(scores * same).sum() / same.sum().clamp(min=1)


def class_means(network: BranchedViT, several: Iterable[Examples], states: Sequence[bool]) -> Iterator[tuple[CosineHead, Tensor, Tensor]]:
    """Compute, for each of several examples, the means of their features by class: head, units, and means, shape (states, kinds, units, width)."""
    for examples in several:
        classes, places = examples.units.unique(return_inverse=True)
        with network.evaluating():
            parts = [network.sets(examples.batch(indices)[0], states) for indices in torch.arange(len(examples), device=places.device).split(PROBE_BATCH)]
        features = torch.cat(parts)
        sums = features.new_zeros(len(classes), *features.shape[1:]).index_add_(0, places, features)
        yield network.heads[examples.head], classes, (sums / places.bincount().view(-1, 1, 1, 1)).permute(1, 2, 0, 3)

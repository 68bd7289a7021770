"""GEM with a dual that is solved on the device, all groups at once and always alike, so that a GPU may replay it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from deep.strategies.gem import GEM
from deep.training.strategy import STRATEGIES
from theory.checks import known, whole
from theory.errors import InputError

RULES = ("steps", "diagonal")


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class FastGEM(GEM):
    """GEM whose v is near that of the dual.

    Parameters
    ----------
    rule : {"steps", "diagonal"}
        ``steps`` projected gradient steps on the dual, of a length that cannot diverge; or v_k = -<g, g_k> / (|g_k|^2 + ridge), at
        least its bound, which neglects what memories have in common and is exact for one.
    steps : int
    **options
        Of `deep.strategies.gem.GEM`.
    """

    name: ClassVar[str] = "fast-gem"
    captured: ClassVar[bool] = True

    rule: str = "steps"
    steps: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        known(self.rule, RULES, "rule of the dual:")
        whole(self.steps, "the number of steps", 1)
        if self.debiased and self.rule == "steps":
            raise InputError("the dual of debiased memories may have no minimum, where steps do not end; choose rule='diagonal', or gem")

    def solve(self, grams: Tensor, products: Tensor) -> Tensor:
        """Return v, on the device."""
        if self.rule == "diagonal":
            factors = (-products / grams.diagonal(dim1=1, dim2=2)).clamp_min(self.bound)
        else:
            rate = 1 / grams.abs().sum(2).amax(1, keepdim=True)  # no eigenvalue is larger than a sum of absolute values in a row
            factors = torch.full_like(products, self.bound)
            for _ in range(self.steps):
                factors = (factors - rate * ((grams @ factors[:, :, None])[:, :, 0] + products)).clamp_min(self.bound)
        return torch.where((products < 0).any(1, keepdim=True), factors + (self.now - self.bound), 0.0)

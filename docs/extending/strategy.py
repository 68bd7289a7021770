"""A strategy of your own: how tasks are learned one after another.

    $ python strategy.py
    $ driftlaw deep run --load strategy.py --strategy damped --strategy-options factor=0.3 --epochs 1 --stream-options tasks=2

Fields are its options. Its hooks see parameters, gradients and steps as flat vectors; `deep.strategies.Strategy` says when each is
called. `driftlaw.testing.contracts.training.check_strategy(Damped())` says whether it keeps what runs rely on.
"""

from dataclasses import dataclass

from torch import Tensor

import driftlaw as dl
from deep.strategies import STRATEGIES


@STRATEGIES.register
@dataclass(eq=False)
class Damped(dl.Strategy):
    """Later tasks take shorter steps on all that is not their head."""

    name = "damped"
    factor: float = 0.5

    def transform_gradient(self, gradient: Tensor, task) -> Tensor:
        """Shrink the gradient of the body, from the second task on."""
        if task.number:
            gradient[: task.flat.place(len(task.stages) - 1).start] *= self.factor
        return gradient


if __name__ == "__main__":
    config = dl.RunConfig(strategy=Damped(factor=0.3), stream_options={"tasks": 2}, epochs=1)
    print(dl.train_run(config).metrics)

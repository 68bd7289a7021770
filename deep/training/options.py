"""Options of the training loop."""

from dataclasses import dataclass

from theory.checks import between, flag, known, whole

OPTIMISERS = ("sgd", "adam")
PRECISIONS = ("float32", "float64", "bfloat16")
EXECUTIONS = ("eager", "captured")
_LARGE = 1e6


@dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """How a task is trained.

    Parameters
    ----------
    epochs : int
        Passes over the task's training data.
    iterations : int, optional
        Steps a task, in the place of epochs, the last of which may be cut short.
    batch_size : int
        Examples a step; the last batch of an epoch may be smaller and is trained on too.
    optimiser : {"sgd", "adam"}
        How steps are taken: sgd or adam.
    learning_rate : float
        Step size of the optimiser.
    momentum : float
        Of sgd.
    weight_decay : float
        Times the parameters, added to their gradient.
    keep_moments : bool
        Let the optimiser's moments go on from task to task instead of starting each task at zero.
    precision : {"float32", "float64", "bfloat16"}
        Of weights and arithmetic: float32, float64, or bfloat16, which keeps weights and updates in float32 and computes products alone in bfloat16.
    keep_features : bool
        Compute what stages below the lowest trained one give once a task, of its examples and of GEM's memories, instead of in every step. They
        are the same numbers but for rounding.
    execution : {"eager", "captured"}
        eager, or captured: a step is recorded on the GPU once a task and replayed, which saves small networks the time that Python takes
        between kernels; the last, smaller batch stays eager. For strategies whose hooks of a step keep to the device, if there are any.
    """

    epochs: int = 10
    iterations: int | None = None
    batch_size: int = 32
    optimiser: str = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.0
    weight_decay: float = 0.0
    keep_moments: bool = False
    keep_features: bool = False
    precision: str = "float32"
    execution: str = "eager"

    def __post_init__(self) -> None:
        whole(self.epochs, "the number of epochs", 1)
        if self.iterations is not None:
            whole(self.iterations, "the number of iterations", 1)
        whole(self.batch_size, "the batch size", 1)
        known(self.optimiser, OPTIMISERS, "optimiser")
        between(self.learning_rate, "the learning rate", 0.0, _LARGE)
        between(self.momentum, "the momentum", 0.0, 1.0)
        between(self.weight_decay, "the weight decay", 0.0, _LARGE)
        flag(self.keep_moments, "keep_moments")
        flag(self.keep_features, "keep_features")
        known(self.precision, PRECISIONS, "precision")
        known(self.execution, EXECUTIONS, "execution")

"""The loop: forward, backward, step. Everything that trains goes through it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from deep.streams.seeds import Role, generator
from deep.training.captured import CapturedStep
from deep.training.optimiser import Optimiser
from deep.training.options import LoopOptions
from deep.training.strategy import StepPlan, Strategy, everything
from deep.training.task import Batch, TaskContext
from theory.errors import InputError

FAR, NEAR = 10.0, 0.9  # times what a task's loss is compared with, in `Diverged`


class Diverged(Exception):
    """The training of a task diverged; ``step`` counts from 0.

    That is: the loss or a parameter is infinite or NaN; or the mean loss of an epoch was above `FAR` times both the first batch's
    loss and that of constant predictions (the classes' shares in the training data, whose loss is their entropy), and the last
    epoch's is not below `NEAR` times that of constant predictions. So training that blew up and recovered has not diverged, and
    one that left a dead network behind, as good as chance, has.
    """

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(reason)
        self.step = step


@dataclass(frozen=True)
class Trained:
    """What the training of a task came to.

    Parameters
    ----------
    plan : StepPlan
    losses : tuple of float, one for each epoch
        Mean training loss, without the strategy's penalty.
    steps, examples : int
        Examples that the loop and the strategy passed forward.
    """

    plan: StepPlan
    losses: tuple[float, ...]
    steps: int
    examples: int


def train_task(task: TaskContext, strategy: Strategy, options: LoopOptions, optimiser: Optimiser, epoch_done: Callable[[], None] = lambda: None) -> Trained:
    """Train one task.

    Parameters
    ----------
    task : TaskContext
    strategy : Strategy
    options : LoopOptions
    optimiser : Optimiser
        On the same flat vector.
    epoch_done : callable
        Called after each epoch.

    Raises
    ------
    Diverged
        At the end of the first epoch with a loss that is not finite; at the end of the task for the other reasons.

    Notes
    -----
    Nothing waits for the device within an epoch: losses stay there until its end. The batches of an epoch are a random
    permutation of the examples, a function of seed, task and epoch; the last one may be smaller.
    """
    task.passed = task.flat.passed.count  # what was measured before is no part of the method
    strategy.begin_task(task)
    plan = (strategy.plan if task.number else strategy.first_plan)(task)
    _apply(plan, task, optimiser)
    step: Callable[[Tensor], Tensor] = _Step(task, strategy, options, optimiser)
    if options.execution == "captured":
        changed = [task.flat.parameters.detach(), *optimiser.moments, *task.network.buffers(), *strategy.changed()]
        step = CapturedStep(step, options.batch_size, changed, task.flat.passed)

    with task.keeping(plan.trained if options.keep_features else everything(task.stages)):
        means, start, steps, examples = _epochs(task, step, options, optimiser, epoch_done)
    _check_converged(task, means, start, steps)
    optimiser.end_task()
    strategy.end_task(task)
    return Trained(plan, tuple(means), steps, examples + task.looked_at)


def _epochs(
    task: TaskContext, step: Callable[[Tensor], Tensor], options: LoopOptions, optimiser: Optimiser, epoch_done: Callable[[], None]
) -> tuple[list[float], float, int, int]:
    """Take all steps; return each epoch's mean loss, the first batch's, and how many steps and examples there were."""
    means: list[float] = []
    start, steps, examples = 0.0, 0, 0
    limit = options.iterations or options.epochs * -(-len(task.examples) // options.batch_size)
    while steps < limit:
        epoch = len(means)
        batches = _permutation(task, epoch).split(options.batch_size)[: limit - steps]
        losses = task.flat.parameters.new_empty(len(batches))
        for number, indices in enumerate(batches):
            optimiser.count_step()
            losses[number] = step(indices)
        mean, first = _mean_loss(losses, batches, steps)
        means.append(mean)
        start = start if epoch else first
        steps += len(batches)
        examples += sum(map(len, batches))
        epoch_done()
    return means, start, steps, examples


class _Step:
    """Forward, backward, step; nothing in it waits for the device."""

    def __init__(self, task: TaskContext, strategy: Strategy, options: LoopOptions, optimiser: Optimiser) -> None:
        self._task, self._strategy, self._optimiser = task, strategy, optimiser
        self._watched = type(strategy).after_step is not Strategy.after_step
        self._low_precision = torch.autocast(task.flat.parameters.device.type, torch.bfloat16, enabled=options.precision == "bfloat16")

    def __call__(self, indices: Tensor) -> Tensor:
        """Train on the examples with these indices, shape (N,); return the loss before the step, without the penalty."""
        task, strategy, flat = self._task, self._strategy, self._task.flat
        flat.gradients.zero_()
        inputs, targets = task.examples.batch(indices)
        with self._low_precision:
            passed = flat.passed.count
            features = task.network.features(inputs)
            flat.passed.count = passed  # `train_task` counts these
            outputs = task.examples.among_candidates(task.network.heads[task.head](features)).to(flat.parameters.dtype)
            loss = task.loss(outputs, targets)
            penalty = strategy.penalty(flat.parameters, Batch(inputs, targets, indices, features, outputs), task)
        (loss if penalty is None else loss + penalty).backward()
        gradient = strategy.transform_gradient(flat.gradients, task)
        if gradient is not flat.gradients:
            flat.gradients.copy_(gradient)
        before = flat.parameters.detach().clone() if self._watched else None
        self._optimiser.step()
        if self._watched:
            strategy.after_step(torch.sub(flat.parameters.detach(), before, out=before), task)
        return loss.detach()


def _apply(plan: StepPlan, task: TaskContext, optimiser: Optimiser) -> None:
    """Prepare network and optimiser; below the lowest trained stage nothing asks for a gradient, so that none is computed."""
    flat = task.flat
    if len(plan.trained) != len(flat.stages):
        raise InputError(f"the plan is for {len(plan.trained)} stages, the network has {len(flat.stages)}: {', '.join(flat.stages)}")
    heads = (task.head, *plan.heads)
    segments = flat.chosen(plan.trained, *heads)
    if plan.start == "fresh":
        with torch.no_grad():
            for segment in segments:
                flat.parameters[segment.place] = task.first[segment.place]
        task.network.restart_statistics(plan.trained)
    flat.require(segments)
    task.mask = flat.mask([trains and weight > 0 for trains, weight in zip(plan.trained, plan.weights or plan.trained, strict=True)], *heads)
    task.network.set_training(plan.trained)
    optimiser.begin_task(segments, plan.weights)


def _permutation(task: TaskContext, epoch: int) -> Tensor:
    order = generator(task.seed, Role.BATCHES, task.number, epoch).permutation(len(task.examples))
    return torch.from_numpy(order).to(task.examples.inputs.device)


def _mean_loss(losses: Tensor, batches: tuple[Tensor, ...], before: int) -> tuple[float, float]:
    """Mean over the epoch's examples, and the first batch's loss; the only place where the loop waits for the device."""
    values = losses.double().cpu()
    broken = (~values.isfinite()).nonzero()
    if len(broken):
        step = int(broken[0])
        raise Diverged(before + step, f"the training loss is {float(values[step])}")
    sizes = values.new_tensor([len(batch) for batch in batches])
    return float((values * sizes).sum() / sizes.sum()), float(values[0])


def _check_converged(task: TaskContext, means: list[float], start: float, steps: int) -> None:
    """Raise `Diverged` at the end of a task."""
    if not bool(task.flat.parameters.isfinite().all()):
        raise Diverged(steps - 1, "the training loss is nan")
    if max(means) <= FAR * start:
        return
    constant = _constant_loss(task.examples.targets)
    if max(means) > FAR * constant and means[-1] > NEAR * constant:
        raise Diverged(
            steps - 1,
            f"the training diverged: its mean loss was {max(means):.3g} in one epoch and {means[-1]:.3g} in the last, that of the first batch {start:.3g} "
            f"and that of constant predictions {constant:.3g}",
        )


def _constant_loss(targets: Tensor) -> float:
    """Cross-entropy of the classes' shares, the best that the same prediction for all examples can reach; 0 for other targets."""
    if targets.is_floating_point():
        return 0.0
    shares = targets.bincount().double().cpu() / len(targets)
    return -float(torch.special.xlogy(shares, shares).sum())

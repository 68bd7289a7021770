"""The contracts of strategies and of networks."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from deep.networks import Network
from deep.networks.mlp import mlp
from deep.strategies import Strategy
from deep.streams import SCENARIOS, Split
from deep.training.checkpoint import packed, unpacked
from deep.training.examples import StreamExamples
from deep.training.flat import FlatParameters
from deep.training.loop import Trained, train_task
from deep.training.memory import load_strategy, strategy_state
from deep.training.optimiser import Optimiser
from deep.training.options import LoopOptions
from deep.training.task import TaskContext
from driftlaw.testing.contracts import Check, bound, demand, generators_stay, rebuilt, run
from driftlaw.testing.contracts.streams import made_dataset

TASKS = 3
HEADS = (2, 3)  # units of each
Make = Callable[..., Network]
Build = Make
Draw = Callable[..., Tensor]
perceptron = partial(mlp, width=8)


def strategy_checks(strategy: Strategy, network: Make = perceptron) -> list[Check]:
    """Return the checks of a strategy.

    Parameters
    ----------
    strategy : Strategy
        With its options; the checks train strategies made of these.
    network : callable
        Makes the network that is trained on three tasks, of the images' shape (C, H, W), the sizes of the heads and a normalisation;
        default a perceptron of three stages.

    Examples
    --------
    >>> from deep.strategies.frozen import Frozen
    >>> [name for name, check in strategy_checks(Frozen(depth=2))]  # doctest: +NORMALIZE_WHITESPACE
    ['the_same_seed_gives_the_same_numbers', 'only_what_trains_moves', 'looking_changes_nothing', 'resumed_equals_uninterrupted',
     'every_scenario_trains']

    With ``@pytest.mark.parametrize(("name", "check"), strategy_checks(Mine()))`` each of them is a test.
    """
    contract = (
        the_same_seed_gives_the_same_numbers, only_what_trains_moves, looking_changes_nothing, resumed_equals_uninterrupted, every_scenario_trains,
    )
    return bound(contract, strategy, network)


def check_strategy(strategy: Strategy, network: Make = perceptron) -> None:
    """Run all of `strategy_checks`."""
    run(strategy_checks(strategy, network))


def network_checks(make: Make, sides: tuple[int, int] = (8, 8), normalisation: str = "batch") -> list[Check]:
    """Return the checks of a function that makes a network.

    Parameters
    ----------
    make : callable
        Takes the images' shape (C, H, W), the sizes of the heads and a normalisation; PyTorch's generator draws the weights.
    sides : tuple of int
        Height and width of the images, which have one colour or three.
    normalisation : {"none", "batch", "group", "layer"}

    Examples
    --------
    >>> check_network(partial(mlp, width=20), sides=(4, 6))
    """
    contract = (
        stages_form_the_network, parameters_are_those_of_stages, gradients_reach_every_stage, evaluation_sees_one_image, statistics_follow_their_stage,
        the_seed_decides_the_weights, double_precision_works, the_state_is_complete,
    )
    return bound(contract, partial(built, make, normalisation, sides), partial(images, sides))


def check_network(make: Make, sides: tuple[int, int] = (8, 8), normalisation: str = "batch") -> None:
    """Run all of `network_checks`."""
    run(network_checks(make, sides, normalisation))


def built(make: Make, normalisation: str, sides: tuple[int, int], heads: Sequence[int] = HEADS, channels: int = 1, seed: int = 0) -> Network:
    """Make a network with the weights of a seed, as `deep.networks.build` does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make((channels, *sides), heads, normalisation)


def images(sides: tuple[int, int], channels: int = 1) -> Tensor:
    """Draw five images, always the same."""
    return torch.randn(5, channels, *sides, generator=torch.Generator().manual_seed(0))


def anew(strategy: Strategy) -> Strategy:
    """Return a strategy of the same options that has trained nothing."""
    return type(strategy)(**{name: getattr(strategy, name) for name in strategy.options()})


def trained(
    strategy: Strategy, make: Make, scenario: str = "task", tasks: int = TASKS, dtype: torch.dtype = torch.float32, done: Sequence[Any] = ()
) -> Iterator[tuple[TaskContext, Trained]]:
    """Train on tasks of 18 examples, so that the last batch is a small one; go on from the last checkpoint of those that are ``done``."""
    stream, options = Split(tasks=tasks, validation_share=0.25).build(made_dataset(2 * tasks, 12, 1)), LoopOptions(epochs=1, batch_size=8)
    examples = StreamExamples(stream, scenario, "validation", torch.device("cpu"), dtype)
    network = built(make, "batch", (4, 4), examples.view.sizes).to(dtype)
    strategy.check(network.stages)
    flat = FlatParameters(network)
    first = flat.parameters.detach().clone()
    if done:
        network.load_state_dict(done[-1]["network"])
        load_strategy(strategy, done[-1]["strategy"], examples.training)
    for number in range(len(done), tasks):
        task = TaskContext(number, flat, examples.training(number), first)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            yield task, train_task(task, strategy, options, Optimiser(flat, options))


def numbers(task: TaskContext, strategy: Strategy) -> dict[str, Any]:
    """Return weights, normalisation statistics and the decision, to be compared."""
    return {**{name: value.tolist() for name, value in task.network.state_dict().items()}, "the decision": repr(strategy.decision())}


def same(left: dict[str, Any], right: dict[str, Any], where: str) -> None:
    """Demand equal numbers, or name those that differ."""
    differ = [name for name in left if left[name] != right[name]]
    demand(not differ, f"{where} {', '.join(differ)} differ")


def statistics(network: Network) -> list[list[Any]]:
    """Return the normalisation statistics of each stage as numbers."""
    return [[statistic.tolist() for statistic in stage] for stage in network.statistics()]


def the_same_seed_gives_the_same_numbers(strategy: Strategy, make: Make) -> None:
    """The same options, as JSON values, train the same network and decide the same, in JSON values too."""
    one, other = anew(strategy), rebuilt(strategy, strategy.options())
    with generators_stay():
        for (task, _), (again, _) in zip(trained(one, make), trained(other, make), strict=True):
            json.dumps(one.decision(), allow_nan=False)
            same(numbers(task, one), numbers(again, other), f"after task {task.number}, trained twice,")


def only_what_trains_moves(strategy: Strategy, make: Make) -> None:
    """Parameters beside the task's mask stay, other tasks' heads among them, and statistics of stages that its plan freezes."""
    before = None
    for task, result in trained(anew(strategy), make):
        moved, now = task.flat.norms((task.step != 0) & ~task.mask), statistics(task.network)
        for stage, norm, trains, old, new in zip(task.stages, moved, result.plan.trained, before or now, now, strict=True):
            demand(not norm, f"task {task.number} moves parameters of {stage} that it does not train")
            demand(trains or old == new, f"task {task.number} moves statistics of {stage}, which its plan freezes")
        before = now


def looking_changes_nothing(strategy: Strategy, make: Make) -> None:
    """`begin_task` and `plan` leave parameters and normalisation statistics as they are."""
    own = anew(strategy)
    task, _ = next(trained(own, make))
    weights, before = task.flat.parameters.tolist(), statistics(task.network)
    following = replace(task, number=1)
    own.begin_task(following)
    own.plan(following)
    demand(weights == task.flat.parameters.tolist(), "parameters have moved before the first step")
    demand(before == statistics(task.network), "normalisation statistics have moved before the first step; measure in evaluation mode")


def resumed_equals_uninterrupted(strategy: Strategy, make: Make) -> None:
    """A run stopped after any task goes on bit for bit from its checkpoint, a file that may hold no code."""
    own, ends, done = anew(strategy), [], []
    for task, _ in trained(own, make):
        ends.append(numbers(task, own))
        done.append(unpacked(packed({"network": task.network.state_dict(), "strategy": strategy_state(own)})))
    for stop in range(1, TASKS):
        later = anew(strategy)
        for task, _ in trained(later, make, done=done[:stop]):
            same(ends[task.number], numbers(task, later), f"let state() hold all that a later task needs: stopped after task {stop - 1}, in task {task.number}")


def every_scenario_trains(strategy: Strategy, make: Make) -> None:
    """Heads for each task or one for all, a single task, and double precision will do."""
    for scenario, tasks, dtype in [(name, TASKS, torch.float64) for name in SCENARIOS] + [("task", 1, torch.float32)]:
        for _ in trained(anew(strategy), make, scenario, tasks, dtype):
            pass


def stages_form_the_network(build: Build, draw: Draw) -> None:
    """Stages, one after another, make features (N, width), of which each head makes its units, in one colour and in three."""
    for channels in (1, 3):
        network, inputs = build(channels=channels).eval(), draw(channels)
        features = inputs
        for stage in network.body.values():
            features = stage(features)
        demand(features.ndim == 2 and torch.equal(features, network.features(inputs)), f"its features are not those of its stages, {tuple(features.shape)}")
        for head, units in enumerate(HEADS):
            outputs = network(inputs, head)
            right = outputs.shape == (len(inputs), units) and torch.equal(outputs, network.heads[head](features))
            demand(right, f"the outputs of head {head}, {tuple(outputs.shape)}, are not the {units} that it makes of the features")


def parameters_are_those_of_stages(build: Build, draw: Draw) -> None:
    """The flat vector, stage by stage and head by head, holds each parameter once."""
    network = build()
    listed = [id(parameter) for part in (*network.body.values(), *network.heads) for parameter in part.parameters()]
    wrong = [name for name, parameter in network.named_parameters() if listed.count(id(parameter)) != 1]
    demand(not wrong, f"{', '.join(wrong)} are parameters of no stage, so that nothing trains them, or of two")


def gradients_reach_every_stage(build: Build, draw: Draw) -> None:
    """The outputs depend on parameters of each stage that has some."""
    flat = FlatParameters(build())
    torch.cat([flat.network(draw(), head).square() for head in range(len(HEADS))], 1).sum().backward()
    norms = zip(flat.stages, flat.norms(flat.gradients), flat.norms(flat.parameters.detach()), strict=True)
    empty = [stage for stage, gradient, parameters in norms if parameters and not gradient]
    demand(not empty, f"no gradient reaches {', '.join(empty)}")


def evaluation_sees_one_image(build: Build, draw: Draw) -> None:
    """In evaluation mode the outputs for an image depend on no other one."""
    network = build()
    network(draw())  # so that running statistics are not those at the start
    with network.evaluating(), torch.no_grad():
        together, alone = network(draw()), torch.cat([network(image[None]) for image in draw()])
    far = float((together - alone).abs().max() / together.abs().max())
    demand(far < 1e-3, f"beside others they change by {far:.2g} of the largest; use running statistics")


def statistics_follow_their_stage(build: Build, draw: Draw) -> None:
    """Statistics of a stage that does not train stay, and a fresh start takes up the untrained network's."""
    network = build()
    first, stages = statistics(network), range(len(network.stages))
    for frozen in stages:
        network.set_training([stage != frozen for stage in stages])
        network(draw())
        demand(statistics(network)[frozen] == first[frozen], f"those of {network.stages[frozen]} move while it does not train")
        network.restart_statistics([True for _ in stages])
        demand(statistics(network) == first, "a fresh start leaves them as they were; give the module that holds them reset_running_stats()")


def the_seed_decides_the_weights(build: Build, draw: Draw) -> None:
    """PyTorch's generator draws them all, and is not seeded on the way."""
    with generators_stay():
        first, again, other = (FlatParameters(build(seed=seed)).parameters for seed in (1, 1, 2))
    demand(torch.equal(first, again), "the same seed gives other weights")
    demand(not torch.equal(first, other), "another seed gives the same weights")


def double_precision_works(build: Build, draw: Draw) -> None:
    """A network in float64 computes in float64."""
    outputs = build().double()(draw().double())
    demand(outputs.dtype == torch.float64, f"the outputs are {outputs.dtype}; convert no activations")


def the_state_is_complete(build: Build, draw: Draw) -> None:
    """A network of another seed that takes up a checkpoint is the same function."""
    network, other = build().eval(), build(seed=1).eval()
    other.load_state_dict(unpacked(packed(network.state_dict())))
    demand(torch.equal(network(draw()), other(draw())), "the outputs differ; let all that is drawn be parameters or buffers")

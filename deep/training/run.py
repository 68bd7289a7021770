"""Trains a network on a whole stream and keeps the record; goes on from the checkpoint of an interrupted run."""

import copy
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from tqdm import tqdm

from deep.networks import NETWORKS, Network, build
from deep.records import FAILED, FINISHED, PARTIAL, Failure, RunRecord, TaskResult, from_json, to_json
from deep.streams import Stream, make_options
from deep.streams.seeds import Role, generator
from deep.training import checkpoint as checkpoints
from deep.training.config import RunConfig
from deep.training.device import DTYPES, alike, chosen_device, device_name, wait
from deep.training.evaluate import accuracies
from deep.training.examples import StreamExamples
from deep.training.flat import FlatParameters
from deep.training.keys import NUMERICS, versions
from deep.training.loop import Diverged, train_task
from deep.training.memory import load_strategy, strategy_state
from deep.training.optimiser import Optimiser
from deep.training.reading import build_stream
from deep.training.task import TaskContext
from simulate.work.keys import run_key
from simulate.work.provenance import differences, equal, joined, named, same_processor
from theory.errors import InputError
from theory.own import require_not_loading

CHECKED = 2  # tasks of a stored run that are trained again; what strategies do shows from the second one on
BOUND = 0.02  # relative, of numbers that another kind of processor has trained: rounding errors grow with every step


def train_run(
    config: RunConfig,
    stream: Stream | None = None,
    checkpoint_folder: str | os.PathLike[str] | None = None,
    store: Callable[[RunRecord], object] | None = None,
    *,
    watch: Callable[[TaskContext, StreamExamples], object] | None = None,
    progress: bool = False,
    tasks: int | None = None,
) -> RunRecord:
    """Train a network on a stream, task by task.

    Parameters
    ----------
    config : RunConfig
    stream : Stream, optional
        Made of the configuration's name, options, seed and order, as it is by default. Some of its tasks alone, as in
        ``replace(stream, tasks=...)``, are another run, of another key.
    checkpoint_folder : path, optional
        Where a checkpoint is kept after each task; one that is there already is gone on from. One of other code is if
        the first tasks come out again; else it is left, with a warning.
    store : callable, optional
        Called with the partial record after each task, once its checkpoint is written.
    watch : callable, optional
        Called after each task, before its checkpoint, with the task, which holds its start and its end, and the stream's
        examples; it must leave parameters as they are.
    progress : bool
        Show a progress bar, on a terminal.
    tasks : int, optional
        Train no more than the first so many tasks of the stream; the record is partial then.

    Returns
    -------
    RunRecord
        Finished; or failed, with the results of the tasks before, where a task's training diverged (`deep.training.loop.Diverged`).

    Raises
    ------
    InputError
        If the stream is not the configuration's, CUDA or a depth is asked for that is not there, or the checkpoint belongs
        to another run or is damaged.

    Notes
    -----
    Numbers are those of the command line, whatever torch is set to: it has one thread meanwhile (`deep.training.device.alike`).

    Examples
    --------
    >>> import driftlaw as dl
    >>> config = dl.RunConfig(stream="split-digits", epochs=1, seed=1)
    >>> record = dl.train_run(config, dl.stream("split-digits", seed=1), tasks=2)
    >>> record.status, len(record.results)
    ('partial', 2)
    >>> record.results[1].accuracy[1] > 0.9
    True
    """
    require_not_loading("a run is trained")
    stream = build_stream(config) if stream is None else stream
    device = chosen_device(config.device)
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with alike(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(_draw(config.seed, Role.STRATEGY))
        run = _Run(config, stream, device)
        run.resume(checkpoint_folder, stream)
        last = len(stream) if tasks is None else min(tasks, len(stream))
        bar = tqdm(total=None if config.iterations else last * config.epochs, initial=len(run.record.results) * config.epochs, unit="epoch", disable=None if progress else True)
        with bar:
            for number in range(len(run.record.results), last):
                try:
                    task = run.train(number, lambda: bar.update())
                except Diverged as error:
                    return replace(run.record, status=FAILED, failure=Failure(number, error.step, str(error)))
                if watch is not None:
                    watch(task, run.examples)
                if checkpoint_folder is not None:
                    checkpoints.save(checkpoint_folder, run.record.key, config, run.checkpoint())
                if store is not None:
                    store(run.record)
        return replace(run.record, status=FINISHED if last == len(stream) else PARTIAL)


def comes_out_again(record: RunRecord, config: RunConfig, stream: Stream) -> bool:
    """Train the first `CHECKED` tasks of a stored run again; say whether they come out as they are stored.

    All numbers are compared, bit for bit on one kind of processor or GPU, within `BOUND` on others.
    """
    tasks = min(CHECKED, len(record.results)) if record.status == PARTIAL else CHECKED
    again = train_run(config, stream, tasks=tasks)
    failure = record.failure if record.failure is not None and record.failure.task < tasks else None
    exact = same_processor(record.stamp or None, again.stamp) and record.device == again.device
    parts = [(value["baseline"], value["results"][:tasks]) for value in (record.numbers(), again.numbers())]
    return failure == again.failure and equal(*parts, exact, BOUND)


class _Run:
    """A run between two tasks: network, optimiser, strategy, gradients of earlier tasks and the record so far."""

    def __init__(self, config: RunConfig, stream: Stream, device: torch.device) -> None:
        key = _key(config, stream)
        self.config, self.device = config, device
        self.examples = StreamExamples(stream, config.scenario, config.evaluate_on, device, DTYPES[config.precision], config.scaling)
        weights = _draw(config.seed, Role.WEIGHTS)
        network = build(config.part(NETWORKS, config.network), stream.image_shape, self.examples.view.sizes, config.normalisation, weights, config.first_weights)
        self.network: Network = network.to(device, DTYPES[config.precision])
        self.strategy = config.new_strategy()
        self.strategy.check(self.network.stages)
        if self.network.by_prototypes and not self.strategy.makes_prototypes:
            raise InputError(f"{config.network} classifies by prototypes, which the strategy {self.strategy.name!r} does not make; choose ntk-cl, or another network")
        self.flat = FlatParameters(self.network)
        self.first = self.flat.parameters.detach().clone()
        self._check_batches(stream)
        self.optimiser = Optimiser(self.flat, config)
        self.gradients: list[Tensor] = []
        self.record = RunRecord(
            key=key,
            config=config.canonical(),
            status=PARTIAL,
            task_names=tuple(task.name for task in stream),
            stages=self.network.stages,
            baseline=accuracies(self.network, self.examples.evaluations(trained=-1)),
            results=(),
            stream_fingerprint=stream.fingerprint,
            versions=dict(versions()),
            device=device_name(device),
            data={task.dataset.name: task.dataset.fingerprint for task in stream},
            notes=stream.notes,
            stamp=config.stamp,
            evaluated=stream.evaluated(config.evaluate_on),
        )

    def train(self, number: int, epoch_done: Callable[[], object]) -> TaskContext:
        """Train a task and add its result to the record."""
        task = TaskContext(number, self.flat, self.examples.training(number), self.first, self.config.seed)
        cosines = self._cosines(task)
        wait(self.device)
        begin = time.perf_counter()
        trained = train_task(task, self.strategy, self.config, self.optimiser, epoch_done)
        wait(self.device)
        seconds = time.perf_counter() - begin
        result = TaskResult(
            name=self.record.task_names[number],
            accuracy=accuracies(self.network, self.examples.evaluations(trained=number)),
            trained=trained.plan.trained,
            update=self.flat.norms(task.step),
            cosines=cosines,
            losses=trained.losses,
            steps=trained.steps,
            examples=trained.examples,
            seconds=seconds,
            decision=self.strategy.decision() if number else {},
        )
        self.record = replace(self.record, results=(*self.record.results, result))
        return task

    def checkpoint(self) -> checkpoints.Checkpoint:
        """Return the state that the next task depends on; after the last one the gradients, the bulk of it, are of no use."""
        more = len(self.record.results) < len(self.record.task_names)
        generators = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state()
        return checkpoints.Checkpoint(
            to_json(self.record), self.network.state_dict(), self.optimiser.state(), strategy_state(self.strategy), self.gradients if more else [], generators
        )

    def resume(self, folder: str | os.PathLike[str] | None, stream: Stream) -> None:
        """Take up the checkpoint of a folder, if there is one."""
        found = None if folder is None else checkpoints.load(folder, self.record.key, self.config)
        if found is None:
            return
        record = from_json(found.record)
        if record.stream_fingerprint != self.record.stream_fingerprint:
            raise InputError(f"the checkpoint in {folder} was made with other images; give the same data, or remove it to start the run anew")
        if changed := differences(record.stamp or None, self.record.stamp):
            if not comes_out_again(record, self.config, stream):
                warnings.warn(
                    f"the checkpoint in {folder} was made by other code ({named(changed)} changed since), which trained the "
                    "first tasks otherwise; the run starts anew",
                    RuntimeWarning,
                    stacklevel=3,
                )
                return
        self.record = replace(record, stamp=joined(record.stamp or None, self.record.stamp), evaluated=self.record.evaluated)
        try:
            self.network.load_state_dict(found.network)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"the checkpoint in {folder} holds another network ({reason}); remove it to start the run anew") from None
        self.optimiser.load(found.optimiser)
        load_strategy(self.strategy, checkpoints.moved(found.strategy, self.device), self.examples.training)
        self.gradients = checkpoints.moved(found.gradients, self.device)
        torch.set_rng_state(found.generators["cpu"])
        if "cuda" in found.generators:
            torch.cuda.set_rng_state(found.generators["cuda"])

    def _check_batches(self, stream: Stream) -> None:
        """Raise InputError if a batch of one example comes up that batch normalisation cannot normalise."""
        size = self.config.batch_size
        found = next((task for task in stream if size == 1 or len(task.train_indices) % size == 1), None)
        if found is None or self.config.normalisation != "batch":
            return
        alone, _ = self.examples.training(0).batch(torch.zeros(1, dtype=torch.int64, device=self.device))
        try:
            copy.deepcopy(self.network).train()(alone)
        except ValueError:  # the networks that see more than one pixel to the end take it
            raise InputError(
                f"{found.name} has {len(found.train_indices)} training examples, so that a batch of at most {size} holds a single one, and a stage of "
                f"{self.config.network} has one value for each channel then, which batch normalisation cannot normalise; choose another batch "
                "size, or normalisation group or layer"
            ) from None

    def _cosines(self, task: TaskContext) -> tuple[float | None, ...]:
        """Cosines of the task's gradient with the earlier tasks', over parameters that all tasks share."""
        if not self.config.probe_examples or self.network.by_prototypes:  # of classes yet to come there are none, so that no loss is theirs
            return (None,) * task.number
        gradient = task.gradient(task.draw(self.config.probe_examples, Role.PROBE))
        if len(self.network.heads) > 1:
            gradient = gradient[: self.flat.place(len(task.stages) - 1).start].clone()
        cosines = [cosine(gradient, earlier) for earlier in self.gradients]
        self.gradients.append(gradient)
        return tuple(cosines)


def cosine(first: Tensor, second: Tensor) -> float | None:
    """Compute the cosine of two vectors, None if one is zero."""
    first, second = first.double(), second.double()
    lengths = float(first.norm() * second.norm())
    return float(first @ second) / lengths if lengths > 0 else None


def _draw(seed: int, role: Role) -> int:
    return int(generator(seed, role).integers(2**63))


def _key(config: RunConfig, stream: Stream) -> str:
    """Key of the training of a configuration on a stream: the configuration's, unless the stream has not all of its tasks.

    Raises
    ------
    InputError
        If the stream was made otherwise than the configuration says.
    """
    theirs, ours = (stream.name, stream.seed, stream.order), (config.stream, config.seed, config.order)
    if theirs != ours:
        raise InputError(f"the stream is {theirs} (name, seed, order), the configuration says {ours}; build the stream that the configuration names")
    kind, names = config.stream_parts
    options, datasets = make_options(kind, dict(config.stream_options)), {task.dataset.name: task.dataset for task in stream}
    if set(names) == set(datasets) and options.build([datasets[name] for name in names], config.seed, config.order).same_tasks(stream):
        return config.key
    if stream.options != options:
        raise InputError(f"the stream is made by {stream.options}, the configuration says {options}; give the configuration the stream's stream_options")
    return run_key({"run": config.key, "stream": stream.fingerprint}, f"numerics {NUMERICS}")

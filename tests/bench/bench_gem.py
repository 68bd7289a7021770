"""What a whole run of GEM costs beside its authors' code, and what its parts cost: 20 permutations of MNIST, 1,000 images a task, one epoch.

    python tests/bench/bench_gem.py [DATA_ROOT [CHECKOUT]] [--tasks 20] [--data mnist]

CHECKOUT is one of github.com/facebookresearch/GradientEpisodicMemory, whose solver is the package quadprog. Both get the same images in one process
and on one core, take batches of 10, keep 256 images a task and are measured on all test images after every task. Seconds are of CPU. The rule jumps
where a constraint begins to bind, so that rounding alone moves accuracies by a point.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import torch
import tyro

import deep.training.run as runs
from deep.data import load
from deep.metrics import average_accuracy
from deep.strategies import gem
from deep.streams.permuted import Permuted
from deep.training.config import RunConfig
from deep.training.examples import Examples, StreamExamples

PARTS = {"memory pass": (gem.MemoryGradients, "measure"), "dual": (gem.GEM, "solve"), "evaluation": (runs, "accuracies")}
LOOP = {"epochs": 1, "batch_size": 10, "learning_rate": 0.1, "scaling": "unit", "first_weights": "glorot", "probe_examples": 0, "evaluate_on": "test"}
KINDS = {
    "initialized": ("initialized", {}), "GEM": ("gem", {}), "GEM by stages": ("gem", {"groups": "stage"}), "GEM by tensors": ("gem", {"groups": "tensor"}),
    "2 parts": ("gem", {"parts": 2}), "fast, projected": ("fast-gem", {}), "fast, diagonal": ("fast-gem", {"rule": "diagonal"}),
}  # fmt: skip


def timed(spent: dict[str, float]) -> None:
    """Count what the parts of a run take."""
    for name, (owner, attribute) in PARTS.items():

        def counted(*arguments, function=getattr(owner, attribute), name=name, **options):
            start = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.process_time() - start

        setattr(owner, attribute, counted)


def theirs(checkout: Path, training: list[tuple[torch.Tensor, torch.Tensor]], test: list[Examples]) -> tuple[float, float]:
    """Train the authors' network on the same images in the same order; return seconds and accuracy."""
    sys.path.insert(0, str(checkout))
    from model.gem import Net  # of the checkout

    options = SimpleNamespace(n_layers=2, n_hiddens=100, memory_strength=0.5, data_file="mnist_permutations.pt", lr=0.1, n_memories=256, cuda=False)
    torch.manual_seed(0)
    network, reached = Net(training[0][0].shape[1], 10, len(training), options), [0.0]
    images = [(own.batch(torch.arange(len(own)))[0].flatten(1), own.units) for own in test]
    start = time.process_time()
    for task, (inputs, units) in enumerate(training):
        for batch in torch.randperm(len(inputs)).split(10):
            network.observe(inputs[batch], task, units[batch])
        with torch.no_grad():
            reached = [float((network(own, task).argmax(1) == right).double().mean()) for own, right in images]
    return time.process_time() - start, sum(reached) / len(reached)


def main(root: tyro.conf.Positional[Path | None] = None, checkout: tyro.conf.Positional[Path | None] = None, tasks: int = 20, data: str = "mnist") -> None:
    """Print the table."""
    torch.set_num_threads(1)
    stream = Permuted(tasks=tasks, train_examples=1000, validation_share=0.0).build([load(data, root)], 0)
    examples = StreamExamples(stream, "domain", "test", torch.device("cpu"), torch.float32, "unit")
    spent: dict[str, float] = defaultdict(float)
    timed(spent)
    peer = None
    print(f"{'':18} {'ACC':>6} {'seconds':>8} {'of theirs':>9}   " + "  ".join(PARTS))
    if checkout is not None:
        own = [examples.training(number) for number in range(tasks)]
        peer, accuracy = theirs(checkout, [(one.batch(torch.arange(len(one)))[0].flatten(1), one.units) for one in own], examples.evaluations(tasks - 1))
        print(f"{'authors':18} {accuracy:>6.3f} {peer:>8.1f} {1:>9.2f}")
    for label, (name, options) in KINDS.items():
        spent.clear()
        start = time.process_time()
        record = runs.train_run(RunConfig(stream=stream, strategy=name, strategy_options=options, network="mlp-100", scenario="domain", **LOOP), stream)
        seconds = time.process_time() - start
        accuracy = average_accuracy(record.accuracy)
        print(f"{label:18} {accuracy:>6.3f} {seconds:>8.1f} {seconds / (peer or float('nan')):>9.2f}   " + "  ".join(f"{spent[part]:{len(part)}.1f}" for part in PARTS), flush=True)


if __name__ == "__main__":
    tyro.cli(main)

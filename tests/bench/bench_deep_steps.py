"""What a step of the training loop costs, as a multiple of a plain PyTorch loop's, measured side by side in one run.

    python tests/bench/bench_deep_steps.py [--seconds 20] [--device cuda] [--out FILE]

The plain loop is what one writes by hand: images in float32 on the device, `torch.optim.SGD`, no record of anything. Both
train the same network on the same images, in turns of a few steps, on one core; the ratio is that of the medians over turns.
On a GPU, where a turn is longer, captured steps are measured as well; each turn is a task, so that it pays for its recording.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import tyro
from speed_table import machine, write
from torch import Tensor
from torch.nn import functional

from deep.networks import Network, build
from deep.strategies import Strategy, strategy
from deep.training.device import chosen_device, wait
from deep.training.examples import Examples, Scaling
from deep.training.flat import FlatParameters
from deep.training.loop import train_task
from deep.training.optimiser import Optimiser
from deep.training.options import LoopOptions
from deep.training.task import TaskContext
from theory.exits import STANDS, command_line

GOAL, CAPTURED_GOAL = 1.1, 1 / 3  # the latter for networks that a GPU computes faster than Python can launch
# Image shape, batch size, steps of a turn, which is one epoch. On a GPU, where a program waits at the end of an epoch
# and a recording is made once a task, these are as many as real ones have.
CASES = {
    "mlp-100": ((28, 28), 10, {"cpu": 100, "cuda": 1000}),
    "convnet": ((28, 28), 64, {"cpu": 4, "cuda": 200}),
    "resnet18-20": ((32, 32, 3), 128, {"cpu": 1, "cuda": 50}),
}
Name = Literal["mlp-100", "convnet", "resnet18-20"]
SMALL = ("mlp-100", "convnet")
METHODS = ("ewc", "si", "lwf")  # their state is there before the clock runs: what a step costs, not what a task does
STRATEGIES = (("initialized", {}), ("frozen", {"depth": 2}), ("frozen", {"depth": 1}))


def made_examples(shape: tuple[int, ...], count: int, device: torch.device) -> Examples:
    """Return random 8-bit images of ten classes."""
    height, width, channels = (*shape, 1)[:3]
    images = torch.randint(256, (count, channels, height, width), dtype=torch.uint8, device=device)
    scaling = Scaling(*(torch.full((channels, 1, 1), value, device=device) for value in (127.5, 73.6)))
    return Examples(images, torch.randint(10, (count,), device=device), 0, None, scaling)


def plain_turn(network: Network, images: Tensor, targets: Tensor, batch_size: int) -> Callable[[], None]:
    """Return a turn of a loop written by hand."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    network.train()

    def turn() -> None:
        for batch in torch.randperm(len(images), device=images.device).split(batch_size):
            optimiser.zero_grad()
            loss = functional.cross_entropy(network(images[batch]), targets[batch])
            loss.backward()
            optimiser.step()

    return turn


def our_turn(network: Network, examples: Examples, batch_size: int, chosen: Strategy, **loop: Any) -> Callable[[], None]:
    """Return a turn of the training loop: a later task."""
    flat = FlatParameters(network)
    options = LoopOptions(epochs=1, batch_size=batch_size, learning_rate=0.01, **loop)
    optimiser = Optimiser(flat, options)
    first = flat.parameters.detach().clone()
    return lambda: train_task(TaskContext(1, flat, examples, first), chosen, options, optimiser)


def settle(chosen: Strategy, turn: Callable[[], None]) -> None:
    """Let two tasks give a strategy what it keeps of earlier ones; turns after these pay for steps alone."""
    turn()
    turn()
    chosen.begin_task = chosen.end_task = lambda task: None


def measure(name: str, shape: tuple[int, ...], batch_size: int, sizes: dict[str, int], seconds: float, device: torch.device) -> list[dict[str, Any]]:
    """Time all loops on one network in turns; return a row for each."""
    steps = sizes[device.type]
    examples = made_examples(shape, batch_size * steps, device)
    images, targets = examples.batch(torch.arange(len(examples), device=device))
    turns = {"plain loop": plain_turn(build(name, shape, (10,)).to(device), images, targets, batch_size)}
    for chosen, options in STRATEGIES:
        label = f"{chosen} {options['depth']}" if options else chosen
        turns[label] = our_turn(build(name, shape, (10,)).to(device), examples, batch_size, strategy(chosen, **options))
    for kind, loop in [(kind, {}) for kind in METHODS] + [(kind, {"execution": "captured"}) for kind in ("initialized", *METHODS) if device.type == "cuda"]:
        chosen = strategy(kind)
        turn = our_turn(build(name, shape, (10,)).to(device), examples, batch_size, chosen, **loop)
        if kind in METHODS:
            settle(chosen, turn)
        turns[f"{kind} captured" if loop else kind] = turn
    times: dict[str, list[float]] = {label: [] for label in turns}
    for train in turns.values():
        train()
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times["plain loop"]) < (3 if device.type == "cuda" else 5):
        for label, train in turns.items():
            wait(device)
            start = time.perf_counter()
            train()
            wait(device)
            times[label].append((time.perf_counter() - start) / steps)
    plain = statistics.median(times["plain loop"])
    common = {"kind": "step", "network": name, "batch_size": batch_size}
    return [
        {**common, "loop": label, "turns": len(found), "steps_a_turn": steps, "milliseconds": 1e3 * median, "least": 1e3 * min(found), "ratio": median / plain}
        for label, found in times.items() for median in [statistics.median(found)]
    ]  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Write the rows as text."""
    lines = [f"{'network':<12} {'batch':>5}  {'loop':<20} {'ms a step':>10} {'least':>9} {'ratio':>6}"]
    for row in rows:
        if row["kind"] == "step":
            goal = {"initialized": GOAL, "ewc": GOAL, "si": GOAL, "lwf": 1.5, "initialized captured": CAPTURED_GOAL if row["network"] in SMALL else None}.get(row["loop"])
            verdict = "" if goal is None else f"  goal {goal:.3g}: {'met' if row['ratio'] <= goal else 'missed'}"
            numbers = f"{row['milliseconds']:>10.3f} {row['least']:>9.3f} {row['ratio']:>6.3f}"
            lines.append(f"{row['network']:<12} {row['batch_size']:>5}  {row['loop']:<20} {numbers}{verdict}")
    return "\n".join(lines) + "\n"


def main(seconds: float = 20.0, device: str = "cpu", networks: tuple[Name, ...] = get_args(Name), out: Path | None = None) -> int:
    """Measure what a step costs, and print the table.

    Parameters
    ----------
    seconds : float
        Time for each network.
    device : str
        cpu or cuda.
    networks : tuple of str
    out : path, optional
        File of JSON lines.
    """
    torch.set_num_threads(1)
    rows = [machine(device=device, threads=1)]
    for name in networks:
        rows += measure(name, *CASES[name], seconds, chosen_device(device))
    print(table(rows), end="")
    write(out, rows)
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))

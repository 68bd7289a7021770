"""Pretrains vit-micro on the first half of CIFAR-100's classes, and writes its weights beside their record.

    python tests/bench/pretrain_vit.py --data-root ../shared/data

AdamW at 2e-3 in one cycle, 12 epochs, half of the images mirrored; ten minutes on a core. Thread counts and processors change the last digits.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from deep.data import load
from deep.networks import build
from deep.networks.branches import PRETRAINED
from deep.networks.vit import load_checkpoint, timm_names
from deep.streams.split import Split
from deep.training.evaluate import accuracy
from deep.training.examples import StreamExamples

BASE = (0, 50)


def main(root: str | None, epochs: int, rate: float, batch: int = 128) -> None:
    """Train, measure the weights as they are stored, write."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stream = Split(tasks=1, validation_share=0.0, classes=BASE).build(load("cifar-100", root))
    held = StreamExamples(stream, "class", "test", torch.device("cpu"), torch.float32, "unit")
    examples, network, begin = held.training(0), build("vit-micro", (32, 32, 3), (50,)), time.perf_counter()
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs=epochs, steps_per_epoch=-(-len(examples) // batch))
    reached = []
    for _ in range(epochs):
        for indices in torch.randperm(len(examples)).split(batch):
            images, targets = examples.batch(indices)
            images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(3))
            optimiser.zero_grad()
            cross_entropy(network(images), targets).backward()
            optimiser.step()
            schedule.step()
        reached.append(accuracy(network, held.evaluation(0, 0)))
        print(f"{reached[-1]:.3f} after {time.perf_counter() - begin:.0f} s", flush=True)
    torch.save({name: value.detach().half() for name, value in timm_names(network).items()}, PRETRAINED)
    load_checkpoint(network, PRETRAINED)
    found = {
        "sha256": hashlib.sha256(PRETRAINED.read_bytes()).hexdigest(), "data": "cifar-100", "base_classes": BASE, "images": len(examples),
        "accuracy": accuracy(network, held.evaluation(0, 0)), "accuracies": reached, "epochs": epochs, "rate": rate, "batch": batch,
        "torch": torch.__version__,
    }  # fmt: skip
    PRETRAINED.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=2e-3)
    given = parser.parse_args()
    main(given.data_root, given.epochs, given.rate)

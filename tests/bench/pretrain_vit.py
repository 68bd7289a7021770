"""Pretrains vit-micro on the first half of CIFAR-100's classes, and writes its weights in half precision beside their record.

    python tests/bench/pretrain_vit.py DATA_ROOT

AdamW at 2e-3 in one cycle, 12 epochs, half of the images mirrored; eight minutes of a quiet core. Thread counts and processors change the last digits.
"""

import hashlib
import json
import sys

import torch
from torch.nn.functional import cross_entropy

from deep.data import load
from deep.networks import build
from deep.networks.branches import PRETRAINED
from deep.networks.vit import load_checkpoint, timm_names
from deep.streams.split import Split
from deep.training.evaluate import accuracy
from deep.training.examples import StreamExamples

BASE, EPOCHS, RATE, BATCH = (0, 50), 12, 2e-3, 128


def main(root: str) -> None:
    """Train, measure the weights as they are stored, write."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    stream = Split(tasks=1, validation_share=0.0, classes=BASE).build(load("cifar-100", root))
    held = StreamExamples(stream, "class", "test", torch.device("cpu"), torch.float32, "unit")
    examples, network = held.training(0), build("vit-micro", (32, 32, 3), (50,))
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, epochs=EPOCHS, steps_per_epoch=-(-len(examples) // BATCH))
    reached = []
    for _ in range(EPOCHS):
        for indices in torch.randperm(len(examples)).split(BATCH):
            images, targets = examples.batch(indices)
            images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(3))
            optimiser.zero_grad()
            cross_entropy(network(images), targets).backward()
            optimiser.step()
            schedule.step()
        reached.append(accuracy(network, held.evaluation(0, 0)))
        print(f"{reached[-1]:.3f}", flush=True)
    torch.save({name: value.detach().half() for name, value in timm_names(network).items()}, PRETRAINED)
    final = accuracy(load_checkpoint(network, PRETRAINED), held.evaluation(0, 0))
    record = {"sha256": hashlib.sha256(PRETRAINED.read_bytes()).hexdigest(), "data": "cifar-100", "base_classes": BASE, "images": len(examples)}
    record |= {"accuracy": final, "accuracies": reached, "epochs": EPOCHS, "rate": RATE, "batch": BATCH, "torch": torch.__version__}
    PRETRAINED.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

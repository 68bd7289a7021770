"""NTK-CL read out in many ways from one training: states and kinds of features, prototypes stored or made anew, drift and tangent kernels.

    python tests/bench/ntk_cl_readouts.py --data-root ../shared/data --orders 1 2 3

Ten tasks of five classes that have not pretrained vit-micro, 50 images a class, in class orders of their own. A line for each training, of
which those that are recorded are left out. The preset `ntk-cl` of `driftlaw deep study` trains each way to read out anew, with all tasks' accuracies.
"""

import argparse
import json
from pathlib import Path

import torch
from torch.nn.functional import normalize

from deep.data import load
from deep.networks.branches import KINDS, STATES
from deep.strategies.ntk_cl import NtkCl, class_means
from deep.streams.split import Split
from deep.training.config import RunConfig
from deep.training.examples import StreamExamples
from deep.training.run import train_run

OUT = Path(__file__).resolve().parents[2] / "figures" / "records" / "ntk_cl.jsonl"
MEAN, CURRENT, FROZEN = torch.eye(3)
WEIGHTS = {"mean": MEAN, "current": CURRENT, "published": 0.3 * MEAN + 0.1 * CURRENT, "three": 0.3 * MEAN + 0.1 * CURRENT + FROZEN}
SETS = {"channel": torch.eye(3)[0], "token": torch.eye(3)[1], "mixed": torch.eye(3)[2], "all": torch.ones(3)}
READOUTS = {"frozen": torch.outer(FROZEN, SETS["mixed"])} | {f"{name} {kind}": torch.outer(w, s) for name, w in WEIGHTS.items() for kind, s in SETS.items()}
FORMS = {
    "published": {}, "orthogonality live": {"orthogonality": "live", "orthogonality_strength": 1.0}, "token live": {"token": "live"},
    "fusion live": {"fusion": "live"}, "no pull": {"pull": 0.0}, "restart": {"mean": "restart"}, "adaptive": {"mean": "adaptive"}, "contrast live": {"contrast": "live"},
}  # fmt: skip


def read_out(network, examples: StreamExamples, tasks: int) -> dict[str, float]:
    """Measure the accuracy on all classes, the mean over tasks, of each readout."""
    (head,) = network.heads
    hits = dict.fromkeys(READOUTS, 0.0)
    with network.evaluating():
        for own in examples.evaluations(tasks - 1):
            features = normalize(network.sets(own.batch(torch.arange(len(own)))[0], (True,) * 3), dim=-1)
            cosines = torch.einsum("nskd,skud->nsku", features, normalize(head.prototypes, dim=-1))
            for name, weights in READOUTS.items():
                found = torch.einsum("nsku,sk->nu", cosines, weights).argmax(1) == own.units
                hits[name] += float(found.double().mean()) / tasks
    return hits


def main(root: str | None, orders: list[int], forms: list[str], out: Path, scratch: Path) -> None:
    """Train what is not recorded."""
    torch.set_num_threads(1)
    data = load("cifar-100", root)
    done = {(line["order"], line["form"]) for line in map(json.loads, out.read_text().splitlines())} if out.exists() else set()
    for order, form in [(order, form) for form in forms for order in orders if (order, form) not in done]:
        options = {"tasks": 10, "classes": (50, 100), "class_order": "seeded", "validation_share": 0.02, "train_examples": 250, "test_examples": 250}
        stream = Split(**options).build(data, seed=order)
        config = RunConfig(
            stream=stream, strategy=NtkCl(weights=(1.0, 1.0, 1.0), kinds=(1.0, 1.0, 1.0), measured=5, **FORMS[form]), network="vit-micro-branches",
            scenario="class", epochs=5, batch_size=16, learning_rate=0.05, momentum=0.9, scaling="unit", probe_examples=0,
        )  # fmt: skip
        test, found = StreamExamples(stream, "class", "test", torch.device("cpu"), torch.float32, "unit"), {}

        @torch.no_grad()
        def watch(task, examples):
            if task.number == len(stream) - 1:
                found["stored"] = read_out(task.network, test, len(stream))
                for head, units, means in class_means(task.network, [examples.training(number) for number in range(len(stream))], (True,) * 3):
                    head.prototypes[:, :, units] = means
                found["refreshed"] = read_out(task.network, test, len(stream))

        record = train_run(config, stream, scratch / f"{order} {form}", watch=watch)
        line = {"order": order, "form": form, "states": STATES, "kinds": KINDS, **found, "measured": record.results[-1].decision, "config": record.config}
        line |= {"seconds": sum(result.seconds for result in record.results), "versions": record.versions, "stream": stream.fingerprint}
        with out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(order, form, {name: round(value, 3) for name, value in found["stored"].items()}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root")
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--forms", nargs="+", default=list(FORMS))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--scratch", type=Path, default=Path("runs") / "ntk-cl")
    given = parser.parse_args()
    main(given.data_root, given.orders, given.forms, given.out, given.scratch)

"""NTK-CL read out in many ways from one training: states and kinds of features, prototypes stored or made anew, drift and tangent kernels.

    python tests/bench/ntk_cl_readouts.py DATA_ROOT [FORM ...]

Ten tasks of five classes that have not pretrained vit-micro, 30 images a class, in class orders of their own. A line for each training, of
which those that are recorded are left out; 60 trainings of a minute. The preset `ntk-cl` of `driftlaw deep study` trains each way to read out anew, with all tasks' accuracies.
"""

import json
import sys
from itertools import product
from pathlib import Path

import torch
from torch.nn.functional import normalize

from deep.data import load
from deep.networks import Network
from deep.strategies.ntk_cl import NtkCl, class_means
from deep.streams.split import Split
from deep.training.examples import Examples, StreamExamples
from driftlaw import RunConfig, train_run

OUT = Path(__file__).resolve().parents[2] / "figures" / "records" / "ntk_cl.jsonl"
MEAN, CURRENT, FROZEN = torch.eye(3)
WEIGHTS = {"mean": MEAN, "current": CURRENT, "published": 0.3 * MEAN + 0.1 * CURRENT, "three": 0.3 * MEAN + 0.1 * CURRENT + FROZEN}
SETS = {**dict(zip(("channel", "token", "mixed"), torch.eye(3))), "all": torch.ones(3)}
READOUTS = {"frozen": torch.outer(FROZEN, SETS["mixed"])} | {f"{name} {kind}": torch.outer(w, s) for name, w in WEIGHTS.items() for kind, s in SETS.items()}
FORMS = {
    "published": {}, "orthogonality live": {"orthogonality": "live", "orthogonality_strength": 1.0}, "token live": {"token": "live"},
    "fusion live": {"fusion": "live"}, "contrast live": {"contrast": "live"}, "adaptive": {"mean": "adaptive"}, "restart": {"mean": "restart"},
}  # fmt: skip
ORDERS, FRESH = range(1, 7), range(7, 25)  # the latter decide, of the published form alone, what the former suggested
OPTIONS = {"tasks": 10, "classes": (50, 100), "class_order": "seeded", "validation_share": 0.002, "train_examples": 150, "test_examples": 200}
LOOP = {"epochs": 5, "batch_size": 16, "learning_rate": 0.05, "momentum": 0.9, "scaling": "unit"}


@torch.no_grad()
def read_outs(network: Network, test: list[Examples], training: list[Examples]) -> dict[str, dict[str, float]]:
    """Measure each readout's mean over tasks of the accuracy among all classes: by stored prototypes, then by those that the network makes now."""
    (head,), found = network.heads, {}
    with network.evaluating():
        features = [normalize(network.sets(own.batch(torch.arange(len(own)))[0], (True,) * 3), dim=-1) for own in test]
    for name, again in (("stored", []), ("refreshed", training)):
        for _, units, means in class_means(network, again, (True,) * 3):
            head.prototypes[:, :, units] = means
        cosines = [torch.einsum("nskd,skud->nsku", own, normalize(head.prototypes, dim=-1)) for own in features]
        right = [torch.stack([torch.einsum("nsku,sk->nu", own, weights).argmax(1) == part.units for weights in READOUTS.values()]) for own, part in zip(cosines, test)]
        found[name] = dict(zip(READOUTS, torch.stack([hits.double().mean(1) for hits in right]).mean(0).tolist()))
    return found


def main(root: str, *forms: str) -> None:
    """Train what is not recorded."""
    torch.set_num_threads(1)
    data = load("cifar-100", root)
    done = [(line["order"], line["form"]) for line in map(json.loads, OUT.read_text().splitlines())] if OUT.exists() else []
    for order, form in [*product(ORDERS, forms or FORMS), *((order, "published") for order in FRESH if not forms)]:
        if (order, form) in done:
            continue
        stream, found = Split(**OPTIONS).build(data, seed=order), {}
        strategy = NtkCl(weights=(1.0, 1.0, 1.0), kinds=(1.0, 1.0, 1.0), measured=5, **FORMS[form])
        config = RunConfig(stream=stream, strategy=strategy, network="vit-micro-branches", scenario="class", probe_examples=0, **LOOP)
        test = StreamExamples(stream, "class", "test", torch.device("cpu"), torch.float32, LOOP["scaling"]).evaluations(len(stream) - 1)

        def watch(task, examples):
            if task.number == len(stream) - 1:
                found.update(read_outs(task.network, test, [examples.training(number) for number in range(len(stream))]))

        record = train_run(config, stream, Path("runs") / "ntk-cl" / f"{order} {form}", watch=watch)
        line = {"order": order, "form": form, **found, "measured": record.results[-1].decision, "config": record.config, "versions": record.versions}
        with OUT.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(order, form, found["stored"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Vision transformers and their checkpoints; NTK-CL: what its mechanisms compute in each form."""

import hashlib
import json
import re
from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

import pytest
import torch
from made_training import made_examples, made_task
from scaffold import assert_refused, refusals
from torch.nn.functional import cosine_similarity

from deep.networks.branches import PRETRAINED, branched
from deep.networks.vit import Block, load_checkpoint, read_checkpoint, timm_names, vit
from deep.strategies.ntk_cl import NtkCl
from deep.streams import Split
from deep.training.loop import train_task
from deep.training.reading import build_stream
from driftlaw import RunConfig, train_run
from driftlaw.testing.contracts.streams import made_dataset
from driftlaw.testing.contracts.training import strategy_checks, trained

SMALL = {"width": 24, "depth": 2, "heads": 2, "patch": 2}
LIVE = NtkCl(
    token="live", fusion="live", orthogonality="live", contrast="live", mean="adaptive", prototypes="refreshed", weights=(1, 1, 1), kinds=(1, 1, 1), measured=2
)


def make(shape, heads, normalisation="layer"):
    return branched(shape, heads, "layer", weights=None, **SMALL)


def close(left, right):
    return float((left - right).detach().abs().max()) < 1e-12


@pytest.mark.parametrize("check", [check for strategy in (NtkCl(), LIVE) for _, check in strategy_checks(strategy, make)])
def test_contract(check):
    check()


def after(epochs=2, **options):
    """Train the branches on a task; return network, task and strategy."""
    torch.manual_seed(0)
    task, loop, optimiser = made_task(make((1, 4, 4), (3,)).double(), made_examples(), epochs=epochs, momentum=0.9)
    train_task(task, strategy := NtkCl(**options), loop, optimiser)
    return task.network, task, strategy


@pytest.mark.parametrize("form", ["published", "live"])
def test_token_weights_stay_zero_where_they_begin_so(form):
    """The map's gradient has the normalisation's weights as a factor, and theirs the map's output: both zero. The biases move."""
    layer = after(20, token=form)[0].body["token"][0]
    assert (not layer["linear"].weight.any()) == (not layer["norm"].weight.any()) == (form == "published")
    assert layer["norm"].bias.any()


@pytest.mark.parametrize("live", [False, True])
def test_fusion_over_one_key_is_linear_and_has_no_gradient_of_attention(live):
    fusion = make((1, 4, 4), (3,)).double().body["fusion"]
    fusion.live.fill_(live)
    first, second, token = torch.randn(3, 5, 24, dtype=torch.float64)
    linear = close(2 * fusion((first + second) / 2, token), fusion(first, token) + fusion(second, token))
    fusion(first, token).square().sum().backward()
    assert linear == all(close(layer.weight.grad, 0 * layer.weight) for layer in (fusion.query, fusion.key)) == (not live)


@pytest.mark.parametrize("form", ["published", "live"])
def test_the_penalty_is_that_by_hand(form):
    """Cross-entropies of single branches, the pull on all but heads, orthogonality in least squares, and the contrastive loss pair by pair.

    Opposite features have opposite sums outside the span of old prototypes, and equal energies within it; contrast has opposite signs in its forms.
    """
    network, task, _ = after(mean="restart")
    strategy = NtkCl(orthogonality=form, contrast=form, orthogonality_strength=2.0, contrast_strength=3.0, pull=0.7)
    strategy.begin_task(task)
    features, targets, parameters = torch.randn(7, 3, 24, dtype=torch.float64), torch.tensor([0, 0, 0, 1, 1, 2, 1]), task.start + 0.1 * torch.randn(len(task.flat), dtype=torch.float64)
    (head,), unit = network.heads, features[:, 2] / features[:, 2].norm(dim=1, keepdim=True)
    wanted = 0.7 * (parameters - task.start)[: -head.weight.numel()].square().sum()
    for kind in (0, 1):
        wanted += torch.nn.functional.cross_entropy(10 * cosine_similarity(features[:, kind, None], head.weight, dim=-1), targets)
    within = torch.linalg.lstsq((old := head.prototypes[1, 2]).T, unit.T).solution.T @ old
    apart = (within.square() if form == "live" else unit - within).sum(1).mean()
    scores = (unit @ unit.T / 0.1).exp()
    losses = [-(scores[i, j] / (scores[i].sum() - scores[i, i])).log() for i, j in permutations(range(7), 2) if targets[i] == targets[j]]
    wanted += (3 if form == "live" else -3) * sum(losses) / len(losses)
    for sign in (1, -1):
        features[:, 2] *= sign
        found = strategy.penalty(parameters, SimpleNamespace(features=features, targets=targets), task)
        torch.testing.assert_close(found, wanted + 2 * (1 if form == "live" else sign) * apart)


@pytest.mark.parametrize("live", [False, True])
def test_features_are_those_by_hand(live):
    """Three blocks written out: bottlenecks beside perceptrons; prompts that the next block attends to, with a tenth of those before; their fusion."""
    network = branched((1, 4, 4), (3,), "layer", weights=None, **SMALL | {"depth": 3}).double()
    network.body["fusion"].live.fill_(live)
    with torch.no_grad(), network.evaluating():
        for value in (*network.parameters(), *network.means.buffers()):
            value.add_(torch.randn_like(value) / 4)
        start = network.body["stem"](images := torch.randn(2, 1, 4, 4, dtype=torch.float64))
        for state, branches in enumerate((network.means, network.branches)):
            channel, token, prompts, made = start, start, start[:, :0], 0.0
            for number, block in enumerate(network.blocks):
                channel = channel + block.attn(block.norm1(channel))
                channel = channel + block.mlp(block.norm2(channel)) + 0.1 * branches[0][number][3](branches[0][number][0](channel).relu())
                every = torch.cat([token, prompts], 1)
                token = (every + block.attn(block.norm1(every)))[:, : start.shape[1]]
                if number < 2:  # the last one makes none
                    made = branches[1][number]["norm"](torch.einsum("pl,nld->npd", branches[1][number]["linear"].weight, token)) + 0.1 * made
                    prompts = block.mlp(block.norm2(made))
                token = token + block.mlp(block.norm2(token))
            fusion, c, s = network.body["fusion"], network.last(channel), network.last(token)
            keys = [c, s] if live else [c]
            shares = torch.softmax(torch.stack([(fusion.query(s) * fusion.key(key)).sum(1) / 24**0.5 for key in keys]), 0)
            mixed = 0.5 * sum(share[:, None] * fusion.value(key) for share, key in zip(shares, keys)) + c + 0.1 * s
            assert close(network.sets(images, (True, True, True))[:, state], torch.stack([c, s, mixed], 1))


@pytest.mark.parametrize("mean", ["iterates", "restart", "adaptive"])
def test_a_task_moves_running_means_its_classes_and_their_prototypes(mean):
    """The mean is that of the iterates, weighted; or each task begins there, and the iterates are the means. Other classes' weights stay, and stored prototypes."""
    refreshed = mean == "adaptive"
    strategy, passed, several, weight, prototypes = NtkCl(mean=mean, measured=2, prototypes="refreshed" if refreshed else "stored"), [], [], 0, 0
    for task, _ in trained(strategy, make, "class", dtype=torch.float64):
        network, examples, (head,) = task.network, task.examples, task.network.heads
        old, new = (torch.cat([value.detach().flatten() for value in values]) for values in zip(*network.averaged))
        passed.append(new)
        several = [*several, examples] if refreshed else [examples]
        wanted, mass = torch.cat([strategy._first[task.flat.place(stage)] for stage in (2, 1)]), 0.0
        for own in passed:
            share = 1 / (own - wanted).square().sum() if refreshed else 1.0
            mass += share
            wanted = wanted + (own - wanted) * share / mass
        assert close(old, new if mean == "restart" else wanted)
        moved = [(now != before).flatten(1).any(1) for now, before in ((head.weight.detach(), weight), (head.prototypes.permute(2, 0, 1, 3), prototypes))]
        own = torch.bincount(examples.units, minlength=6) > 0
        assert not task.number or all(torch.equal(rows, own) for rows in moved[: 1 if refreshed else 2])
        weight, prototypes = head.weight.detach().clone(), head.prototypes.permute(2, 0, 1, 3).clone()
        for examples in several:
            with network.evaluating():
                inputs = examples.batch(torch.arange(len(examples)))[0]
                features, outputs = network.sets(inputs, (True, True, False)).detach(), network(inputs)
            cosines = [weight * cosine_similarity(features[:, state, None, 2], head.prototypes[state, 2], dim=-1) for state, weight in ((0, 0.3), (1, 0.1))]
            assert float((outputs - sum(cosines)).detach().abs().max()) < 1e-7  # weights in single precision
            assert all(close(features[examples.units == unit].mean(0), head.prototypes[:, :, unit]) for unit in examples.units.unique())


def test_the_kernel_of_the_fusion_is_that_of_a_linear_map():
    """s'(V c + b) / 2 has the kernel width (c'c + 1) / 4 in V and b, for signs s; frozen features do not drift, those of branches do."""
    strategy, means, examples = NtkCl(measured=2, weights=(0, 1, 1)), [], []

    def norms():
        with task.network.evaluating():
            rows = [task.network.sets(own.batch(torch.tensor([0, len(own) // 2]))[0], (False, True, False))[:, 1, 0].detach() for own in examples]
        (one, between), (_, other) = [[float((24 * (left @ right.T + 1) / 4).norm()) for right in rows] for left in rows]
        return pytest.approx({"within": (one + other) / 2, "between": between, "share": between / (one * other) ** 0.5})

    for task, _ in trained(strategy, make, "class", 2, torch.float64):
        examples.append(task.examples)
        with task.network.evaluating():
            features = task.network.sets(examples[0].batch(torch.arange(len(examples[0])))[0], (False, True, False))[:, 1].detach()
        means.append(torch.nn.functional.normalize(torch.stack([features[examples[0].units == unit].mean(0) for unit in examples[0].units.unique()]), dim=-1))
    found = strategy.decision()
    assert found["kernel_after"]["fusion"] == norms() and found["kernel_before"]["fusion"] != norms()
    with task.flat.at(strategy._first):
        assert found["kernel_before"]["fusion"] == norms()
    assert found["drift"] == {"current": pytest.approx((means[1] - means[0]).square().sum(-1).mean(0).tolist()), "frozen": [0, 0, 0]}  # the mean has none
    *_, _ = trained(shared := NtkCl(measured=2), make, "domain", 2)
    assert not shared.decision()  # its prototypes are those of the last task alone


def test_blocks_are_those_of_pytorch():
    ours, theirs = Block(24, 2).double(), torch.nn.TransformerEncoderLayer(24, 2, 96, 0.0, "gelu", 1e-6, True, True, dtype=torch.float64)
    names = {"attn.qkv.": "self_attn.in_proj_", "attn.proj": "self_attn.out_proj", "mlp.fc1": "linear1", "mlp.fc2": "linear2"}
    state = theirs.state_dict()
    ours.load_state_dict({name: state[re.sub("|".join(names), lambda match: names[match[0]], name)] for name in ours.state_dict()})
    tokens = torch.randn(3, 5, 24, dtype=torch.float64)
    assert close(ours(tokens), theirs.train()(tokens))


BLOCK = ("layernorm_before", "attention.attention.qkv", "attention.output.dense", "layernorm_after", "intermediate.dense", "output.dense")
LAYERS = ("embeddings.patch_embeddings.projection", *(f"encoder.layer.{number}.{layer}" for number in range(2) for layer in BLOCK), "layernorm")
NAMES = ("embeddings.cls_token", "embeddings.position_embeddings", *(f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")))


def hugging_face(weights):
    """Name weights as Hugging Face does, which holds queries, keys and values apart, and has other heads."""
    found = {"classifier.weight": torch.zeros(7, 24), "vit.pooler.dense.bias": torch.zeros(24)}
    for name, value in zip(NAMES, weights.values(), strict=True):
        parts = zip(("query", "key", "value"), value.chunk(3)) if "qkv" in name else [("", value)]
        found |= {"vit." + name.replace("qkv", part): own for part, own in parts}
    return found


def safetensors(weights):
    header, content = {"__metadata__": {"format": "pt"}}, b""
    for name, value in weights.items():
        content += (own := value.numpy().tobytes())
        header[name] = {"dtype": "F32", "shape": [*value.shape], "data_offsets": [len(content) - len(own), len(content)]}
    return len(text := json.dumps(header).encode()).to_bytes(8, "little") + text + content


def test_checkpoints(tmp_path):
    one = vit((1, 4, 4), (3,), "layer", **SMALL)
    weights = {name: value.detach() for name, value in timm_names(one).items()}
    (tmp_path / "a.safetensors").write_bytes(safetensors(hugging_face(weights)))
    torch.save({"model": {**weights, "head.bias": torch.zeros(7)}}, tmp_path / "b.pth")
    for file in ("a.safetensors", "b.pth"):
        other = load_checkpoint(vit((1, 4, 4), (3,), "layer", **SMALL), tmp_path / file)
        assert torch.equal(one.features(images := torch.randn(2, 1, 4, 4)), other.features(images))


def fits_not(shape=(1, 4, 4), **sizes):
    return load_checkpoint(vit(shape, (), "layer", **SMALL | sizes), FILE)


FILE = "small.pt"
test_what_does_not_fit = refusals({
    "another width": (lambda: fits_not(width=12), r"cls_token has shape \(1, 1, 24\) there, \(1, 1, 12\) in the network"),
    "fewer blocks": (lambda: fits_not(depth=1), r"blocks.1.norm1.weight has shape \(24,\) there, none"),
    "more colours": (lambda: fits_not((3, 4, 4)), r"patch_embed.proj.weight has shape \(24, 1, 2, 2\) there, \(24, 3, 2, 2\)"),
    "larger images": (lambda: fits_not((1, 8, 8)), "for images of 2 x 2 patches, these have 16"),
    "odd images": (lambda: fits_not((1, 5, 4)), "multiples of 2"),
    "no file": (lambda: read_checkpoint("nowhere.safetensors"), "cannot read the checkpoint nowhere.safetensors"),
    "code": (lambda: read_checkpoint(__file__), "cannot read"),
    "another network": (lambda: NtkCl().check(("conv1", "head")), "vit-micro-branches"),
    "weights": (lambda: NtkCl(weights=(0, 0, 0)), "not all 0"),
    "classes": (lambda: Split(classes=(4, 7)).build(made_dataset(6)), r"\(4, 7\).* has 6"),
})  # fmt: skip


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(timm_names(vit((1, 4, 4), (), "layer", **SMALL)), FILE)


def test_a_whole_run_leaves_cosines_of_gradients_out_and_takes_no_other_strategy():
    """Before a task its classes have no prototypes, so that no parameter moves their loss."""
    config = RunConfig(stream="split-digits", stream_options={"tasks": 2, "train_examples": 20}, scenario="class", network=make, epochs=1, strategy=NtkCl())
    stream = build_stream(config)
    assert [result.cosines for result in train_run(config, stream).results] == [(), (None,)]
    assert_refused(lambda: train_run(replace(config, strategy="gem"), stream), "classifies by prototypes")


def test_the_pretrained_weights_are_those_of_their_record():
    record = json.loads(PRETRAINED.with_suffix(".json").read_text())
    assert hashlib.sha256(PRETRAINED.read_bytes()).hexdigest() == record["sha256"] and record["accuracy"] > 0.4
    stream = Split(tasks=2, classes=(record["base_classes"][1], 100)).build(made_dataset(100, 3))
    assert min(stream[0].classes) == 50 and sorted(stream[0].classes + stream[1].classes) == [*range(50, 100)]

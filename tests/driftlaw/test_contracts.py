"""The contracts hold for each of our parts, and each check sees the breaks that are planted for it, and no other does."""

import secrets
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from made_training import EVERY_STRATEGY
from scaffold import assert_refused, python

from deep.networks import NETWORKS, NORMALISATIONS
from deep.strategies import strategy
from deep.strategies.frozen import Frozen
from deep.strategies.initialized import Initialized
from deep.streams import STREAMS, CorrelatedSplit, CorruptedSplit, Domains, Permuted, Rotated, Split
from deep.streams.transforms import Noise, Unchanged
from driftlaw.testing.contracts.streams import check_stream, made_dataset, stream_checks
from driftlaw.testing.contracts.training import check_network, check_strategy, network_checks, perceptron, strategy_checks

KINDS = [
    Split(class_order="seeded"), Permuted(tasks=4), Rotated(tasks=4), CorruptedSplit(max_noise=0.3),
    CorrelatedSplit(tasks=4, classes_per_task=4, common=0.5), CorrelatedSplit(tasks=4, classes_per_task=4, examples="divided"),
]
OURS = {f"{name} {options}": strategy_checks(strategy(name, **options)) for name, options in EVERY_STRATEGY}
OURS |= {name: network_checks(one.make, (4, 4), one.normalisation) for name, one in NETWORKS.items() if name != "vit-micro-branches"}  # which is no chain
OURS |= {f"{name} {kind}": network_checks(NETWORKS[name].make, (5, 7), kind) for name in ("mlp-100", "convnet", "resnet18-20") for kind in NORMALISATIONS}
OURS |= {str(options): stream_checks(options) for options in KINDS}
OURS["domains"] = stream_checks(Domains(), [made_dataset(name=name) for name in ("a", "bb", "ccc", "dddd")])


@pytest.mark.parametrize("check", [pytest.param(check, id=f"{part}-{name}") for part, checks in OURS.items() for name, check in checks])
def test_ours(check):
    check()


def test_every_kind_of_stream_is_tested():
    assert {options.kind for options in KINDS} | {"domains"} == set(STREAMS)


def test_streams_need_no_torch():
    check = "from deep.streams import Split; from driftlaw.testing.contracts.streams import check_stream; check_stream(Split())"
    assert python("-c", f"{check}; import sys; print('torch' in sys.modules)").stdout == "False\n"


def of(base=Initialized, **hooks):
    """A strategy that is ours but for some hooks."""
    return strategy_checks(type("Broken", (base,), hooks)())


def changed(change):
    """A network that something has been done to."""
    def make(*arguments):
        network = perceptron(*arguments)
        change(network)
        return network

    return network_checks(make)


def hooked(stage, hook):
    return changed(lambda network: network.get_submodule(stage).register_forward_hook(hook))


def counting(always):
    """A perceptron with a stage that counts its batches, in training or always."""
    def count(stage, *_):
        stage.seen += always or stage.training

    def change(network):
        network.body["hidden1"].register_buffer("seen", torch.zeros(1))
        network.body["hidden1"].register_forward_hook(count)

    return changed(change)


def reseeded(network):
    torch.manual_seed(0)
    for module in network.modules():
        getattr(module, "reset_parameters", list)()


def shifted(network):
    shift = torch.rand(8)
    network.body["hidden1"].register_forward_hook(lambda stage, inputs, outputs: outputs + shift.to(outputs))


class Moving:
    calls = 0

    def __eq__(self, other):
        return isinstance(other, Moving)

    def __call__(self, images, which):
        self.calls += 1
        return images ^ self.calls


NAMELESS = lambda images, which: images  # noqa: E731


@dataclass(frozen=True)
class Changed(Split):
    """A split stream that something has been done to."""

    kind: ClassVar[str] = "changed"
    how: str = ""

    def _tasks(self, divisions, seed, order):
        return CHANGES[self.how](super()._tasks(divisions, seed, order), order)


def each(make):
    """A change of every task by itself."""
    return lambda tasks, order: [replace(task, **make(task)) for task in tasks]


CHANGES = {
    "drawn": lambda tasks, order: tasks[: 5 + int(np.random.rand())],
    "sorted": lambda tasks, order: sorted(tasks, key=lambda task: task.name),
    "shorter": lambda tasks, order: tasks[order:],
    "shared": lambda tasks, order: [replace(task, validation_indices=other.validation_indices) for task, other in zip(tasks, tasks[1:] + tasks[:1])],
    "noise": each(lambda task: {"transform": Noise(0.5, secrets.randbelow(2**40), 0)}),
    "plain": each(lambda task: {"transform": partial(Unchanged())}),
    "moving": each(lambda task: {"transform": Moving()}),
    "nameless": each(lambda task: {"transform": NAMELESS}),
    "twice": each(lambda task: {"validation_indices": np.repeat(task.validation_indices, 2)}),
    "trained": each(lambda task: {"validation_indices": task.train_indices}),
    "one key": each(lambda task: {"keys": task.keys[:1] * 2}),
    "moved": each(lambda task: {"test_indices": (task.test_indices + 10 * (len(task.test_indices) % 2)) % 50}),
    "fewer": each(lambda task: {"train_indices": task.train_indices[1:]}),
}


BROKEN = {
    "the_same_seed_gives_the_same_numbers": {
        "leave options as they are given": of(__post_init__=lambda self: setattr(self, "rate", self.rate / 2)),
        "hidden1.1.weight": of(
            __post_init__=lambda self: setattr(self, "factor", secrets.randbelow(2**40) / 2**40), transform_gradient=lambda self, gradient, task: gradient * self.factor,
            state=lambda self: {"factor": self.factor}, load=lambda self, state: vars(self).update(state),
        ),
        "global generator": of(end_task=lambda self, task: np.random.rand()),
        "not JSON serializable": of(decision=lambda self: {"scores": torch.ones(1)}),
    },
    "only_what_trains_moves": {
        "parameters of hidden1": of(Frozen, after_step=lambda self, step, task: task.flat.parameters.detach()[:1].add_(1)),
        "statistics of hidden1": of(Frozen, penalty=lambda self, *_: _[-1].network.train() and None),
    },
    "looking_changes_nothing": {
        "parameters have moved": of(begin_task=lambda self, task: task.flat.parameters.detach()[:1].add_(1)),
        "measure in evaluation mode": of(begin_task=lambda self, task: task.network.statistics()[0][0].add_(1)),
    },
    "resumed_equals_uninterrupted": {
        "let state() hold all": of(seen=0, end_task=lambda self, task: setattr(self, "seen", 1), transform_gradient=lambda self, gradient, task: gradient * self.seen),
        "UnpicklingError": of(state=lambda self: {"odd": Fraction(1, 2)}, load=lambda self, state: None),
    },
    "every_scenario_trains": {"IndexError": of(end_task=lambda self, task: task.network.heads[task.number])},
    "stages_form_the_network": {
        "not those of its stages": changed(lambda network: setattr(network, "features", lambda inputs: 2 * type(network).features(network, inputs))),
        "outputs of head 0, (5, 4)": changed(lambda network: network.heads.__setitem__(0, torch.nn.Linear(8, 4))),
    },
    "parameters_are_those_of_stages": {"scale": changed(lambda network: setattr(network, "scale", torch.nn.Parameter(torch.ones(1))))},
    "gradients_reach_every_stage": {"no gradient reaches hidden1": hooked("body.hidden1", lambda stage, inputs, outputs: outputs.detach())},
    "evaluation_sees_one_image": {"use running statistics": hooked("body.hidden1", lambda stage, inputs, outputs: outputs - outputs.mean(0))},
    "statistics_follow_their_stage": {"while it does not train": counting(always=True), "reset_running_stats": counting(always=False)},
    "the_seed_decides_the_weights": {
        "global generator": changed(lambda network: np.random.rand()),
        "same seed gives other": changed(lambda network: network.heads[0].bias.data.fill_(secrets.randbelow(2**20) / 2**20)),
        "another seed gives the same": changed(reseeded),
    },
    "double_precision_works": {"outputs are torch.float32": hooked("heads.0", lambda head, inputs, outputs: outputs.float())},
    "the_state_is_complete": {"parameters or buffers": changed(shifted)},
    "the_same_seed_gives_the_same_tasks": {"global generator": "drawn", "images of order 0 differ": "noise", "do not compare equal": "plain"},
    "orders_are_different_streams": {"two of orders 0 to 2": "sorted", "have [[2, 2, 2, 2, 2], [2, 2, 2, 2]": "shorter"},
    "images_can_be_read_again": {"keep no generator": "moving", "PicklingError": "nameless"},
    "no_image_trains_and_validates": {"images do both": "trained", "an image twice": "twice"},
    "labels_are_places_of_classes": {"images of other classes": "shared", "with the keys": "one key"},
    "fewer_examples_are_balanced": {"asked for": "fewer", "draw_balanced": "moved"},
}


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, breaks in BROKEN.items() for words in breaks])
def test_a_planted_break_is_seen_by_its_check_alone(name, words):
    broken, failed = BROKEN[name][words], {}
    for one, check in stream_checks(Changed(how=broken)) if isinstance(broken, str) else broken:
        try:
            check()
        except AssertionError as error:
            failed[one] = str(error)
    assert list(failed) == [name] and words in failed[name], failed


def test_each_check_has_a_planted_break_and_stops_a_whole_contract():
    assert {name for checks in OURS.values() for name, _ in checks} == set(BROKEN)
    for check in (lambda: check_strategy(Frozen(9)), lambda: check_network(dict), lambda: check_stream(Split(tasks=3))):
        assert_refused(check, "breaks", AssertionError)

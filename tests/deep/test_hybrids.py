"""The hybrids between frozen and initialized training: their scores, their decisions, their ends."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_training import OPTIONS, made_config, made_examples, made_network, made_stream, made_task
from scaffold import refusals
from scipy.stats import multivariate_normal

from deep.strategies import StepPlan, strategy
from deep.strategies.magnitude import shared_fisher
from deep.strategies.similarity import body_gradient, cosine, prototype_head
from deep.training.examples import Examples
from deep.training.fisher import fisher
from deep.training.loop import train_task
from deep.training.run import train_run

STREAM = made_stream()
NEXT = SimpleNamespace(number=2, stages=("a", "b", "c", "d", "head"))


def trained(name, score=0.0, stages=(0.0,) * 4, **options):
    """Return which stages a strategy that has found these scores trains."""
    found = strategy(name, **options)
    found.score, found.stage_scores = score, tuple(stages)
    return "".join("01"[stage] for stage in found.plan(NEXT).trained)


def numbers(name, **options):
    record = train_run(made_config(strategy=name, strategy_options=options), STREAM)
    return record.accuracy.tolist(), [result.update for result in record.results], [result.losses for result in record.results]


def test_related_tasks_train_few_modules_and_unrelated_ones_many():
    assert [trained("threshold", score) for score in (-0.1, 0.0, 0.1)] == ["11111", "00011", "00011"]
    options = {"threshold": 0.5, "few": 1, "many": 3}
    assert [trained("threshold", score, **options) for score in (0.49, 0.5)] == ["00111", "00001"]


def test_the_depth_falls_as_the_score_rises():
    depths = [trained("graded", score, low=-0.4, high=0.4).count("1") for score in np.linspace(-1, 1, 41)]
    assert depths == sorted(depths, reverse=True) and set(depths) == {1, 2, 3, 4, 5}
    assert trained("graded", 0.0, low=-0.4, high=0.4, few=3) == "01111"
    assert trained("graded", 0.9, low=0.0, high=1e-9) == "00001" and trained("graded", -0.1, low=0.0, high=1e-9) == "11111"


def test_each_stage_decides_for_itself():
    assert trained("per-stage", stages=(-0.2, 0.2, 0.1, 0.0), threshold=0.1) == "10011"


def test_a_schedule_is_followed():
    schedule = strategy("scheduled", masks=["00001", "01011"])
    assert schedule.plan(NEXT) == StepPlan((False, True, False, True, True))
    schedule.check(NEXT.stages)


test_bad_options_name_the_remedy = refusals([
    (lambda: strategy("threshold", few=3, many=2), "unrelated tasks is 2; give a whole number of at least 3"),
    (lambda: strategy("graded", low=0.3, high=0.3), "low score is 0.3, the high one 0.3"),
    (lambda: strategy("scheduled", masks=["001"]).check(("a", "head")), "'001' is for 3 stages, .* has 2"),
    (lambda: strategy("scheduled", masks=["001"]).plan(NEXT), "for 1 tasks after the first; this is number 2"),
    *((lambda bad=bad: strategy("scheduled", masks=bad), "masks are") for bad in ((), "001", ["000"], ["0x1"])),
    # Depths beyond the network, before training.
    *(
        (lambda name=name, depth=depth: strategy(name, **{depth: 6}).check(NEXT.stages), "depth 6 is beyond .* 5 stages")
        for name, depth in (("threshold", "few"), ("threshold", "many"), ("graded", "few"), ("constrained", "depth"))
    ),
])


def test_the_constrained_update_lies_between_frozen_and_initialized():
    between = train_run(made_config(strategy="constrained", strategy_options={"weight": 0.5, "depth": 1}), STREAM)
    whole = train_run(made_config(), STREAM)
    assert 0 < between.results[1].update[0] < whole.results[1].update[0]
    assert between.results[1].decision == {"weight": 0.5} and between.results[0].decision == {}


def test_shared_stages_take_the_weighted_steps_and_the_last_ones_whole_steps():
    assert strategy("constrained", weight=0.5, depth=2).plan(NEXT) == StepPlan((True,) * 5, weights=(0.5, 0.5, 0.5, 1.0, 1.0))


def test_hybrids_at_the_ends_of_their_scale_are_the_baselines_bit_for_bit():
    for depth in (1, 2):
        frozen = numbers("frozen", depth=depth)
        assert numbers("constrained", weight=0.0, depth=depth) == numbers("threshold", threshold=-1.0, few=depth) == frozen
        assert numbers("scheduled", masks=["001" if depth == 1 else "011"] * 2) == frozen
    for name, options in (("constrained", {"weight": 1.0}), ("threshold", {"threshold": 1.0}), ("graded", {"low": 0.999, "high": 1.0}), ("per-stage", {"threshold": 1.0})):
        assert numbers(name, **options) == numbers("initialized")


def test_cosines_by_hand():
    left, right = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert cosine(left, right) == pytest.approx(24 / 25, rel=1e-12) and cosine(left, -left) == pytest.approx(-1, rel=1e-12)
    assert cosine(left, torch.zeros(2)) == 0.0


@pytest.mark.parametrize("reference", ["gradient", "mean", "step"])
def test_scores_are_cosines_with_the_direction_that_earlier_tasks_left(reference):
    gradients = torch.tensor([[3.0, 0.0, 0.0, 4.0], [0.0, 2.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    steps = torch.tensor([[1.0, 0.0, 0.0, 0.0, 9.0], [0.0, -1.0, 0.0, 1.0, 9.0], [0.0] * 5])
    found = strategy("threshold", reference=reference)
    for number, (gradient, step) in enumerate(zip(gradients, steps, strict=True)):
        task = SimpleNamespace(number=number, step=step, stages=("low", "high", "head"), flat=SimpleNamespace(place=lambda s: slice(2 * s, 2 * s + 2)))
        task.draw = lambda count: None
        found._gradient = gradient
        if number == 2:
            expected = {"gradient": gradients[1], "mean": (gradients[0] / 5 + gradients[1] / 2) / 2, "step": -steps[1][:4]}[reference].numpy()
            kept = found.state()["kept"].numpy()
            np.testing.assert_allclose(kept / np.linalg.norm(kept), expected / np.linalg.norm(expected), atol=1e-7)
        found.end_task(task)


def test_scores_reach_the_record_and_equal_tasks_score_one():
    stream = made_stream(tasks=2)
    first = stream.tasks[0]
    twin = type(stream)(stream.name, stream.options, stream.seed, stream.order, (first, first))
    # A step of length zero leaves the second, equal task the gradient of the first.
    options = {"stream_options": OPTIONS | {"tasks": 2}, "strategy": "threshold", "strategy_options": {"probe_examples": 10**6}}
    record = train_run(made_config(**options, learning_rate=0.0, normalisation="none"), twin)
    assert record.results[1].decision["score"] == pytest.approx(1.0, abs=1e-6)
    assert record.results[1].decision["stage_scores"] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert record.results[1].trained == (False, True, True)


def test_the_probe_changes_nothing_and_counts_what_it_looks_at():
    examples = made_examples(30, (1, 8, 8))
    network = made_network("convnet", (8, 8), normalisation="batch")
    task, _, _ = made_task(network, examples)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    gradient = body_gradient(task, examples, "prototypes")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert len(gradient) == task.flat.place(4).start and gradient.any() and task.looked_at == 60
    assert not torch.allclose(gradient, body_gradient(task, examples, "as it is"))


def test_the_prototype_head_is_bayes_rule():
    network = made_network(heads=(2, 5))
    examples = made_examples(60, classes=3)
    examples = Examples(examples.inputs, examples.targets, 1, torch.tensor([0, 3, 4]))
    task, _, _ = made_task(network, examples)
    prototype_head(task, examples)
    features = network.features(examples.inputs).detach().numpy()
    targets = examples.targets.numpy()
    means = np.array([features[targets == k].mean(0) for k in range(3)])
    variance = ((features - means[targets]) ** 2).mean()
    logs = np.array([multivariate_normal(mean, variance).logpdf(features) for mean in means]).T
    outputs = network(examples.inputs, 1).detach()[:, [0, 3, 4]].numpy()
    np.testing.assert_allclose(outputs - outputs[:, :1], logs - logs[:, :1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("heads", [(3,), (3, 3)])
def test_the_shared_fisher_information_is_that_of_what_all_tasks_train(heads):
    """A part of the whole, which stands against that of each example elsewhere."""
    examples = made_examples(9)
    task, _, _ = made_task(made_network(heads=heads), examples)
    shared = len(task.flat) if len(heads) == 1 else task.flat.place(2).start
    found = shared_fisher(task, examples)
    assert len(found) == shared
    torch.testing.assert_close(found, fisher(task, examples)[:shared], rtol=1e-9, atol=1e-14)


def test_running_statistics_go_as_far_as_the_parameters_do():
    """Batch normalisation: after a halved step the statistics are halfway too."""
    states = {}
    for name in ("initialized", "magnitude"):
        network = made_network("convnet", (16, 16), normalisation="batch")
        task, options, optimiser = made_task(network, made_examples(20, (1, 16, 16)), number=1, epochs=1)
        start = {key: value.clone() for key, value in network.state_dict().items()}
        train_task(task, strategy(name, **({"rule": "mean"} if name == "magnitude" else {})), options, optimiser)
        states[name] = network.state_dict()
    moved = 0
    for key, end in states["initialized"].items():
        if end.is_floating_point():
            torch.testing.assert_close(states["magnitude"][key], (start[key] + end) / 2, rtol=1e-12, atol=1e-15)
            moved += "running" in key and not torch.equal(start[key], end)
    assert moved == 8


def test_the_magnitude_is_the_minimum_of_the_sum_of_parabolas():
    """Two tasks with known curvatures: the best point between both ends, found by a search."""
    generator = torch.Generator().manual_seed(0)
    start, end, own, earlier, centre = torch.rand(5, 6, generator=generator, dtype=torch.float64)
    found = strategy("magnitude")
    found.load({"curvature": earlier, "pull": earlier * centre})
    task = SimpleNamespace(number=1, start=start, step=end - start)
    scale = found._scale(slice(0, 6), task, own)

    def loss(s):
        point = start + s * (end - start)
        return float((own * (point - end) ** 2).sum() + (earlier * (point - centre) ** 2).sum())

    grid = np.linspace(0, 1, 100_001)
    assert scale == pytest.approx(grid[np.argmin([loss(s) for s in grid])], abs=1e-5) and 0 < scale < 1


def test_the_mean_rule_leaves_the_mean_of_all_tasks():
    def ends(**changes):
        found = []
        record = train_run(made_config(normalisation="none", **changes), STREAM, watch=lambda task, _: found.append(task.flat.parameters.detach().clone()))
        return record, found

    record, points = ends(strategy="magnitude", strategy_options={"rule": "mean"})
    _, whole = ends()
    assert [result.decision.get("scales") for result in record.results] == [None, [1 / 2, 1 / 2], [1 / 3, 1 / 3]]
    body = slice(0, 16 * 100 + 100 + 100 * 100 + 100)
    torch.testing.assert_close(points[1][body], (whole[0][body] + whole[1][body]) / 2)
    head = slice(body.stop + 2 * 101, body.stop + 4 * 101)
    assert torch.equal(points[1][head], whole[1][head])


def test_a_head_that_all_tasks_share_is_scaled_too():
    record = train_run(made_config(strategy="magnitude", strategy_options={"rule": "mean"}, scenario="domain"), STREAM)
    whole = train_run(made_config(scenario="domain"), STREAM)
    assert record.results[1].decision["scales"] == [1 / 2] * 3
    assert record.results[1].update == pytest.approx([update / 2 for update in whole.results[1].update], rel=1e-5)

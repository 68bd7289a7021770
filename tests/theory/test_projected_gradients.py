"""GEM, A-GEM and OGD taken literally, against the law of memory: projected least squares, and quadratic programs at small steps."""

import numpy as np
import pytest
from scaffold import assert_refused
from scipy.optimize import nnls

from driftlaw import FORMULAS, Task, TaskSequence, expected_errors, gem

D, SAMPLES, STORED, NOISES, STILL = 18, (6, 5, 4, 5), (3, 2, 3), (0.3, 0.5, 0.2, 0.4), 5
TRIALS = 4000


def project_and_fit(truths, samples, stored, noises, trials, seed):
    """Every step stays orthogonal to the stored features: (trials, T, d) estimates; what is not trained stays at zero.

    ``truths`` (T, d + still): the last coordinates are not trained.
    """
    rng, tasks, d = np.random.default_rng(seed), len(samples), D
    theta, found, kept = np.zeros((trials, d)), [], np.zeros((trials, 0, d))
    for t in range(tasks):
        features = rng.standard_normal((trials, samples[t], truths.shape[1]))
        labels = features @ truths[t] + noises[t] * rng.standard_normal((trials, samples[t]))
        moving = features[..., :d]
        free = np.eye(d) - np.linalg.pinv(kept) @ kept
        residual = labels - np.einsum("knd,kd->kn", moving, theta)
        theta = theta + np.einsum("kdn,kn->kd", free @ np.linalg.pinv(moving @ free, rcond=1e-10), residual)
        found.append(theta)
        kept = np.concatenate([kept, moving[:, : stored[t]]], axis=1) if t < len(stored) else kept
    return np.stack(found, axis=1)


def sample(truths, samples=SAMPLES, stored=STORED, noises=NOISES, seed=5):
    """Means and standard errors of the errors (T, T) and squared updates (T,)."""
    theta = project_and_fit(truths, samples, stored, noises, TRIALS, seed)
    errors = ((theta[:, :, None] - truths[:, :D]) ** 2).sum(-1) + (truths[:, D:] ** 2).sum(-1)
    updates = (np.diff(theta, axis=1, prepend=0) ** 2).sum(-1)
    return [(part.mean(0), part.std(0) / TRIALS**0.5) for part in (errors, updates)]


@pytest.mark.parametrize("still", [0, STILL])
def test_steps_that_keep_stored_predictions_obey_the_law(still):
    """40 means at |z| < 4.5: false alarm 3e-4. No step has |n - d| below 5; a law without the stored samples is 10 % off."""
    truths = np.random.default_rng(2).standard_normal((4, D + still)) / D**0.5
    seq = gem(D, SAMPLES, (*STORED, 0), NOISES, truth=list(truths[:, :D]))
    if still:
        tasks = [Task(x.samples, x.noise, {**x.truth, "still": truths[t, D:]}, x.train, memory=x.memory) for t, x in enumerate(seq.tasks)]
        seq = TaskSequence({**seq.blocks, "still": still}, tasks)
    law = expected_errors(seq)
    for (mean, stderr), right in zip(sample(truths), (law.errors, law.update_magnitude), strict=True):
        assert np.abs((mean - right) / stderr).max() < 4.5 and (stderr < 0.03 * right).all()
    plain = expected_errors(gem(D, SAMPLES, 0, NOISES, truth=list(truths[:, :D])))
    assert np.abs(plain.errors[3] + (truths[:, D:] ** 2).sum(-1) - law.errors[3]).max() > 0.1


def test_a_last_task_with_more_samples_than_free_directions():
    truths = np.random.default_rng(3).standard_normal((2, D + STILL)) / D**0.5
    truths[1, D:] = truths[0, D:]
    case = {"p": D, "n_2": 20, "m": 5, "sigma_1": 0.3, "sigma_2": 0.5, "phi": (truths[0, D:] ** 2).sum(), "d_w": ((truths[1, :D] - truths[0, :D]) ** 2).sum()}
    (mean, stderr), _ = sample(truths, (7, 20), (5,), (0.3, 0.5))
    assert abs(mean[1, 0] - FORMULAS["gem_many_samples"](**case)) < 4 * stderr[1, 0] < 0.1 * mean[1, 0]
    assert_refused(lambda: gem(D, (7, 20), 5, 0.3, truth=list(truths[:, :D])), "task 1 has 20 samples for 13 free directions.*gem_many_samples")


def descend(tasks, stored, rate, averaged):
    """GEM's quadratic program, or A-GEM's single constraint, at every step of gradient descent."""
    theta, memories = np.zeros(tasks[0][0].shape[1]), []
    for features, labels in tasks:
        for _ in range(int(8 / rate)):
            step = features.T @ (features @ theta - labels)
            gradients = np.array([x.T @ (x @ theta - y) for x, y in memories])
            gradients = gradients.sum(0, keepdims=True) if averaged and len(memories) else gradients
            if len(memories) and (gradients @ step < 0).any():
                step = step + gradients.T @ nnls(gradients.T, -step)[0]
            theta = theta - rate * step
        memories.append((features[:stored], labels[:stored]))
    return theta


@pytest.mark.parametrize("averaged", [False, True])
def test_quadratic_programs_tend_to_the_projected_path(averaged):
    """The distance to the limit falls with the step size, and its line at step 0 meets the limit."""
    rng, distances, beyond = np.random.default_rng(1), [], []
    for _ in range(4):
        truths = rng.standard_normal((3, 12)) / 12**0.5
        tasks = [(x := rng.standard_normal((3, 12)), x @ w + 0.3 * rng.standard_normal(3)) for w in truths]
        limit, kept = np.zeros(12), np.zeros((0, 12))
        for features, labels in tasks:
            free = np.eye(12) - np.linalg.pinv(kept) @ kept
            limit = limit + free @ np.linalg.pinv(features @ free, rcond=1e-10) @ (labels - features @ limit)
            kept = np.vstack([kept, features[:2]])
        coarse, fine = (descend(tasks, 2, rate, averaged) for rate in (0.01, 0.0025))
        distances.append([np.linalg.norm(theta - limit) / np.linalg.norm(limit) for theta in (coarse, fine)])
        beyond.append(np.linalg.norm((4 * fine - coarse) / 3 - limit) / np.linalg.norm(limit))
    coarse, fine = np.mean(distances, axis=0)
    assert coarse > 0.1 and fine < 0.3 * coarse and np.mean(beyond) < 0.4 * fine

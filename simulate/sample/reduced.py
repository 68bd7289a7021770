"""The reduced sampler: exact in law at a cost that does not depend on the dimensions, nor mostly on the numbers of samples.

Errors and step lengths depend on inner products of estimates, truths and features only, and standard normal features look
the same in every orthonormal basis. So every block keeps coordinates in a basis of the span of its truths and its
estimate; what features have outside of it is drawn as the triangular factor of a Gaussian matrix. No formula for an
expectation is used: every trial is one exact draw of the same random variables that the direct sampler computes.

A step on n fresh samples that moves blocks with d parameters in all, K of them inside the bases, D = d - K outside; delta =
truth minus start (coordinates), s^2 = sigma^2 plus the squared errors of blocks that are used but not trained:

Few samples, n < d. The residual is ``R delta + s e`` with R (n x K) the features inside and e standard normal. An
orthogonal turn of the samples, chosen by [R, e] alone, leaves q = min(n, K + 1) samples with features inside and a residual,
upper triangular (`simulate.sample.factors`); the other n - q have neither, and all features outside stay standard normal.
Those n - q forbid the step n - q directions outside. What the q have in the other D - n + q is a standard normal matrix
again; of it only the triangular factor G matters, since the step outside has a uniformly random direction. The step is the
least one with ``R x + G z = residual``: x inside, |z| its length outside.

Many samples, n >= d. The error of the estimate given the features is normal with covariance s^2 (A'A)^{-1}, and
``(A'A)^{-1/2} h`` has the law of ``h / c`` for standard normal h and c^2 chi-square with n - d + 1 degrees of freedom,
independent of h. So the step is ``delta + s h / c`` inside, and s/c times a chi-distributed length outside.

A length outside is divided between the blocks as the squared parts of a uniformly random direction are: gamma-distributed
shares. What the estimate has outside the other directions of a basis is turned to one direction of its own, which makes
room for the next step.

Stored samples, unequal step weights and other training rules than the least step need all samples: their features outside
are drawn block by block as triangular factors, n x min(n, D_b), at a cost in n but not in d, and the task is solved in
these coordinates as the direct sampler solves it. Directions of stored samples stay in the basis.

Why ridge steps grow with n^3: with q samples turned to the K directions and the residual, and M = G'G of the features outside, a step needs the
corner of (M + lambda)^{-1} that belongs to these q. Without a penalty the inverse of that corner is again a Wishart matrix, of size q, whatever
the others are. With one it is M_11 + lambda - M_12 (M_22 + lambda)^{-1} M_21, in which all n - q eigenvalues of M_22 count.
Turning G to a band of triangular q x q blocks (Golub and Kahan) leaves a continued fraction of min(n, D) / q blocks, at a cost of min(n, D) q^2,
which still grows with n as all eigenvalues count. ``method="banded"`` takes it; its draws are others, so that "reduced" keeps those that its
seeds mean. With C the corner, the residual r and R inside, the step is R'C b inside for b = (1 + R R'C)^{-1} r, and b'(C + lambda dC/dlambda) b is
its squared length outside. Gradient descent and flow need all eigenvalues and vectors, so that they grow with n^3 under both, as do unequal
weights and stored samples.
"""

import numpy as np

from simulate.sample.factors import chi, lower_factor, ridge_corner
from simulate.sample.plan import TaskPlan, solved
from simulate.sample.reduced_plan import ReducedPlan
from simulate.sample.steps import NEAR_THRESHOLD, least_step
from simulate.sample.streams import INSIDE, INSIDE_BELOW, INSIDE_DIAGONAL, OUTSIDE_BELOW, OUTSIDE_DIAGONAL, ROW_NOISE, SHARES, Streams
from theory.conditions import MinNorm, Ridge, Rule

# Part of what a seed means; many, because drawing so little is fast only in large arrays.
TRIALS_PER_BLOCK = 1024


class ReducedLearner:
    """Estimates of a batch of trials in coordinates, from zero to the last task.

    Parameters
    ----------
    plan : ReducedPlan
        The experiment.
    streams : Streams
        Generators of the trials' block; consecutive batches of one block share them.
    trials : int
        Size of the batch.

    Attributes
    ----------
    theta : list of ndarray, shape (trials, width_b)
        Coordinates of the current estimate in every block.
    curvatures : dict of Rule to float
        Largest eigenvalue of A'A / rows among all steps of every rule but the least step.
    """

    def __init__(self, plan: ReducedPlan, streams: Streams, trials: int) -> None:
        self._plan, self._streams, self._trials = plan, streams, trials
        self._truths = [truths.draw(streams, block, trials) for block, truths in enumerate(plan.truths)]
        self.theta = [np.zeros((trials, basis.width)) for basis in plan.bases[0]]
        self._stored: dict[int, tuple[dict[int, np.ndarray], np.ndarray]] = {}
        self.curvatures: dict[Rule, float] = {}

    def run(self, errors: np.ndarray, step_sizes: np.ndarray, update_magnitude: np.ndarray) -> None:
        """Learn all tasks and fill in the results, shapes (trials, T, T), (trials, T) and (trials, T)."""
        distances = [self._distances(block) for block in range(len(self.theta))]
        for t, task in enumerate(self._plan.tasks):
            learn = self._restart if not task.rows else self._learn_short if self._plan.is_short(task) else self._learn_samples
            step_sizes[:, t], update_magnitude[:, t] = learn(t, task)
            for block, truths in enumerate(self._plan.truths):
                if block in task.trained:
                    distances[block] = self._distances(block)
                errors[:, t, list(truths.users)] += distances[block]

    def _restart(self, t: int, task: TaskPlan) -> tuple[np.ndarray, np.ndarray]:
        """Learn a task without samples, which moves nothing but blocks that start from zero."""
        starts = self._starts(task)
        return self._move(t, task, starts, [(np.zeros_like(start), np.zeros((self._trials, 1))) for start in starts])

    def _learn_short(self, t: int, task: TaskPlan) -> tuple[np.ndarray, np.ndarray]:
        """Train on fresh samples of which only a few combinations matter; return the lengths of step and change."""
        plan, n = self._plan, task.samples
        starts = self._starts(task)
        delta = np.concatenate([self._truth(t, block, start.shape[1]) - start for block, start in zip(task.trained, starts, strict=True)], axis=1)
        fixed = (self._error(t, block) for block in task.used if block not in task.trained)
        noise = np.sqrt(sum(fixed, start=np.full(self._trials, task.noise**2)))
        outside = np.array([plan.outside(t, block) for block in task.trained])
        if isinstance(task.rule, Ridge) or n < delta.shape[1] + outside.sum():
            inside, length = self._few_samples(t, task, delta, noise, int(outside.sum()))
            squares = length[:, None] * self._shares(t, outside)
        else:
            inside, squares = self._many_samples(t, n, delta, noise, outside)
        parts = np.split(inside, np.cumsum([start.shape[1] for start in starts])[:-1], axis=1)
        steps = [(part, np.sqrt(squares[:, place])[:, None]) for place, part in enumerate(parts)]
        return self._move(t, task, starts, steps)

    def _few_samples(self, t: int, task: TaskPlan, delta: np.ndarray, noise: np.ndarray, outside: int) -> tuple[np.ndarray, np.ndarray]:
        """Least step that fits, or ridge step: its part inside, shape (trials, K), and its squared length outside."""
        n, width = task.samples, delta.shape[1]
        factor = self._factor(t, INSIDE_BELOW, INSIDE_DIAGONAL, width + 1, n).swapaxes(1, 2)
        features, last = factor[..., :width], factor[..., width]
        residual = (features @ delta[..., None])[..., 0] + noise[:, None] * last
        q = factor.shape[1]
        if isinstance(task.rule, Ridge):
            lam, below, diagonal = task.rule.lam * task.weights[0], self._generator(t, OUTSIDE_BELOW), self._generator(t, OUTSIDE_DIAGONAL)
            corner, slope = ridge_corner(below, diagonal, self._trials, n, outside, q, lam)
            back = np.linalg.solve(np.eye(q) + features @ features.swapaxes(1, 2) @ corner / lam, residual[..., None])
            inside = (features.swapaxes(1, 2) @ corner @ back)[..., 0] / lam
            return inside, (back.swapaxes(1, 2) @ slope @ back)[:, 0, 0]
        across = self._factor(t, OUTSIDE_BELOW, OUTSIDE_DIAGONAL, q, outside - n + q)
        asked = task.rule.route if isinstance(task.rule, MinNorm) else "auto"
        route = asked if asked != "auto" else "qr" if width + outside - n < NEAR_THRESHOLD else "gram"
        inside, beyond = least_step([features, across], residual, (1.0, 1.0), route)
        return inside, np.einsum("tk,tk->t", beyond, beyond)

    def _many_samples(self, t: int, n: int, delta: np.ndarray, noise: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least squares: the step inside, shape (trials, K), and its squared length outside in every trained block."""
        width = delta.shape[1]
        freedom = np.array([n - width - outside.sum() + 1])
        scale = noise[:, None] / chi(self._generator(t, INSIDE_DIAGONAL), freedom, self._trials)
        inside = delta + scale * self._generator(t, INSIDE_BELOW).standard_normal((self._trials, width))
        return inside, (scale * chi(self._generator(t, SHARES), outside, self._trials)) ** 2

    def _shares(self, t: int, outside: np.ndarray) -> np.ndarray:
        """Squared parts of a uniformly random direction, shape (trials, trained blocks)."""
        if np.count_nonzero(outside) < 2:
            return np.broadcast_to((outside > 0).astype(float), (self._trials, len(outside)))
        gammas = self._generator(t, SHARES).standard_gamma(np.broadcast_to(outside / 2.0, (self._trials, len(outside))))
        return gammas / gammas.sum(axis=1, keepdims=True)

    def _learn_samples(self, t: int, task: TaskPlan) -> tuple[np.ndarray, np.ndarray]:
        """Train on samples one by one, fresh and stored; return the squared lengths of step and change."""
        features, noise = self._draw_samples(t, task)
        widths = {block: x.shape[2] for block, x in features.items()}
        samples = [(t, features, noise)] if task.samples else []
        for earlier, count in task.memory:
            stored, stored_noise = self._stored[earlier]
            rows = {block: _widen(x[:, :count], widths.get(block, self.theta[block].shape[1])) for block, x in stored.items()}
            samples.append((earlier, rows, stored_noise[:, :count]))
        starts = self._starts(task)
        steps = self._sample_steps(task, samples, dict(zip(task.trained, starts, strict=True)), widths) if samples else None
        if task.kept:
            self._keep(t, task, features, noise)
        if steps is None:
            return np.zeros(self._trials), np.zeros(self._trials)
        return self._move(t, task, starts, [self._with_own(t, task, block, step) for block, step in zip(task.trained, steps, strict=True)])

    def _draw_samples(self, t: int, task: TaskPlan) -> tuple[dict[int, np.ndarray], np.ndarray]:
        """Coordinates of every used block's fresh features, (trials, n, width_b + min(n, D_b)), and the label noise."""
        noise = task.noise * self._generator(t, ROW_NOISE).standard_normal((self._trials, task.samples))
        features = {}
        for block in task.used:
            inside = self._generator(t, INSIDE, block).standard_normal((self._trials, task.samples, self._plan.bases[t][block].width))
            across = self._factor(t, OUTSIDE_BELOW, OUTSIDE_DIAGONAL, task.samples, self._plan.outside(t, block), block)
            features[block] = np.concatenate([inside, across], axis=2)
        return features, noise

    def _sample_steps(
        self, task: TaskPlan, samples: list[tuple[int, dict[int, np.ndarray], np.ndarray]], starts: dict[int, np.ndarray], widths: dict[int, int]
    ) -> list[np.ndarray]:
        """Full steps of the trained blocks by the experiment's training rule."""
        residual = np.concatenate([self._residual(s, x, noise, starts) for s, x, noise in samples], axis=1)
        shapes = [(self._trials, noise.shape[1]) for _, _, noise in samples]
        stacked = [
            np.concatenate([x[b] if b in x else np.zeros((*shape, widths[b])) for (_, x, _), shape in zip(samples, shapes, strict=True)], axis=1)
            for b in task.trained
        ]
        return solved(task, stacked, residual, self.curvatures)

    def _residual(self, task: int, features: dict[int, np.ndarray], noise: np.ndarray, starts: dict[int, np.ndarray]) -> np.ndarray:
        """Labels minus predictions at the start of the step, for samples of ``task``."""
        residual = noise.copy()
        for block, x in features.items():
            start = starts.get(block, self.theta[block])
            residual += (x @ (self._truth(task, block, x.shape[2]) - _widen(start, x.shape[2]))[..., None])[..., 0]
        return residual

    def _keep(self, t: int, task: TaskPlan, features: dict[int, np.ndarray], noise: np.ndarray) -> None:
        """Store samples; their directions outside become a part of the basis, the estimate's own direction too."""
        rows = {}
        for block, x in features.items():
            width = self._plan.bases[t][block].width + min(task.kept, self._plan.outside(t, block))
            rows[block] = x[:, : task.kept, :width].copy()
            if block not in task.trained:
                self.theta[block] = _widen(self.theta[block], self._plan.bases[t + 1][block].width)
        self._stored[t] = (rows, noise[:, : task.kept].copy())

    def _with_own(self, t: int, task: TaskPlan, block: int, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Divide a step into what lies in directions that stay in the basis and the length of the rest."""
        width = self._plan.bases[t][block].width + min(task.kept, self._plan.outside(t, block))
        rest = step[:, width:]
        return step[:, :width], np.sqrt(np.einsum("tk,tk->t", rest, rest))[:, None]

    def _move(self, t: int, task: TaskPlan, starts: list[np.ndarray], steps: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Move the estimate by steps (inside, length outside); return the squared lengths of the step and of the change."""
        total, change = np.zeros(self._trials), np.zeros(self._trials)
        for block, scale, start, (inside, length) in zip(task.trained, task.scales, starts, steps, strict=True):
            inside, length = scale * inside, scale * length
            squared = np.einsum("tk,tk->t", inside, inside) + length[:, 0] ** 2
            total += squared
            moved = _widen(start, inside.shape[1]) + inside
            if block in task.restarted:
                difference = moved - _widen(self.theta[block], inside.shape[1])
                change += np.einsum("tk,tk->t", difference, difference) + length[:, 0] ** 2
            else:
                change += squared
            before, after = self._plan.bases[t][block], self._plan.bases[t + 1][block]
            if after.width > moved.shape[1]:  # a direction of its own, new
                moved = np.concatenate([moved, length], axis=1)
            elif after.own and before.own:
                moved[:, -1:] = np.hypot(moved[:, -1:], length)
            self.theta[block] = moved
        return total, change

    def _starts(self, task: TaskPlan) -> list[np.ndarray]:
        return [np.zeros_like(self.theta[block]) if block in task.restarted else self.theta[block] for block in task.trained]

    def _truth(self, task: int, block: int, width: int) -> np.ndarray:
        """A task's truth in ``width`` coordinates, shape (trials or 1, width)."""
        truths = self._plan.truths[block]
        return _widen(self._truths[block][:, truths.users.index(task)], width)

    def _error(self, task: int, block: int) -> np.ndarray:
        difference = self._truth(task, block, self.theta[block].shape[1]) - self.theta[block]
        return np.einsum("tk,tk->t", difference, difference)

    def _distances(self, block: int) -> np.ndarray:
        """Squared distances to the truths of all tasks that use ``block``, shape (trials, users)."""
        theta, truths = self.theta[block], self._truths[block]
        difference, rest = theta[:, None, : truths.shape[2]] - truths, theta[:, truths.shape[2] :]
        return np.einsum("tuk,tuk->tu", difference, difference) + np.einsum("tk,tk->t", rest, rest)[:, None]

    def _factor(self, t: int, below: int, diagonal: int, rows: int, columns: int, block: int = 0) -> np.ndarray:
        return lower_factor(self._generator(t, below, block), self._generator(t, diagonal, block), self._trials, rows, columns)

    def _generator(self, t: int, role: int, block: int = 0) -> np.random.Generator:
        return self._streams.generator(t, role, block)


def _widen(array: np.ndarray, width: int) -> np.ndarray:
    """Append coordinates of zero until there are ``width``."""
    missing = width - array.shape[-1]
    return array if missing <= 0 else np.concatenate([array, np.zeros((*array.shape[:-1], missing))], axis=-1)

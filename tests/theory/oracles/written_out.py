"""Closed forms as derived on paper, coded once more and independently of the law: two tasks, one block, replay.

Numbers are Fractions. Truths enter through lengths and products: ``u11`` = |u_1|^2, ``cu`` = <u_2 - u_1, u_1>,
``du`` = |u_2 - u_1|^2, the same for the specific parameters q.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction as F


@dataclass(frozen=True)
class TwoTasks:
    """Shared and specific parameters, p_2 >= p_1; task 1 trains everything from zero."""

    p: int
    p_1: int
    p_2: int
    n_1: int
    n_2: int
    variance_1: F
    variance_2: F
    u11: F
    cu: F
    du: F
    q11: F
    cq: F
    dq: F
    extra: F = F(0)  # the part of dq in the p_2 - p_1 extra parameters

    @property
    def N(self) -> int:
        return self.p + self.p_1

    @property
    def r(self) -> F:
        return 1 - F(self.n_1, self.N) if self.n_1 < self.N else F(0)

    @property
    def beta(self) -> F:
        N, n = self.N, self.n_1
        return F(n * (N - n), N * (N - 1) * (N + 2)) if n < N else F(0)

    @property
    def noise_1(self) -> F:
        """Expected squared noise part of task 1's estimate."""
        return self.variance_1 * noise_factor(self.n_1, self.N)

    @property
    def w11(self) -> F:
        return self.u11 + self.q11

    @property
    def E_1(self) -> F:
        return self.r * self.w11 + self.noise_1

    @property
    def e_u(self) -> F:
        return (self.r - self.beta * self.N) * self.u11 + self.beta * self.p * self.w11 + F(self.p, self.N) * self.noise_1

    @property
    def e_q(self) -> F:
        return (self.r - self.beta * self.N) * self.q11 + self.beta * self.p_1 * self.w11 + F(self.p_1, self.N) * self.noise_1

    @property
    def frozen_noise(self) -> F:
        """E |u_2 - u~_1|^2 + sigma_2^2: what frozen training of task 2 cannot explain."""
        return self.e_u + 2 * self.r * self.cu + self.du + self.variance_2

    @property
    def r_A(self) -> F:
        return remaining(self.n_2, self.p_2)

    @property
    def r_B(self) -> F:
        return remaining(self.n_2, self.p + self.p_2)

    @property
    def k_A(self) -> F:
        return noise_factor(self.n_2, self.p_2)

    @property
    def k_B(self) -> F:
        return noise_factor(self.n_2, self.p + self.p_2)

    def frozen_deviation(self) -> F:
        return self.e_u + self.r_A * self.e_q + (1 - self.r_A) * self.dq + self.k_A * self.frozen_noise

    def initialized_deviation(self) -> F:
        return self.r_B * self.E_1 + (1 - self.r_B) * (self.du + self.dq) + self.k_B * self.variance_2

    def frozen_excess_risk(self) -> F:
        """Deviation on task 1's own parameters, n_2 < p_2 - 1."""
        a, b = second_moment(self.n_2, self.p_2)
        more, along = self.p_2 - self.p_1, self.cq
        return (
            self.e_u + (self.r_A - a * more) * self.e_q + a * self.p_1 * self.dq + b * (self.dq - self.extra)
            - 2 * self.r * a * more * along + self.k_A * F(self.p_1, self.p_2) * self.frozen_noise
        )  # fmt: skip

    def initialized_excess_risk(self) -> F:
        d = self.p + self.p_2
        a, b = second_moment(self.n_2, d)
        distance = self.du + self.dq
        return (
            (self.r_B - a * (d - self.N)) * self.E_1 + a * self.N * distance + b * (distance - self.extra)
            - 2 * self.r * a * (d - self.N) * (self.cu + self.cq) + self.k_B * F(self.N, d) * self.variance_2
        )  # fmt: skip

    def frozen_wins(self, zeta: F) -> bool:
        """Whether frozen training beats initialized (u_2 = u_1), from the inequalities of the three regimes of n_2."""
        p, p_2, n_2, e_u, noise = self.p, self.p_2, self.n_2, self.e_u, self.variance_2
        if n_2 < p_2 - 1:
            level = F(p_2, p) * e_u * F(p + 2 * p_2 - n_2 - 1, p_2 - n_2 - 1)
            return zeta > level + noise * F(p_2 * (p + p_2), (p_2 - n_2 - 1) * (p + p_2 - n_2 - 1))
        if n_2 < p + p_2 - 1:
            return e_u * (1 - self.r_B + self.k_A) - self.r_B * zeta < (self.k_B - self.k_A) * noise
        return e_u < p * noise / (n_2 - p - p_2 - 1)

    @property
    def zeta(self) -> F:
        """For deviation and forgetting."""
        return self.e_q - self.dq

    @property
    def zeta_generalization(self) -> F:
        return self.e_q + self.r * self.cq

    @property
    def zeta_last_error(self) -> F:
        return self.e_q + 2 * self.r * self.cq + self.dq

    @property
    def best_scale(self) -> F:
        """Share of task 2's initialized step that minimises L_1."""
        m, distance, along = 1 - self.r_B, self.du + self.dq, self.cu + self.cq
        inside = self.E_1 + self.r * along
        return m * inside / (m * (self.E_1 + 2 * self.r * along + distance) + self.k_B * self.variance_2)


def remaining(n: int, d: int) -> F:
    """Share of the error that n samples leave in d parameters."""
    return max(1 - F(n, d), F(0))


def noise_factor(n: int, d: int) -> F:
    return F(n, d - n - 1) if n < d else F(d, n - d - 1)


def second_moment(n: int, d: int) -> tuple[F, F]:
    a = F(n * (d - n), d * (d - 1) * (d + 2))
    return a, F(n * (n + 2), d * (d + 2)) - a


def distances(gram: list[list[F]]) -> list[list[F]]:
    """Squared distances from inner products."""
    return [[gram[i][i] + gram[j][j] - 2 * gram[i][j] for j in range(len(gram))] for i in range(len(gram))]


def one_block_error(p: int, n: int, variance: F, gram: list[list[F]], after: int, k: int) -> F:
    """E |theta_after - w_k|^2 for equal tasks on one block (tasks from 1)."""
    r, D = 1 - F(n, p), distances(gram)
    pulls = sum(r ** (after - i) * D[i - 1][k - 1] for i in range(1, after + 1))
    return r**after * gram[k - 1][k - 1] + (1 - r) * pulls + p * variance / F(p - n - 1) * (1 - r**after)


def one_block_forgetting(p: int, n: int, variance: F, gram: list[list[F]]) -> F:
    r, D, T = 1 - F(n, p), distances(gram), len(gram)
    total = F(0)
    for i in range(1, T):
        total += (r**T - r**i) * gram[i - 1][i - 1] + p * variance / F(p - n - 1) * (r**i - r**T)
        total += sum((1 - r) * (r ** (T - i) - r ** (j - i) + r ** (T - j)) * D[j - 1][i - 1] for j in range(i + 1, T + 1))
    return total / (T - 1)


def one_block_generalization(p: int, n: int, variance: F, gram: list[list[F]]) -> F:
    T = len(gram)
    return sum(one_block_error(p, n, variance, gram, T, k) for k in range(1, T + 1)) / T


def fitted_part(p: int, rows: dict[int, int], variances: list[F], gram: list[list[F]], i: int) -> F:
    """R: expected squared distance to w_i inside the span of the rows (task -> number of rows)."""
    D, total = distances(gram), sum(rows.values())
    spread = sum(n * variances[s] for s, n in rows.items())
    spread += F(1, 2 * p) * sum(rows[s] * rows[o] * D[s][o] for s in rows for o in rows if s != o)
    return sum(F(n, p) * D[s][i] for s, n in rows.items()) + spread / F(p - total - 1)


def replay_from_zero(p: int, rows: dict[int, int], variances: list[F], gram: list[list[F]], i: int) -> F:
    return fitted_part(p, rows, variances, gram, i) + (1 - F(sum(rows.values()), p)) * gram[i][i]


def replay_nested(p: int, stored: dict[int, int], fresh: tuple[int, int], variances: list[F], gram: list[list[F]], before: F, i: int) -> F:
    """From an estimate with error ``before`` that fits the stored rows; ``fresh`` = (task, its rows)."""
    task, count = fresh
    left = 1 - F(count, p - sum(stored.values()))
    return fitted_part(p, {**stored, task: count}, variances, gram, i) + left * (before - fitted_part(p, stored, variances, gram, i))


@dataclass(frozen=True)
class HardConstraints:
    """Two tasks, m stored samples of task 1 stay fitted, n_1 < p - 1; w_2 - w_1 = y."""

    p: int
    n_1: int
    n_2: int
    m: int
    variance_1: F
    variance_2: F
    w11: F
    along: F  # <y, w_1>
    distance: F  # |y|^2

    @property
    def r(self) -> F:
        return 1 - F(self.n_1, self.p)

    @property
    def E_1(self) -> F:
        return self.r * self.w11 + F(self.n_1, self.p - self.n_1 - 1) * self.variance_1

    @property
    def mu(self) -> F:
        return F(self.m, self.p - self.m - 1) * self.variance_1

    @property
    def kappa(self) -> F:
        return F(self.n_2, self.p - self.m - self.n_2 - 1)

    def forgetting(self) -> F:
        p, n_2, m, D = self.p, self.n_2, self.m, self.distance
        return -F(n_2, p - m) * (self.E_1 - self.mu) + F(n_2, p) * D + self.kappa * (self.variance_2 + self.mu + F(m, p) * D)

    def last_error(self) -> F:
        J = F(self.m, self.p) * self.distance + self.mu
        before = self.E_1 + 2 * self.r * self.along + self.distance
        return J + (1 - F(self.n_2, self.p - self.m)) * (before - J) + self.kappa * (self.variance_2 + J)

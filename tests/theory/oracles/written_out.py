"""Closed forms of replay as derived on paper, coded once more and independently of the law, in Fractions."""

from fractions import Fraction as F


def distances(gram: list[list[F]]) -> list[list[F]]:
    """Squared distances from inner products."""
    return [[gram[i][i] + gram[j][j] - 2 * gram[i][j] for j in range(len(gram))] for i in range(len(gram))]


def fitted_part(p: int, rows: dict[int, int], variances: list[F], gram: list[list[F]], i: int) -> F:
    """R: expected squared distance to w_i inside the span of the rows (task -> number of rows)."""
    D, total = distances(gram), sum(rows.values())
    spread = sum(n * variances[s] for s, n in rows.items())
    spread += F(1, 2 * p) * sum(rows[s] * rows[o] * D[s][o] for s in rows for o in rows if s != o)
    return sum(F(n, p) * D[s][i] for s, n in rows.items()) + spread / F(p - total - 1)


def replay_from_zero(p: int, rows: dict[int, int], variances: list[F], gram: list[list[F]], i: int) -> F:
    return fitted_part(p, rows, variances, gram, i) + (1 - F(sum(rows.values()), p)) * gram[i][i]


def replay_pooled(p: int, rows: dict[int, int], variances: list[F], gram: list[list[F]], i: int) -> F:
    """Least squares on N > p + 1 rows: distance of the mean truth, what the rows' truths differ by, noise."""
    D, N = distances(gram), sum(rows.values())
    V = sum((F(rows[s] * rows[o], N) * D[s][o] for s in rows for o in rows if s < o), F(0))
    noise = F(p, N * (N - p - 1)) * sum(n * variances[s] for s, n in rows.items())
    return sum(F(n, N) * D[s][i] for s, n in rows.items()) - V / N + V * F(p * (N**2 - N + 2) + N**2 - 5 * N + 2, N * (N - 1) * (N + 2) * (N - p - 1)) + noise


def nested_product(p: int, rows: dict[int, int], alone: dict[int, int], variances: list[F], gram: list[list[F]]) -> F:
    """E theta . theta' of the least-squares fit of all N rows and of the fit of M of them alone, summed row by row.

    E of x_a' W^{-1} W_M^{-1} x_b (or its like for M < p) times x_a x_b' is a multiple of the identity: ``same`` for a = b, ``old`` or ``new`` else.
    """
    N, M = sum(rows.values()), sum(alone.values())
    d = min(M, p)
    same = F((N - 2) * (d + 2), N * (M + 2) * (N - d - 1))
    old = (F(1, N) - same) / (M - 1) if M > 1 else F(0)
    new = F(1, N * M) if M > p else F(N - p, p * N * (N - M))
    early = [s for s, m in alone.items() for _ in range(m)]
    late = early + [s for s, n in rows.items() for _ in range(n - alone.get(s, 0))]
    pull = sum(gram[s][o] * (same if a == b else old if a < M else new) for a, s in enumerate(late) for b, o in enumerate(early))
    return pull + sum(variances[s] for s in early) * F(d, M * (N - d - 1))


def replay_nested(p: int, stored: dict[int, int], fresh: tuple[int, int], variances: list[F], gram: list[list[F]], before: F, i: int) -> F:
    """From an estimate with error ``before`` that fits the stored rows; ``fresh`` = (task, its rows)."""
    task, count = fresh
    left = 1 - F(count, p - sum(stored.values()))
    return fitted_part(p, {**stored, task: count}, variances, gram, i) + left * (before - fitted_part(p, stored, variances, gram, i))

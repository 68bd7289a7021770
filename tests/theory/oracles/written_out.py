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


def replay_nested(p: int, stored: dict[int, int], fresh: tuple[int, int], variances: list[F], gram: list[list[F]], before: F, i: int) -> F:
    """From an estimate with error ``before`` that fits the stored rows; ``fresh`` = (task, its rows)."""
    task, count = fresh
    left = 1 - F(count, p - sum(stored.values()))
    return fitted_part(p, {**stored, task: count}, variances, gram, i) + left * (before - fitted_part(p, stored, variances, gram, i))

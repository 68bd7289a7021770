"""How numbers and cases are written in sentences, labels and errors."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def describe(case: Mapping) -> str:
    """Write a case on one line, vectors by shape only."""
    return ", ".join(f"{key}={shorten(value)}" for key, value in case.items())


def shorten(value: Any) -> str:
    """Write a case's value briefly: numbers as they are, vectors and lists by their size."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return f"list of {len(value)}"
    if hasattr(value, "shape"):
        return f"array{tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def plain(value: Any) -> Any:
    """Return a value that JSON holds: numbers and text as they are, arrays in a word, nothing infinite."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else shorten(value)


def case_labels(cases: Iterable[dict[str, Any]]) -> list[str]:
    """Write each case in a few words: the parameters that vary over the cases, or all if none does."""
    written = [{key: shorten(value) for key, value in case.items()} for case in cases]
    keys = list(dict.fromkeys(key for case in written for key in case))
    varying = [key for key in keys if len({case.get(key) for case in written}) > 1] or keys
    if all(case.get(key, "array").startswith(("array", "list of")) for case in written for key in varying):
        return [f"case {index}" for index in range(len(written))]
    return [" ".join(f"{key}={case[key]}" for key in varying if key in case) for case in written]


def round_to(stderr: float, *values: float) -> list[str]:
    """Write values with the decimals of two significant digits of ``stderr``."""
    if not stderr > 0:
        return [f"{value:.6g}" for value in values]
    decimals = 1 - math.floor(math.log10(stderr))
    if decimals > 10 or decimals < -5:
        return [f"{value:.3g}" for value in values]
    return [f"{round(value, decimals):.{max(decimals, 0)}f}" for value in values]


def round_up(value: float) -> str:
    """Write a positive bound with two significant digits, rounded upwards so that it stays true."""
    if not value > 0:
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / unit - 1e-9) * unit:.2g}"


def signed(z: float) -> str:
    """Write a z-score with its sign."""
    return f"{z:+.1f}" if abs(z) < 1e4 else f"{z:+.1e}"


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows of text in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)

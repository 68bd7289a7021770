"""How all figures look: fonts, line styles that tell apart in grey and without colour vision, captions."""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text


@dataclass(frozen=True)
class Look:
    """Colour, line and marker of one series; the colours differ in lightness, the lines and markers in shape."""

    colour: str
    line: str | tuple
    marker: str


# Blue and orange are as far apart in grey as for the colour-blind.
FROZEN = Look("#00487C", "-", "o")
INITIALIZED = Look("#E07B00", (0, (5, 1.8)), "s")
TRAININGS = {"frozen": FROZEN, "initialized": INITIALIZED}
THIRD = Look("#5A9E6F", (0, (1, 1.2)), "D")
PLAIN = Look("#2B2B2B", "-", "o")
# One experiment at rising distances of its truths, dark to light.
STEPS = (
    Look("#0B1F4B", "-", "o"),
    Look("#2F6DB0", (0, (6, 1.6)), "s"),
    Look("#B8860B", (0, (4, 1.4, 1, 1.4)), "D"),
    Look("#C06C9E", (0, (1.2, 1.2)), "^"),
)
MARKED = "#111111"
FAINT = "#8A8A8A"
NOTE = "#555555"  # of words inside the axes
POLE = "#E4E4E4"

_CAPTION_POINTS, _LEADING, _MARGIN = 9.5, 1.32, 0.12  # size of the caption's letters, line distance, inches at the sides
_WORD_SPACE = 0.25 * _CAPTION_POINTS / 72  # inches


def style() -> rc_context:
    """Return the context in which figures are drawn and written; settings of the user's own have no part in it."""
    return rc_context(fname=Path(__file__).with_name("figures.mplstyle"))


def canvas_with_caption(size: tuple[float, float], title: str, text: str) -> Canvas:
    """Return an empty canvas whose lower part holds the caption; what is drawn on it stays above.

    Parameters
    ----------
    size : pair of float
        Width and height in inches of the part above the caption.
    title, text : str
        The caption's first words, in bold, and its text; ``$...$`` is mathematics.
    """
    width, height = size
    canvas = Canvas(figsize=size, layout="constrained")
    FigureCanvasAgg(canvas)
    lines = _wrapped(canvas, title, text, width - 2 * _MARGIN)
    step = _CAPTION_POINTS * _LEADING / 72
    below = step * len(lines) + 1.5 * _MARGIN
    canvas.set_size_inches(width, height + below)
    canvas.get_layout_engine().set(rect=(0, below / (height + below), 1, height / (height + below)))
    for row, words in enumerate(lines):
        left, y = _MARGIN, (below - 0.5 * _MARGIN - step * (row + 0.8)) / (height + below)
        for weight, group in groupby(words, key=lambda word: word[1]):
            line = canvas.text(left / width, y, " ".join(word for word, _ in group), fontsize=_CAPTION_POINTS, fontweight=weight, va="baseline")
            line.set_in_layout(False)
            left += _width(line) + _WORD_SPACE
    return canvas


def _wrapped(canvas: Canvas, title: str, text: str, width: float) -> list[list[tuple[str, str]]]:
    """Break the caption into lines of words with their weight, at most ``width`` inches long."""
    words = [(word, weight) for part, weight in ((title, "bold"), (text, "normal")) for word in re.findall(r"(?:\$[^$]*\$|[^ $])+", part)]
    probe = canvas.text(0, 0, "", fontsize=_CAPTION_POINTS)
    lines, used = [[]], 0.0
    for word, weight in words:
        probe.set(text=word, fontweight=weight)
        step = _width(probe)
        if used + step > width and lines[-1]:
            lines.append([])
            used = 0.0
        lines[-1].append((word, weight))
        used += step + _WORD_SPACE
    probe.remove()
    return lines


def _width(text: Text) -> float:
    """Width of a text in inches."""
    canvas = text.get_figure()
    return text.get_window_extent(canvas.canvas.get_renderer()).width / canvas.dpi

"""How all figures look: fonts, line styles that tell apart in grey and without colour vision, captions."""

import re
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas


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
_WORD_SPACE = 0.22 * _CAPTION_POINTS / 72  # inches


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
    words, line, left = [], 0, _MARGIN  # every word is a text of its own, and mathematics is one word
    for part, weight in ((title, "bold"), (text, "normal")):
        for word in re.findall(r"(?:\$[^$]*\$|[^ $])+", part):
            shown = canvas.text(0, 0, word, fontsize=_CAPTION_POINTS, fontweight=weight, va="baseline", in_layout=False)
            end = left + shown.get_window_extent(canvas.canvas.get_renderer()).width / canvas.dpi
            if end > width - _MARGIN and left > _MARGIN:
                line, left, end = line + 1, _MARGIN, _MARGIN + end - left
            words.append((shown, line, left))
            left = end + _WORD_SPACE
    step = _CAPTION_POINTS * _LEADING / 72
    below = step * (line + 1) + 1.5 * _MARGIN
    canvas.set_size_inches(width, height + below)
    canvas.get_layout_engine().set(rect=(0, below / (height + below), 1, height / (height + below)))
    for shown, line, left in words:
        shown.set_position((left / width, (below - 0.5 * _MARGIN - step * (line + 0.8)) / (height + below)))
    return canvas

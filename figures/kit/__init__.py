"""What figures are made of: tables, simulated points, looks, bars, and makers of panels and curves."""

# ruff: noqa: F401 - figures import from here
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.kit.curves import Line, Panel, by_training, curves
from figures.kit.draw import bars, curve, entry, marks, panels, plain_log_ticks, points, reference, star, strip, ticks, vertical
from figures.kit.figure import DEEP, READERS, RECORDS, Figure, both, experiment_sentence, runs_sentence
from figures.kit.sampling import Point, Sampler, Simulated
from figures.kit.style import FAINT, FROZEN, INITIALIZED, MARKED, NOTE, PLAIN, POLE, STEPS, THIRD, TRAININGS, Look
from figures.kit.table import LEVEL, MARK, MEASURED, NORMAL, SIMULATION, THEORY, Row, Table

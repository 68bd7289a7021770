"""What figures are made of: tables, simulated points, looks, and makers of curves, forests and maps."""

# ruff: noqa: F401 - figures import from here
from figures.kit.captions import experiment_sentence, runs_sentence, simulation_sentence
from figures.kit.curves import Line, Panel, by_training, curves
from figures.kit.draw import (
    curve, entry, marks, measured, panel_letter, plain_log_ticks, points, reference, star, strip, ticks, vertical,
)  # fmt: skip
from figures.kit.figure import Figure
from figures.kit.intervals import LEVEL, NORMAL, binomial_interval, half_width, normal_half
from figures.kit.records import DEEP, READERS, RECORDS
from figures.kit.sampling import Point, Sampler, Simulated
from figures.kit.style import FAINT, FROZEN, INITIALIZED, MARKED, NOTE, PLAIN, POLE, STEPS, THIRD, TRAININGS, Look
from figures.kit.table import MARK, MEASURED, SIMULATION, THEORY, Row, Table

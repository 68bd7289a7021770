"""Figures of the project: exact laws as curves, simulation as points with intervals.

``driftlaw figures`` draws them all. A module of this package that has a ``FIGURE`` is a figure and is found by
itself; `figures.kit.Figure` says what it must hold, and `figures.kit` has what figures are made of.
"""

import importlib
from pathlib import Path

importlib.import_module("driftlaw")  # finds all packages beside itself; imported by name, for no number depends on it

DEFAULT_OUT = Path("figures-out")  # in the working directory, in a checkout too

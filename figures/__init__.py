"""Figures of the project: exact laws as curves, simulation as points with intervals.

``python -m figures`` draws them all. A module of this package that has a ``FIGURE`` is a figure and is found by
itself; `figures.registry` says what it must hold.
"""

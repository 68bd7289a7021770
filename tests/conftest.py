"""Hypothesis profiles, the paths to what tests share, and the summary of mutation counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "theory" / "oracles")]  # stand_in_device and the oracles

_FIXED = settings(derandomize=True, deadline=None, database=None)
# Shrinking takes minutes for each test that a broken law fails; the long run does it.
settings.register_profile("quick", parent=_FIXED, max_examples=20, phases=(Phase.explicit, Phase.generate))
settings.register_profile("long", parent=_FIXED, max_examples=500)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.option.markexpr else "long")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded as ``mutations`` (group, killed, explained survivors): killed out of all, group by group."""
    counts: dict[str, list[int]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "mutations":
                group, killed, explained = value
                counts[group] = [x + y for x, y in zip(counts.get(group, [0, 0, 0]), (1, killed, explained))]
    if counts:
        terminalreporter.section("mutations")
        for group, (members, killed, explained) in sorted(counts.items()):
            of = f" ({members} of them)" if members > 1 else ""
            survivors = f", {explained} explained survivors" if explained else ""
            terminalreporter.write_line(f"{group}{of}: {killed} killed of {killed + explained}{survivors}")

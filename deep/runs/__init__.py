"""Runs in a folder: trained side by side, resumed after interruption, found by their key."""

from deep.runs.folder import RunFolder, RunsFolder, RunState

__all__ = ["RunFolder", "RunState", "RunsFolder"]

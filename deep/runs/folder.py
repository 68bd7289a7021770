"""The folder of runs: one folder for each, named by the run's key, with its configuration, checkpoint and record.

Read without torch. A lock tells a run that a process is training from one that was interrupted; the system releases it
when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deep.records import FAILED, FINISHED, RunRecord, from_json, to_json
from simulate.runs import RunStore
from theory.errors import InputError

DEFAULT = Path("runs")
RUNNING, INTERRUPTED = "running", "interrupted"
_CONFIG, _RECORD, _LOCK = "config", "record", "lock"


@dataclass(frozen=True)
class RunState:
    """What is known of a run: its configuration, its record so far, and whether a process is training it."""

    key: str
    config: dict[str, Any]
    record: RunRecord | None
    running: bool

    @property
    def status(self) -> str:
        """One of finished, failed, running, interrupted."""
        if self.record is not None and self.record.status in (FINISHED, FAILED):
            return self.record.status
        return RUNNING if self.running else INTERRUPTED


class RunFolder:
    """Folder of one run.

    Parameters
    ----------
    path : Path
        Its name is the run's key; made when something is stored.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.key = path, path.name

    @cached_property
    def _store(self) -> RunStore:
        return RunStore(self.path)

    def config(self) -> dict[str, Any] | None:
        """Return the stored configuration, None if there is none or it is damaged (with a warning)."""
        return self._store.get(_CONFIG) if self.path.is_dir() else None

    def record(self) -> RunRecord | None:
        """Return the stored record, None if there is none or it is damaged (with a warning)."""
        value = self._store.get(_RECORD) if self.path.is_dir() else None
        return None if value is None else from_json(value)

    def put_config(self, config: dict[str, Any]) -> None:
        """Store the configuration, unless it is there already."""
        if self.config() is None:
            self._store.put(_CONFIG, config)

    def forget_config(self) -> None:
        """Remove the configuration of a run that could not start."""
        self._store.path(_CONFIG).unlink(missing_ok=True)

    def put_record(self, record: RunRecord) -> None:
        """Store the record in place of an older one."""
        self._store.put(_RECORD, to_json(record))

    def state(self) -> RunState | None:
        """Return what is known of the run; None if not even its configuration is."""
        config = self.config()
        return None if config is None else RunState(self.key, config, self.record(), self.is_locked())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run, so that no other process trains it; waits for one that does."""
        with self._lock_file() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_locked(self) -> bool:
        """Say whether a process is training the run."""
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        self._store  # makes the folder
        path = self.path / _LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; correct its permissions or choose another --out") from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)


class RunsFolder:
    """Folder of all runs.

    Parameters
    ----------
    root : path
        Made when a run is stored.
    """

    def __init__(self, root: str | os.PathLike[str] = DEFAULT) -> None:
        self.root = Path(root)

    def run(self, key: str) -> RunFolder:
        """Return the folder of a run, whether it exists or not."""
        return RunFolder(self.root / key)

    def states(self) -> list[RunState]:
        """Return what is known of every run, in the order in which they were started."""
        configs = sorted(self.root.glob(f"*/{_CONFIG}.json"), key=lambda path: (path.stat().st_mtime, path))
        states = [RunFolder(path.parent).state() for path in configs]
        return [state for state in states if state is not None]

    def find(self, prefix: str) -> RunState:
        """Return the run whose key starts with ``prefix``.

        Raises
        ------
        InputError
            If there is none, or more than one.
        """
        found = [state for state in self.states() if state.key.startswith(prefix)]
        if not prefix or len(found) != 1:
            what = "no run" if not found else f"{len(found)} runs"
            raise InputError(f"{what} in {self.root} has a key that starts with {prefix!r}; `python -m deep status --out {self.root}` lists them")
        return found[0]

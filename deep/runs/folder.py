"""The folder of runs: one folder for each, named by the run's key, with its configuration, checkpoint and record.

Read without torch, and without the right to write. A lock tells a run that a process is training from one that was
interrupted; the system releases it when the process ends, however it ends.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.records import FAILED, FINISHED, RunRecord, from_json, to_json
from deep.runs.names import NAMING, SHOWN
from simulate.work.files import is_locked, locked, trying
from simulate.work.keys import canonical, digest
from simulate.work.store import RunStore
from theory.errors import InputError

DEFAULT = Path("runs")
RUNNING, INTERRUPTED, UNREADABLE = "running", "interrupted", "unreadable"
_CONFIG, _RECORD, _LOCK = "config", "record", "lock"


@dataclass(frozen=True)
class RunState:
    """What is known of a run: its configuration, its record so far, and whether a process is training it.

    ``problem`` says why configuration or record cannot be read, where that is so.
    """

    key: str
    config: dict[str, Any]
    record: RunRecord | None
    running: bool
    problem: str = ""

    @property
    def status(self) -> str:
        """One of finished, failed, running, interrupted, unreadable."""
        if self.problem:
            return UNREADABLE
        if self.record is not None and self.record.status in (FINISHED, FAILED):
            return self.record.status
        return RUNNING if self.running else INTERRUPTED

    @property
    def obstacle(self) -> str:
        """What the run was started by, where that keeps `resume` from going on with it; else empty."""
        from deep.training.keys import config_key

        if not (own := self.config.get("files")):
            return "" if config_key(self.config) == self.key else "an older version of driftlaw, or parts that are not driftlaw's"
        from deep.training.config import RunConfig

        named = " and ".join(f"{part} of {file}" for part, file in own.items())
        try:
            return "" if RunConfig.from_canonical(self.config).key == self.key else f"{named}, which has changed since"
        except InputError as error:
            loads = " ".join(f"--load {file}" for file in dict.fromkeys(own.values()))
            return f"{named}, which cannot be had here: {error} (register it in its file, and give {loads})"


class RunFolder:
    """Folder of one run.

    Parameters
    ----------
    path : Path
        Its name is the run's key; made when something is stored.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.key = path, path.name

    @property
    def begun(self) -> bool:
        """Whether a task of the run has been trained."""
        return (self.path / f"{_RECORD}.json").exists() or any(self.path.glob("*.pt"))  # a checkpoint

    def config(self) -> dict[str, Any] | None:
        """Return the stored configuration, None if there is none or it is damaged (with a warning)."""
        return self._read(_CONFIG)

    def record(self) -> RunRecord | None:
        """Return the stored record, None if there is none or it is damaged (with a warning)."""
        value = self._read(_RECORD)
        return None if value is None else from_json(value)

    def put_config(self, config: dict[str, Any]) -> bool:
        """Store the configuration, unless it is there already; return whether it was not."""
        if self.config() is not None:
            return False
        store = RunStore(self.path)
        store.require_writable()
        store.put(_CONFIG, config)
        return True

    def forget_config(self) -> None:
        """Remove the configuration of a run that could not start."""
        (self.path / f"{_CONFIG}.json").unlink(missing_ok=True)

    def put_record(self, record: RunRecord) -> None:
        """Store the record in place of an older one; raises InputError for that of another run, which a reader would take for this one's."""
        if record.key != self.key:
            raise InputError(f"the record is of the run {record.key[:SHOWN]}, the folder {self.path} of another; store it in the folder of its own key")
        RunStore(self.path).put(_RECORD, to_json(record))

    def set_aside(self, record: RunRecord) -> None:
        """Forget this record, unless another is there by now; it stays under another name for people to read."""
        with self.locked():
            if self.record() == record:
                name = f"{_RECORD}-{digest(canonical(to_json(record)))[:8]}"
                RunStore(self.path).put(name, to_json(record))
                for path in (self.path / f"{_RECORD}.json", *self.path.glob("*.pt")):
                    path.unlink()

    def state(self) -> RunState | None:
        """Return what is known of the run; None if neither configuration nor record is there."""
        files = [path for path in (self.path / f"{_CONFIG}.json", self.path / f"{_RECORD}.json") if path.exists()]
        if not files:
            return None
        try:
            record = self.record()
        except InputError as error:
            return RunState(self.key, self.config() or {}, None, False, f"{self.path / _RECORD}.json: {error}")
        config = self.config()
        if config is None and record is not None:
            config = dict(record.config)
        lacking = [name for name in NAMING if not isinstance(config, dict) or name not in config]
        problem = f"{files[0]} does not say what was trained ({', '.join(lacking)}); remove {self.path} and run it anew" if lacking else ""
        return RunState(self.key, config or {}, record, self.is_locked(), problem)

    @contextmanager
    def locked(self, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Hold the run, so that no other process trains it; call ``waiting``, then wait, where one does."""
        RunStore(self.path).require_writable()
        with locked(self.path / _LOCK, waiting):
            yield

    def is_locked(self) -> bool:
        """Say whether a process is training the run."""
        return is_locked(self.path / _LOCK)

    def _read(self, name: str) -> Any | None:
        return RunStore(self.path).get(name)


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
        """Return what is known of every run, in the order in which they were started.

        Raises
        ------
        InputError
            If the folder is a file, or may not be read.
        """
        started: dict[Path, tuple[float, Path]] = {}
        with trying(f"read the folder of runs {self.root}", "choose another --out"):
            for name in (_RECORD, _CONFIG):
                started |= {path.parent: (path.stat().st_mtime, path.parent) for path in self.root.glob(f"*/{name}.json")}
            if self.root.exists():
                os.listdir(self.root)
        states = [RunFolder(path).state() for path in sorted(started, key=started.__getitem__)]
        return [state for state in states if state is not None]

    def find(self, prefix: str) -> RunState:
        """Return the run whose key starts with ``prefix``.

        Raises
        ------
        InputError
            If there is none, or more than one, or it cannot be read.
        """
        lists = f"`driftlaw deep status --out {self.root}` lists them"
        if not prefix:
            raise InputError(f"the key of the run is empty; give its first letters, {lists}")
        found = [state for state in self.states() if state.key.startswith(prefix)]
        if len(found) != 1:
            what = "no run" if not found else f"{len(found)} runs"
            raise InputError(f"{what} in {self.root} has a key that starts with {prefix!r}; {lists}")
        if found[0].problem:
            raise InputError(f"the run {found[0].key[:SHOWN]} cannot be read: {found[0].problem}")
        return found[0]

"""Atomic store of results, keyed by everything that they depend on.

A record is found again only under the same problem, method, seed, options and code, and it is whole or absent: it is
written to a temporary file that replaces the old one in a single step, and a checksum shows damage that came later.
"""

import json
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulate.work.files import locked, remove_leftovers, replace_file, require_folder, trying
from simulate.work.keys import FORMAT, canonical, digest, json_value
from theory.errors import InputError


class RunStore:
    """Folder of JSON records, one file for each key; safe with several processes at once.

    Parameters
    ----------
    root : path
        Made when something is stored: what is finished can be read from a folder that nobody may write to.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def require_writable(self) -> None:
        """Make the folder if need be, refuse one that cannot be written to, remove what killed writers left.

        For before the long work, not after it.

        Raises
        ------
        InputError
            If the folder cannot be made or written to.
        """
        require_folder(self.root, "choose another one or change its permissions")
        remove_leftovers(self.root)

    def path(self, key: str) -> Path:
        """File of a key, whether it exists or not."""
        if re.fullmatch(r"[\w-]+", key) is None:
            raise InputError(f"the key is {key!r}; use the text that run_key returns, or letters, digits, '_' and '-'")
        return self.root / f"{key}.json"

    def get(self, key: str) -> Any | None:
        """Return the record of ``key``, or None if there is none; a damaged one warns and counts as none."""
        path = self.path(key)
        try:
            stored = json.loads(path.read_bytes())
            if stored["key"] != key or stored["checksum"] != digest(canonical(stored["record"])):
                raise ValueError("key or checksum does not match")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}; correct its permissions or choose another folder") from None
        except (ValueError, KeyError, TypeError) as error:
            warnings.warn(f"the record {path} is damaged ({error}); it is ignored and computed again", RuntimeWarning, stacklevel=2)
            return None
        return stored["record"]

    def keys(self) -> set[str]:
        """Return the keys of all records, damaged ones too."""
        return {path.stem for path in self.root.glob("*.json") if not path.name.startswith(".")}

    def put(self, key: str, record: Any) -> Any:
        """Store a record, replacing an older one in a single step; return it as `get` will.

        Parameters
        ----------
        key : str
            From `simulate.work.keys.run_key`.
        record : JSON value
            Mappings with text keys, sequences, text, whole and finite numbers, NumPy arrays (as lists).

        Raises
        ------
        InputError
            If the record holds anything else, or the file cannot be written.
        """
        if record is None:
            raise InputError("the record is None, which stands for no record; store a value")
        record = json_value(record, "record")
        content = json.dumps({"format": FORMAT, "key": key, "checksum": digest(canonical(record)), "record": record}, allow_nan=False)
        path = self.path(key)
        if not self.root.is_dir():
            self.require_writable()
        with trying(f"write {path}", "free space or choose another folder"):
            replace_file(path, content.encode(), tidy=False)
        return record

    def update(self, key: str, merge: Callable[[Any | None], Any]) -> Any:
        """Store what ``merge`` makes of the record of ``key``, None without one; nobody comes in between."""
        with locked(self.root / ".lock"):
            return self.put(key, merge(self.get(key)))

    def get_or_compute(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return the record of ``key``, computing and storing it first if it is missing or damaged."""
        record = self.get(key)
        if record is None:
            self.require_writable()
            record = self.put(key, compute())
        return record

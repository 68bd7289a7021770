"""Checkpoints: all that the next task of a run depends on, in one file that is old or new, never half."""

import hashlib
import io
import json
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deep.training.config import RunConfig
from simulate.work.files import replace_file, trying
from theory.errors import InputError

FORMAT = 1
NAME = "checkpoint.pt"
_CHECKSUM = hashlib.sha256().digest_size
_TENSORS = ("network", "optimiser", "strategy", "gradients", "generators")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a run at the end of a task.

    Parameters
    ----------
    record : mapping
        The partial record as JSON values; its results say how many tasks are done.
    network : mapping
        Weights and normalisation statistics.
    optimiser : mapping
        Its moments, where they go on from task to task.
    strategy : mapping
        The strategy's state.
    gradients : list of Tensor
        Gradient that each task had before its first step, for the cosines.
    generators : mapping of str to Tensor
        States of PyTorch's global generators, for layers and strategies that draw from them. The loop's own draws need no
        state: each is a function of seed, role and task.
    """

    record: Mapping[str, Any]
    network: Mapping[str, Tensor]
    optimiser: Mapping[str, Any]
    strategy: Mapping[str, Any]
    gradients: list[Tensor]
    generators: Mapping[str, Tensor]


def save(folder: str | os.PathLike[str], key: str, config: RunConfig, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint, that of the run with this key, in a single step.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    content = {
        "format": FORMAT,
        "key": key,
        "config": json.dumps(config.canonical()),
        "record": json.dumps(checkpoint.record),
        **{name: getattr(checkpoint, name) for name in _TENSORS},
    }
    with trying(f"write {Path(folder) / NAME}", "free space or choose another folder"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        replace_file(Path(folder) / NAME, packed(content))


def load(folder: str | os.PathLike[str], key: str, config: RunConfig) -> Checkpoint | None:
    """Return the folder's checkpoint with all tensors on the CPU, None if there is none or it is damaged (with a warning).

    Raises
    ------
    InputError
        If it belongs to another run (stream, configuration), or cannot be read.
    """
    path = Path(folder) / NAME
    remedy = f"remove {path} to start the run anew"
    try:
        content = unpacked(path.read_bytes())
        if content["format"] != FORMAT:
            raise InputError(f"the checkpoint {path} has format {content['format']!r}, this version reads {FORMAT}; {remedy}")
        if content["key"] != key:
            raise InputError(f"the checkpoint {path} belongs to another run: {_differences(content, config)}; choose another folder, or {remedy}")
        fields = {name: content[name] for name in _TENSORS}
        return Checkpoint(json.loads(content["record"]), **fields)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its permissions or {remedy}") from None
    except InputError:
        raise
    except (RuntimeError, ValueError, LookupError, TypeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        warnings.warn(f"the checkpoint {path} is damaged ({reason}); its run starts anew", RuntimeWarning, stacklevel=2)
        return None


def packed(content: Any) -> bytes:
    """Return the bytes of a file: the SHA-256 of what follows, which PyTorch's own format does not check, then that format."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return hashlib.sha256(buffer.getbuffer()).digest() + buffer.getvalue()


def unpacked(stored: bytes) -> Any:
    """Return what `packed` was given, on the CPU; raises ValueError for other bytes, and runs no code from them."""
    checksum, rest = stored[:_CHECKSUM], stored[_CHECKSUM:]
    if hashlib.sha256(rest).digest() != checksum:
        raise ValueError("its checksum does not match")
    return torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)


def moved(value: Any, device: torch.device) -> Any:
    """Return a nest of dictionaries, lists and tuples with its tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(entry, device) for key, entry in value.items()}
    return type(value)(moved(entry, device) for entry in value) if isinstance(value, (list, tuple)) else value


def _differences(content: Mapping[str, Any], config: RunConfig) -> str:
    """Say in which respects a checkpoint's run is another one."""
    theirs, ours = json.loads(content["config"]), config.canonical()
    named = [f"{name} is {theirs.get(name)!r}, not {ours.get(name)!r}" for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
    return "; ".join(named) or "tasks, or what is called by a name, are others"

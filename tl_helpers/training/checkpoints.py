"""Checkpoints of a training run that survive a kill at any instant.

Weights are safetensors. What else a run needs to continue is a torch file of tensors and plain
values, always loaded with ``weights_only=True``, so that opening a checkpoint runs no code in it.
"""

from __future__ import annotations

import os
import pickle
import random
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tl_helpers.models.weights import (
    CheckpointError,
    Tensors,
    damaged,
    read_tensors,
    sync,
    write_synced,
    write_tensors,
)

_NAME = re.compile(r"checkpoint-\d{6,}")
_SCRATCH = ".writing"


@dataclass(frozen=True)
class Checkpoint:
    """One saved moment of a run: named groups of weights, and the rest of its state."""

    path: Path
    weights: dict[str, dict[str, Tensor]]
    state: dict
    classes: list[str] | None


def save_checkpoint(
    folder: str | Path,
    weights: Mapping[str, Tensors],
    state: Mapping,
    classes: Sequence[str] | None = None,
) -> Path:
    """Write a checkpoint; whatever happens, the newest complete one in ``folder`` stays whole.

    It is written under a scratch name, flushed to the disk, and renamed, which is one atomic
    operation; only then are older ones removed.

    Parameters
    ----------
    folder : path
        Folder of the run's checkpoints.
    weights : mapping of str to mapping of str to Tensor
        Groups of tensors such as ``{"model": model.state_dict()}``, one safetensors file each.
    state : mapping
        Tensors and plain Python values, nested in dicts, lists and tuples.
    classes : sequence of str, optional

    Returns
    -------
    Path
        The folder of this checkpoint.

    Raises
    ------
    CheckpointError
        When the disk refuses, or ``state`` holds something that is not plain.
    """
    folder = Path(folder)
    plain_state = _plain(state, "state")
    number = _number(latest(folder)) + 1
    final = folder / f"checkpoint-{number:06d}"
    try:
        scratch = _empty_folder(folder / _SCRATCH)
        for name, tensors in weights.items():
            write_tensors(scratch / f"{name}.safetensors", tensors, classes)
        write_synced(scratch / "state.pt", lambda path: torch.save(plain_state, path))
        sync(scratch)
        os.rename(scratch, final)
        sync(folder)
    except OSError as error:
        raise CheckpointError(
            f"No checkpoint could be written to {folder}: {error}. The previous one is untouched; "
            "free some space or choose another checkpoint_dir, then continue with resume=True."
        ) from error
    for old in _found(folder):
        if old != final:
            shutil.rmtree(old)
    return final


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read the newest checkpoint in ``folder``.

    Raises
    ------
    CheckpointError
        When there is none, or a file in it is missing, damaged or of another origin.
    """
    path = latest(folder)
    if path is None:
        raise CheckpointError(
            f"{folder} holds no checkpoint. Expected a folder that fit(checkpoint_dir=...) wrote."
        )
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise CheckpointError(damaged(path, "no file of weights in it"))
    read = {file.stem: read_tensors(file) for file in files}
    classes = next(iter(read.values()))[1]
    weights = {name: tensors for name, (tensors, _) in read.items()}
    return Checkpoint(path, weights, _read_state(path / "state.pt"), classes)


def latest(folder: str | Path) -> Path | None:
    """Newest complete checkpoint in ``folder``, or None."""
    return max(_found(Path(folder)), key=_number, default=None)


# --- generators of random numbers ------------------------------------------------------------


def rng_state(generators: Sequence[torch.Generator] = ()) -> dict:
    """State of Python's, numpy's and torch's generators, all GPUs, and the given ones."""
    ours = np.random.get_state(legacy=False)
    keys = torch.from_numpy(ours["state"]["key"].astype(np.int64))
    place = ours["state"]["pos"], ours["has_gauss"], ours["gauss"]
    state = {
        "python": random.getstate(),
        "numpy": (ours["bit_generator"], keys, *place),
        "torch": torch.get_rng_state(),
        "given": [generator.get_state() for generator in generators],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(state: Mapping, generators: Sequence[torch.Generator] = ()) -> None:
    """Put every generator back to a state of `rng_state`.

    Raises
    ------
    CheckpointError
        When the state is of another number of generators or GPUs.
    """
    if len(state["given"]) != len(generators):
        raise CheckpointError(
            f"The checkpoint holds {len(state['given'])} data generators and there are "
            f"{len(generators)} now. Pass the training data in the same form as before."
        )
    kind, keys, *rest = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    for generator, saved in zip(generators, state["given"], strict=True):
        generator.set_state(saved)
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


# --- files -----------------------------------------------------------------------------------


def _read_state(path: Path) -> dict:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()  # torch.load itself does not compare checksums
        if broken is not None:
            raise CheckpointError(damaged(path, f"the checksum of {broken} does not match"))
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(damaged(path, str(error).splitlines()[0])) from error


def _plain(value: object, where: str) -> object:
    """Copy of ``value`` made of tensors and plain types, which any later torch loads safely."""
    if isinstance(value, Mapping):
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, Tensor | bool | int | float | str | bytes):
        return value
    raise CheckpointError(
        f"{where} is a {type(value).__name__}, which a checkpoint cannot hold. Expected tensors, "
        "numbers, text, lists, tuples and dicts: give the object a plain state_dict."
    )


def _empty_folder(path: Path) -> Path:
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def _found(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]


def _number(path: Path | None) -> int:
    return 0 if path is None else int(path.name.rpartition("-")[2])

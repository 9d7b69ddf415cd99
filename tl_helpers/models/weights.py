"""Weight files: safetensors that carry their class names and a checksum, written all or nothing."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tl_helpers.assets.files import replacing, sync

Tensors = Mapping[str, Tensor]
_KEY = "tl_helpers"
# Parts that torch puts into the names of a model that it wraps: compiled, parallel, sharded, ….
_WRAPPERS = {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, read, or used with this model."""


def save_weights(path: str | Path, module: nn.Module, classes: Sequence[str] | None = None) -> Path:
    """Write the weights of ``module`` as one safetensors file, all of it or nothing.

    Parameters
    ----------
    path : path
        File to make or replace; its folder is made when missing.
    module : nn.Module
    classes : sequence of str, optional
        Names in the order of the head's outputs; `load_weights` compares them.

    Raises
    ------
    CheckpointError
        When the file cannot be written; a file that was there before is untouched.
    """
    path = Path(path)
    try:
        with replacing(path) as scratch:
            write_tensors(scratch, module.state_dict(), classes)
        sync(path.parent)
    except OSError as error:
        raise CheckpointError(
            f"The weights could not be written to {path}: {error}. What was there before is "
            "untouched; free some space or choose another folder."
        ) from error
    return path


def load_weights(
    path: str | Path, module: nn.Module, classes: Sequence[str] | None = None
) -> nn.Module:
    """Load a file of `save_weights` into ``module``.

    Parameters
    ----------
    path : path
    module : nn.Module
        Built as the saved one was; it is not touched when anything does not match. Either may be
        compiled or parallel and the other not.
    classes : sequence of str, optional
        Must equal the saved names, in order, when both are known.

    Returns
    -------
    nn.Module
        The same module.

    Raises
    ------
    CheckpointError
        For a missing or damaged file, other classes, or names and shapes that do not match.
    """
    tensors, saved_classes = read_tensors(Path(path))
    check_classes(saved_classes, classes, path)
    load_into(module, tensors, path)
    return module


def check_classes(
    saved: Sequence[str] | None, wanted: Sequence[str] | None, where: str | Path
) -> None:
    """Compare class names of a checkpoint with those of the data; None means unknown.

    Raises
    ------
    CheckpointError
        When both are known and differ.
    """
    if saved is None or wanted is None or list(saved) == list(wanted):
        return
    raise CheckpointError(
        f"{where} was trained for {len(saved)} classes ({_some(saved)}) and the data has "
        f"{len(wanted)} ({_some(wanted)}). Expected the same names in the same order; use the "
        "data it was trained on, or give the model a new head and train that."
    )


def load_into(module: nn.Module, tensors: Tensors, where: str | Path) -> None:
    """Copy ``tensors`` into ``module`` after checking that names and shapes agree.

    Names may differ in what torch adds to those of compiled and parallel models.

    Raises
    ------
    CheckpointError
        Naming the first tensors that are missing, unknown or of another shape.
    """
    own = module.state_dict()
    tensors = named_as(own, tensors)
    missing = [name for name in own if name not in tensors]
    unknown = [name for name in tensors if name not in own]
    shapes = [
        f"{name} is {tuple(tensors[name].shape)} there and {tuple(own[name].shape)} in the model"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        problems = shapes[:3]
        if missing:
            problems.append(f"{len(missing)} tensors are missing ({_some(missing)})")
        if unknown:
            problems.append(f"{len(unknown)} are not in the model ({_some(unknown)})")
        raise CheckpointError(
            f"{where} does not fit this model: {'; '.join(problems)}. Build the model as it was "
            "when it was saved: the same backbone, and a head with as many classes."
        )
    module.load_state_dict(tensors)


def named_as(own: Iterable[str], tensors: Tensors) -> dict[str, Tensor]:
    """``tensors`` under a model's own names, where only a wrapper of torch's tells them apart.

    ``torch.compile`` puts ``_orig_mod.`` and parallel models put ``module.`` in front, also deeper
    inside. A tensor that the model does not have keeps its name.
    """
    names = {_unwrapped(name): name for name in own}
    renamed = {names.get(_unwrapped(name), name): tensor for name, tensor in tensors.items()}
    unique = len(names) == len(list(own)) and len(renamed) == len(tensors)
    return renamed if unique else dict(tensors)


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def write_tensors(path: Path, tensors: Tensors, classes: Sequence[str] | None) -> None:
    """Write tensors, tied ones once, with class names and a checksum; flushed to the disk.

    Raises
    ------
    OSError
        When the disk refuses.
    CheckpointError
        For a value that is not a tensor.
    """
    unique, shared = _without_shared(tensors)
    about: dict = {"shared": shared, "classes": None if classes is None else list(classes)}
    about["crc32"] = _checksum(about, unique)
    # One key: the library writes several in a random order, and equal weights make equal files.
    write_synced(path, lambda target: save_file(unique, target, {_KEY: json.dumps(about)}))


def _without_shared(tensors: Tensors) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU, tied ones once; and which name repeats which."""
    unique: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    first: dict[tuple, str] = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise CheckpointError(f"{name} is a {type(tensor).__name__}; expected a tensor.")
        key = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and key in first:
            shared[name] = first[key]
            continue
        first[key] = name
        tensor = tensor.detach().cpu().contiguous()
        # Views into one buffer would be refused: give each its own memory.
        alone = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        unique[name] = tensor if alone else tensor.clone()
    return unique, shared


def read_tensors(path: Path) -> tuple[dict[str, Tensor], list[str] | None]:
    """Read a file of `write_tensors`: the tensors, on the CPU, and the class names.

    Raises
    ------
    CheckpointError
        When it is missing, damaged or of another origin.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist. Check the path.") from error
    except (SafetensorError, OSError) as error:
        if zipfile.is_zipfile(path):
            raise CheckpointError(
                f"{path} is a file of torch.save, and not of save_weights. Read it with "
                "module.load_state_dict(torch.load(path, weights_only=True)); save_weights then "
                "writes one that carries class names and a checksum."
            ) from error
        raise CheckpointError(damaged(path, str(error))) from error
    if _KEY not in metadata:
        raise CheckpointError(
            f"{path} was not written by this package: it has no checksum. Expected a file of "
            "save_weights or fit; read others with safetensors.torch.load_file."
        )
    about = _parsed(metadata[_KEY])
    if about.pop("crc32", None) != _checksum(about, tensors):
        raise CheckpointError(damaged(path, "its checksum does not match its content"))
    for name, original in about["shared"].items():
        tensors[name] = tensors[original]
    return tensors, about["classes"]


def _parsed(text: str) -> dict:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {}  # which no checksum matches


def _checksum(about: dict, tensors: Tensors) -> int:
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, value)
    return value


def write_synced(path: Path, write: Callable[[Path], None]) -> None:
    """Call ``write(path)`` and flush the file to the disk.

    Raises
    ------
    OSError
        Also where a library reports a full disk in an error of its own.
    """
    try:
        write(path)
    except (SafetensorError, RuntimeError) as error:  # how the two libraries report a full disk
        raise OSError(str(error).splitlines()[0]) from error
    sync(path)


def damaged(path: Path, reason: str) -> str:
    """Words for a file that cannot be used."""
    return (
        f"{path} is damaged or is not a checkpoint ({reason}). It was not used; restore it from a "
        "copy, or remove it and train again."
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(str, names[:3])) + (", …" if len(names) > 3 else "")

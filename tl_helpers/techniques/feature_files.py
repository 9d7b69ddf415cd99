"""Files of the feature cache: safetensors with a checksum; a damaged one is set aside."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tl_helpers.assets.files import replacing


def write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors and their checksum, all or nothing."""
    tensors = {key: value.contiguous() for key, value in tensors.items()}
    with replacing(path) as scratch:
        save_file(tensors, scratch, {"crc32": _checksum(tensors)})


def read(path: Path) -> dict[str, Tensor] | None:
    """Tensors of a cached file; None when it is missing, or damaged, which moves it aside."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            if _checksum(tensors) == (file.metadata() or {}).get("crc32"):
                return tensors
        problem = "its content is not what was written"
    except SafetensorError as error:
        problem = str(error)
    aside = path.with_suffix(".damaged")
    os.replace(path, aside)
    print(f"Cached features were damaged ({problem}) and are computed again; see {aside.name}.")
    return None


def _checksum(tensors: dict[str, Tensor]) -> str:
    total = 0
    for key in sorted(tensors):
        total = zlib.crc32(tensors[key].contiguous().numpy().data, zlib.crc32(key.encode(), total))
    return str(total)

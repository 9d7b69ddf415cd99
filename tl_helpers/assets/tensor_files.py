"""Tensors in the safetensors format, in one layout of bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SAFETENSORS_TYPES = {
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
}


def write_safetensors(tensors: Mapping[str, torch.Tensor], target: Path) -> None:
    """Write tensors one by one in the safetensors format.

    ``safetensors.torch.save_file`` holds all bytes at once and may lay them out differently in
    another version; a recorded hash needs one layout. Here: the order given, no padding but
    the header's, no metadata.

    Parameters
    ----------
    tensors : mapping of str to torch.Tensor
        Types float32, float16, bfloat16, int64.
    target : Path

    Raises
    ------
    ValueError
        For a tensor of another type.
    """
    import torch

    header, offset = {}, 0
    for name, tensor in tensors.items():
        if str(tensor.dtype) not in _SAFETENSORS_TYPES:
            raise ValueError(f"{name} has type {tensor.dtype}; known are {[*_SAFETENSORS_TYPES]}.")
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _SAFETENSORS_TYPES[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            # A flat view of bytes: also for types that numpy does not have, such as bfloat16.
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())

"""Changes of format between what a parcel carries and what lessons load.

A conversion reads one file and writes another whose bytes depend on nothing but the tensors, so
that the catalogue can record the hash of the result. torch is imported inside the functions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
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


def efficientnet_lite(source: Path, target: Path, architecture: str) -> None:
    """Give a parcel's EfficientNet-Lite the names that timm's model has.

    Both list the same tensors in the same order under different names (296 of Lite0, 386 of Lite1
    and Lite2), so the names are matched by position; every shape is compared.

    Parameters
    ----------
    source : Path
        The parcel's ``.pth`` file, read with ``weights_only=True``.
    target : Path
        The safetensors file to write.
    architecture : str
        timm's name of the network, such as "tf_efficientnet_lite0".

    Raises
    ------
    ValueError
        When the number of tensors or a shape differs from timm's network.
    """
    import timm
    import torch

    weights = torch.load(source, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        expected = timm.create_model(architecture).state_dict()
    if [tensor.shape for tensor in weights.values()] != [t.shape for t in expected.values()]:
        raise ValueError(
            f"{source.name} holds {len(weights)} tensors whose shapes are not those of timm's "
            f"{architecture} ({len(expected)} tensors). Install the tested timm version."
        )
    write_safetensors(dict(zip(expected, weights.values(), strict=True)), target)


CONVERSIONS = {
    f"efficientnet_lite{n}": partial(efficientnet_lite, architecture=f"tf_efficientnet_lite{n}")
    for n in range(3)
}

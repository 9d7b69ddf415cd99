"""Changes of format between what a parcel carries and what lessons load.

A conversion reads one file and writes another whose bytes depend on nothing but the tensors, so
that the catalogue can record the hash of the result. torch is imported inside the functions.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tl_helpers.assets.speech_weights import whisper
from tl_helpers.assets.tensor_files import write_safetensors


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
} | {"whisper": whisper}

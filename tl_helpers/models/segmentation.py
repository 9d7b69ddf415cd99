"""The U-Net: an encoder's maps at growing strides, led back to the picture's own resolution.

Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from tl_helpers import assets

NAMES = ("ImageNet", "random", "small")
_OUT = (0, 1, 2)  # strides 2, 4 and 8: deeper maps of a slice of 64 pixels are a few pixels wide


class _Channels(Protocol):
    def channels(self) -> list[int]: ...


class Encoder(nn.Module):
    """Pictures to a list of feature maps, the finest first, as timm's ``features_only`` networks.

    Attributes
    ----------
    feature_info : object
        Its ``channels()`` are those of the maps.
    """

    feature_info: _Channels


class UNet(nn.Module):
    """An encoder under a new decoder: grey slices (N, 1, H, W) to logits (N, classes, H, W).

    The decoder enlarges the coarsest map step by step. At each step it lays the encoder's map of
    that size beside it, at the last one the slice itself, and a convolution merges the two.

    Parameters
    ----------
    encoder : Encoder
        Of one input channel or three, to which the grey slice is repeated. Slices from 0 to 1
        reach it as -1 to 1.
    classes : int
    width : int, default 16
        Channels of the decoder.
    seed : int, default 0
        Draws the decoder's weights; torch's global generator is left as it was.
    """

    def __init__(self, encoder: Encoder, classes: int, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        widths = [1, *encoder.feature_info.channels()]
        skips, deep = widths[:-1], widths[-1]
        self.encoder = encoder
        self._channels = next(encoder.parameters()).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inputs = [deep, *[width] * (len(skips) - 1)]
            pairs = zip(inputs, reversed(skips), strict=True)
            self.up = nn.ModuleList(_merge(below + skip, width) for below, skip in pairs)
            self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes, H, W)."""
        seen = (2 * x - 1).expand(-1, self._channels, -1, -1)
        found = [x, *self.encoder(seen)]
        maps = found.pop()
        for merge, skip in zip(self.up, reversed(found), strict=True):
            size = skip.shape[2:]
            larger = nn.functional.interpolate(maps, size, mode="bilinear", align_corners=False)
            maps = merge(torch.cat([larger, skip], 1))
        return self.head(maps)


def encoder(name: str, seed: int = 0) -> Encoder:
    """An encoder by name: pictures to a list of feature maps, the finest first.

    Parameters
    ----------
    name : {"ImageNet", "random", "small"}
        "ImageNet": EfficientNet-Lite0 (Tan and Le 2019) as timm's ``features_only``, pretrained;
        "random": the same from random weights; "small": the plain blocks of `SmallEncoder`.
    seed : int, default 0
        Draws random weights; torch's global generator is left as it was.

    Returns
    -------
    Encoder

    Raises
    ------
    ValueError
        For another name.
    """
    if name not in NAMES:
        raise ValueError(f"no encoder is called {name!r}; expected one of {', '.join(NAMES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallEncoder() if name == "small" else _lite(pretrained=name == "ImageNet")


class SmallEncoder(Encoder):
    """Pairs of 3 by 3 convolutions with batch-norm, halved by max-pooling; grey pictures.

    Parameters
    ----------
    widths : sequence of int, default (16, 32, 64)
        Channels of each stage; the first keeps the picture's resolution.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64)) -> None:
        super().__init__()
        self.feature_info = _Widths(widths)
        stages = [_pair(before, after) for before, after in pairwise((1, *widths))]
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of the stages, (N, widths[i], H / 2^i, W / 2^i)."""
        maps = []
        for number, stage in enumerate(self.stages):
            x = stage(nn.functional.max_pool2d(x, 2) if number else x)
            maps.append(x)
        return maps


def _lite(pretrained: bool) -> Encoder:
    """EfficientNet-Lite0's first stages as timm gives them."""
    import timm

    name = "tf_efficientnet_lite0"
    body = timm.create_model(name, features_only=True, out_indices=_OUT, pretrained=False)
    if pretrained:
        from safetensors.torch import load_file

        weights = load_file(assets.fetch("efficientnet-lite0") / "model.safetensors")
        body.load_state_dict({key: weights[key] for key in body.state_dict()})
    return cast(Encoder, body)


class _Widths:
    """What timm calls ``feature_info``, as far as a decoder asks."""

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = list(widths)

    def channels(self) -> list[int]:
        return self._widths


def _merge(before: int, after: int) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def _pair(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(_merge(before, after), _merge(after, after))

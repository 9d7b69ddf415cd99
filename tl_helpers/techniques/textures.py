"""What a surface looks like around each place, without a network: the classical description."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

STRIDE, WINDOW = 8, 16  # pixels between places, and side of the window around each
_WAVES, _DIRECTIONS = (4.0, 8.0), 4  # pixels a wave, and how many directions


def local_texture(pictures: Tensor) -> np.ndarray:
    """Brightness, colour, Gabor energies and local binary patterns in a window around each place.

    Sources: Jain and Farrokhnia, Unsupervised texture segmentation using Gabor filters, Pattern
    Recognition 1991; Ojala et al., local binary patterns, IEEE TPAMI 2002 (here the ten classes
    "riu2" of eight neighbours at radius 1).

    Parameters
    ----------
    pictures : Tensor
        uint8 (N, 3, H, W), with sides that are multiples of 8.

    Returns
    -------
    float32 array (N, H/8 * W/8, 22)
        Means of three colours, spread of brightness, eight energies, ten shares of patterns, each
        at a scale of about one; places run row by row.

    Raises
    ------
    ValueError
        For another shape or type.
    """
    if pictures.dtype != torch.uint8 or pictures.dim() != 4 or pictures.shape[1] != 3:
        raise ValueError(
            f"pictures are {pictures.dtype} of shape {tuple(pictures.shape)}; expected uint8 "
            "(N, 3, H, W)."
        )
    colours = pictures.float() / 255
    grey = colours.mean(1, keepdim=True)
    means = _windows(colours)
    spread = (_windows(grey**2) - _windows(grey) ** 2).clamp(min=0).sqrt()
    energies = _windows(_gabor(grey))
    maps = torch.cat([4 * means, 8 * spread, 16 * energies, 3 * _windows(_patterns(grey))], 1)
    return maps.flatten(2).transpose(1, 2).numpy()


def _windows(maps: Tensor) -> Tensor:
    """Means over windows, with the border repeated outwards."""
    margin = (WINDOW - STRIDE) // 2
    padded = functional.pad(maps, (margin,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, WINDOW, STRIDE)


def _gabor(grey: Tensor) -> Tensor:
    """Amplitude of the response to waves of each length and direction, (N, 8, H, W)."""
    kernels = _kernels()
    padded = functional.pad(grey, (kernels.shape[-1] // 2,) * 4, mode="replicate")
    even, odd = functional.conv2d(padded, kernels).chunk(2, 1)
    return (even**2 + odd**2).sqrt()


@functools.cache
def _kernels() -> Tensor:
    """Even filters, then odd ones, each of mean zero."""
    rows, columns = torch.meshgrid(*[torch.arange(-7.0, 8.0)] * 2, indexing="ij")
    found = []
    for shape in (torch.cos, torch.sin):
        for wave in _WAVES:
            envelope = torch.exp(-(rows**2 + columns**2) / (2 * (0.45 * wave) ** 2))
            for turn in range(_DIRECTIONS):
                angle = torch.tensor(turn * torch.pi / _DIRECTIONS)
                along = columns * angle.cos() + rows * angle.sin()
                kernel = envelope * shape(2 * torch.pi * along / wave)
                kernel = kernel - envelope * kernel.sum() / envelope.sum()
                found.append(kernel / envelope.sum())
    return torch.stack(found)[:, None]


def _patterns(grey: Tensor) -> Tensor:
    """Which of the ten rotation-invariant patterns each pixel shows, (N, 10, H, W)."""
    height, width = grey.shape[-2:]
    padded = functional.pad(grey, (1,) * 4, mode="replicate")
    circle = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    brighter = torch.cat(
        [padded[..., r : r + height, c : c + width] >= grey for r, c in circle], 1
    ).int()
    changes = (brighter != brighter.roll(1, 1)).sum(1)
    code = torch.where(changes <= 2, brighter.sum(1), 9)
    return torch.stack([code == number for number in range(10)], 1).float()

"""Parts of plain material: pieces cut from a photograph of a surface, with simulated defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from tl_helpers.simulators import defects
from tl_helpers.simulators.products import GOOD, Parts, Product, product

SIDE = 96
LARGEST = 128  # pixels of the photograph that one part shows
TURN, LIGHT = 8.0, 0.08  # degrees, and share of brightness and contrast, to either side


def inspected(
    name: str,
    photograph: Image.Image,
    counts: tuple[int, int, int, int],
    data_seed: int = 0,
) -> Product:
    """A product of plain material. Parts to learn from come from the left half of its photograph,
    parts to test on from the right half: no pixel is shared.

    Each part is a window at a random place, turned by up to 8 degrees, under light that varies by
    up to 8 % in brightness and contrast.

    Parameters
    ----------
    name : str
    photograph : PIL.Image.Image
        Taken as grey, at least 80 pixels wide and 40 high.
    counts : (int, int, int, int)
        As in `products.product`.
    data_seed : int, default 0

    Raises
    ------
    ValueError
        For a photograph that is too small.
    """
    grey = photograph.convert("L")
    width, height = grey.size
    if width < 80 or height < 40:
        raise ValueError(f"{name} has {width} by {height} pixels; expected at least 80 by 40.")
    halves = {"learn": (0, 0, width // 2, height), "test": (width // 2, 0, width, height)}
    shoot = {
        where: partial(
            _part, grey.crop(box), np.random.default_rng([data_seed, *map(ord, name), n])
        )
        for n, (where, box) in enumerate(halves.items())
    }
    found = product(name, shoot, defects.KINDS, counts)
    parts = (_one_channel(some) for some in (found.good, found.bad, found.test))
    return Product(name, *parts)


def _one_channel(parts: Parts) -> Parts:
    """The same parts, three equal channels sharing one in memory."""
    return replace(parts, x=parts.x[:, :1].clone().expand(-1, 3, -1, -1))


def materials(
    photographs: Mapping[str, Image.Image],
    counts: tuple[int, int, int, int],
    data_seed: int = 0,
) -> list[Product]:
    """A product of each photograph, in their order; see `inspected`.

    Raises
    ------
    ValueError
        For a photograph that is too small.
    """
    return [inspected(name, shown, counts, data_seed) for name, shown in photographs.items()]


def _part(half: Image.Image, rng, kind: str, size: str, contrast: str):
    grey = _window(half, rng)
    mask = np.zeros(grey.shape, bool)
    if kind != GOOD:
        grey, mask = defects.render(kind, grey, size, contrast, rng)
    grey = (grey - 0.5) * rng.uniform(1 - LIGHT, 1 + LIGHT) + 0.5
    return np.repeat(grey[None] * rng.uniform(1 - LIGHT, 1 + LIGHT), 3, 0), mask


def _window(half: Image.Image, rng) -> np.ndarray:
    """A square of the photograph, slightly turned, that stays inside; float (SIDE, SIDE)."""
    angle = np.radians(rng.uniform(-TURN, TURN))
    widening = np.cos(angle) + abs(np.sin(angle))  # of a square's bounding box
    side = min(LARGEST, 0.98 * min(half.size) / widening)
    reach = side * widening / 2
    x, y = (rng.uniform(reach, length - reach) for length in half.size)
    scale = side / SIDE
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    corner = (x - (cos - sin) * SIDE / 2, y - (sin + cos) * SIDE / 2)
    affine = (cos, -sin, corner[0], sin, cos, corner[1])
    shown = half.transform((SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(shown, np.float64) / 255

"""Simulated defects of a surface: scratch, stain and dent, of three sizes and two contrasts.

Rendered defects are what an inspector would draw, not what a machine makes: they test whether a
method sees such changes, and say nothing about how often a real line has them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

SIZES = ("small", "medium", "large")
CONTRASTS = {"faint": 0.12, "strong": 0.30}  # change of brightness, of 1
SEEN = 0.02  # a pixel belongs to the defect when it changed by more than this

# In pixels, by size, on a picture of 96.
_LENGTH, _STAIN, _DENT = (9.0, 18.0, 36.0), (3.0, 5.5, 9.0), (3.5, 6.0, 10.0)


def render(
    kind: str, picture: np.ndarray, size: str, contrast: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the picture with one defect at a random place, and which pixels it changed.

    Parameters
    ----------
    kind : {"scratch", "stain", "dent"}
    picture : float array (H, W) or (3, H, W)
        Brightness from 0 to 1, at least 32 pixels a side.
    size : {"small", "medium", "large"}
        A scratch of 9, 18 or 36 pixels; a stain or dent of about 3 to 10 pixels radius.
    contrast : {"faint", "strong"}
        12 or 30 % of the brightness.
    rng : numpy.random.Generator

    Returns
    -------
    float array like ``picture``, bool array (H, W)

    Raises
    ------
    ValueError
        For an unknown kind, size or contrast, or a picture that is too small.
    """
    for what, value, known in [
        ("kind", kind, KINDS), ("size", size, SIZES), ("contrast", contrast, CONTRASTS)
    ]:  # fmt: skip
        if value not in known:
            raise ValueError(f"{what} is {value!r}; expected one of {', '.join(known)}.")
    if min(picture.shape[-2:]) < 32:
        raise ValueError(f"the picture has shape {picture.shape}; expected 32 pixels a side.")
    picture = picture.clip(0, 1)  # what is too bright to be seen is no part of the defect
    changed = KINDS[kind](picture, SIZES.index(size), CONTRASTS[contrast], rng).clip(0, 1)
    return changed, difference(picture, changed)


def difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which pixels changed visibly, bool (H, W); of several channels, in any."""
    change = np.abs(after - before) > SEEN
    return change.any(0) if change.ndim == 3 else change


def _scratch(picture, size: int, contrast: float, rng) -> np.ndarray:
    """A thin, slightly bent line, brighter or darker than what it crosses."""
    length, angle = _LENGTH[size] * rng.uniform(0.85, 1.15), rng.uniform(0, 2 * np.pi)
    row, column = _place(picture, length / 2, rng)
    steps = np.linspace(-0.5, 0.5, 4 * int(length))
    bend = length * rng.uniform(-0.4, 0.4) * (steps**2 - 0.08)
    rows = row + length * steps * np.sin(angle) + bend * np.cos(angle)
    columns = column + length * steps * np.cos(angle) - bend * np.sin(angle)
    line = np.zeros(picture.shape[-2:])
    height, width = line.shape
    inside = (rows >= 0) & (rows < height - 0.5) & (columns >= 0) & (columns < width - 0.5)
    line[rows[inside].round().astype(int), columns[inside].round().astype(int)] = 1
    line = ndimage.gaussian_filter(line, 0.6)
    return picture + rng.choice([-1, 1]) * 1.5 * contrast * line / line.max()


def _stain(picture, size: int, contrast: float, rng) -> np.ndarray:
    """A dark blot with an uneven edge."""
    radius = _STAIN[size] * rng.uniform(0.85, 1.15)
    away, angle = _polar(picture, _place(picture, radius, rng))
    edge = radius * (1 + 0.2 * np.sin(2 * angle + rng.uniform(0, 6)))
    edge = edge * (1 + 0.15 * np.sin(5 * angle + rng.uniform(0, 6)))
    return picture * (1 - 1.3 * contrast / (1 + np.exp(2 * (away - edge))))


def _dent(picture, size: int, contrast: float, rng) -> np.ndarray:
    """A hollow: the light falls on one side of it, and the other lies in shade."""
    radius, light = _DENT[size] * rng.uniform(0.85, 1.15), rng.uniform(0, 2 * np.pi)
    away, angle = _polar(picture, _place(picture, radius, rng))
    slope = away / radius * np.exp(0.5 - 0.5 * (away / radius * 1.4) ** 2) * 1.2
    return picture * (1 + contrast * slope * np.cos(angle - light))


KINDS: dict[str, Callable] = {"scratch": _scratch, "stain": _stain, "dent": _dent}


def _place(picture, reach: float, rng) -> tuple[float, float]:
    """Row and column of a middle that keeps most of the defect inside the picture."""
    margin = min(reach + 4, min(picture.shape[-2:]) / 3)
    return tuple(rng.uniform(margin, side - margin) for side in picture.shape[-2:])


def _polar(picture, middle: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Distance and direction of every pixel from the middle."""
    rows, columns = np.indices(picture.shape[-2:])
    down, right = rows - middle[0], columns - middle[1]
    return np.hypot(down, right), np.arctan2(down, right)

"""Comparison with a template: the classical way to inspect parts that always lie alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 2  # pixels that are averaged into one place
REACH = 2  # places by which a part is moved to lie on the template
FLOOR = 0.02  # least spread of a place: camera noise must not look like a defect


def aligned_grid(pictures: Tensor) -> np.ndarray:
    """Colours of small blocks, with the light of each part divided out.

    Parameters
    ----------
    pictures : Tensor
        uint8 (N, 3, H, W), with even sides.

    Returns
    -------
    float32 array (N, H/2 * W/2, 3)
        Each colour relative to the part's own median.
    """
    blocks = functional.avg_pool2d(pictures.float() / 255, BLOCK).flatten(2)
    return (blocks / blocks.median(2, keepdim=True).values.clamp(min=0.02)).transpose(1, 2).numpy()


def template(good: np.ndarray, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Difference from the mean good part, relative to how much good parts differ there.

    Every part is first moved, by up to two places each way, to where it fits the template best.

    Parameters
    ----------
    good : float array (N, P, 3)
        As `aligned_grid` gives it, of square pictures.
    rng : numpy.random.Generator
        Not used: nothing is drawn.

    Returns
    -------
    callable
        float (N, P, 3) to float32 (N, P / 16): how unusual each square of four by four places is,
        by the most unusual three by three inside of it.
    """
    side = round(good.shape[1] ** 0.5)
    mean = np.median(good, axis=0)
    moved = _moved(good, mean, side)
    mean = moved.mean(0)
    spread = np.sqrt(moved.var(0) + FLOOR**2)

    def judge(test: np.ndarray) -> np.ndarray:
        away = (np.abs(_moved(test, mean, side) - mean) / spread).mean(-1)
        maps = torch.from_numpy(away.reshape(-1, 1, side, side).astype(np.float32))
        return functional.max_pool2d(functional.avg_pool2d(maps, 3, 1, 1), 4).flatten(1).numpy()

    return judge


def _moved(parts: np.ndarray, mean: np.ndarray, side: int) -> np.ndarray:
    """Each part at the shift at which it differs least from the mean."""
    square = parts.reshape(-1, side, side, parts.shape[-1])
    steps = range(-REACH, REACH + 1)
    shifts = [np.roll(square, (a, b), (1, 2)).reshape(parts.shape) for a in steps for b in steps]
    costs = np.stack([np.abs(moved - mean).mean((1, 2)) for moved in shifts])
    best = costs.argmin(0)
    return np.stack([shifts[which][n] for n, which in enumerate(best)])

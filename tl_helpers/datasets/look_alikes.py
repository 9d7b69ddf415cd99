"""Which drawings of emoji are one unit: a drawing and its look-alikes belong in one split."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

from tl_helpers.datasets.shares import joined

ALIKE = 0.015  # mean difference of two pictures, of 1, below which they look all but the same
# Words that tell the members of a family apart, as numbers do.
_COLOURS = {"red", "orange", "yellow", "green", "blue", "light", "purple", "brown", "black"}
_COLOURS |= {"white", "grey", "pink"}
_SIZES = {"large", "big", "small", "medium"}
_DIRECTIONS = {"left", "right", "up", "down", "upper", "lower"}
_SHADES = _COLOURS | _SIZES | _DIRECTIONS


def families(names: Sequence[str], x: Tensor) -> list[str]:
    """The family of each drawing.

    One family are the drawings of one base emoji (cat and black cat, or another skin tone or
    gender), those of one name but for colour, size, direction or number (circles, clocks,
    arrows), and those that look all but the same (lock and open lock).

    Parameters
    ----------
    names : sequence of str
        "short_name CODE-POINTS" of each drawing.
    x : Tensor
        uint8 (N, 3, H, W), compared after shrinking to 8 by 8.

    Returns
    -------
    list of str
        For each, a name that its family shares.
    """
    calls, bases = [], []
    for name in names:
        call, _, points = name.rpartition(" ")
        kept = [word for word in re.sub(r"\d+", "", call).split("_") if word not in _SHADES]
        calls.append("_".join(kept) or call)
        bases.append(points.split("-")[0].encode())
    small = functional.avg_pool2d(x.float() / 255, x.shape[-1] // 8).flatten(1)
    alike = torch.cdist(small, small, p=1) < ALIKE * small.shape[1]
    looks = connected_components(alike.numpy())[1]
    return joined(joined(calls, bases), [look.tobytes() for look in looks])

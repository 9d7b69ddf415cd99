"""Where a method looks for defects: maps over pictures of parts."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from tl_helpers.plots.style import styled


@styled
def heat_maps(
    pictures, maps, masks=None, titles: Sequence[str] | None = None, usual: float | None = None
) -> np.ndarray:
    """Each part above, and below it its map: the darker, the more unusual.

    Parameters
    ----------
    pictures : uint8 array or tensor (N, 3, H, W)
    maps : float array (N, P)
        Of square grids, row by row.
    masks : bool array (N, H, W), optional
        True defects, outlined on the map.
    titles : sequence of str, optional
        One a part.
    usual : float, optional
        Value that is drawn white, such as the median over good parts; by default the least.

    Returns
    -------
    numpy.ndarray of Axes, shape (2 N,): the parts, then their maps

    Raises
    ------
    ValueError
        When lengths differ, or a map is not square.
    """
    pictures, maps = np.asarray(pictures), np.asarray(maps)
    side = round(maps.shape[-1] ** 0.5)
    if len(pictures) != len(maps) or side**2 != maps.shape[-1]:
        raise ValueError(
            f"there are {len(pictures)} pictures, and maps of shape {maps.shape}; expected one "
            "square map a picture."
        )
    width = 7 / max(len(maps), 4)
    _, grid = plt.subplots(
        2, len(maps), figsize=(width * len(maps), 2 * width + 0.4), squeeze=False
    )
    low, high = maps.min() if usual is None else usual, maps.max()
    extent = (-0.5, pictures.shape[-1] - 0.5, pictures.shape[-2] - 0.5, -0.5)
    look = {"cmap": "Greys", "vmin": low, "vmax": high, "interpolation": "bilinear"}
    for place, (above, below) in enumerate(grid.T):
        above.imshow(pictures[place].transpose(1, 2, 0))
        below.imshow(maps[place].reshape(side, side), extent=extent, **look)
        if masks is not None and masks[place].any():
            _outline(below, masks[place])
        if titles is not None:
            words = {"fontsize": 8, "fontweight": "normal", "loc": "center", "pad": 2}
            above.set_title(titles[place], parse_math=False, **words)
    for ax in grid.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    return grid.ravel()


def _outline(ax: Axes, mask: np.ndarray) -> None:
    ax.contour(mask.astype(float), levels=[0.5], colors="#D55E00", linewidths=1.2)

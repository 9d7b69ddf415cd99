"""Figures of data: pictures, confusion tables, maps of features."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from tl_helpers.plots.style import new_axes, styled


@styled
def image_grid(images, titles: Sequence[str] | None = None, columns: int = 8) -> np.ndarray:
    """Pictures in rows, a title over each.

    Parameters
    ----------
    images : Examples, or uint8 array or tensor (N, C, H, W) or (N, H, W, C), or float in [0, 1]
        One or three channels. Examples give their class names as titles.
    titles : sequence of str, optional
    columns : int, default 8

    Returns
    -------
    numpy.ndarray of Axes, shape (N,)

    Raises
    ------
    ValueError
        For shapes that are not pictures, or a wrong number of titles.
    """
    if titles is None and hasattr(images, "classes"):
        titles = [images.classes[int(label)] for label in images.y]
    pictures = _channels_last(np.asarray(getattr(images, "x", images)))
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"there are {len(pictures)} pictures and {len(titles)} titles.")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (7, 7 / columns * rows * (1.2 if titles is not None else 1) + 0.1)
    _, grid = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for place, (ax, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
        ax.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
        if titles is not None:
            look = {"fontsize": 8, "fontweight": "normal", "loc": "center", "pad": 2}
            ax.set_title(titles[place], parse_math=False, **look)
    return grid.flat[: len(pictures)]


@styled
def confusion(truth, predicted, classes: Sequence[str], ax: Axes | None = None) -> Axes:
    """Counts of test items by true class (rows) and predicted class (columns).

    Parameters
    ----------
    truth, predicted : int array, shape (n,)
    classes : sequence of str
    ax : Axes, optional

    Raises
    ------
    ValueError
        When the lengths differ or a label has no class name.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(f"truth has shape {truth.shape} and predicted {predicted.shape}.")
    count = len(classes)
    if min(truth.min(), predicted.min()) < 0 or max(truth.max(), predicted.max()) >= count:
        raise ValueError(f"labels reach beyond the {count} classes named.")
    side = 1.8 + 0.32 * max(count, 5)
    ax = new_axes(ax, (side + 0.6, side))
    table = np.bincount(truth * count + predicted, minlength=count**2).reshape(count, count)
    ax.imshow(table / table.sum(axis=1, keepdims=True).clip(1), cmap="Greys", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(table), strict=True):
        dark = table[row, column] > table[row].sum() / 2
        tone, number = "white" if dark else "black", str(table[row, column])
        ax.text(column, row, number, ha="center", va="center", color=tone, fontsize=8)
    ax.set_xticks(
        range(count), classes, parse_math=False, rotation=60, ha="right", rotation_mode="anchor"
    )
    ax.set_yticks(range(count), classes, parse_math=False)
    ax.tick_params(labelsize=8)
    ax.grid(False)
    ax.set_xlabel("predicted class (darker: larger share of the row)")
    ax.set_ylabel("true class")
    ax.set_title("Test items by class")
    return ax


def _channels_last(pictures: np.ndarray) -> np.ndarray:
    """Pictures as (N, H, W, 3), or (N, H, W) for one channel."""
    if pictures.ndim == 4 and pictures.shape[1] in (1, 3):
        pictures = pictures.transpose(0, 2, 3, 1)
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not len(pictures):
        raise ValueError(
            f"images have shape {pictures.shape}; expected (N, C, H, W) with 1 or 3 channels."
        )
    return pictures[..., 0] if pictures.shape[3] == 1 else pictures

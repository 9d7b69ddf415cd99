"""Figures of detection: pictures with boxes, and curves of precision against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from tl_helpers.plots.style import DASHES, colour, legend_below, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.typing import LineStyleType

    from tl_helpers.models.detection import Curve


class Edge(NamedTuple):
    """The line around a box: colour, matplotlib's line style, and width in points."""

    colour: str
    style: LineStyleType
    width: float


TRUE_EDGE = Edge("white", "-", 2.0)
FOUND_EDGE = Edge("#FFD92F", (0, (3, 1.5)), 1.6)


@styled
def boxes(
    pictures: Sequence[Tensor],
    truth: Sequence[Tensor],
    found: Sequence[Tensor] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 3,
) -> np.ndarray:
    """Pictures in rows, true boxes drawn in full white lines, predicted ones in broken yellow.

    Parameters
    ----------
    pictures : sequence of Tensor
        uint8 (3, H, W) each.
    truth : sequence of Tensor
        Boxes (N, 4) of each picture: left, top, right, bottom in pixels.
    found : sequence of Tensor, optional
        Predicted boxes of each picture.
    titles : sequence of str, optional
    columns : int, default 3

    Returns
    -------
    numpy.ndarray of Axes, shape (pictures,)

    Raises
    ------
    ValueError
        When the lengths differ.
    """
    for name, part in {"truth": truth, "found": found, "titles": titles}.items():
        if part is not None and len(part) != len(pictures):
            raise ValueError(f"{name} has {len(part)} entries for {len(pictures)} pictures.")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    _, grid = plt.subplots(rows, columns, figsize=(7.5, 7.5 / columns * rows + 0.5), squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for place, (ax, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
        ax.imshow(picture.permute(1, 2, 0).numpy(), interpolation="nearest")
        _draw(ax, truth[place], TRUE_EDGE)
        if found is not None:
            _draw(ax, found[place], FOUND_EDGE)
        if titles is not None:
            look = {"fontsize": 9, "fontweight": "normal", "loc": "center", "pad": 3}
            ax.set_title(titles[place], parse_math=False, **look)
    _key(grid.flat[0].figure, with_found=found is not None)
    return grid.flat[: len(pictures)]


@styled
def precision_recall(curves: Mapping[str, Curve], ax: Axes | None = None) -> Axes:
    """Precision against recall as the score's threshold falls, a line for each detector.

    Parameters
    ----------
    curves : dict of str to detection.Curve
    ax : Axes, optional
        By default of a new figure.

    Raises
    ------
    ValueError
        Without a curve.
    """
    if not curves:
        raise ValueError("there is no curve to draw; expected {name: curve}.")
    ax = new_axes(ax, (7, 4.2))
    for index, (name, curve) in enumerate(curves.items()):
        ax.plot(
            curve.recall,
            curve.precision,
            color=colour(index),
            linestyle=DASHES[index % len(DASHES)],
            drawstyle="steps-post",
            label=name,
        )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("recall (share of the true boxes that are found)")
    ax.set_ylabel("precision (share of the boxes that hit)")
    ax.set_title("What each detector finds, and how often it is wrong")
    legend_below(ax)
    return ax


def _draw(ax: Axes, corners: Tensor, edge: Edge) -> None:
    for left, top, right, bottom in corners.tolist():
        box = Rectangle((left, top), right - left, bottom - top, fill=False, linewidth=edge.width)
        box.set_edgecolor(edge.colour)
        box.set_linestyle(edge.style)
        ax.add_patch(box)


def _key(figure, with_found: bool) -> None:
    """A legend under the pictures, on grey since the lines are light."""
    edges = {"true box": TRUE_EDGE} | ({"predicted box": FOUND_EDGE} if with_found else {})
    lines = [
        Line2D([], [], color=edge.colour, linestyle=edge.style, label=name)
        for name, edge in edges.items()
    ]
    place = {"loc": "outside lower center", "ncols": 2, "handlelength": 3.2}
    figure.legend(handles=lines, facecolor="#555555", labelcolor="white", **place)

"""A quantity week by week, a line an arm, against the level at which it pays."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from tl_helpers.plots.appearance import looks
from tl_helpers.plots.style import describe, legend_below, new_axes, styled


@styled
def weeks(
    lines: Mapping[str, pd.Series], quantity: str, title: str, ax: Axes | None = None
) -> Axes:
    """Lines by week, with zero drawn in.

    Parameters
    ----------
    lines : dict of str to pandas.Series
        Values by week, a series an arm.
    quantity : str
        What is drawn, with its unit.
    title : str
    ax : Axes, optional

    Raises
    ------
    ValueError
        When there is no line.
    """
    if not lines:
        raise ValueError("there is no line to draw; expected {arm: values by week}.")
    ax, drawn = new_axes(ax, (7, 3.6)), looks(lines)
    for arm, values in lines.items():
        look = drawn[arm]
        ax.plot(
            values.index, values, color=look.colour, marker=look.marker, linestyle=look.dash,
            label=arm,
        )  # fmt: skip
    ax.axhline(0, color="#555555", linewidth=1.2)
    ax.annotate(
        "above: it pays for itself", (0.01, 0), (0, 3), fontsize=8, color="#555555",
        xycoords=("axes fraction", "data"), textcoords="offset points",
    )  # fmt: skip
    ax.set_xticks(sorted({week for values in lines.values() for week in values.index}))
    ax.set_xlabel("week of the test")
    ax.set_ylabel(quantity)
    ax.set_title(title)
    legend_below(ax)
    told = [f"{arm}: {', '.join(f'{v:.0f}' for v in values)}" for arm, values in lines.items()]
    describe(ax, f"{title}. {quantity[0].upper()}{quantity[1:]}, by week. {'. '.join(told)}.")
    return ax

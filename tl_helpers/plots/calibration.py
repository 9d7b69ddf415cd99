"""How sure a model is and how often it is right, over parts of a test set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tl_helpers.plots.style import COLOURS, describe, legend_below, new_axes, styled


@styled
def sureness(
    right: Sequence[bool],
    sure: Sequence[float],
    by: Sequence[float],
    *,
    parts: int = 4,
    order: str = "what the items are ordered by",
) -> Axes:
    """Share of right answers and mean confidence, in equal parts ordered by a third quantity.

    A calibrated model is as often right as it is sure, in every part.

    Parameters
    ----------
    right : sequence of bool, shape (n,)
    sure : sequence of float, shape (n,)
        The probability that the model gave its answer.
    by : sequence of float, shape (n,)
        Smallest first.
    parts : int, default 4
    order : str
        What ``by`` is, for the axis.

    Raises
    ------
    ValueError
        When the lengths differ, or there are fewer items than parts.
    """
    was, said, at = (np.asarray(given, dtype=float) for given in (right, sure, by))
    if not len(was) == len(said) == len(at) >= parts:
        raise ValueError(
            f"right, sure and by have {len(right)}, {len(sure)} and {len(by)} entries; expected "
            f"one of each for every item, and at least {parts} items."
        )
    members = np.array_split(np.argsort(at, kind="stable"), parts)
    share, mean = ([values[part].mean() for part in members] for values in (was, said))
    ax, places = new_axes(None, (7, 3.6)), range(1, parts + 1)
    ax.bar(places, share, width=0.6, color="0.75", label="share that is right")
    ax.plot(places, mean, color=COLOURS[1], marker="s", label="how sure it is, on average")
    ends = [f"{at[part].min():.1f} to {at[part].max():.1f}" for part in members]
    ax.set_xticks(places, ends)
    ax.set(xlabel=order, ylabel="share, probability", ylim=(0, 1))
    off, last = mean[0] - share[0], mean[-1] - share[-1]
    ax.set_title(f"Surer than right by {off:+.2f} in the first part, by {last:+.2f} in the last")
    legend_below(ax)
    told = [
        f"{end}: right {s:.2f}, sure {m:.2f}" for end, s, m in zip(ends, share, mean, strict=True)
    ]
    describe(ax, f"Bars and a line over {parts} parts by {order}. {'; '.join(told)}.")
    return ax

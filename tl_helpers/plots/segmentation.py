"""Figures of segmentations: slices beside their masks, and arms over the places of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tl_helpers.plots.appearance import looks
from tl_helpers.plots.style import describe, legend_below, new_axes, styled

if TYPE_CHECKING:
    from tl_helpers.compare.report import TransferReport


@styled
def masks(
    scans: Mapping[str, object], labels: Mapping[str, object], classes: Sequence[str], title: str
) -> Figure:
    """Rows of slices, and under them rows of their masks, in greys.

    Parameters
    ----------
    scans : dict of str to float array (N, H, W)
        By what the row shows, such as a scanner.
    labels : dict of str to int array (N, H, W)
        Likewise, such as "truth".
    classes : sequence of str
        From dark to bright in the masks.
    title : str
    """
    rows = {name: np.asarray(pictures) for name, pictures in {**scans, **labels}.items()}
    count = len(next(iter(rows.values())))
    size = (7, 7 / max(count, 4) * len(rows) + 0.7)
    figure, grid = plt.subplots(len(rows), count, figsize=size, squeeze=False)
    for (name, pictures), line in zip(rows.items(), grid, strict=True):
        top = 1.1 if name in scans else len(classes) - 1
        for ax, picture in zip(line, pictures, strict=True):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        line[0].set_ylabel(name, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    shades = ", ".join(classes)
    figure.supxlabel(f"masks from dark to bright: {shades}", fontsize=8)
    describe(figure, f"{title}. Rows of {count} slices, from the top: {', '.join(rows)}.")
    return figure


def surest_errors(scans, truth, shares, reach: int = 10) -> dict:
    """Of each slice the voxel whose class is wrong and surest, for `plots.errors`.

    Parameters
    ----------
    scans : float tensor (N, H, W)
    truth : int64 tensor (N, H, W)
    shares : float tensor (N, K, H, W)
        Probability of each class.
    reach : int, default 10
        Pixels that are shown on each side of the voxel.

    Returns
    -------
    dict
        ``items`` float (M, 1, side, side), ``predicted`` and ``truth`` int (M,), and ``scores``,
        for the M slices that have an error.
    """
    sure, said = (np.asarray(part) for part in shares.max(1))
    scans, truth = np.asarray(scans), np.asarray(truth)
    wrong = sure * (said != truth)
    places = [np.unravel_index(one.argmax(), one.shape) for one in wrong]
    spots = [(n, *place) for n, place in enumerate(places) if wrong[n].any()]
    index = tuple(np.array(spots, dtype=int).reshape(-1, 3).T)
    wide = np.pad(scans.clip(0, 1), ((0, 0), (reach, reach), (reach, reach)))
    side = 2 * reach + 1
    cuts = [wide[n, None, row : row + side, column : column + side] for n, row, column in spots]
    items = np.stack(cuts) if cuts else np.zeros((0, 1, side, side))
    picked = {"predicted": said[index], "truth": truth[index], "scores": sure[index]}
    return {"items": items, **picked}


@styled
def places(
    reports: Mapping[str, TransferReport],
    budget: int,
    *,
    chance: float | None = None,
    good_enough: float | None = None,
    title: str | None = None,
) -> Axes:
    """Every arm in every place of a test: a row an arm, a column of dots a place.

    Parameters
    ----------
    reports : dict of str to compare.TransferReport
        By place, with the same arms.
    budget : int
    chance, good_enough : float, optional
        Drawn as a dotted and a broken line.
    title : str, optional
        By default that the arms are ordered by the first place.

    Raises
    ------
    ValueError
        When there is no report.
    """
    if not reports:
        raise ValueError("there is no report to draw; expected one for each place.")
    first = next(iter(reports.values()))
    arms = [arm for arm in first.setting.arms if first.has(arm, budget)]
    ax, drawn = new_axes(None, (7, 4.6)), looks(arms)
    words = []
    for place, arm in enumerate(arms):
        x = np.arange(len(reports)) + 0.09 * (place - (len(arms) - 1) / 2)
        found = [report.interval(arm, budget) for report in reports.values()]
        means = np.array([one.mean for one in found])
        reach = [(one.mean - max(one.low, 0), min(one.high, 1) - one.mean) for one in found]
        ax.errorbar(
            *(x, means, np.where(np.isfinite(reach), reach, 0.0).clip(0).T),
            color=drawn[arm].colour,
            marker=drawn[arm].marker,
            linestyle="none",
            capsize=2.5,
            elinewidth=1,
            label=arm,
        )
        words.append(f"{arm} " + ", ".join(f"{mean:.2f}" for mean in means))
    for value, style, name in ((chance, ":", "chance"), (good_enough, "--", "good enough")):
        if value is not None:
            ax.axhline(value, linestyle=style, color="#555555", linewidth=1.2, zorder=1)
            ax.annotate(name, (-0.48, value), (0, 2), textcoords="offset points", fontsize=8)
    ax.set_xticks(range(len(reports)), list(reports))
    ax.set(
        xlim=(-0.5, len(reports) - 0.5), ylabel=f"{first.setting.metric_name} (higher is better)"
    )
    ax.set_title(title or f"Every arm with {budget} labelled subjects")
    legend_below(ax)
    describe(ax, f"{title or ''}. In {', '.join(reports)}: {'; '.join(words)}.".lstrip(". "))
    return ax

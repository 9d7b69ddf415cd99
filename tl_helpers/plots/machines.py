"""Figures of policies on many machines: a dot a machine, and a map over two of their properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from tl_helpers.compare.interquartile import stratified_interval
from tl_helpers.plots.appearance import looks
from tl_helpers.plots.style import describe, styled


@styled
def machine_dots(
    report, *, good_enough: float | None = None, unit: str = "real episodes", title: str
) -> np.ndarray:
    """Success of every arm on every machine, a panel a budget: outcomes near 0 or 1 need dots.

    A dot is a machine, its success the mean over policy seeds. A diamond is the interquartile mean
    over seeds and machines, with the interval of the stratified bootstrap over seeds.

    Parameters
    ----------
    report : compare.TransferReport
        Its groups are machines, its predictions the share of steps kept, 1 for a success.
    good_enough : float, optional
        Drawn as a broken line.
    unit : str, default "real episodes"
        What a budget counts.
    title : str
        The finding.

    Returns
    -------
    numpy.ndarray of Axes, one a budget
    """
    arms, budgets = report.setting.arms, report.setting.budgets
    size = (7, 0.34 * len(arms) + 1.3)
    _, axes = plt.subplots(1, len(budgets), figsize=size, sharey=True, squeeze=False)
    for ax, budget in zip(axes[0], budgets, strict=True):
        _panel(ax, report, budget)
        ax.set_title(f"{budget} {unit}", fontsize=9, fontweight="normal")
        if good_enough is not None:
            ax.axvline(good_enough, color="#555555", linestyle=(0, (6, 3)), linewidth=1)
    axes[0][0].set_yticks(range(len(arms)), arms)
    axes[0][0].invert_yaxis()
    axes[0][0].figure.supxlabel("share of episodes balanced to the end", fontsize=9)
    axes[0][0].figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    describe(axes[0][0], _words(report, unit, good_enough))
    return axes[0]


def scores(report, arm: str, budget: int) -> np.ndarray:
    """Success of each policy seed on each machine: float array (seeds, machines)."""
    names = np.unique(report.setting.groups)
    rows = report.cell(arm, budget).values()
    done = [np.asarray(row.predicted) >= 1 for row in rows]
    return np.array([[one[report.setting.groups == name].mean() for name in names] for one in done])


def _panel(ax: Axes, report, budget: int) -> None:
    drawn = looks(report.setting.arms)
    rng = np.random.default_rng(0)
    for place, arm in enumerate(report.setting.arms):
        if not report.has(arm, budget):
            continue
        found = scores(report, arm, budget)
        dots, mean = found.mean(0), stratified_interval(found)
        height = place + rng.uniform(-0.28, 0.28, len(dots))
        ax.plot(dots, height, ".", color=drawn[arm].colour, markersize=4, alpha=0.7)
        reach = [[max(0, mean.mean - mean.low)], [max(0, mean.high - mean.mean)]]
        ax.errorbar(
            mean.mean, place, xerr=reach, fmt="D", color="black", markersize=5,
            markerfacecolor="white", capsize=3, elinewidth=1.2, zorder=3,
        )  # fmt: skip
    ax.set_xlim(-0.06, 1.06)
    ax.set_xticks([0, 0.5, 1])


def _words(report, unit: str, good_enough: float | None) -> str:
    parts = [
        "Each panel has a row of dots for each way, a dot a machine at its share of episodes "
        "balanced to the end, and a diamond at the interquartile mean."
    ]
    for budget in report.setting.budgets:
        have = [arm for arm in report.setting.arms if report.has(arm, budget)]
        means = [
            f"{arm} {stratified_interval(scores(report, arm, budget)).mean:.2f}" for arm in have
        ]
        parts.append(f"With {budget} {unit} it is {', '.join(means)}.")
    if good_enough is not None:
        parts.append(f"A broken line marks what is good enough to use, {good_enough:.2f}.")
    return " ".join(parts)


@styled
def success_maps(
    shares: Mapping[str, np.ndarray],
    x: tuple[str, Sequence[float]],
    y: tuple[str, Sequence[float]],
    dots: tuple[Sequence[float], Sequence[float]],
    title: str,
) -> np.ndarray:
    """A map a way: success over two properties of the machine, with the real ones marked.

    Parameters
    ----------
    shares : dict of str to float array, shape (len of y, len of x)
        Share of episodes balanced to the end.
    x, y : (str, sequence of float)
        Name with unit, and values, of the two properties; evenly spaced.
    dots : (sequence of float, sequence of float)
        Where the machines that count stand.
    title : str
        The finding.

    Returns
    -------
    numpy.ndarray of Axes
    """
    columns = min(3, len(shares))
    rows = -(-len(shares) // columns)
    size = (7, 2.3 * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True)
    axes = np.atleast_1d(axes).ravel()
    for ax in axes[len(shares) :]:
        ax.axis("off")
    for ax, (name, share) in zip(axes, shares.items(), strict=False):
        shown = ax.pcolormesh(x[1], y[1], share, cmap="gray", vmin=0, vmax=1, shading="nearest")
        ax.plot(*dots, "o", color="#D55E00", markeredgecolor="white", markersize=4, mew=0.6)
        ax.set_title(f"{name}: {share.mean():.0%}", fontsize=9, fontweight="normal")
        ax.grid(False)
    figure.supxlabel(x[0], fontsize=9)
    figure.supylabel(y[0], fontsize=9)
    figure.colorbar(shown, ax=axes.tolist(), label="success", shrink=0.8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    means = ", ".join(f"{name} {share.mean():.0%}" for name, share in shares.items())
    describe(
        axes[0],
        f"Maps of success over {x[0]} and {y[0]}, white for always and black for never; dots mark "
        f"the stand-ins. White cover of the whole map: {means}.",
    )
    return axes[: len(shares)]

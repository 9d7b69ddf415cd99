"""Figures of the course: reports, histories and data in, Axes out. Nothing here trains."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from tl_helpers.plots.data import confusion, embedding, image_grid
from tl_helpers.plots.style import (
    DASHES,
    HATCHES,
    MARKERS,
    colour,
    legend_below,
    new_axes,
    show,
    styled,
    use_style,
)

__all__ = [
    "bars",
    "confusion",
    "embedding",
    "history",
    "image_grid",
    "label_efficiency",
    "show",
    "use_style",
]


@styled
def label_efficiency(report, ax: Axes | None = None) -> Axes:
    """The metric against the label budget, a line an arm, with 95 % intervals.

    Arms with pretrained weights have full lines, controls broken ones. Filled markers ran now;
    empty ones are recorded. An arm with one seed has no interval, and no bar.

    Parameters
    ----------
    report : compare.TransferReport
    ax : Axes, optional
        By default of a new figure.

    Raises
    ------
    ValueError
        When the report has no rows.
    """
    if not report.rows:
        raise ValueError("the report has no rows to draw.")
    ax, setting = new_axes(ax, (7, 4.6)), report.setting
    for index, arm in enumerate(setting.arms):
        _arm_line(ax, report, arm, index)
    ax.set_xscale("log")
    ax.set_xticks(setting.budgets, [str(budget) for budget in setting.budgets])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("labels used (log scale)")
    ax.set_ylabel(_metric(setting))
    ax.set_title(_title(setting, "what each label budget buys"))
    legend_below(ax, title=_legend_note(report), title_fontsize=8)
    return ax


@styled
def bars(report, budget: int | None = None, ax: Axes | None = None) -> Axes:
    """The metric of every arm at one budget, with 95 % intervals.

    Parameters
    ----------
    report : compare.TransferReport
    budget : int, optional
        By default the headline's.
    ax : Axes, optional

    Raises
    ------
    ValueError
        When no arm has a row at this budget.
    """
    setting = report.setting
    budget = setting.headline[1] if budget is None else budget
    arms = [arm for arm in setting.arms if report.has(arm, budget)]
    if not arms:
        raise ValueError(f"no arm has a row at {budget} labels; budgets are {setting.budgets}.")
    ax = new_axes(ax)
    for place, arm in enumerate(arms):
        mean, low, high = report.interval(arm, budget)
        index = setting.arms.index(arm)
        look = {"color": colour(index), "hatch": HATCHES[index % len(HATCHES)]}
        label = "pretrained" if arm in setting.pretrained else "control"
        ax.barh(place, mean, edgecolor="white", height=0.7, label=label, **look)
        if np.isfinite(high - low):
            ends = [[mean - low], [high - mean]]
            ax.errorbar(mean, place, xerr=ends, color="black", capsize=4, linewidth=1.2)
        reach = high if np.isfinite(high) else mean
        ax.annotate(f"{mean:.2f}", (reach, place), (6, 0), textcoords="offset points", va="center")
    names = [f"{arm}\n({'pretrained' if arm in setting.pretrained else 'control'})" for arm in arms]
    ax.set_yticks(range(len(arms)), names)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.margins(x=0.12)
    ax.set_xlabel(_metric(setting))
    ax.set_title(_title(setting, f"every arm at {budget} labels"))
    return ax


@styled
def history(history, ax: Axes | None = None) -> Axes:
    """Losses against the epoch, and the validation metric on a second axis.

    Parameters
    ----------
    history : training.History
    ax : Axes, optional

    Raises
    ------
    ValueError
        When no epoch was finished.
    """
    if not history.epochs:
        raise ValueError("the history has no finished epoch to draw.")
    ax = new_axes(ax, (7, 4.2))
    epochs = [row["epoch"] for row in history.epochs]
    _curve(ax, epochs, history, "train_loss", "training loss", 0)
    _curve(ax, epochs, history, "valid_loss", "validation loss", 1)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    lines = list(ax.lines)
    if any(row["valid_metric"] is not None for row in history.epochs):
        right = ax.twinx()
        right.grid(False)
        right.spines["right"].set_visible(True)
        right.set_ylabel("validation metric")
        _curve(right, epochs, history, "valid_metric", "validation metric (right)", 2)
        lines += right.lines
    if history.best_epoch is not None:
        lines.append(ax.axvline(history.best_epoch, color="black", linestyle=":", linewidth=1))
        lines[-1].set_label(f"best epoch, {history.best_epoch}")
    legend_below(ax, lines)
    how = "stopped early" if history.stopped == "early" else history.stopped
    ax.set_title(f"Training: {len(epochs)} epochs, {how}")
    return ax


def _arm_line(ax: Axes, report, arm: str, index: int) -> None:
    setting = report.setting
    budgets = [budget for budget in setting.budgets if report.has(arm, budget)]
    if not budgets:
        return
    intervals = np.array([report.interval(arm, budget) for budget in budgets])
    # A shift of a few per cent keeps bars of equal budgets apart on the log scale.
    x = np.array(budgets) * 1.035 ** (index - (len(setting.arms) - 1) / 2)
    pretrained = arm in setting.pretrained
    dash = "-" if pretrained else DASHES[1 + index % (len(DASHES) - 1)]
    look = {"color": colour(index), "marker": MARKERS[index % len(MARKERS)]}
    ax.plot(x, intervals[:, 0], linestyle=dash, label=arm, **look)
    mean, low, high = intervals.T
    finite = np.isfinite(high - low)
    ends = np.array([mean - low, high - mean])[:, finite]
    ax.errorbar(
        *(x[finite], mean[finite], ends),
        **{"fmt": "none", "ecolor": colour(index), "capsize": 2.5, "elinewidth": 1},
    )
    recorded = [all(row.recorded for row in report.cell(arm, b).values()) for b in budgets]
    ax.plot(
        *(x[recorded], mean[recorded]),
        **{**look, "linestyle": "none", "markerfacecolor": "white", "zorder": 3},
    )


def _legend_note(report) -> str:
    note = "full line: pretrained; broken: control"
    if any(row.recorded for row in report.rows):
        note += "; empty marker: recorded; filled: ran now"
    return note


def _metric(setting) -> str:
    better = "higher" if setting.higher_is_better else "lower"
    return f"{setting.metric_name} ({better} is better)"


def _title(setting, text: str) -> str:
    return f"{text[0].upper()}{text[1:]}" if setting.task == "main" else f"{setting.task}: {text}"


def _curve(ax: Axes, epochs, history, key: str, label: str, index: int) -> None:
    values = [row[key] for row in history.epochs]
    if all(value is None for value in values):
        return
    values = [np.nan if value is None else value for value in values]
    look = {"color": colour(index), "marker": MARKERS[index], "linestyle": DASHES[index]}
    ax.plot(epochs, values, label=label, markersize=4, **look)

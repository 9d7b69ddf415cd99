"""Figures of a report: the metric over label budgets, and the arms at one budget."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from tl_helpers.plots import words
from tl_helpers.plots.appearance import looks
from tl_helpers.plots.style import HATCHES, describe, legend_below, new_axes, styled

_CHANCE = {"color": "#555555", "linestyle": ":", "linewidth": 1.2}
_GOOD = {"color": "#555555", "linestyle": (0, (6, 3)), "linewidth": 1.2}


@styled
def label_efficiency(
    report,
    ax: Axes | None = None,
    *,
    chance: float | None = None,
    good_enough: float | None = None,
    title: str | None = None,
) -> Axes:
    """The metric against the label budget, a line an arm, with 95 % intervals.

    Arms with pretrained weights have full lines, controls broken ones. Filled markers ran now;
    empty ones are recorded. An arm with one seed has no interval, and no bar. Colour and marker
    follow the arm's name. Nothing is drawn outside [0, 1] of a metric that cannot leave it.

    Parameters
    ----------
    report : compare.TransferReport
    ax : Axes, optional
        By default of a new figure.
    chance : float, optional
        What blind guessing scores; drawn as a dotted line.
    good_enough : float, optional
        What the field calls good enough to use; drawn as a broken line.
    title : str, optional
        By default the finding at the headline's budget, composed from the report.

    Raises
    ------
    ValueError
        When the report has no rows.
    """
    if not report.rows:
        raise ValueError("the report has no rows to draw.")
    ax, setting = new_axes(ax, (7, 4.6)), report.setting
    drawn = looks(setting.arms)
    for place, arm in enumerate(setting.arms):
        _arm_line(ax, report, arm, drawn[arm], place)
    _level(ax, chance, "chance", _CHANCE, right=True)
    _level(ax, good_enough, "good enough to use", _GOOD, right=False)
    ax.set_xscale("log")
    ax.set_xticks(setting.budgets, [str(budget) for budget in setting.budgets])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("labels used (log scale)")
    ax.set_ylabel(words.metric_label(setting))
    _stay_inside(ax.get_ylim, ax.set_ylim, words.bounds(setting))
    found = words.finding(report) or "What each label budget buys"
    ax.set_title(title or _with_task(setting, found))
    legend_below(ax, title=_legend_note(report), title_fontsize=8)
    describe(ax, words.curves(report, chance, good_enough))
    return ax


@styled
def bars(
    report,
    budget: int | None = None,
    ax: Axes | None = None,
    *,
    chance: float | None = None,
    good_enough: float | None = None,
    title: str | None = None,
) -> Axes:
    """The metric of every arm at one budget, with 95 % intervals.

    Parameters
    ----------
    report : compare.TransferReport
    budget : int, optional
        By default the headline's.
    ax : Axes, optional
    chance : float, optional
        What blind guessing scores; drawn as a dotted line.
    good_enough : float, optional
        What the field calls good enough to use; drawn as a broken line.
    title : str, optional
        By default "Every arm at" so many labels.

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
    ax, drawn = new_axes(ax, (7, max(4, 1 + len(arms) / 2))), looks(setting.arms)
    for place, arm in enumerate(arms):
        look = {"color": drawn[arm].colour, "hatch": HATCHES[place % len(HATCHES)]}
        _bar(ax, place, _clipped(report, arm, budget), look)
    _upright(ax, chance, "chance", _CHANCE)
    _upright(ax, good_enough, "good enough to use", _GOOD)
    names = [f"{arm}\n({'pretrained' if arm in setting.pretrained else 'control'})" for arm in arms]
    ax.set_yticks(range(len(arms)), names)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.margins(x=0.12)
    ax.set_xlabel(words.metric_label(setting))
    found = words.finding(report) if budget == setting.headline[1] else None
    ax.set_title(title or _with_task(setting, found or f"Every arm at {budget} labels"))
    describe(ax, words.bar_chart(report, budget, arms, good_enough))
    return ax


def _arm_line(ax: Axes, report, arm: str, look, place: int) -> None:
    setting = report.setting
    budgets = [budget for budget in setting.budgets if report.has(arm, budget)]
    if not budgets:
        return
    mean, low, high = np.array([_clipped(report, arm, budget) for budget in budgets]).T
    # A shift of a few per cent keeps bars of equal budgets apart on the log scale.
    x = np.array(budgets) * 1.035 ** (place - (len(setting.arms) - 1) / 2)
    style = {"color": look.colour, "marker": look.marker}
    dash = "-" if arm in setting.pretrained else look.dash
    ax.plot(x, mean, linestyle=dash, label=arm, clip_on=False, **style)
    finite = np.isfinite(high - low)
    ends = np.array([mean - low, high - mean])[:, finite].clip(0)
    ax.errorbar(
        *(x[finite], mean[finite], ends),
        **{"fmt": "none", "ecolor": look.colour, "capsize": 2.5, "elinewidth": 1},
    )
    recorded = [all(row.recorded for row in report.cell(arm, b).values()) for b in budgets]
    hollow = {**style, "linestyle": "none", "markerfacecolor": "white", "zorder": 3}
    ax.plot(x[recorded], mean[recorded], **hollow)


def _bar(ax: Axes, place: int, interval: tuple[float, float, float], look: dict) -> None:
    mean, low, high = interval
    ax.barh(place, mean, edgecolor="white", height=0.7, **look)
    if np.isfinite(high - low):
        ends = np.array([[mean - low], [high - mean]]).clip(0)
        ax.errorbar(mean, place, xerr=ends, color="black", capsize=4, linewidth=1.2)
    reach = high if np.isfinite(high) else mean
    ax.annotate(f"{mean:.2f}", (reach, place), (6, 0), **_note("center"))


def _clipped(report, arm: str, budget: int) -> tuple[float, float, float]:
    """Mean and interval; no end of it outside the metric's own range."""
    mean, low, high = report.interval(arm, budget)
    if np.isfinite(high - low):
        low, high = np.clip([low, high], *words.bounds(report.setting))
    return mean, low, high


def _upright(ax: Axes, value: float | None, name: str, style: dict) -> None:
    if value is not None:
        ax.axvline(value, **style)
        ax.annotate(name, (value, 0), (3, -2), **_note("top"), rotation=90)


def _level(ax: Axes, value: float | None, name: str, style: dict, right: bool) -> None:
    """A line across the figure, named over its right end, or under its left one, off the title."""
    if value is not None:
        ax.axhline(value, zorder=1, **style)
        ax.annotate(
            name, (int(right), value), (-2, 2) if right else (3, -2), color="#555555",
            xycoords=("axes fraction", "data"), ha="right" if right else "left",
            **_note("bottom" if right else "top"),
        )  # fmt: skip


def _with_task(setting, text: str) -> str:
    return text if setting.task == "main" else f"{setting.task}: {text[0].lower()}{text[1:]}"


def _note(vertical: str) -> dict:
    return {"textcoords": "offset points", "va": vertical, "fontsize": 8}


def _stay_inside(get, put, bounds: tuple[float, float]) -> None:
    low, high = get()
    put(max(low, bounds[0]), min(high, bounds[1]))


def _legend_note(report) -> str:
    note = "full line: pretrained; broken: control"
    if any(row.recorded for row in report.rows):
        note += "; empty marker: recorded; filled: ran now"
    return note

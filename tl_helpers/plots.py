"""Figures of the course: reports, histories and data in, Axes out. Nothing here trains.

Colours are those of Okabe and Ito, told apart by the colour-blind; markers, line styles and
hatches tell the same things apart in black and white.
"""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "oo", "++")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))

STYLE = {
    "figure.figsize": (7, 4),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "savefig.facecolor": "white",
}


def _styled(draw: Callable) -> Callable:
    """Draw in the course's style whatever the session's own."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with plt.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def use_style() -> None:
    """Set the course's figure style for the rest of the session."""
    plt.rcParams.update(STYLE)


@_styled
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
    ax, setting = _axes(ax, (7, 4.6)), report.setting
    for index, arm in enumerate(setting.arms):
        _arm_line(ax, report, arm, index)
    ax.set_xscale("log")
    ax.set_xticks(setting.budgets, [str(budget) for budget in setting.budgets])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("labels used (log scale)")
    ax.set_ylabel(_metric(setting))
    ax.set_title(_title(setting, "what each label budget buys"))
    _legend_below(ax, title=_legend_note(report), title_fontsize=8)
    return ax


@_styled
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
    ax = _axes(ax)
    for place, arm in enumerate(arms):
        mean, low, high = report.interval(arm, budget)
        index = setting.arms.index(arm)
        look = {"color": _colour(index), "hatch": HATCHES[index % len(HATCHES)]}
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


@_styled
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
    ax = _axes(ax, (7, 4.2))
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
    _legend_below(ax, lines)
    how = "stopped early" if history.stopped == "early" else history.stopped
    ax.set_title(f"Training: {len(epochs)} epochs, {how}")
    return ax


@_styled
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
            ax.set_title(titles[place], fontsize=8, fontweight="normal", loc="center", pad=2)
    return grid.flat[: len(pictures)]


@_styled
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
    ax = _axes(ax, (side + 0.6, side))
    table = np.bincount(truth * count + predicted, minlength=count**2).reshape(count, count)
    ax.imshow(table / table.sum(axis=1, keepdims=True).clip(1), cmap="Greys", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(table), strict=True):
        dark = table[row, column] > table[row].sum() / 2
        tone = {"color": "white" if dark else "black", "fontsize": 8}
        ax.text(column, row, table[row, column], ha="center", va="center", **tone)
    ax.set_xticks(range(count), classes, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(count), classes)
    ax.tick_params(labelsize=8)
    ax.grid(False)
    ax.set_xlabel("predicted class (darker: larger share of the row)")
    ax.set_ylabel("true class")
    ax.set_title("Test items by class")
    return ax


@_styled
def embedding(points, labels, classes: Sequence[str], ax: Axes | None = None) -> Axes:
    """Points in two dimensions, a colour and marker for each class.

    Parameters
    ----------
    points : float array, shape (n, 2)
    labels : int array, shape (n,)
    classes : sequence of str
    ax : Axes, optional

    Raises
    ------
    ValueError
        When points are not (n, 2) or labels not (n,) or without a class name.
    """
    points, labels = np.asarray(points), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            f"points have shape {points.shape} and labels {labels.shape}; expected (n, 2) and (n,)."
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"labels reach beyond the {len(classes)} classes named.")
    ax = _axes(ax, (7, 4.6))
    for index, name in enumerate(classes):
        chosen = points[labels == index]
        # Markers step on once a round of colours is through, so that no pair repeats.
        marker = MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]
        look = {"color": _colour(index), "marker": marker, "edgecolor": "white", "linewidth": 0.3}
        ax.scatter(*chosen.T, s=60 if marker == "*" else 36, label=name, **look)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel("first dimension (no unit)")
    ax.set_ylabel("second dimension (no unit)")
    ax.set_title("Map of the features")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False)
    return ax


def show(figure: Figure | Axes, alt: str) -> None:
    """Show a figure with a description in words, and close it.

    The output is a PNG with ``alt`` in its metadata, and under it the same words, folded: few
    viewers of notebooks hand the metadata to a screen reader.

    Parameters
    ----------
    figure : Figure or Axes
    alt : str
        What a reader should see: the quantities, the order of the curves, the finding.

    Raises
    ------
    ValueError
        When ``alt`` is empty.
    """
    from IPython.display import HTML, display

    if not alt.strip():
        raise ValueError("alt is empty; describe what the picture shows in a sentence or two.")
    figure = figure if isinstance(figure, Figure) else figure.figure
    data, metadata = bundle(png(figure), alt)
    display(data, metadata=metadata, raw=True)
    words = html.escape(alt, quote=False)
    display(HTML(f"<details><summary>The picture in words</summary>{words}</details>"))


def png(figure: Figure) -> bytes:
    """The figure as a PNG at 100 dots an inch; the figure is closed.

    A figure without pictures in it is reduced to 256 colours, which halves its size.
    """
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    plt.close(figure)
    with Image.open(drawn) as image:
        image = image.convert("RGB")
        if not any(ax.images for ax in figure.axes):
            image = image.quantize(256, dither=Image.Dither.NONE)
        image.save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def bundle(picture: bytes, alt: str) -> tuple[dict, dict]:
    """Data and metadata of a notebook output that holds a PNG and its description."""
    data = {"image/png": base64.b64encode(picture).decode(), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def _axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    return plt.subplots(figsize=size)[1] if ax is None else ax


def _legend_below(ax: Axes, handles: Sequence | None = None, **settings) -> None:
    """A legend under the axis label, where it hides nothing."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "frameon": False}
    ax.legend(handles=handles, ncols=3, handlelength=3.2, **place, **settings)


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


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
    look = {"color": _colour(index), "marker": MARKERS[index % len(MARKERS)]}
    ax.plot(x, intervals[:, 0], linestyle=dash, label=arm, **look)
    mean, low, high = intervals.T
    finite = np.isfinite(high - low)
    ends = np.array([mean - low, high - mean])[:, finite]
    ax.errorbar(
        *(x[finite], mean[finite], ends),
        **{"fmt": "none", "ecolor": _colour(index), "capsize": 2.5, "elinewidth": 1},
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
    look = {"color": _colour(index), "marker": MARKERS[index], "linestyle": DASHES[index]}
    ax.plot(epochs, values, label=label, markersize=4, **look)


def _channels_last(pictures: np.ndarray) -> np.ndarray:
    """Pictures as (N, H, W, 3), or (N, H, W) for one channel."""
    if pictures.ndim == 4 and pictures.shape[1] in (1, 3):
        pictures = pictures.transpose(0, 2, 3, 1)
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not len(pictures):
        raise ValueError(
            f"images have shape {pictures.shape}; expected (N, C, H, W) with 1 or 3 channels."
        )
    return pictures[..., 0] if pictures.shape[3] == 1 else pictures

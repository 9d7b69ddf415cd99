"""The loss of one training, epoch by epoch, for training and validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Real

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tl_helpers.plots.style import COLOURS, describe, legend_below, new_axes, styled

_TRAIN, _VALID = ("train_loss", "train", "loss"), ("valid_loss", "valid", "val_loss", "val")
_FORMS = (
    "a History, a list of losses, a list of (training, validation) pairs, a list of dicts with "
    "train_loss and valid_loss, or a dict of two lists"
)


@styled
def loss_curves(
    losses, ax: Axes | None = None, *, each: str = "epoch", title: str | None = None
) -> Axes:
    """Training and validation loss against the epoch, with the best epoch marked.

    Parameters
    ----------
    losses : training.History, list of float, of (train, valid) or of dicts, or dict of lists
        One entry an epoch, in order. Dicts have ``train_loss`` (or ``train``) and may have
        ``valid_loss`` (or ``valid``). A validation loss that was not computed is None.
    ax : Axes, optional
        By default of a new figure.
    each : str, default "epoch"
        What one entry stands for, for the axis.
    title : str, optional
        By default what the curves say.

    Raises
    ------
    ValueError
        When there is no loss, the two lists differ in length, or the form is another.
    """
    train, valid = _series(losses)
    best = getattr(losses, "best_epoch", None) or _lowest(valid)
    ax, steps = new_axes(ax, (7, 4)), range(1, len(train) + 1)
    draw = partial(ax.plot, steps, markersize=5, markevery=max(1, len(train) // 20))
    draw(train, color=COLOURS[0], marker="o", label="training")
    if best is not None:
        draw(valid, color=COLOURS[1], marker="s", linestyle="--", label="validation")
        ax.axvline(best, color="black", linestyle=":", linewidth=1.2, label=f"best {each}, {best}")
    ax.set_xlabel(each)
    ax.set_ylabel("loss (lower is better)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title(title or _finding(train, valid, best, each))
    legend_below(ax)
    describe(ax, _words(train, valid, best, each))
    return ax


def _series(losses) -> tuple[list[float], list[float]]:
    """Training and validation losses; NaN where there is none."""
    rows = getattr(losses, "epochs", losses)
    if isinstance(rows, Mapping):
        pairs = [_value(rows, _TRAIN), _value(rows, _VALID) or []]
        if pairs[0] is None or (pairs[1] and len(pairs[0]) != len(pairs[1])):
            raise ValueError("the dict's two lists differ in length, or one is missing.")
        rows = list(zip(pairs[0], pairs[1] or [None] * len(pairs[0]), strict=True))
    if not isinstance(rows, Sequence) and not hasattr(rows, "__array__"):
        raise ValueError(f"losses are a {type(losses).__name__}; expected {_FORMS}.")
    pairs = [_pair(row) for row in rows]
    if not pairs:
        raise ValueError("there is no finished epoch to draw; expected at least one loss.")
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _pair(row) -> tuple[float, float]:
    if isinstance(row, Mapping):
        row = _value(row, _TRAIN), _value(row, _VALID)
    if isinstance(row, Real) or getattr(row, "ndim", None) == 0:
        row = row, None
    if isinstance(row, str) or len(row) != 2 or row[0] is None:
        raise ValueError(f"an entry of losses is {row!r}; expected {_FORMS}.")
    train, valid = (math.nan if value is None else float(value) for value in row)
    return train, valid


def _value(row: Mapping, names: Sequence[str]):
    return next((row[name] for name in names if name in row), None)


def _lowest(valid: list[float]) -> int | None:
    """Number of the entry with the lowest validation loss, from 1."""
    known = {number: loss for number, loss in enumerate(valid, 1) if math.isfinite(loss)}
    return min(known, key=known.__getitem__) if known else None


def _finding(train: list[float], valid: list[float], best: int | None, each: str) -> str:
    if best is None:
        fell = train[-1] < train[0]
        return f"The training loss {'falls' if fell else 'does not fall'}; nothing was held out"
    if best == len(train):
        return f"Validation is best at the last {each}, {best}: more might help"
    return f"Validation is best at {each} {best} of {len(train)}"


def _words(train: list[float], valid: list[float], best: int | None, each: str) -> str:
    count = len(train)
    text = (
        f"Loss against the {each}. The training loss goes from {train[0]:.2f} to "
        f"{train[-1]:.2f} in {count} {each}s."
    )
    if best is None:
        return text
    return text + (
        f" The validation loss goes from {valid[0]:.2f} to {valid[-1]:.2f}; a dotted line marks "
        f"the best {each}, {best}, where it is {valid[best - 1]:.2f}."
    )

"""The worst errors of a model: what was shown, what it said, and what is true."""

from __future__ import annotations

import html
import io
import textwrap
import wave
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from tl_helpers.plots.data import image_grid
from tl_helpers.plots.style import describe, png, styled

KINDS = ("picture", "text", "sound")
WIDTH = 72  # characters of a line of text
SECONDS, RATE = 2.0, 8000  # of a sound in the output: ten of them take about 200 kB


class Mistake(NamedTuple):
    """One wrong answer."""

    item: object
    said: str
    true: str
    score: float | None

    def __str__(self) -> str:
        sure = "" if self.score is None else f" ({self.score:.2f})"
        return f"said: {self.said}{sure}; true: {self.true}"


class Errors:
    """Wrong answers to texts or sounds, the worst first; a notebook shows them as a table."""

    def __init__(self, mistakes: list[Mistake], title: str, kind: str, rate: int | None) -> None:
        self.mistakes, self.title, self.kind, self.rate = mistakes, title, kind, rate

    def __repr__(self) -> str:
        lines = [self.title]
        for mistake in self.mistakes:
            lines += ["", str(mistake)]
            if self.kind == "text":
                lines += textwrap.wrap(
                    str(mistake.item), WIDTH, initial_indent="  ", subsequent_indent="  "
                )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            f"<tr>{_cells(mistake)}<td>{self._shown(mistake)}</td></tr>"
            for mistake in self.mistakes
        ]
        heads = "".join(f"<th>{name}</th>" for name in ("said", "true", self.kind))
        left = 'style="text-align: left"'
        return (
            f"<table {left}><caption {left}>{html.escape(self.title)}</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def _shown(self, mistake: Mistake) -> str:
        if self.kind == "text" or self.rate is None:
            return _text(str(mistake.item))
        return _sound(mistake.item, self.rate)


@styled
def errors(
    items,
    predicted,
    truth,
    *,
    classes: Sequence[str] | None = None,
    scores=None,
    count: int = 10,
    kind: str | None = None,
    rate: int | None = None,
) -> Figure | Errors:
    """The worst errors: those of which the model was surest first.

    Parameters
    ----------
    items : Examples, or pictures, texts or sounds
        Pictures as for `image_grid`, a list of str, or sounds as float (N, samples) or a list of
        such rows. Texts are shown as given: mask handles and links before.
    predicted, truth : int array, shape (n,)
        Numbers of classes.
    classes : sequence of str, optional
        Their names; by default those of the Examples.
    scores : float array, shape (n,) or (n, classes), optional
        Probability of the predicted class, or of each. Without them the first errors are shown.
    count : int, default 10
    kind : {"picture", "text", "sound"}, optional
        By default read from the items.
    rate : int, optional
        Samples a second; needed for sounds, of which the first two seconds are played.

    Returns
    -------
    Figure or Errors
        A figure of pictures, or a table of texts or sounds that a notebook shows by itself.

    Raises
    ------
    ValueError
        When lengths differ, a class has no name, scores are no probabilities, or sounds have no
        rate.
    """
    classes = getattr(items, "classes", None) if classes is None else classes
    items = getattr(items, "x", items)
    kind = kind or _kind(items)
    _check(items, predicted, truth, classes, kind, rate)
    mistakes, wrong = _worst(
        items, np.asarray(predicted), np.asarray(truth), classes, scores, count
    )
    title = _title(len(mistakes), wrong, len(items), scores is not None)
    if kind != "picture":
        return Errors(mistakes, title, kind, rate)
    figure = _pictures(mistakes, title)
    describe(figure, f"{title}. " + " ".join(f"{n}: {m}." for n, m in enumerate(mistakes, 1)))
    return figure


def _worst(items, predicted, truth, classes, scores, count) -> tuple[list[Mistake], int]:
    wrong = np.flatnonzero(predicted != truth)
    sure = None if scores is None else _of_predicted(scores, predicted)
    order = wrong if sure is None else wrong[np.argsort(-sure[wrong], kind="stable")]
    mistakes = [
        Mistake(
            items[place],
            str(classes[predicted[place]]),
            str(classes[truth[place]]),
            None if sure is None else float(sure[place]),
        )
        for place in order[:count].tolist()
    ]
    return mistakes, len(wrong)


def _of_predicted(scores, predicted: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=float)
    if scores.shape[:1] != predicted.shape or scores.ndim > 2:
        raise ValueError(
            f"scores have shape {scores.shape} for {len(predicted)} answers; expected one "
            "probability an answer, or one for each class."
        )
    if np.isnan(scores).any() or scores.min(initial=0) < 0 or scores.max(initial=1) > 1 + 1e-6:
        raise ValueError("scores are not between 0 and 1; expected probabilities: take a softmax.")
    return scores if scores.ndim == 1 else scores[np.arange(len(predicted)), predicted]


def _kind(items) -> str:
    first = items[0] if len(items) else ""
    if isinstance(first, str):
        return "text"
    return "sound" if np.ndim(first) == 1 else "picture"


def _check(items, predicted, truth, classes, kind: str, rate: int | None) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}.")
    if kind == "sound" and not rate:
        raise ValueError("these are sounds; expected rate, their samples a second.")
    if not len(items) == len(predicted) == len(truth):
        raise ValueError(
            f"there are {len(items)} items, {len(predicted)} predictions and {len(truth)} true "
            "labels; expected one of each for every item."
        )
    labels = [int(label) for part in (predicted, truth) for label in part]
    if classes is None or (labels and not 0 <= min(labels) <= max(labels) < len(classes)):
        known = 0 if classes is None else len(classes)
        raise ValueError(f"classes has {known} names, too few for the labels.")


def _title(shown: int, wrong: int, count: int, ranked: bool) -> str:
    if not wrong:
        return f"No error among {count} items"
    order = "the surest first" if ranked else "in their order"
    return f"{shown} of {wrong} errors among {count} items, {order}"


def _pictures(mistakes: list[Mistake], title: str) -> Figure:
    if not mistakes:
        figure = plt.figure(figsize=(7, 0.6))
    else:
        names = [_caption(mistake) for mistake in mistakes]
        shown = np.stack([np.asarray(mistake.item) for mistake in mistakes])
        figure = image_grid(shown, titles=names, columns=5)[0].figure
        figure.set_figheight(figure.get_figheight() * 1.15 + 0.4)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _caption(mistake: Mistake) -> str:
    sure = "" if mistake.score is None else f"\nsure: {mistake.score:.2f}"
    said, true = (n if len(n) <= 16 else n[:15] + "…" for n in (mistake.said, mistake.true))
    return f"said: {said}\ntrue: {true}{sure}"


def _cells(mistake: Mistake) -> str:
    sure = "" if mistake.score is None else f" ({mistake.score:.2f})"
    left = 'style="text-align: left; vertical-align: top; white-space: nowrap"'
    said, true = html.escape(mistake.said), html.escape(mistake.true)
    return f"<td {left}>{said}{sure}</td><td {left}>{true}</td>"


def _text(item: str) -> str:
    return f'<div style="text-align: left; max-width: 40em">{html.escape(item)}</div>'


def _sound(item, rate: int) -> str:
    """Waveform, and a player of its first seconds at a rate that keeps the notebook small."""
    from IPython.display import Audio

    samples = np.asarray(item, dtype=float)[: int(SECONDS * rate)]
    player = Audio(data=_wav(samples, rate))._repr_html_()
    return _waveform(samples, rate) + player


def _wav(samples: np.ndarray, rate: int) -> bytes:
    """One channel of 8 bits, at most `RATE` samples a second."""
    from scipy.signal import resample_poly

    if rate > RATE:
        common = np.gcd(rate, RATE)
        samples, rate = resample_poly(samples, RATE // common, rate // common), RATE
    loudest = max(np.abs(samples).max(initial=0), 1e-9)
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setparams((1, 1, rate, len(samples), "NONE", ""))
        file.writeframes((samples / loudest * 127 + 128).round().astype(np.uint8).tobytes())
    return packed.getvalue()


def _waveform(samples: np.ndarray, rate: int) -> str:
    import base64

    figure, ax = plt.subplots(figsize=(3, 0.9))
    ax.plot(np.arange(len(samples)) / rate, samples, color="#0072B2", linewidth=0.6)
    ax.set(yticks=[])
    ax.set_xlabel("seconds", fontsize=7)
    ax.tick_params(labelsize=7)
    picture = base64.b64encode(png(figure)).decode()
    words = f"Waveform of the first {len(samples) / rate:.1f} seconds."
    return f'<img alt="{words}" src="data:image/png;base64,{picture}"><br>'

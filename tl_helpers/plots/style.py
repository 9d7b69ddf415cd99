"""The look of the course's figures, and how a notebook shows them with a description.

Colours are those of Okabe and Ito, told apart by the colour-blind; markers, line styles and
hatches tell the same things apart in black and white.
"""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

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


def styled(draw: Callable) -> Callable:
    """Draw in the course's style whatever the session's own."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with plt.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def use_style() -> None:
    """Set the course's figure style for the rest of the session."""
    plt.style.use(STYLE)


def new_axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """``ax``, or those of a new figure of ``size`` inches."""
    return plt.subplots(figsize=size)[1] if ax is None else ax


def legend_below(ax: Axes, handles: Sequence | None = None, **settings) -> None:
    """A legend under the axis label, where it hides nothing."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False, ncols=3,
        handlelength=3.2, **settings,
    )  # fmt: skip


def colour(index: int) -> str:
    """Colour number ``index``; they repeat after eight."""
    return COLOURS[index % len(COLOURS)]


_DESCRIPTIONS: WeakKeyDictionary[Figure, list[str]] = WeakKeyDictionary()


def describe(drawn: Figure | Axes, words: str) -> None:
    """Keep a description that a plot composed, for `show`."""
    _DESCRIPTIONS.setdefault(_figure_of(drawn), []).append(words)


def description(drawn: Figure | Axes | Sequence[Axes]) -> str:
    """What the plots in a figure composed to describe it; empty when they composed nothing."""
    return " ".join(_DESCRIPTIONS.get(_figure_of(drawn), []))


def _figure_of(drawn: Figure | Axes | Sequence[Axes]) -> Figure:
    if isinstance(drawn, Figure):
        return drawn
    figure = drawn.figure if isinstance(drawn, Axes) else drawn[0].figure
    return figure.figure if isinstance(figure, SubFigure) else figure


def show(figure: Figure | Axes | Sequence[Axes], alt: str = "") -> None:
    """Show a figure with a description in words, and close it.

    The output is a picture with ``alt`` in its metadata, and under it the same words, folded: few
    viewers of notebooks hand the metadata to a screen reader. Figures with photographs in them
    become JPEG, at a fifth of the size; all others PNG.

    Parameters
    ----------
    figure : Figure or Axes, or several Axes of one figure
    alt : str, optional
        What a reader should see: the quantities, the order of the curves, the finding. Plots of
        reports, networks, errors and losses compose this themselves, and ``alt`` comes after it:
        pass it only to say more.

    Raises
    ------
    ValueError
        When neither the plot nor ``alt`` describes the figure.
    """
    from IPython.display import display

    figure = _figure_of(figure)
    alt = f"{description(figure)} {alt.strip()}".strip()
    if not alt:
        raise ValueError("alt is empty; describe what the picture shows in a sentence or two.")
    pixels = [image.get_array() for ax in figure.axes for image in ax.images]
    photographs = any(values is not None and values.ndim == 3 for values in pixels)
    picture = (jpeg(figure), "image/jpeg") if photographs else (png(figure), "image/png")
    data, metadata = bundle(alt, *picture)
    display(data, metadata=metadata, raw=True)
    show_words("The picture in words", alt)


def show_words(title: str, alt: str) -> None:
    """Show a description folded under a title."""
    from IPython.display import HTML, display

    words = html.escape(alt, quote=False)
    display(HTML(f"<details><summary>{html.escape(title)}</summary>{words}</details>"))


def png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours at 100 dots an inch; the figure is closed."""
    from PIL import Image

    packed = io.BytesIO()
    drawn = _drawn(figure).quantize(256, dither=Image.Dither.NONE)
    drawn.save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def jpeg(figure: Figure) -> bytes:
    """The figure as a JPEG at 100 dots an inch; the figure is closed."""
    packed = io.BytesIO()
    _drawn(figure).save(packed, format="JPEG", quality=80, optimize=True)
    return packed.getvalue()


def _drawn(figure: Figure):
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    plt.close(figure)
    return Image.open(drawn).convert("RGB")


def bundle(alt: str, picture: bytes, kind: str = "image/png") -> tuple[dict, dict]:
    """Data and metadata of a notebook output that holds a picture and its description."""
    data = {kind: base64.b64encode(picture).decode(), "text/plain": alt}
    return data, {kind: {"alt": alt}}

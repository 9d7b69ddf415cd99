"""Interactive views of a figure, with a static picture wherever widgets cannot run."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from tl_helpers.plots import style as figures

VIEW = "application/vnd.jupyter.widget-view+json"


def slider(
    function: Callable[[Any], Figure],
    name: str,
    values: Sequence,
    start: Any = None,
    *,
    alt: str | Callable[[Any], str] | None = None,
) -> None:
    """Show a figure with a slider that goes from one value's picture to the next.

    All pictures are drawn at once, so that moving answers without delay, and a value that cannot
    be drawn fails the cell and not a callback, which a front-end would hide. One output holds both
    the live view and the picture at ``start``: a front-end without widgets, and a saved notebook
    without a kernel, show the picture. Its description stands under it, folded. Works with
    ipywidgets 7 and 8, and without it.

    Parameters
    ----------
    function : callable
        Maps a value to a Figure, and changes nothing else.
    name : str
        What the value means, with its unit: shown beside the slider.
    values : sequence
        The values, in order, each once.
    start : optional
        One of ``values``; by default the middle one.
    alt : str or callable, optional
        Description of the picture, or a function of the value. By default the figure's title
        and axes, and the value.

    Raises
    ------
    ValueError
        When there are no values, one comes twice, or ``start`` is not among them.
    TypeError
        When the function does not return a Figure.

    Examples
    --------
    >>> slider(lambda labels: draw(labels), "labels a class", [1, 5, 10])  # doctest: +SKIP
    """
    from IPython.display import display

    start = _checked_start(values, start)
    pictures = Pictures(function, name, alt)
    for value in values:
        pictures[value]  # draws it
    picture, words = pictures[start]
    data, metadata = figures.bundle(words, picture)
    try:
        view, _ = live_view(pictures, name, values, start)
    except ModuleNotFoundError as error:
        if error.name != "ipywidgets":
            raise
        print(f"A slider needs ipywidgets, which is not installed: this is {name} = {start}.")
    else:
        data[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display(data, metadata=metadata, raw=True)
    figures.show_words(f"The picture at {name} = {start}, in words", words)


class Pictures:
    """Pictures of a figure function by value, each drawn once: (PNG, description)."""

    def __init__(self, function: Callable, name: str, alt: str | Callable | None = None) -> None:
        self.function, self.name, self.alt = function, name, alt
        self._drawn: dict[Any, tuple[bytes, str]] = {}

    def __getitem__(self, value: Any) -> tuple[bytes, str]:
        if value not in self._drawn:
            figure = self.function(value)
            if not isinstance(figure, Figure):
                raise TypeError(
                    f"the function returned {type(figure).__name__} for {self.name} = {value}; "
                    "expected a matplotlib Figure (of an Axes: return ax.figure)."
                )
            alt = self.alt(value) if callable(self.alt) else self.alt
            alt = alt or f"{_describe(figure)} {self.name} = {value}."
            self._drawn[value] = figures.png(figure), alt
        return self._drawn[value]


def live_view(pictures: Pictures, name: str, values: Sequence, start: Any):
    """The widget that shows ``pictures``: a box, and the slider in it.

    Returns
    -------
    ipywidgets.VBox, ipywidgets.SelectionSlider

    Raises
    ------
    ModuleNotFoundError
        Where ipywidgets is not installed.
    """
    import ipywidgets

    choice = ipywidgets.SelectionSlider(
        options=[(str(value), value) for value in values],
        value=start,
        description=name,
        continuous_update=False,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="30em"),
    )
    picture = ipywidgets.HTML(_image(*pictures[start]))

    def redraw(change: dict) -> None:
        try:
            picture.value = _image(*pictures[change["new"]])
        except Exception as error:
            # A front-end hides what a callback raises, so that the view itself has to say it.
            plt.close("all")
            text = html.escape(f"{type(error).__name__}: {error}")
            picture.value = f"<pre>{name} = {change['new']}: {text}</pre>"
            raise

    choice.observe(redraw, names="value")
    return ipywidgets.VBox([choice, picture]), choice


def _image(picture: bytes, alt: str) -> str:
    # An HTML view rather than an Image: it is the one that takes a description.
    source = base64.b64encode(picture).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'


def _describe(figure: Figure) -> str:
    lines = []
    for ax in figure.axes:
        title = ax.get_title() or ax.get_title("left") or ax.get_title("right")
        axes = " against ".join(filter(None, (ax.get_ylabel(), ax.get_xlabel())))
        lines += [part for part in (title, axes) if part]
    return ". ".join(lines) + "." if lines else "Figure."


def _checked_start(values: Sequence, start: Any) -> Any:
    values = list(values)
    if not values:
        raise ValueError("values is empty; a slider needs at least one value.")
    if len(set(values)) < len(values):
        raise ValueError(f"values are {values}; expected each once.")
    if start is None:
        return values[len(values) // 2]
    if start not in values:
        raise ValueError(f"start is {start!r}, which is not among the values {values}.")
    return start

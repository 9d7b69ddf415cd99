"""A drawn diagram of a network: what is reused, what is frozen or trained, and what is new."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from torch import nn

from tl_helpers.plots.stages import FROZEN, NEW, PARTLY, TRAINED, Stage, read
from tl_helpers.plots.style import describe, new_axes, styled

# Fill, hatch and colour of the words: told apart in black and white too.
_BOXES = {
    FROZEN: {"facecolor": "#E3EEF6", "hatch": ""},
    TRAINED: {"facecolor": "#F6CFA8", "hatch": "///"},
    PARTLY: {"facecolor": "#F7E3CC", "hatch": "/"},
    NEW: {"facecolor": "#222222", "hatch": ""},
}
_SAID = {
    FROZEN: "reused, frozen",
    TRAINED: "reused, trained",
    PARTLY: "reused, partly frozen",
    NEW: "new, random at first",
}
_WIDE, _HIGH, _GAP = 3.6, 0.74, 0.26  # of a box, and between two


@styled
def network(
    model, head: nn.Module | None = None, *, new: Iterable[str] = (), title: str | None = None
) -> Axes:
    """A box a stage from input to output, with its parameters and whether it trains.

    Frozen or trained is read from ``requires_grad``; what is new only the caller knows. The
    parameters of a stage are numbers of scalar weights.

    Parameters
    ----------
    model : nn.Module or Backbone
        Any network. Lists of blocks are opened until there are about six boxes; a Backbone
        brings its own stages.
    head : nn.Module, optional
        A new head that is not part of ``model``.
    new : iterable of str
        Names of modules of ``model`` whose weights are not pretrained, such as ``("head",)``.
    title : str, optional
        By default what share of the weights trains.

    Raises
    ------
    ValueError
        When a name in ``new`` is that of no stage, or the network has no parameters.
    """
    stages = read(model, head, (new,) if isinstance(new, str) else tuple(new))
    step = _HIGH + _GAP
    ax = new_axes(None, (7, 0.36 * len(stages) + 1.3))
    for place, stage in enumerate(stages):
        _box(ax, -place * step, stage)
    _arrow(ax, step, "input")
    for place in range(1, len(stages) + 1):
        _arrow(ax, -(place - 1) * step, "output" if place == len(stages) else "")
    _brackets(ax, stages, step)
    ax.set_xlim(0, 7.6)
    ax.set_ylim(-(len(stages) - 0.2) * step - 0.35, _HIGH + step * 0.75)
    ax.axis("off")
    ax.set_title(title or _share(stages))
    describe(ax, _words(stages))
    return ax


def _box(ax: Axes, bottom: float, stage: Stage) -> None:
    look = _BOXES[stage.state]
    shape = "round,pad=0,rounding_size=0.12"
    box = FancyBboxPatch((0.1, bottom), _WIDE, _HIGH, boxstyle=shape, edgecolor="#444444")
    box.set(**look)
    ax.add_patch(box)
    light = stage.state == NEW
    behind = {"facecolor": look["facecolor"], "edgecolor": "none", "pad": 1.5}
    tone = "white" if light else "black"
    write = partial(ax.text, color=tone, va="center", bbox=behind, fontsize=9)
    write(0.28, bottom + _HIGH / 2, stage.name)
    write(_WIDE - 0.08, bottom + _HIGH / 2, _count(stage.parameters), ha="right")


def _arrow(ax: Axes, bottom: float, word: str) -> None:
    """From a box at ``bottom`` down to the next; ``word`` names what has no box."""
    middle = 0.1 + _WIDE / 2
    style = {"arrowstyle": "-|>", "color": "#444444", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (middle, bottom - _GAP), (middle, bottom), arrowprops=style)
    if word:
        above = bottom + 0.08 if word == "input" else bottom - _GAP - 0.08
        side = "bottom" if word == "input" else "top"
        ax.text(middle, above, word, style="italic", ha="center", va=side, fontsize=9)


def _brackets(ax: Axes, stages: list[Stage], step: float) -> None:
    """Neighbours of one state, joined at the right with what they are."""
    place = 0
    for state, neighbours in groupby(stages, key=lambda stage: stage.state):
        group = list(neighbours)
        top, bottom = _HIGH - place * step, -(place + len(group) - 1) * step
        place += len(group)
        right = 0.1 + _WIDE
        corners = [right + 0.12, right + 0.26, right + 0.26, right + 0.12]
        ax.plot(corners, [top, top, bottom, bottom], color="#444444", linewidth=1.1)
        total = _count(sum(stage.parameters for stage in group))
        middle = (top + bottom) / 2
        said = f"{_SAID[state]}: {total} weights"
        ax.text(right + 0.42, middle, said, va="center", fontsize=9.5)


def _count(parameters: int) -> str:
    """Three digits at most: 512, 20.5 k, 3.37 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if parameters >= size:
            return f"{parameters / size:.3g}{unit}"
    return str(parameters)


def _share(stages: list[Stage]) -> str:
    whole = sum(stage.parameters for stage in stages)
    trains = sum(stage.trained for stage in stages)
    if trains in (0, whole):
        return f"{'All' if trains else 'None'} of the {_count(whole)} weights train"
    share = trains / whole
    part = f"{share:.1%}" if share >= 0.001 else f"{_count(trains)}"
    return f"Of {_count(whole)} weights, {part} train"


def _words(stages: list[Stage]) -> str:
    parts = []
    for state, group in groupby(stages, key=lambda stage: stage.state):
        names = [f"{stage.name} ({_count(stage.parameters)})" for stage in group]
        parts.append(f"{', '.join(names)}: {_SAID[state]}")
    return f"Diagram of a network from input to output. {_share(stages)}. {'; then '.join(parts)}."

"""The look of an arm: a colour and a marker that follow its name, in every figure and lesson."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from tl_helpers.plots.style import DASHES


class Look(NamedTuple):
    """Colour and marker of an arm, and the broken line that it has as a control."""

    colour: str
    marker: str
    dash: str | tuple


# Colours of Okabe and Ito. Arms that meet in one figure differ in the marker too.
_STANDARD = {
    "probe": ("#0072B2", "o"),
    "fine-tune": ("#D55E00", "s"),
    "scratch": ("#000000", "X"),
    "random features": ("#808080", "v"),
    "texture": ("#009E73", "^"),
    "colour": ("#E69F00", "D"),
    "raw pixels": ("#CC79A7", "*"),
    "TF-IDF": ("#009E73", "P"),
    "boosted trees": ("#009E73", "h"),
    "last value": ("#E69F00", "<"),
    "seasonal value": ("#CC79A7", ">"),
    "LoRA": ("#56B4E9", "d"),
    "adapters": ("#E69F00", "p"),
    "zero-shot": ("#CC79A7", "H"),
    "nearest neighbour": ("#E69F00", "8"),
    "source only": ("#808080", "D"),
    "frozen": ("#0072B2", "o"),  # the probe's counterpart in detection
    "probe first": ("#7F3C8D", "p"),
    "free statistics": ("#80BA5A", "h"),
    "statistics only": ("#CF1C90", "8"),
    "layer-wise rates": ("#1B4F72", "<"),
    "gradual unfreezing": ("#A65628", ">"),
}
_ALIASES = {
    "fine-tuning": "fine-tune",
    "from scratch": "scratch",
    "linear probe": "probe",
    "random": "random features",
    "texture statistics": "texture",
    "colours": "colour",
    "color": "colour",
    "pixels": "raw pixels",
    "gradient boosting": "boosted trees",
}
# For other names, Tol's muted colours; none of them is among those above.
_COLOURS = (
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933"),
    *("#DDCC77", "#CC6677", "#882255", "#AA4499"),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h", "<", ">", "d", "p")
_BROKEN = DASHES[1:]


def look(arm: str) -> Look:
    """The look of an arm by its name.

    Standard arms (probe, fine-tune, scratch, random features, TF-IDF, ...) have fixed colours and
    markers. Any other name draws its own from a second palette, by a hash of the name.
    """
    return _standard(arm) or _drawn(arm, 0)


def looks(arms: Iterable[str]) -> dict[str, Look]:
    """Looks of the arms of one figure, all told apart without colour.

    Each is `look` of its name, except where two names that are not standard would share a marker
    or a colour: the later one then takes the next that is free.
    """
    arms = list(arms)
    found = {arm: standard for arm in arms if (standard := _standard(arm))}
    for arm in arms:
        if arm not in found:
            found[arm] = _free(arm, list(found.values()))
    return {arm: found[arm] for arm in arms}


def _standard(arm: str) -> Look | None:
    names = {name.lower(): name for name in _STANDARD}
    key = arm.strip().lower()
    name = names.get(_ALIASES.get(key, key).lower())
    if name is None:
        return None
    place = list(_STANDARD).index(name)
    return Look(*_STANDARD[name], _BROKEN[place % len(_BROKEN)])


def _drawn(arm: str, step: int) -> Look:
    number = int.from_bytes(hashlib.sha256(arm.strip().lower().encode()).digest()[:8]) + step
    return Look(
        _COLOURS[number % len(_COLOURS)],
        _MARKERS[number % len(_MARKERS)],
        _BROKEN[number % len(_BROKEN)],
    )


def _free(arm: str, taken: list[Look]) -> Look:
    markers, colours = {used.marker for used in taken}, {used.colour for used in taken}
    drawn = [_drawn(arm, step) for step in range(len(_COLOURS) * len(_MARKERS))]
    free = [found for found in drawn if found.marker not in markers]
    return next((found for found in free if found.colour not in colours), (free or drawn)[0])

"""Labels saved: how many more the best arm without pretraining needs for the same result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Saved(NamedTuple):
    """Labels saved; ``censored`` when the controls never got there, and it is more than this."""

    value: int
    censored: bool

    def __str__(self) -> str:
        if self.value >= 0:
            return f"> {self.value}" if self.censored else str(self.value)
        if self.censored:
            return "not measured: no control ran with as many labels"
        return "none: the best control needs fewer"


def read_off(curve: Sequence[tuple[int, float]], target: float, budget: int) -> Saved:
    """Labels at which a curve reaches ``target``, less ``budget``.

    The points are joined by straight lines over log(labels). N is where they first reach the
    target; saved are N - ``budget`` labels, a negative number where the curve needs fewer. When it
    never gets there, more than its largest budget is needed. A curve that is there from its first
    point counts with that point, since fewer labels were not measured.

    Parameters
    ----------
    curve : sequence of (int, float)
        Labels and result of the best control, higher being better, in increasing labels.
    target : float
        Result of the arm that is compared, at ``budget`` labels.
    budget : int
    """
    below = None
    for labels, value in curve:
        if value >= target:
            if below is None:
                return Saved(labels - budget, False)
            share = (target - below[1]) / (value - below[1])
            needed = below[0] * (labels / below[0]) ** share
            return Saved(round(needed) - budget, False)
        below = labels, value
    return Saved(curve[-1][0] - budget, True)

"""The arithmetic: sides that take turns, their medians, and a clock of optimizer steps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


def in_turn(sides: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """What each side gives, ``repeats`` times.

    One after the other, so that whatever else the computer does hits all alike; each round
    begins with another side, so that none always follows the same one.
    """
    names = list(sides)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(sides[name]())
    return taken


def ratio(values: Sequence[float], against: Sequence[float]) -> float:
    """Median over the rounds of one side's value by the other's of the same round."""
    return statistics.median(a / b for a, b in zip(values, against, strict=True))


def excess(values: Sequence[float], against: Sequence[float]) -> float:
    """Median over the rounds of what one side's value has over the other's."""
    return statistics.median(a - b for a, b in zip(values, against, strict=True))


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Steps:
    """Seconds until the first optimizer step was done, mean seconds of one after it, and how many.

    Attributes
    ----------
    first_s, step_s : float
    count : int
    """

    first_s: float
    step_s: float
    count: int


def timed_steps(optimizer, train: Callable[[], object]) -> Steps:
    """Run ``train`` and note when each step of ``optimizer`` ends.

    The first step stands apart: before it lie the set-up and the checks of the inputs.
    """
    ends: list[float] = []
    handle = optimizer.register_step_post_hook(lambda *_: ends.append(time.perf_counter()))
    began = time.perf_counter()
    try:
        train()
    finally:
        handle.remove()
    if len(ends) < 2:
        raise RuntimeError(f"{len(ends)} optimizer steps were made; a mean needs at least 2.")
    return Steps(ends[0] - began, (ends[-1] - ends[0]) / (len(ends) - 1), len(ends))

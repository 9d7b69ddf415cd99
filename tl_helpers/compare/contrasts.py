"""Weighted sums of arms' results, paired by seed, and their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tl_helpers.compare.metrics import Interval, no_interval, t_interval
from tl_helpers.compare.setting import MissingRows, Setting
from tl_helpers.compare.studies import Row


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cells of one report, such as one arm less another.

    Attributes
    ----------
    setting : Setting
    terms : list of (float, dict of int to Row)
        Weight of each cell, and its rows by seed.
    """

    setting: Setting
    terms: list[tuple[float, Mapping[int, Row]]]

    def interval(self) -> Interval:
        """95 % interval: Student's t over the shared seeds or resampled test groups, the wider.

        Raises
        ------
        MissingRows
            When the cells share no seed.
        """
        by_seed = self.by_seed()
        over_seeds = t_interval(list(by_seed.values()))
        return _wider([self.setting], over_seeds, lambda: self.half_width(by_seed))

    def interval_over(self, other: Contrast) -> Interval:
        """95 % interval of this contrast less that of a report with other test items.

        Shared seeds are paired. The half widths over the two sets of test items are added in
        quadrature, each with its own quantile of Student's t, which covers at least what it says
        also with unequal variances (Banerjee, Sankhya 22, 1960). The wider decides.

        Raises
        ------
        ValueError
            When the metrics differ.
        MissingRows
            When the cells share no seed.
        """
        names = self.setting.metric_name, other.setting.metric_name
        if names[0] != names[1]:
            raise ValueError(f"{names[0]} and {names[1]} have no difference; expected one metric.")
        here, there = self.by_seed(), other.by_seed()
        seeds = _shared([here, there])
        over_seeds = t_interval([here[seed] - there[seed] for seed in seeds])
        return _wider(
            [self.setting, other.setting],
            over_seeds,
            lambda: np.hypot(self.half_width(seeds), other.half_width(seeds)),
        )

    def by_seed(self) -> dict[int, float]:
        """The sum at each seed that all cells have.

        Raises
        ------
        MissingRows
            When the cells share no seed.
        """
        return {
            seed: sum(weight * rows[seed].value for weight, rows in self.terms)
            for seed in _shared([rows for _, rows in self.terms])
        }

    def half_width(self, seeds: Iterable[int]) -> float:
        """Half the width of the interval over test groups, for the mean of these seeds."""
        score = self.setting.score_draws
        sums = [
            weight * np.mean([score(rows[seed].predicted) for seed in seeds], axis=0)
            for weight, rows in self.terms
        ]
        return self.setting.draws.half_width(np.sum(sums, axis=0))


def _shared(by_seed: Sequence[Mapping[int, object]]) -> list[int]:
    shared = sorted(set.intersection(*map(set, by_seed)))
    if not shared:
        raise MissingRows("the arms share no seed, so that they cannot be paired.")
    return shared


def _wider(
    settings: Sequence[Setting], over_seeds: Interval, half_width: Callable[[], float]
) -> Interval:
    """The interval over seeds or the one over test groups; none where the units are too few."""
    # At smoke size a class may have one test item, and no claim rests on the interval.
    if not over_seeds.exists or any(setting.profile == "smoke" for setting in settings):
        return over_seeds
    mean = over_seeds.mean
    if any(setting.few_units for setting in settings):
        return no_interval(mean)
    half = float(half_width())
    return max(over_seeds, Interval(mean, mean - half, mean + half), key=lambda i: i.width)

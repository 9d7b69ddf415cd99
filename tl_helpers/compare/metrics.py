"""Intervals and calibration error: what scikit-learn leaves to the reader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

Values = Sequence | np.ndarray
_NUMBER_SPEC = re.compile(r"[-+ ]?\d*(\.\d+)?[eEfFgG%]")


class Interval(NamedTuple):
    """A mean with the ends of its confidence interval, in the unit of the values.

    The ends are infinite where the data cannot give an interval, as with a single seed or with
    fewer than ten independent test units.

    Examples
    --------
    >>> f"{Interval(0.5, 0.4, 0.6):.2f}"
    '0.50 (0.40 to 0.60)'
    """

    mean: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance between the two ends."""
        return self.high - self.low

    @property
    def exists(self) -> bool:
        """Whether the data gave an interval: both ends are finite."""
        return math.isfinite(self.width)

    def __str__(self) -> str:
        return format(self, ".3f")

    def __format__(self, spec: str) -> str:
        """The three numbers by a number's format such as ".2f", or the text by a text's: ">30"."""
        if not _NUMBER_SPEC.fullmatch(spec):
            return format(str(self), spec)
        mean, low, high = (format(number, spec) for number in self)
        return f"{mean} ({low} to {high})" if self.exists else f"{mean} (no interval)"


def no_interval(mean: float) -> Interval:
    """The mean alone: infinite ends say that the data give no interval."""
    return Interval(mean, -math.inf, math.inf)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean of independent values, one a seed.

    Parameters
    ----------
    values : sequence of float, shape (n,)
        A single value gives infinite ends: it says nothing about the spread.
    confidence : float, default 0.95

    Raises
    ------
    ValueError
        When ``values`` is empty or holds NaN or infinity, or ``confidence`` is not in (0, 1).
    """
    numbers = _finite("values", values)
    _check_confidence(confidence)
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return no_interval(mean)
    error = float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
    half = float(stats.t.ppf((1 + confidence) / 2, len(numbers) - 1)) * error
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class GroupDraws:
    """Test items drawn by whole groups with replacement, as `draw_groups` makes them.

    Attributes
    ----------
    items : list of int arrays
        Indices of the test items of each draw, with repetitions.
    freedom : int
        Degrees of freedom of the standard error: groups less strata, at most draws less one.
    inflation : float
        Factor on the standard error: drawing from k groups understates the variance by
        (k - 1) / k in each stratum.
    """

    items: list[np.ndarray]
    freedom: int
    inflation: float

    def half_width(self, values: Sequence[float], confidence: float = 0.95) -> float:
        """Half the width of `interval`.

        Raises
        ------
        ValueError
            When ``values`` is empty or holds NaN or infinity, or ``confidence`` is not in (0,
            1).
        """
        _check_confidence(confidence)
        error = float(_finite("values", values).std(ddof=1)) * self.inflation
        return float(stats.t.ppf((1 + confidence) / 2, self.freedom)) * error

    def interval(self, mean: float, values: Sequence[float], confidence: float = 0.95) -> Interval:
        """Interval around ``mean``, from the statistic's value on each draw.

        It is the mean plus or minus Student's t times the bootstrap's standard error; percentiles
        of few groups would be too narrow.

        Raises
        ------
        ValueError
            As for `half_width`.
        """
        half = self.half_width(values, confidence)
        return Interval(mean, mean - half, mean + half)


def draw_groups(
    groups: Values, *, labels: Values | None = None, resamples: int = 200, seed: int = 0
) -> GroupDraws:
    """Draw whole groups of test items with replacement (cluster bootstrap).

    Items of one group (a patient, a machine, a photograph) resemble one another, so that a group
    is drawn whole (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section
    3.8).

    Parameters
    ----------
    groups : sequence, shape (n,)
        The group of each item.
    labels : sequence, shape (n,), optional
        Classes of the items. Groups of one class each are then drawn class by class; otherwise
        a draw that misses a class is repeated, since most metrics are undefined on it.
    resamples : int, default 200
        Draws; 50 already give a usable standard error (Efron and Tibshirani, An Introduction to
        the Bootstrap, 1993, section 6.4).
    seed : int, default 0

    Raises
    ------
    ValueError
        With fewer than two groups or draws, one group alone in its class, lengths that differ,
        or draws that nearly always miss a class.
    """
    if resamples < 2:
        raise ValueError(f"resamples is {resamples}; expected at least 2, better 50 or more.")
    members = _members(groups)
    strata = _strata(members, labels, len(groups))
    draws = _draws(members, strata, labels, np.random.default_rng(seed))
    total, freedom = len(members), len(members) - len(strata)
    items = [next(draws) for _ in range(resamples)]
    return GroupDraws(items, min(freedom, resamples - 1), math.sqrt(total / freedom))


def _members(groups: Values) -> list[np.ndarray]:
    """Item indices of each group."""
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _strata(members: list[np.ndarray], labels: Values | None, items: int) -> list[np.ndarray]:
    """Indices of the groups that are drawn together: class by class, or all at once."""
    if labels is not None and len(labels) != items:
        raise ValueError(f"there are {items} groups and {len(labels)} labels; expected one each.")
    if len(members) < 2:
        raise ValueError(
            f"all {items} items are in one group, which cannot be resampled. Give the items' own "
            "groups, or groups=None to resample items and say that the interval describes "
            "this group alone."
        )
    everything = [np.arange(len(members))]
    if labels is None:
        return everything
    classes = np.asarray(labels)
    if any(len(np.unique(classes[group])) > 1 for group in members):
        return everything
    label_of_group = np.array([classes[group[0]] for group in members])
    strata = [np.flatnonzero(label_of_group == label) for label in np.unique(label_of_group)]
    alone = [str(label_of_group[stratum[0]]) for stratum in strata if len(stratum) == 1]
    if alone:
        raise ValueError(
            f"class {alone[0]} has a single test group, so that resampling cannot tell how much "
            "its result varies. Add groups of this class, or give groups=None to resample items "
            "and say that the interval describes these groups alone."
        )
    return strata


def _draws(members, strata, labels, rng) -> Iterator[np.ndarray]:
    classes = 0 if labels is None else len(np.unique(labels))
    missed = 0
    while True:
        chosen = np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata])
        items = np.concatenate([members[group] for group in chosen])
        if labels is None or len(np.unique(np.asarray(labels)[items])) == classes:
            yield items
            continue
        missed += 1
        if missed > 1000:
            raise ValueError(
                f"{missed} draws of test groups missed one of the {classes} classes: too few "
                "groups hold it. Add groups, or give groups=None to resample items."
            )


def _finite(what: str, values: Sequence[float]) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(
            f"{what} has shape {numbers.shape}; expected at least one number in a row."
        )
    if not np.isfinite(numbers).all():
        bad = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise ValueError(f"{what}[{bad}] is {numbers[bad]}; expected finite numbers.")
    return numbers


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected a number in (0, 1) such as 0.95.")

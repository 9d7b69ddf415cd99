"""What a lesson may claim: a small vocabulary of statements, each with the interval it needs.

A statement is shown by a 95 % interval that a report computes, or it is not. Two means are no
comparison, and "no difference was seen" is no finding: what is practically equal is `within` a
margin, interval and all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tl_helpers.compare.measurements import Measurements, Term
from tl_helpers.compare.metrics import Interval
from tl_helpers.compare.setting import FEWEST_UNITS, MissingRows

Names = str | Sequence[str]
Budgets = int | Sequence[int]


class NoInterval(ValueError):
    """The measurements give no interval, so that nothing can be claimed about them."""


class Statement:
    """Something that a report shows or does not; made by the functions below."""

    def on(self, report: Measurements) -> bool:
        """Whether the report shows it.

        Raises
        ------
        ValueError
            For an arm or budget that the report does not have.
        MissingRows
            When rows that it needs are not there.
        NoInterval
            With one seed, or fewer than ten independent test units.
        """
        return self._shown_by(report)

    def _shown_by(self, report: Measurements) -> bool:
        raise NotImplementedError


@dataclass(frozen=True)
class Beats(Statement):
    """Made by `beats`."""

    a: tuple[str, ...]
    b: tuple[str, ...] | None
    budget: tuple[int, ...] | None

    def _shown_by(self, report: Measurements) -> bool:
        return all(
            _interval(report, [(1, arm, labels), (-1, other, labels)]).low > 0
            for arm, other, labels in _cases(report, self.a, self.b, self.budget)
        )


def beats(a: Names, b: Names | None = None, budget: Budgets | None = None) -> Beats:
    """``a`` is better than ``b``: the paired interval of a - b lies above 0.

    Lists claim it of every combination.

    Parameters
    ----------
    a : str or sequence of str
    b : str or sequence of str, optional
        By default every control that ran at the budget, other than ``a`` itself.
    budget : int or sequence of int, optional
        By default the headline's.

    Raises
    ------
    ValueError
        For an empty list, which would hold of nothing.

    Examples
    --------
    >>> beats("probe", budget=[16, 64])
    Beats(a=('probe',), b=None, budget=(16, 64))
    """
    return Beats(_all("a", a), b if b is None else _all("b", b), _budgets(budget))


@dataclass(frozen=True)
class Within(Statement):
    """Made by `within`."""

    margin: float
    a: tuple[str, ...]
    b: tuple[str, ...]
    budget: tuple[int, ...] | None
    because: str

    def _shown_by(self, report: Measurements) -> bool:
        intervals = (
            _interval(report, [(1, arm, labels), (-1, other, labels)])
            for arm, other, labels in _cases(report, self.a, self.b, self.budget)
        )
        return all(-self.margin < i.low and i.high < self.margin for i in intervals)


def within(
    margin: float, a: Names, b: Names, budget: Budgets | None = None, *, because: str
) -> Within:
    """``a`` is as good as ``b``: the whole paired interval of a - b lies inside ±``margin``.

    Equivalence by an interval (Schuirmann 1987), here at 95 %, stricter than the usual 90 %.

    Parameters
    ----------
    margin : float
        In the unit of the metric: the largest difference that does not matter in use.
    a, b, budget
        As in `beats`; ``b`` has to be named.
    because : str
        Why a smaller difference does not matter, in words.

    Raises
    ------
    ValueError
        For a margin that is not above 0, no reason, or an empty list.
    """
    if not 0 < margin < math.inf:
        raise ValueError(f"margin is {margin}; expected a number above 0, in the metric's unit.")
    if not because.strip():
        raise ValueError("because is empty; expected why a smaller difference does not matter.")
    return Within(margin, _all("a", a), _all("b", b), _budgets(budget), because)


@dataclass(frozen=True)
class Saves(Statement):
    """Made by `saves`."""

    labels: int
    arm: str
    budget: int

    def _shown_by(self, report: Measurements) -> bool:
        more = self.budget + self.labels
        if more not in report.setting.budgets:
            raise ValueError(
                f"{self.budget} labels and {self.labels} saved make {more}, which was not "
                f"measured; expected one of {', '.join(map(str, report.setting.budgets))}."
            )
        return all(
            _interval(report, [(1, self.arm, self.budget), (-1, control, more)]).low > 0
            for control in report.controls_at(more)
        )


def saves(labels: int, arm: str, budget: int) -> Saves:
    """``arm`` saves ``labels``: it beats every control that has so many more.

    The interval is that of the paired difference between ``arm`` at ``budget`` and each control at
    ``budget + labels``, a budget at which the controls were measured.

    Raises
    ------
    ValueError
        Unless ``labels`` is at least 1; and on a report without the budget ``budget + labels``.
    """
    if labels < 1:
        raise ValueError(f"labels is {labels}; expected at least 1 label saved.")
    return Saves(labels, arm, budget)


@dataclass(frozen=True)
class LeadsMore(Statement):
    """Made by `leads_more`."""

    a: str
    b: str
    at: int
    than_at: int
    than: Measurements | None

    def _shown_by(self, report: Measurements) -> bool:
        here: list[Term] = [(1, self.a, self.at), (-1, self.b, self.at)]
        there: list[Term] = [(1, self.a, self.than_at), (-1, self.b, self.than_at)]
        if self.than is None:
            less = [(-weight, arm, labels) for weight, arm, labels in there]
            return _interval(report, here + less).low > 0
        interval = report.contrast_over(here, self.than, there)
        return _existing(interval, [report, self.than], here).low > 0


def leads_more(
    a: str, b: str, at: int, than_at: int, *, than: Measurements | None = None
) -> LeadsMore:
    """The lead of ``a`` over ``b`` is larger at one budget, or in one place, than in another.

    The interval of (a - b at ``at``) - (a - b at ``than_at``) lies above 0, paired by seed.

    Parameters
    ----------
    a, b : str
    at, than_at : int
        Budgets.
    than : TransferReport, optional
        Where the second lead is measured, with the same arms and metric: the report of home for
        "gains more abroad than at home". Seeds are paired, test items are not: the uncertainties
        that the two sets of test items leave are combined (`Measurements.contrast_over`).

    Raises
    ------
    ValueError
        For one budget in one report, whose lead cannot differ from itself.
    """
    if than is None and at == than_at:
        raise ValueError(f"at and than_at are both {at}; expected two budgets or another report.")
    return LeadsMore(a, b, at, than_at, than)


@dataclass(frozen=True)
class Fails(Statement):
    """Made by `fails`."""

    arm: tuple[str, ...]
    than: tuple[str, ...]
    budget: tuple[int, ...] | None
    by: float

    def _shown_by(self, report: Measurements) -> bool:
        return all(
            _interval(report, [(1, other, labels), (-1, arm, labels)]).low > self.by
            for arm, other, labels in _cases(report, self.arm, self.than, self.budget)
        )


def fails(arm: Names, than: Names, budget: Budgets | None = None, by: float = 0.0) -> Fails:
    """A provoked failure: ``arm`` is worse than ``than`` by more than ``by``, interval and all.

    Parameters
    ----------
    arm, than : str or sequence of str
        Lists claim it of every combination.
    budget : int or sequence of int, optional
        By default the headline's.
    by : float, default 0.0
        In the unit of the metric.

    Raises
    ------
    ValueError
        For a negative or infinite ``by``, or an empty list.
    """
    if not 0 <= by < math.inf:
        raise ValueError(f"by is {by}; expected a number of at least 0, in the metric's unit.")
    return Fails(_all("arm", arm), _all("than", than), _budgets(budget), by)


def _cases(report, arms, others, budgets) -> Iterator[tuple[str, str, int]]:
    """Every arm against every other at every budget; by default controls, and the headline's."""
    for labels in budgets or (report.setting.headline[1],):
        for arm in arms:
            rivals = others or [one for one in report.controls_at(labels) if one != arm]
            if not rivals:
                raise MissingRows(f"no other arm without pretraining ran at {labels} labels.")
            for rival in rivals:
                yield arm, rival, labels


def _interval(report: Measurements, terms: Sequence[Term]) -> Interval:
    return _existing(report.contrast(terms), [report], terms)


def _existing(interval: Interval, reports: list[Measurements], terms: Sequence[Term]) -> Interval:
    if interval.exists:
        return interval
    for setting in (report.setting for report in reports):
        if setting.few_units:
            raise NoInterval(
                f"the test items of {setting.task} come from {setting.units} independent units; "
                f"with fewer than {FEWEST_UNITS} there is no interval and no claim. Test on more "
                "units, or say in words what these few showed."
            )
    arms = ", ".join(dict.fromkeys(f"{arm} at {labels} labels" for _, arm, labels in terms))
    raise NoInterval(f"{arms} share one seed, which gives no interval; run at least two seeds.")


def _all(what: str, names: Names) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names)
    if not found:
        raise ValueError(f"{what} is empty; expected the name of an arm, or several.")
    return found


def _budgets(budgets: Budgets | None) -> tuple[int, ...] | None:
    if budgets is None:
        return None
    found = (budgets,) if isinstance(budgets, int) else tuple(budgets)
    if not found:
        raise ValueError("budget is empty; expected one budget, or several.")
    return found

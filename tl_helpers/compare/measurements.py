"""What the rows of a comparison say: means, intervals, gains, labels saved, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from tl_helpers.compare import sabotage
from tl_helpers.compare.contrasts import Contrast
from tl_helpers.compare.labels_saved import Saved, read_off
from tl_helpers.compare.metrics import Interval
from tl_helpers.compare.setting import FEWEST_UNITS, MissingRows, Setting
from tl_helpers.compare.studies import Row

Term = tuple[float, str, int]
_COLUMNS = ("arm", "budget", "mean", "low", "high", "seeds", "seconds", "trainable", "source")


class Measurements:
    """Rows of a comparison and the statistics of them.

    Attributes
    ----------
    setting : Setting
    rows : list of Row
    stale : bool
        Whether recorded rows were left out because code, data or assets changed.
    repeats : list of dict
        Rows that ran live and are recorded too, with their difference and tolerance.
    peak_mib : float
        Peak anonymous memory during the comparison.
    sabotage : str or None
        "swap" or "permute" in a report that `sabotaged` made.
    """

    def __init__(self, setting, rows, *, stale=False, repeats=(), peak_mib=0.0, sabotage=None):
        self.setting: Setting = setting
        self.rows: list[Row] = list(rows)
        self.stale: bool = stale
        self.repeats: list[dict] = list(repeats)
        self.peak_mib: float = peak_mib
        self.sabotage: str | None = sabotage

    def cell(self, arm: str, budget: int) -> dict[int, Row]:
        """Rows of one arm and budget, by seed.

        Raises
        ------
        ValueError
            For an unknown arm or budget.
        MissingRows
            When the arm has not run at this budget.
        """
        _check_known("arm", arm, self.setting.arms)
        _check_known("budget", budget, self.setting.budgets)
        rows = {row.seed: row for row in self.rows if (row.arm, row.budget) == (arm, budget)}
        if not rows:
            raise MissingRows(
                f"{arm} has no row at {budget} labels: it neither ran here nor is recorded."
            )
        return rows

    def has(self, arm: str, budget: int) -> bool:
        """Whether the arm has a row at this budget."""
        return any((row.arm, row.budget) == (arm, budget) for row in self.rows)

    def edges(self) -> list[dict]:
        """Where more than half of an arm's seeds chose a setting at an edge of its grid.

        A better setting may lie beyond, and the arm is then not as strong as it could be.

        Returns
        -------
        list of dict
            task, arm, budget and the settings chosen.
        """
        found = []
        for arm, budget in dict.fromkeys((row.arm, row.budget) for row in self.rows):
            tuned = [row.tuned for row in self.cell(arm, budget).values() if row.tuned]
            if 2 * sum(one.edge for one in tuned) > len(tuned):
                settings = sorted({str(one.setting) for one in tuned if one.edge})
                found.append({"task": self.setting.task, "arm": arm, "budget": budget,
                              "settings": settings})  # fmt: skip
        return found

    def mean(self, arm: str, budget: int) -> float:
        """Mean of the metric over seeds.

        Raises
        ------
        ValueError, MissingRows
            As for `cell`.
        """
        return float(np.mean([row.value for row in self.cell(arm, budget).values()]))

    def interval(self, arm: str, budget: int) -> Interval:
        """95 % interval of the mean: Student's t over seeds or test groups, the wider.

        One seed, or fewer than ten test groups, give infinite ends.

        Raises
        ------
        ValueError, MissingRows
            As for `cell`.
        """
        # Contrasts point towards better; the sign a second time is the metric's own direction.
        return self.contrast([(self.setting.sign, arm, budget)])

    def gain(self, arm: str, control: str | None = None, budget: int | None = None) -> Interval:
        """95 % interval of how much better ``arm`` is than ``control``; positive is better.

        Parameters
        ----------
        arm : str
        control : str, optional
            Any other arm; by default `best_control`, the strictest choice.
        budget : int, optional
            By default the headline's.

        Raises
        ------
        ValueError, MissingRows
            As for `cell`, and when the two share no seed.
        """
        budget = self.setting.headline[1] if budget is None else budget
        control = self.best_control(budget) if control is None else control
        return self.contrast([(1, arm, budget), (-1, control, budget)])

    def contrast(self, terms: Sequence[Term]) -> Interval:
        """95 % interval of a weighted sum of arms' results, paired by seed; positive is better.

        Parameters
        ----------
        terms : sequence of (float, str, int)
            Weight, arm and budget: ``[(1, "probe", 16), (-1, "scratch", 64)]`` is what the probe
            with 16 labels is ahead of training from scratch with 64.

        Returns
        -------
        Interval
            Student's t over the seeds that all terms have, or resampling of test groups: the
            wider decides. One common seed, or fewer than ten groups, give infinite ends.

        Raises
        ------
        ValueError, MissingRows
            As for `cell`, and when the arms share no seed.
        """
        return self._of(terms).interval()

    def contrast_over(
        self, terms: Sequence[Term], other: Measurements, others: Sequence[Term]
    ) -> Interval:
        """95 % interval of a contrast here less one in another report, such as home and abroad.

        Seeds that both have are paired, test items are not; see `Contrast.interval_over`.

        Raises
        ------
        ValueError
            When the two reports have different metrics.
        MissingRows
            As `contrast`, over both reports.
        """
        return self._of(terms).interval_over(other._of(others))

    def best_control(self, budget: int) -> str:
        """The control with the best mean at this budget.

        Raises
        ------
        MissingRows
            When no control has a row there.
        ValueError
            For an unknown budget.
        """
        found = self.controls_at(budget)
        return max(found, key=lambda arm: self.setting.sign * self.mean(arm, budget))

    def controls_at(self, budget: int) -> list[str]:
        """The controls that have rows at this budget.

        Raises
        ------
        ValueError
            For an unknown budget.
        MissingRows
            When there is none.
        """
        _check_known("budget", budget, self.setting.budgets)
        found = [arm for arm in self.setting.controls if self.has(arm, budget)]
        if not found:
            raise MissingRows(f"no arm without pretraining has a row at {budget} labels.")
        return found

    def labels_saved(self, arm: str | None = None, budget: int | None = None) -> Saved:
        """Labels that the best control needs to match ``arm`` at ``budget``, less ``budget``.

        Controls are all arms without pretraining, classical ones included. Their envelope is the
        best mean of any control at each budget; `read_off` says how it is read.

        Parameters
        ----------
        arm, budget : optional
            By default the headline's.

        Raises
        ------
        ValueError, MissingRows
            As for `cell`, and when no control has a row.
        """
        arm, budget = self._headline(arm, budget)
        target = self.setting.sign * self.mean(arm, budget)
        return read_off(self._control_curve(), target, budget)

    def verdict(self, arm: str | None = None, budget: int | None = None) -> str:
        """ "transfer", "do not transfer" or "not enough evidence", by the gain's interval.

        The gain of ``arm`` over the best control at ``budget`` (by default the headline's)
        decides: its interval above zero says transfer, below zero do not transfer, across zero
        (or no interval, or missing rows) not enough evidence. At profile smoke: "not evaluated".
        With fewer than ten independent test units it says that these are too few.

        Raises
        ------
        ValueError
            For an unknown arm or budget.
        """
        if self.setting.profile == "smoke":
            return "not evaluated"
        if self.setting.few_units:
            few = f"{self.setting.units} independent test units"
            return f"not enough evidence: {few}, fewer than {FEWEST_UNITS}"
        arm, budget = self._headline(arm, budget)
        try:
            gain = self.gain(arm, budget=budget)
        except MissingRows:
            return "not enough evidence"
        if gain.low > 0:
            return "transfer"
        return "do not transfer" if gain.high < 0 else "not enough evidence"

    def table(self):
        """Mean, interval, seconds a run and trainable parameters of each arm and budget.

        Returns
        -------
        pandas.DataFrame
            Columns arm, budget, mean, low, high, seeds, seconds, trainable, source.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                self._line(arm, budget)
                for arm in self.setting.arms
                for budget in self.setting.budgets
                if self.has(arm, budget)
            ],
            columns=_COLUMNS,
        )

    def _line(self, arm: str, budget: int) -> tuple:
        rows = list(self.cell(arm, budget).values())
        seconds = np.mean([row.seconds for row in rows])
        source = " and ".join(sorted({"recorded" if row.recorded else "live" for row in rows}))
        known = self.interval(arm, budget)
        return arm, budget, *known, len(rows), seconds, rows[0].trainable, source

    def sabotaged(self, how: str) -> Self:
        """This report with its evidence destroyed: a true claim has to fall on it.

        Parameters
        ----------
        how : {"swap", "permute"}
            "swap": pretrained arms and controls exchange results. "permute": the test labels are
            shuffled and the metric is computed anew from the stored predictions.

        Raises
        ------
        ValueError
            For another way to destroy it.
        """
        if how not in sabotage.WAYS:
            raise ValueError(f"how is {how!r}; expected {' or '.join(sabotage.WAYS)}.")
        rows = sabotage.WAYS[how](self.setting, self.rows)
        return type(self)(self.setting, rows, sabotage=how)

    def _headline(self, arm: str | None, budget: int | None) -> tuple[str, int]:
        default = self.setting.headline
        return default[0] if arm is None else arm, default[1] if budget is None else budget

    def _control_curve(self) -> list[tuple[int, float]]:
        curve = []
        for labels in self.setting.budgets:
            if any(self.has(arm, labels) for arm in self.setting.controls):
                best = self.mean(self.best_control(labels), labels)
                curve.append((labels, self.setting.sign * best))
        if not curve:
            raise MissingRows("no arm without pretraining has a row to compare with.")
        return curve

    def _of(self, terms: Sequence[Term]) -> Contrast:
        sign = self.setting.sign
        return Contrast(self.setting, [(sign * w, self.cell(arm, n)) for w, arm, n in terms])


def _check_known(what: str, value: object, known: Sequence) -> None:
    if value not in known:
        has = ", ".join(map(str, known))
        raise ValueError(f"{what} {value!r} is not in this report; it has {has}.")

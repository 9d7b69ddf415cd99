"""What a comparison found: intervals, gains, labels saved, a verdict, claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tl_helpers.compare import sabotage, scorecard
from tl_helpers.compare.metrics import Interval, paired_gain, t_interval
from tl_helpers.compare.setting import MissingRows, Saved, Setting, name_of
from tl_helpers.compare.studies import Row


class TransferReport:
    """Rows of a comparison and what follows from them; made by `compare.run`.

    Attributes
    ----------
    setting : Setting
    rows : list of Row
    stale : bool
        Whether recorded rows were left out because code, data or assets changed.
    repeats : list of dict
        Rows that ran live and are recorded too, with their difference and tolerance.
    claims : list of Claim
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
        self.claims: list[scorecard.Claim] = []
        self._resampled: dict[int, np.ndarray] = {}

    def __repr__(self) -> str:
        s = self.setting
        return f"<TransferReport {s.lesson} {s.task}: {len(self.rows)} rows of {len(s.arms)} arms>"

    def cell(self, arm: str, budget: int) -> dict[int, Row]:
        """Rows of one arm and budget, by seed.

        Raises
        ------
        ValueError
            For an unknown arm or budget.
        MissingRows
            When the arm has not run at this budget.
        """
        for what, value, known in (
            ("arm", arm, self.setting.arms),
            ("budget", budget, self.setting.budgets),
        ):
            if value not in known:
                raise ValueError(
                    f"{what} {value!r} is not in this report; it has {', '.join(map(str, known))}."
                )
        rows = {row.seed: row for row in self.rows if (row.arm, row.budget) == (arm, budget)}
        if not rows:
            raise MissingRows(
                f"{arm} has no row at {budget} labels: it neither ran here nor is recorded."
            )
        return rows

    def has(self, arm: str, budget: int) -> bool:
        """Whether the arm has a row at this budget."""
        return any((row.arm, row.budget) == (arm, budget) for row in self.rows)

    def mean(self, arm: str, budget: int) -> float:
        """Mean of the metric over seeds."""
        return float(np.mean([row.value for row in self.cell(arm, budget).values()]))

    def interval(self, arm: str, budget: int) -> Interval:
        """95 % interval of the mean: Student's t over seeds or test groups, the wider.

        One seed gives infinite ends.
        """
        rows = list(self.cell(arm, budget).values())
        over_seeds = t_interval([row.value for row in rows])
        return self._wider(over_seeds, lambda: np.mean([self._draws_of(row) for row in rows], 0))

    def gain(self, arm: str, control: str | None = None, budget: int | None = None) -> Interval:
        """95 % interval of how much better ``arm`` is than ``control``; positive is better.

        Parameters
        ----------
        arm : str
        control : str, optional
            Any other arm; by default `best_control`, the strictest choice.
        budget : int, optional
            By default the headline's.

        Returns
        -------
        Interval
            Student's t over the seeds that both have, paired, or resampling of test groups:
            the wider decides. One common seed gives infinite ends.

        Raises
        ------
        MissingRows
            When one of the arms has no row at this budget, or they share no seed.
        """
        budget = self.setting.headline[1] if budget is None else budget
        ours = self.cell(arm, budget)
        theirs = self.cell(self.best_control(budget) if control is None else control, budget)
        seeds = sorted(set(ours) & set(theirs))
        if not seeds:
            raise MissingRows(f"{arm} and the control share no seed at {budget} labels.")
        sign = self.setting.sign
        values = [[sign * rows[seed].value for seed in seeds] for rows in (ours, theirs)]

        def resampled() -> np.ndarray:
            pairs = [self._draws_of(ours[s]) - self._draws_of(theirs[s]) for s in seeds]
            return sign * np.mean(pairs, axis=0)

        return self._wider(paired_gain(*values), resampled)

    def best_control(self, budget: int) -> str:
        """The control with the best mean at this budget.

        Raises
        ------
        MissingRows
            When no control has a row there.
        """
        found = [arm for arm in self.setting.controls if self.has(arm, budget)]
        if not found:
            raise MissingRows(f"no arm without pretraining has a row at {budget} labels.")
        return max(found, key=lambda arm: self.setting.sign * self.mean(arm, budget))

    def labels_saved(self, arm: str | None = None, budget: int | None = None) -> Saved:
        """Labels that the best control needs to match ``arm`` at ``budget``, less ``budget``.

        With B labels ``arm`` reaches a mean of m. The controls' envelope is the best mean of any
        control at each budget, joined by straight lines over log(budget). N is where it first
        reaches m; saved are N - B labels (negative where a control needs fewer). When it never
        reaches m up to its largest budget, the answer is "> largest - B". A control that reaches
        m at its smallest budget counts with that budget, since fewer labels were not measured.

        Parameters
        ----------
        arm, budget : optional
            By default the headline's.
        """
        arm, budget = self._headline(arm, budget)
        target = self.setting.sign * self.mean(arm, budget)
        curve = self._control_curve()
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

    def verdict(self, arm: str | None = None, budget: int | None = None) -> str:
        """ "transfer", "do not transfer" or "not enough evidence", by the gain's interval.

        The gain of ``arm`` over the best control at ``budget`` (by default the headline's)
        decides: its interval above zero says transfer, below zero do not transfer, across zero
        (or no interval, or missing rows) not enough evidence. At profile smoke: "not evaluated".
        """
        if self.setting.profile == "smoke":
            return "not evaluated"
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

        lines = []
        for arm in self.setting.arms:
            for budget in filter(lambda labels: self.has(arm, labels), self.setting.budgets):
                rows = list(self.cell(arm, budget).values())
                sources = {"recorded" if row.recorded else "live" for row in rows}
                cost = np.mean([row.seconds for row in rows]), rows[0].trainable
                source = " and ".join(sorted(sources))
                line = (arm, budget, *self.interval(arm, budget), len(rows), *cost, source)
                lines.append(line)
        columns = ["arm", "budget", "mean", "low", "high", "seeds", "seconds", "trainable"]
        return pd.DataFrame(lines, columns=[*columns, "source"])

    def claim(self, text: str, holds: bool | Callable[[TransferReport], bool]) -> bool | None:
        """Evaluate a claim, print it in one line, and keep it for the scorecard.

        Parameters
        ----------
        text : str
            A sentence without measured numbers.
        holds : callable or bool
            A function of a report, so that it can be tried on a sabotaged one too.

        Returns
        -------
        bool or None
            None at profile smoke, and where recorded rows that it needs are left out.

        Raises
        ------
        TypeError
            When ``holds`` is not, and does not return, True or False.
        """
        claim = scorecard.Claim(self.setting.task, text, holds)
        self.claims = [old for old in self.claims if old.text != text] + [claim]
        claim.evaluate(self)
        print(claim)
        return claim.holds

    def rescored(self, metric: Callable, metric_name: str | None = None) -> TransferReport:
        """The same runs under another metric of the stored predictions, higher being better.

        Parameters
        ----------
        metric : callable
            ``metric(truth, predicted) -> float``.
        metric_name : str, optional
            By default the metric's own name, in words.
        """
        name = metric_name or name_of(metric)
        setting = replace(self.setting, metric=metric, metric_name=name, higher_is_better=True)
        rows = [replace(row, value=setting.score(row.predicted)) for row in self.rows]
        return TransferReport(setting, rows, stale=self.stale)

    def sabotaged(self, how: str) -> TransferReport:
        """This report with its evidence destroyed: a true claim has to fall on it.

        Parameters
        ----------
        how : {"swap", "permute"}
            "swap": pretrained arms and controls exchange results. "permute": the test labels are
            shuffled and the metric is computed anew from the stored predictions.
        """
        if how not in sabotage.WAYS:
            raise ValueError(f"how is {how!r}; expected {' or '.join(sabotage.WAYS)}.")
        broken = TransferReport(
            self.setting, sabotage.WAYS[how](self.setting, self.rows), sabotage=how
        )
        # Swapped rows keep their predictions, and so what was computed from them.
        broken._resampled = self._resampled if how == "swap" else {}
        return broken

    def save(self, *, others: Sequence[TransferReport] = (), checks: Sequence[dict] = ()) -> Path:
        """Write the lesson's scorecard, version 1, to ``paths.out_dir()/LESSON.json``.

        Parameters
        ----------
        others : sequence of TransferReport
            Reports of the lesson's further tasks: their rows and claims are added.
        checks : sequence of dict
            Results of the exercises, as ``exercises.results()`` gives them.

        Returns
        -------
        Path
            The file; replaced in one step.
        """
        return scorecard.save(self, others, checks)

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

    def _wider(self, over_seeds: Interval, resampled: Callable[[], np.ndarray]) -> Interval:
        # At smoke size a class may have one test item, and no claim rests on the interval.
        if math.isinf(over_seeds.width) or self.setting.profile == "smoke":
            return over_seeds
        over_groups = self.setting.draws.interval(over_seeds.mean, resampled())
        return max(over_seeds, over_groups, key=lambda interval: interval.width)

    def _draws_of(self, row: Row) -> np.ndarray:
        """The row's metric on each draw of test groups, computed once."""
        key = id(row.predicted)
        if key not in self._resampled:
            self._resampled[key] = self.setting.score_draws(row.predicted)
        return self._resampled[key]

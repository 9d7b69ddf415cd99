"""What `compare.run` gives back: measurements, the claims about them, the scorecard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tl_helpers.compare import scorecard
from tl_helpers.compare.claims import Statement
from tl_helpers.compare.measurements import Measurements


class TransferReport(Measurements):
    """Rows of a comparison and what follows from them; made by `compare.run`.

    Attributes
    ----------
    claims : list of Claim
        In the order in which they were first made.
    """

    def __init__(self, setting, rows, **more):
        super().__init__(setting, rows, **more)
        self.claims: list[scorecard.Claim] = []

    def __repr__(self) -> str:
        s = self.setting
        return f"<TransferReport {s.lesson} {s.task}: {len(self.rows)} rows of {len(s.arms)} arms>"

    def claim(self, text: str, statement: Statement) -> bool | None:
        """Evaluate a claim, print it in one line, and keep it for the scorecard.

        The line says at how many other seeds the claim was seen to hold, where that is recorded.

        Parameters
        ----------
        text : str
            A sentence without measured numbers.
        statement : Statement
            What has to be shown, with its interval: `beats`, `within`, `saves`, `leads_more` or
            `fails` of tl_helpers.compare.

        Returns
        -------
        bool or None
            None at profile smoke, and where recorded rows that it needs are left out.

        Raises
        ------
        TypeError
            When ``statement`` is anything else: a function, or True.
        NoInterval
            A ValueError: one seed, or fewer than ten independent test units, show nothing.

        Examples
        --------
        >>> report.claim("the probe beats every control", beats("probe"))  # doctest: +SKIP
        holds: the probe beats every control
        """
        claim = scorecard.Claim(self.setting.task, text, statement)
        claim.evaluate(self)
        self.claims = [old for old in self.claims if old.text != text] + [claim]
        print(claim)
        return claim.holds

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

        Raises
        ------
        ValueError
            When reports of different lessons or with the same task are put together.
        """
        reports = [self, *others]
        claims = [claim for report in reports for claim in report.claims]
        return scorecard.save(reports, claims, checks)

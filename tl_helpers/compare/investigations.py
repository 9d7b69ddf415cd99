"""What a fixed number of investigations a day finds, and what it saves.

Card precision: Le Borgne et al., Fraud Detection Handbook, 2022, chapter 4; after Dal
Pozzolo et al., IEEE Transactions on Neural Networks and Learning Systems 29, 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from tl_helpers.compare.measurements import Measurements

PER_DAY = 5


def investigated(
    payments: pd.DataFrame, scores: np.ndarray, per_day: int = PER_DAY
) -> pd.DataFrame:
    """The most suspicious cards of each day, each with the highest score of its payments.

    Parameters
    ----------
    payments : pandas.DataFrame
        time (datetime64), customer, amount and fraud (0 or 1).
    scores : float array (n,)
        Of the payments; higher is more suspicious.
    per_day : int, default 5
        Cards that investigators look at.

    Returns
    -------
    pandas.DataFrame
        One row a case: day (int, from 0), customer, score, fraud (whether any payment of the card
        on this day was) and lost (the amount of its frauds on this day).

    Raises
    ------
    ValueError
        When there is not one score for each payment, or ``per_day`` is below 1.
    """
    import pandas as pd

    if len(scores) != len(payments) or per_day < 1:
        raise ValueError(
            f"there are {len(scores)} scores for {len(payments)} payments and {per_day} cases a "
            "day; expected one score for each and at least one case."
        )
    day = payments.time.dt.normalize()
    table = pd.DataFrame(
        {
            "day": (day - day.min()).dt.days.to_numpy(),
            "customer": payments.customer.to_numpy(),
            "score": np.asarray(scores),
            "fraud": payments.fraud.to_numpy(),
            "lost": (payments.amount * payments.fraud).to_numpy(float),
        }
    )
    asked = {"score": "max", "fraud": "max", "lost": "sum"}
    cards = table.groupby(["day", "customer"], as_index=False).agg(asked)
    ranked = cards.sort_values("score", ascending=False, kind="stable")
    return ranked.groupby("day").head(per_day).reset_index(drop=True)


def cases(
    report: Measurements, arm: str, budget: int, payments: pd.DataFrame, per_day: int = PER_DAY
) -> pd.DataFrame:
    """`investigated` by the scores of an arm, one draw of labels after the other.

    Returns
    -------
    pandas.DataFrame
        As `investigated`, with a column seed.

    Raises
    ------
    ValueError
        When the arm's scores and the payments differ in number, ``per_day`` is below 1, or the
        report does not know the arm or budget.
    MissingRows
        When the arm has not run at this budget.
    """
    import pandas as pd

    rows = report.cell(arm, budget)
    found = [investigated(payments, row.predicted, per_day) for row in rows.values()]
    return pd.concat(
        [one.assign(seed=seed) for one, seed in zip(found, rows, strict=True)], ignore_index=True
    )


def saved_by_week(found: pd.DataFrame, fee: float) -> pd.Series:
    """Frauds stopped less the cost of their investigations, week by week, as a mean over draws.

    Parameters
    ----------
    found : pandas.DataFrame
        As `cases` gives it.
    fee : float
        What one investigation costs, in the money of the amounts.

    Returns
    -------
    pandas.Series
        In the same money; the index is the week, from 1.
    """
    week = (found.day // 7 + 1).rename("week")
    return (found.lost - fee).groupby(week).sum() / found.seed.nunique()

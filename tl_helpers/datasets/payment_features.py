"""What a bank knew about a payment when it was made: numbers from its own past, none from later.

The columns are those of the Fraud Detection Handbook (Le Borgne et al., 2022, chapter 3),
after Bahnsen et al. (Feature engineering strategies for credit card fraud detection,
Expert Systems with Applications, 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from tl_helpers.datasets.examples import Examples

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400  # seconds
WINDOWS = (1, 7, 30)  # days
DELAY = 7  # days until a payment is known to be fraud or not
FINEST = 10_000  # parts of one unit of money, to which amounts are counted
NIGHT = 6  # o'clock, until which it is night
CLASSES = ["genuine", "fraud"]
NAMES = (
    *("amount", "weekend", "night"),
    *(f"customer payments {days} d" for days in WINDOWS),
    *(f"customer amount {days} d" for days in WINDOWS),
    *(f"terminal payments {days} d" for days in WINDOWS),
    *(f"terminal risk {days} d" for days in WINDOWS),
)


def table(payments: pd.DataFrame, unit: float = 1.0, delay: float = DELAY) -> np.ndarray:
    """The columns `NAMES` of every payment.

    A customer's windows end with the payment itself. A terminal's windows end ``delay`` days
    before it, since whether its payments were fraud is not known sooner. Amounts and numbers of
    payments are given as log(1 + value), shares as they are.

    Parameters
    ----------
    payments : pandas.DataFrame
        time (datetime64), customer, terminal, amount and fraud (0 or 1), in the order of time.
    unit : float, default 1.0
        Amounts are divided by it, such as the bank's median payment of an earlier time.
    delay : float, default `DELAY`
        In days. 0 looks into labels that nobody has yet.

    Returns
    -------
    float32 array (n, 15)

    Raises
    ------
    ValueError
        When payments are not in the order of time, or ``unit`` is not positive.
    """
    import pandas as pd

    seconds = payments.time.to_numpy("datetime64[s]").astype(np.int64)
    if len(seconds) and (np.diff(seconds) < 0).any():
        raise ValueError("payments are not in the order of time: sort them by time first.")
    if not 0 < unit < np.inf:
        raise ValueError(f"unit is {unit}; expected a positive amount of money.")
    clock = pd.DatetimeIndex(payments.time)
    amount = payments.amount.to_numpy(float)
    coins = np.rint(amount * FINEST).astype(np.int64)
    customer, terminal = (pd.factorize(payments[who])[0] for who in ("customer", "terminal"))
    counts, spent = _windows(customer, seconds, coins, 0)
    visits, frauds = _windows(terminal, seconds, payments.fraud.to_numpy(np.int64), delay)
    columns = [
        [np.log1p(amount / unit), clock.day_of_week >= 5, clock.hour < NIGHT],
        np.log1p(counts),
        np.log1p(spent / counts.clip(1) / FINEST / unit),
        np.log1p(visits),
        frauds / visits.clip(1),
    ]
    return np.vstack(columns).T.astype(np.float32)


def _windows(who: np.ndarray, seconds: np.ndarray, values: np.ndarray, delay: float):
    """Number of payments and sum of values in each window of each payment: twice (3, n).

    A window of d days takes the payments of the same ``who`` from more than d days before its end
    up to its end, which lies ``delay`` days before the payment. Values are whole numbers, so that
    a sum is exact and owes nothing, not even its rounding, to payments outside its window.
    """
    lag = round(delay * DAY)
    start = seconds.min(initial=0)
    reach = seconds.max(initial=0) - start + lag + (max(WINDOWS) + 1) * DAY
    when = who * reach + seconds - start  # no window of one reaches back to the one before
    order = np.argsort(when, kind="stable")
    when = when[order]
    sums = np.concatenate([[0], np.cumsum(values[order])])
    end = np.searchsorted(when, when - lag, side="right")
    counts, totals = np.empty((2, len(WINDOWS), len(when)))
    for row, days in enumerate(WINDOWS):
        begin = np.searchsorted(when, when - lag - days * DAY, side="right")
        counts[row, order] = end - begin
        totals[row, order] = sums[end] - sums[begin]
    return counts, totals


def histories(payments: pd.DataFrame, rows: np.ndarray, length: int) -> np.ndarray:
    """Positions of each payment and of those that its customer made before it.

    Parameters
    ----------
    payments : pandas.DataFrame
        In the order of time.
    rows : int array, shape (m,)
        Positions of the payments asked for.
    length : int

    Returns
    -------
    int array (m, length)
        The oldest first, the payment itself last; -1 where there was none.
    """
    import pandas as pd

    who = pd.factorize(payments.customer)[0]
    order = np.argsort(who, kind="stable")
    place = np.empty(len(who), np.int64)
    place[order] = np.arange(len(who))
    first = np.searchsorted(who[order], who[rows])
    before = place[rows][:, None] - np.arange(length)[::-1]
    return np.where(before >= first[:, None], order[before.clip(0)], -1)


def examples(
    payments: pd.DataFrame, features: np.ndarray, rows: np.ndarray, length: int = 5
) -> Examples:
    """Chosen payments, each with the features of the payments before it.

    Parameters
    ----------
    payments : pandas.DataFrame
    features : float array (n, d)
        Of all payments, as `table` gives them.
    rows : int array, shape (m,)
        Positions of the payments.
    length : int, default 5

    Returns
    -------
    Examples
        x float32 (m, length, d), zeros where a customer has no earlier payment; ``x[:, -1]`` is the
        payment itself. y is 1 for fraud. Groups are customers.
    """
    past = histories(payments, rows, length)
    x = np.where(past[:, :, None] >= 0, features[past.clip(0)], 0).astype(np.float32)
    y = torch.from_numpy(payments.fraud.to_numpy()[rows].astype(np.int64))
    who = [f"customer {one}" for one in payments.customer.to_numpy()[rows]]
    return Examples(torch.from_numpy(x), y, [f"payment {r}" for r in rows], who, CLASSES)


def own_unit(payments: pd.DataFrame, days: int = 30) -> float:
    """The median amount of a bank's first ``days`` days: an amount that it knew early on."""
    since = payments.time - payments.time.iloc[0]
    return float(payments.amount[since.dt.days < days].median())


def described(
    payments: pd.DataFrame, *row_sets: np.ndarray, unit: float | None = None, delay: float = DELAY
) -> list[Examples]:
    """`examples` of each set of positions, their features computed once for all.

    Parameters
    ----------
    payments : pandas.DataFrame
    *row_sets : int arrays
    unit : float, optional
        As in `table`; by default `own_unit`.
    delay : float, default `DELAY`

    Raises
    ------
    ValueError
        As for `table`.
    """
    features = table(payments, own_unit(payments) if unit is None else unit, delay)
    return [examples(payments, features, rows) for rows in row_sets]

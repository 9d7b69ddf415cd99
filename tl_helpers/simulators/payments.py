"""Card payments of a simulated bank, with simulated fraud.

The design is that of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot and Bontempi,
Reproducible Machine Learning for Credit Card Fraud Detection, 2022, chapter 3):
customers and terminals on a map, a spending profile for each customer, and three ways of fraud.
Ours adds a fourth way, rising prices and rates that can differ from bank to bank, and makes all
payments at once instead of customer by customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("genuine", "large amount", "bad terminal", "stolen card", "card testing")
START = "2023-01-02"  # a Monday: the time of day 0
SIDE, REACH = 100.0, 5.0  # of the map, and how far a customer goes
DAY = 86_400  # seconds
LARGE = 220.0  # an amount above it is fraud, in the bank's prices
TERMINAL_DAYS, CARD_DAYS = 28, 14  # how long a terminal or a card stays in wrong hands
INFLATED, SHARE = 5.0, 1 / 3  # what a thief makes of an amount, and of how many payments
TINY, BIG = 0.05, 8.0  # payments that test a card, and the one that follows, in mean amounts
TESTS, BURST = (4, 9), 3_600  # how many test it, and within how many seconds

# Expected new cases a day and thousand: customers, or terminals for "bad terminal".
HANDBOOK = {"large amount": 1.0, "bad terminal": 0.2, "stolen card": 0.6}


@dataclass(frozen=True)
class Bank:
    """What decides the payments of a simulated bank.

    Attributes
    ----------
    customers, terminals, days : int
    price : float, default 1.0
        Factor on all amounts: another currency, or richer customers.
    activity : float, default 1.0
        Factor on how often customers pay; 1 is two payments a day in the mean.
    inflation : float, default 0.05
        By how much prices rise in a year, as a share.
    fraud : dict of str to float, default `HANDBOOK`
        New cases a day, for each thousand customers (or terminals), by kind of fraud: any of
        `KINDS` but the first. "large amount" is on (any positive number) or off: whatever is
        above the limit is fraud.
    seed : int, default 0

    Raises
    ------
    ValueError
        For sizes below one, factors that are not positive, or unknown kinds of fraud.
    """

    customers: int
    terminals: int
    days: int
    price: float = 1.0
    activity: float = 1.0
    inflation: float = 0.05
    fraud: Mapping[str, float] = field(default_factory=lambda: dict(HANDBOOK))
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.customers, self.terminals, self.days) < 1:
            raise ValueError(
                f"the bank has {self.customers} customers, {self.terminals} terminals and "
                f"{self.days} days; expected at least one of each."
            )
        if min(self.price, self.activity) <= 0 or self.inflation <= -1:
            raise ValueError("price and activity must be positive, and inflation above -1.")
        unknown = sorted(set(self.fraud) - set(KINDS[1:]))
        if unknown or any(rate < 0 for rate in self.fraud.values()):
            what = unknown[0] if unknown else "a negative rate"
            raise ValueError(f"fraud has {what!r}; expected rates of {', '.join(KINDS[1:])}.")


def simulate(bank: Bank) -> pd.DataFrame:
    """All payments of a simulated bank, in the order of time.

    About two million payments a second on one core.

    Parameters
    ----------
    bank : Bank

    Returns
    -------
    pandas.DataFrame
        time (datetime64, whole seconds), customer, terminal (int64), amount (float64, in the
        bank's money), fraud (int64, 0 or 1) and kind (category, of `KINDS`).
    """
    import pandas as pd

    rng = np.random.default_rng([bank.seed, 71])
    habits = _habits(bank, rng)
    paid = _genuine(bank, habits, rng)
    for kind, alter in _WAYS.items():
        if bank.fraud.get(kind, 0):
            paid = alter(bank, habits, paid, rng)
    order = np.argsort(paid["second"], kind="stable")
    paid = {name: column[order] for name, column in paid.items()}
    return pd.DataFrame(
        {
            "time": pd.Timestamp(START) + pd.to_timedelta(paid["second"], unit="s"),
            "customer": paid["customer"],
            "terminal": paid["terminal"],
            "amount": paid["amount"].round(2),
            "fraud": (paid["kind"] > 0).astype(np.int64),
            "kind": pd.Categorical.from_codes(paid["kind"], KINDS),
        }
    )


@dataclass(frozen=True)
class _Habits:
    """Mean amount and payments a day of each customer; the terminals within reach, end to end."""

    spends: np.ndarray
    often: np.ndarray
    near: np.ndarray
    first: np.ndarray
    count: np.ndarray


def _habits(bank: Bank, rng: np.random.Generator) -> _Habits:
    from scipy.spatial import cKDTree

    homes, shops = (rng.uniform(0, SIDE, (n, 2)) for n in (bank.customers, bank.terminals))
    tree = cKDTree(shops)
    reached = tree.query_ball_point(homes, REACH, return_sorted=True)
    nearest = tree.query(homes)[1]
    reached = [found or [one] for found, one in zip(reached, nearest, strict=True)]
    count = np.array([len(found) for found in reached])
    return _Habits(
        spends=rng.uniform(5, 100, bank.customers) * bank.price,
        often=rng.uniform(0, 4, bank.customers) * bank.activity,
        near=np.concatenate(reached).astype(np.int64),
        first=np.cumsum(count) - count,
        count=count,
    )


def _genuine(bank: Bank, habits: _Habits, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Customers' own payments; those that would fall into another day are left out."""
    numbers = rng.poisson(habits.often[:, None], (bank.customers, bank.days)).ravel()
    slots = np.repeat(np.arange(numbers.size), numbers)
    hour = rng.normal(DAY / 2, 20_000, len(slots))
    inside = (hour > 0) & (hour < DAY)
    customer, day = np.divmod(slots[inside], bank.days)
    spends = habits.spends[customer]
    amount = rng.normal(spends, spends / 2)
    amount = np.where(amount < 0, rng.uniform(0, 2 * spends), amount)
    return {
        "second": day * DAY + hour[inside].astype(np.int64),
        "customer": customer,
        "terminal": _near(habits, customer, rng),
        "amount": amount * (1 + bank.inflation) ** (day / 365) + 0.01,
        "kind": np.zeros(len(customer), np.int8),
    }


def _near(habits: _Habits, customer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A terminal within reach of each customer."""
    step = (rng.random(len(customer)) * habits.count[customer]).astype(np.int64)
    return habits.near[habits.first[customer] + step]


def _large_amounts(bank, habits, paid, rng):
    """The first scenario: a limit, the same for all. Simple on purpose, to check detectors by."""
    large = paid["amount"] > LARGE * bank.price
    return {**paid, "kind": np.where(large, np.int8(1), paid["kind"])}


def _bad_terminals(bank, habits, paid, rng):
    """The second scenario: for four weeks, all payments at a terminal are fraud."""
    rate = bank.fraud["bad terminal"] * bank.terminals / 1000
    bad = _spells(rate, bank.terminals, bank.days, TERMINAL_DAYS, rng)
    hit = bad[paid["terminal"], paid["second"] // DAY]
    return {**paid, "kind": np.where(hit, np.int8(2), paid["kind"])}


def _stolen_cards(bank, habits, paid, rng):
    """The third scenario: for two weeks, a third of a customer's payments are five times as big."""
    rate = bank.fraud["stolen card"] * bank.customers / 1000
    stolen = _spells(rate, bank.customers, bank.days, CARD_DAYS, rng)
    hit = stolen[paid["customer"], paid["second"] // DAY]
    hit &= rng.random(len(hit)) < SHARE
    amount = np.where(hit, paid["amount"] * INFLATED, paid["amount"])
    return {**paid, "amount": amount, "kind": np.where(hit, np.int8(3), paid["kind"])}


def _card_tests(bank, habits, paid, rng):
    """Ours: a burst of tiny payments anywhere tests whether a card works; then comes a big one."""
    cases = rng.poisson(bank.fraud["card testing"] * bank.customers / 1000 * bank.days)
    tiny = rng.integers(*TESTS, cases)
    case = np.repeat(np.arange(cases), tiny + 1)
    last = np.r_[case[1:] != case[:-1], True][: len(case)]
    begin = rng.integers(0, bank.days * DAY - 2 * BURST, cases)
    customer = rng.choice(bank.customers, cases)[case]
    share = np.where(last, BIG, TINY) * rng.uniform(0.5, 1.5, len(case))
    new = {
        "second": begin[case] + np.where(last, BURST, rng.integers(0, BURST, len(case))),
        "customer": customer,
        "terminal": rng.integers(0, bank.terminals, len(case)),
        "amount": habits.spends[customer] * share + 0.01,
        "kind": np.full(len(case), 4, np.int8),
    }
    return {name: np.concatenate([column, new[name]]) for name, column in paid.items()}


def _spells(rate: float, members: int, days: int, length: int, rng) -> np.ndarray:
    """Days on which each member is in wrong hands, bool (members, days): new ones every day."""
    new = rng.poisson(rate, days)
    start, who = np.repeat(np.arange(days), new), rng.integers(0, members, new.sum())
    change = np.zeros((members, days + length), np.int32)
    np.add.at(change, (who, start), 1)
    np.add.at(change, (who, start + length), -1)
    return change[:, :days].cumsum(axis=1) > 0


_WAYS = {  # in the Handbook's order: a later one takes over the payments of an earlier one
    "large amount": _large_amounts,
    "bad terminal": _bad_terminals,
    "stolen card": _stolen_cards,
    "card testing": _card_tests,
}

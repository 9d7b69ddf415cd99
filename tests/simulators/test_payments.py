"""Simulated payments follow the published design, and a seed decides them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tl_helpers.simulators import payments
from tl_helpers.simulators.payments import DAY, KINDS, Bank, simulate

ALL_KINDS = {kind: 1.0 for kind in KINDS[1:]}


@pytest.fixture(scope="module")
def table():
    return simulate(Bank(300, 300, 60, fraud=ALL_KINDS, seed=3))


def day(table):
    return (table.time - pd.Timestamp(payments.START)).dt.days.to_numpy()


def test_payments_come_in_the_order_of_time_and_stay_inside_the_bank(table):
    assert table.time.is_monotonic_increasing
    assert day(table).min() >= 0 and day(table).max() < 60
    assert table.customer.between(0, 299).all() and table.terminal.between(0, 299).all()
    assert (table.amount > 0).all()


def test_fraud_is_every_kind_but_genuine(table):
    assert set(table.kind.unique()) == set(KINDS)
    assert ((table.kind != "genuine") == (table.fraud == 1)).all()


def test_a_seed_gives_the_same_payments_and_another_gives_others():
    bank = Bank(50, 50, 20, fraud=ALL_KINDS, seed=1)
    pd.testing.assert_frame_equal(simulate(bank), simulate(bank))
    assert len(simulate(bank)) != len(simulate(Bank(50, 50, 20, fraud=ALL_KINDS, seed=2)))


def test_customers_pay_twice_a_day_and_spend_as_published():
    table = simulate(Bank(2000, 2000, 20, inflation=0, fraud={}, seed=0))
    inside = 0.969  # of a normal hour of day around noon, with a spread of 20,000 seconds
    assert len(table) / 2000 / 20 == pytest.approx(2 * inside, rel=0.03)
    assert table.amount.mean() == pytest.approx(52.5, rel=0.03)  # uniform from 5 to 100
    assert table.time.dt.hour.mean() == pytest.approx(11.5, abs=0.1)
    assert table.fraud.sum() == 0


def test_prices_and_activity_scale_and_inflation_raises_prices():
    plain = simulate(Bank(500, 100, 30, inflation=0, fraud={}))
    dear = simulate(Bank(500, 100, 30, price=3, inflation=0, fraud={}))
    assert dear.amount.mean() == pytest.approx(3 * plain.amount.mean(), rel=0.01)
    busy = simulate(Bank(500, 100, 30, activity=2, inflation=0, fraud={}))
    assert len(busy) == pytest.approx(2 * len(plain), rel=0.03)
    years = simulate(Bank(500, 100, 730, inflation=0.1, fraud={}))
    by_year = years.amount.groupby(day(years) // 365).mean()
    assert by_year[1] / by_year[0] == pytest.approx(1.1, rel=0.02)


def test_customers_pay_near_home():
    table = simulate(Bank(200, 2000, 30, fraud={}))
    assert table.groupby("customer").terminal.nunique().max() < 60  # of 2,000 terminals


def test_all_payments_above_the_limit_are_fraud_and_no_others():
    table = simulate(Bank(500, 500, 60, price=2, fraud={"large amount": 1}))
    assert ((table.amount > 2 * payments.LARGE) == (table.fraud == 1)).mean() > 0.9999  # rounding


def test_a_bad_terminal_is_bad_for_four_weeks_and_all_its_payments_are_fraud():
    table = simulate(Bank(400, 100, 120, fraud={"bad terminal": 1.0}, seed=2))
    days = day(table)
    for terminal in table.terminal[table.fraud == 1].unique():
        here = (table.terminal == terminal).to_numpy()
        bad = np.unique(days[here & (table.fraud == 1).to_numpy()])
        inside = here & np.isin(days, bad)
        assert table.fraud[inside].all()
        runs = np.split(bad, np.flatnonzero(np.diff(bad) > 7) + 1)
        assert any(len(run) > 10 for run in runs) or bad[-1] > 90 or bad[0] < 28


def test_a_stolen_card_pays_five_times_as_much_in_a_third_of_its_payments():
    table = simulate(Bank(1000, 500, 90, inflation=0, fraud={"stolen card": 1.0}, seed=0))
    habit = table[table.fraud == 0].groupby("customer").amount.mean()
    stolen = table[table.fraud == 1]
    ratio = (stolen.amount / stolen.customer.map(habit)).mean()
    assert ratio == pytest.approx(5, rel=0.1)
    cases = 90  # one a day; a spell counts two payments a day for fourteen days, a third of them
    assert len(stolen) == pytest.approx(cases * 14 * 2 * 0.97 / 3, rel=0.35)


def test_card_tests_are_bursts_of_tiny_payments_with_a_big_one_last():
    table = simulate(Bank(2000, 500, 60, inflation=0, fraud={"card testing": 0.5}, seed=0))
    tests = table[table.fraud == 1].sort_values(["customer", "time"])
    gap = tests.groupby("customer").time.diff().dt.total_seconds()
    burst = (gap.isna() | (gap > DAY)).cumsum()
    for _, one in tests.groupby(burst):
        big = one.amount > 20 * one.amount.median()
        assert big.iloc[-1] and big.sum() == 1
        assert 4 <= len(one) - 1 <= 8
        assert (one.time.iloc[-1] - one.time.iloc[0]).total_seconds() <= payments.BURST


def test_a_million_payments_take_seconds():
    import time

    start = time.process_time()
    table = simulate(Bank(2000, 2000, 260))
    assert len(table) > 1_000_000
    assert time.process_time() - start < 10  # about one second here


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"customers": 0}, "at least one"),
        ({"price": 0}, "must be positive"),
        ({"inflation": -1}, "above -1"),
        ({"fraud": {"phishing": 1}}, "'phishing'"),
        ({"fraud": {"stolen card": -1}}, "negative rate"),
    ],
)
def test_impossible_banks_are_refused_with_the_reason(settings, words):
    with pytest.raises(ValueError, match=words):
        Bank(**{"customers": 10, "terminals": 10, "days": 10, **settings})

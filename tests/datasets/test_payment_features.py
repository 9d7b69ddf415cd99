"""Features of payments know the past alone, and equal pandas' rolling windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tl_helpers.datasets import payment_features as features
from tl_helpers.simulators import payments

CUT = 60  # days


@pytest.fixture(scope="module")
def bank():
    fraud = {"bad terminal": 3.0, "stolen card": 3.0, "card testing": 2.0}
    return payments.simulate(payments.Bank(40, 20, 100, fraud=fraud, seed=5))


def early(table, day=CUT):
    return (table.time < table.time.min().normalize() + pd.Timedelta(days=day)).to_numpy()


def test_a_changed_future_changes_no_feature_of_the_past(bank):
    past = early(bank)
    future = bank.copy()
    rng = np.random.default_rng(0)
    future.loc[~past, "amount"] = rng.uniform(1, 1e6, (~past).sum())
    future.loc[~past, "fraud"] = 1 - future.fraud[~past]
    future.loc[~past, "customer"] = rng.integers(0, 40, (~past).sum())
    future.loc[~past, "terminal"] = rng.integers(0, 20, (~past).sum())
    before, after = features.table(bank, 10.0), features.table(future, 10.0)
    np.testing.assert_array_equal(before[past], after[past])
    assert (before[~past] != after[~past]).any(axis=0).sum() >= 13  # the clock's two stay


def test_a_future_that_never_comes_changes_no_feature_of_the_past(bank):
    past = early(bank)
    np.testing.assert_array_equal(
        features.table(bank, 10.0)[past], features.table(bank[past], 10.0)
    )
    rows = np.flatnonzero(past)
    whole = features.examples(bank, features.table(bank, 10.0), rows)
    short = features.examples(bank[past], features.table(bank[past], 10.0), rows)
    assert (whole.x == short.x).all()


def test_labels_younger_than_the_delay_change_nothing(bank):
    known = early(bank, CUT - features.DELAY)
    past = early(bank)
    young = bank.copy()
    young.loc[~known, "fraud"] = 1
    before, after = features.table(bank), features.table(young)
    np.testing.assert_array_equal(before[past], after[past])


def test_without_the_delay_the_answer_leaks_and_the_test_sees_it(bank):
    known, past = early(bank, CUT - features.DELAY), early(bank)
    young = bank.copy()
    young.loc[~known, "fraud"] = 1
    before, after = features.table(bank, delay=0), features.table(young, delay=0)
    changed = (before[past] != after[past]).any(axis=0)
    assert {features.NAMES[i] for i in np.flatnonzero(changed)} == {
        f"terminal risk {days} d" for days in features.WINDOWS
    }


def test_the_unit_of_a_bank_is_known_after_its_first_month(bank):
    month = early(bank, 30)
    dear = bank.copy()
    dear.loc[~early(bank, 31), "amount"] *= 100
    assert features.own_unit(dear) == features.own_unit(bank)
    assert features.own_unit(bank) == pytest.approx(bank.amount[month].median(), rel=0.02)


def test_customers_windows_equal_pandas(bank):
    found = pd.DataFrame(np.expm1(features.table(bank, 2.0).astype(float)), columns=features.NAMES)
    for _, one in bank.groupby("customer"):
        for days in features.WINDOWS:
            rolled = one.rolling(f"{days}D", on="time").amount
            said = found.loc[one.index]
            for name, expected in (("payments", rolled.count()), ("amount", rolled.mean() / 2)):
                np.testing.assert_allclose(said[f"customer {name} {days} d"], expected, rtol=1e-4)


def test_terminals_windows_equal_a_plain_count(bank):
    found = pd.DataFrame(features.table(bank).astype(float), columns=features.NAMES)
    seconds = bank.time.astype("datetime64[s]").astype("int64").to_numpy()
    for row in np.random.default_rng(1).choice(len(bank), 100, replace=False):
        same = (bank.terminal == bank.terminal.iloc[row]).to_numpy()
        age = (seconds[row] - seconds) / features.DAY - features.DELAY
        for days in features.WINDOWS:
            inside = same & (age >= 0) & (age < days)
            risk = bank.fraud[inside].mean() if inside.any() else 0
            assert found[f"terminal risk {days} d"][row] == pytest.approx(risk, abs=1e-6)
            visits = np.expm1(found[f"terminal payments {days} d"][row])
            assert visits == pytest.approx(inside.sum(), abs=1e-3)


def test_another_money_with_its_own_unit_gives_the_same_features(bank):
    dear = bank.assign(amount=7 * bank.amount)
    np.testing.assert_allclose(
        features.table(dear, 7 * 3.0), features.table(bank, 3.0), rtol=1e-5, atol=1e-6
    )


def test_names_of_customers_and_terminals_do_not_matter(bank):
    named = bank.assign(
        customer=[f"c{n}" for n in bank.customer], terminal=[f"t{n}" for n in bank.terminal]
    )
    np.testing.assert_array_equal(features.table(bank), features.table(named))


def test_histories_hold_earlier_payments_of_the_same_customer(bank):
    rows = np.arange(len(bank))[::7]
    past = features.histories(bank, rows, 4)
    assert (past[:, -1] == rows).all()
    who = bank.customer.to_numpy()
    for row, line in zip(rows, past, strict=True):
        own = np.flatnonzero(who[: row + 1] == who[row])[-4:]
        assert line.tolist() == [-1] * (4 - len(own)) + own.tolist()


def test_examples_have_zeros_where_a_customer_has_no_past(bank):
    [found] = features.described(bank, np.array([0, 500]))
    assert found.x.shape == (2, 5, len(features.NAMES))
    assert (found.x[0, :-1] == 0).all() and (found.x[1, -1] != 0).any()
    assert found.groups == [f"customer {bank.customer[row]}" for row in (0, 500)]


def test_payments_out_of_order_and_impossible_units_are_refused(bank):
    with pytest.raises(ValueError, match="sort them by time"):
        features.table(bank.iloc[::-1])
    for unit in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="positive amount"):
            features.table(bank, unit)

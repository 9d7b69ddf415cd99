"""A reader's payments are read whatever their file looks like; bad lines are told, never fatal."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from tl_helpers.datasets import ledgers, payment_features
from tl_helpers.simulators import payments

GOOD = "2024-03-01 10:00:00,anna,shop 1,12.50,0"


@pytest.fixture(scope="module")
def bank():
    fraud = {"bad terminal": 3.0, "stolen card": 3.0}
    return payments.simulate(payments.Bank(60, 30, 90, fraud=fraud, seed=1))


def write(tmp_path, *lines, head="time,customer,terminal,amount,fraud"):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_bad_lines_are_named_with_their_reason_and_the_rest_is_used(tmp_path):
    path = write(
        tmp_path,
        GOOD,
        "yesterday,anna,shop 1,5,0",
        "2024-03-01 11:00,,shop 1,5,0",
        "2024-03-01 11:00,anna,,5,0",
        "2024-03-01 11:00,anna,shop 1,-5,0",
        "2024-03-01 11:00,anna,shop 1,1;5,0",
        "2024-03-01 11:00,anna,shop 1,5,maybe",
        "2024-03-01 11:00,anna,shop 1,5,0,more,than,enough",
        "",
        "2024-03-02T08:00:00,bert,shop 2,7,1",
    )
    found = ledgers.read(path)
    assert found.payments.customer.tolist() == ["anna", "bert"]
    assert [int(line.split()[1].rstrip(":")) for line in found.left_out] == [*range(3, 11)]
    told = str(found)
    assert "2 payments of 2 customers at 2 terminals on 1 days, 1 of them fraud." in told
    for words in (
        "line 3: time 'yesterday' is no time",
        "line 4: the customer is empty",
        "line 5: the terminal is empty",
        "line 6: amount '-5' is not between 0 and 1e+09",
        "line 7: amount '1;5'",
        "line 8: fraud 'maybe' is neither",
        "line 9: expected 5 fields, saw 8",
        "line 10: time '' is no time",
    ):
        assert words in told


def test_parquet_and_csv_of_the_same_payments_are_read_alike(bank, tmp_path):
    bank.to_csv(tmp_path / "a.csv", index=False)
    bank.to_parquet(tmp_path / "a.parquet")
    csv, parquet = (ledgers.read(tmp_path / name) for name in ("a.csv", "a.parquet"))
    pd.testing.assert_frame_equal(csv.payments, parquet.payments)
    assert csv.left_out == parquet.left_out == [] and csv.notes == parquet.notes == []
    assert csv.payments.amount.tolist() == bank.amount.tolist()
    np.testing.assert_array_equal(
        payment_features.table(csv.payments), payment_features.table(bank)
    )


def test_bad_rows_of_parquet_are_named(bank, tmp_path):
    table = bank.head(5).astype({"customer": "float"})
    table.loc[1, "amount"] = np.nan
    table.loc[3, "customer"] = np.nan
    table.to_parquet(tmp_path / "a.parquet")
    found = ledgers.read(tmp_path / "a.parquet")
    assert [line.split(":")[0].strip() for line in found.left_out] == ["row 2", "row 4"]
    assert len(found.payments) == 3


def test_other_separators_orders_cases_and_words_are_read(tmp_path):
    path = write(
        tmp_path,
        "yes;3;anna;shop 1;2024-03-02 10:00",
        "no;2.5;bert;shop 1;2024-03-01 10:00",
        "no;2.5;bert;shop 1;2024-03-01 10:00",
        head="\ufeffFraud;Amount;Customer;Terminal;Time",
    )
    found = ledgers.read(path)
    assert found.payments.fraud.tolist() == [0, 1]
    assert found.payments.time.is_monotonic_increasing
    assert found.notes[0] == "Exact copies left out: 1." and "order of time" in found.notes[1]


def test_times_with_a_zone_are_put_to_one_clock(tmp_path):
    zoned = [GOOD.replace("10:00:00", hour) for hour in ("10:00:00Z", "12:00:00+01:00")]
    found = ledgers.read(write(tmp_path, *zoned, GOOD.replace("10:00:00", "13:00:00")))
    assert found.payments.time.dt.hour.tolist() == [10, 11, 13]


@pytest.mark.parametrize(
    ("lines", "head", "words"),
    [
        ([GOOD], "Time,V1,V2,Amount,Class", "no column customer, terminal, fraud"),
        (["12,a,b,1,0"], "time,customer,terminal,amount,fraud", "time holds numbers such as 12"),
        (["never,a,b,1,0"], "time,customer,terminal,amount,fraud", "line 2: time 'never'"),
        ([], "time,customer,terminal,amount,fraud", "no line of mine.csv can be used"),
        ([], "", "is empty"),
    ],
)
def test_a_file_in_which_nothing_is_usable_says_what_was_expected(tmp_path, lines, head, words):
    with pytest.raises(ValueError, match=words):
        ledgers.read(write(tmp_path, *lines, head=head))


def test_files_that_are_not_there_or_not_parquet_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no.csv"):
        ledgers.read(tmp_path / "no.csv")
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(ValueError, match=r"no.parquet cannot be read as Parquet"):
        ledgers.read(tmp_path / "no.parquet")


def test_parts_share_no_customer_and_the_test_lies_later_than_known_labels(bank):
    parts = ledgers.parts(bank, test_days=28, seed=0)
    who = [set(bank.customer.iloc[rows]) for rows in parts]
    assert not (who[0] & who[1] or who[0] & who[2] or who[1] & who[2])
    last = max(bank.time.iloc[rows].max() for rows in parts[:2])
    gap = bank.time.iloc[parts.test].min().normalize() - last.normalize()
    assert gap.days > ledgers.LABELS_KNOWN
    assert ledgers.days_of(bank)[parts.train].min() >= ledgers.WARM_UP
    assert any((a != b).any() for a, b in [(parts.test[:20], ledgers.parts(bank, 28, 1).test[:20])])


def test_too_few_days_or_frauds_are_refused(bank):
    short = bank[ledgers.days_of(bank) < 70]
    with pytest.raises(ValueError, match="cover 70 days; expected more than 72"):
        ledgers.parts(short)
    with pytest.raises(ValueError, match="no fraud among"):
        ledgers.parts(bank.assign(fraud=0))
    with pytest.raises(ValueError, match="0 frauds"):
        ledgers.sample(bank.assign(fraud=0), 5, 5)


def test_a_sample_holds_as_many_as_asked_from_when_windows_are_full(bank):
    rows = ledgers.sample(bank, 20, 70, seed=1)
    assert bank.fraud.iloc[rows].sum() == 20 and len(rows) == 90 and (np.diff(rows) > 0).all()
    assert ledgers.days_of(bank)[rows].min() >= ledgers.WARM_UP


def test_confirmed_frauds_come_customer_by_customer_and_are_nested(bank):
    [pool] = payment_features.described(bank, np.arange(len(bank)))
    small, large = (ledgers.confirmed(pool, n, seed=2) for n in (5, 20))
    assert small.y.sum() == 5 and len(small) == 55
    assert set(small.ids) <= set(large.ids)
    frauds = [g for g, y in zip(large.groups, large.y, strict=True) if y]
    changes = sum(a != b for a, b in itertools.pairwise(frauds))
    assert changes == len(set(frauds)) - 1
    whole = [g for g, y in zip(pool.groups, pool.y, strict=True) if y]
    for customer in set(frauds) - {frauds[-1]}:
        assert frauds.count(customer) == whole.count(customer)
    with pytest.raises(ValueError, match="the pool has"):
        ledgers.confirmed(pool, 10_000, 0)

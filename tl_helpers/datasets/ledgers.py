"""Payments as a table: the reader's own file, and which part of them serves for what."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tl_helpers.datasets.examples import Examples
from tl_helpers.datasets.folder_report import cut

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("time", "customer", "terminal", "amount", "fraud")
WARM_UP = 37  # days until every window is full: thirty, and seven until labels are known
LABELS_KNOWN = 7  # days
LARGEST = 1e9  # amount that is believed
_SEPARATORS = (",", ";", "\t")
_FRAUD = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}


@dataclass(frozen=True)
class Ledger:
    """What `read` found in a file; printing it says what was left out.

    Attributes
    ----------
    payments : pandas.DataFrame
        time (datetime64), customer, terminal (str), amount (float64), fraud (int64) and kind
        (genuine or fraud), in the order of time.
    left_out : list of str
        A sentence for each line that was not used.
    notes : list of str
        What else was done.
    """

    payments: pd.DataFrame
    left_out: list[str]
    notes: list[str]

    def __str__(self) -> str:
        table = self.payments
        days = (table.time.iloc[-1] - table.time.iloc[0]).days + 1
        first = (
            f"{len(table)} payments of {table.customer.nunique()} customers at "
            f"{table.terminal.nunique()} terminals on {days} days, {table.fraud.sum()} of them "
            "fraud."
        )
        lost = [f"Lines left out: {len(self.left_out)}."] if self.left_out else []
        return "\n".join([first, *self.notes, *lost, *cut(self.left_out)])


def read(path: str | Path) -> Ledger:
    """Payments of a CSV or Parquet file with the named columns `COLUMNS`.

    Parameters
    ----------
    path : str or Path
        CSV with commas, semicolons or tabs, with a header; or ``.parquet``. Times in any form that
        pandas reads; fraud as 0 and 1, or no and yes. Further columns are not read.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When columns are missing, or no line can be used.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path.name!r}; give the path of a CSV or Parquet."
        )
    table, lines, left_out = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f"{path.name} has no column {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}. Expected {', '.join(COLUMNS)}."
        )
    good, reasons = _checked(table)
    what = "row" if path.suffix == ".parquet" else "line"
    left_out += [(lines[place], reason) for place, reason in reasons]
    if not len(good):
        told = "; ".join(f"{what} {line}: {reason}" for line, reason in sorted(left_out)[:3])
        raise ValueError(f"no {what} of {path.name} can be used. {told}")
    good, notes = _in_order(good)
    return Ledger(good, [f"  {what} {line}: {reason}" for line, reason in sorted(left_out)], notes)


def _csv(path: Path):
    """Everything as text; the number of each line; lines with too many fields."""
    import pandas as pd

    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    if not head.strip():
        raise ValueError(f"{path.name} is empty or begins with an empty line; expected a header.")
    separator = max(_SEPARATORS, key=head.count)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False,
            on_bad_lines="warn", encoding="utf-8-sig", encoding_errors="replace",
            index_col=False,
        )  # fmt: skip
    table.columns = [name.strip().lower() for name in table.columns]
    found = [re.findall(r"line (\d+): (.*?)(?:\n|$)", str(one.message)) for one in said]
    skipped = [(int(line), reason.strip()) for one in found for line, reason in one]
    lines = np.arange(2, 2 + len(table) + len(skipped))
    return table, lines[~np.isin(lines, [line for line, _ in skipped])].tolist(), skipped


def _parquet(path: Path):
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except Exception as error:
        raise ValueError(f"{path.name} cannot be read as Parquet: {error}") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    return table.reset_index(drop=True), list(range(1, len(table) + 1)), []


def _checked(table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """Rows that can be used, and why each other one cannot."""
    import pandas as pd

    text = {name: table[name].astype("string").fillna("").str.strip() for name in COLUMNS}
    time = _times(table.time)
    amount = pd.to_numeric(text["amount"], errors="coerce").astype(float)
    fraud = text["fraud"].str.lower().map(_FRAUD)
    wrong = {
        "time {} is no time": (time.isna(), "time"),
        "the customer is empty": (text["customer"] == "", "customer"),
        "the terminal is empty": (text["terminal"] == "", "terminal"),
        f"amount {{}} is not between 0 and {LARGEST:g}": (~amount.between(0, LARGEST), "amount"),
        "fraud {} is neither 0 nor 1": (fraud.isna(), "fraud"),
    }
    reasons: dict[int, str] = {}
    for words, (bad, name) in wrong.items():
        for place in np.flatnonzero(bad.to_numpy(bool)).tolist():
            reasons.setdefault(place, words.format(repr(str(text[name].iloc[place]))))
    keep = np.setdiff1d(np.arange(len(table)), list(reasons))
    good = pd.DataFrame(
        {
            "time": time.dt.floor("s"),
            "customer": text["customer"].astype(str),
            "terminal": text["terminal"].astype(str),
            "amount": amount,
            "fraud": fraud.fillna(0).astype(np.int64),
        }
    ).iloc[keep]
    good["kind"] = good.fraud.map({0: "genuine", 1: "fraud"})
    return good, sorted(reasons.items())


def _times(column: pd.Series) -> pd.Series:
    """Dates and times without a zone; NaT for what is none. A time with a zone is put to UTC."""
    import pandas as pd
    from pandas.api.types import is_datetime64_any_dtype

    how = {"errors": "coerce", "utc": True}
    if not is_datetime64_any_dtype(column):
        if len(column) and pd.to_numeric(column, errors="coerce").notna().all():
            raise ValueError(
                f"column time holds numbers such as {column.iloc[0]}; expected dates with times, "
                "such as 2024-03-01 10:15:00, since weekends and nights are read off them."
            )
        how["format"] = "mixed"
    return pd.to_datetime(column, **how).dt.tz_localize(None)


def _in_order(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    once = table.drop_duplicates()
    notes = [f"Exact copies left out: {len(table) - len(once)}."] * (len(once) < len(table))
    notes += ["The lines were not in the order of time; they are now."] * (
        not once.time.is_monotonic_increasing
    )
    return once.sort_values("time", kind="stable").reset_index(drop=True), notes


class Parts(NamedTuple):
    """Positions of payments, int arrays in the order of time: to learn from, to watch, to test."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def days_of(payments: pd.DataFrame) -> np.ndarray:
    """The day of each payment, int (n,), from 0."""
    day = payments.time.dt.normalize()
    return (day - day.min()).dt.days.to_numpy()


def parts(payments: pd.DataFrame, test_days: int = 28, seed: int = 0) -> Parts:
    """Share out a bank's payments by time and by customers.

    The test is on the last ``test_days`` days and a third of the customers. Of the others, six in
    seven are there to learn from and the rest to watch, from when the windows are full to a week
    before the test, so that their labels are known by then.

    Parameters
    ----------
    payments : pandas.DataFrame
        In the order of time.
    test_days : int, default 28
    seed : int, default 0
        Draws the customers.

    Raises
    ------
    ValueError
        When there are too few days, or a part has no fraud.
    """
    import pandas as pd

    day, who = days_of(payments), pd.factorize(payments.customer)[0]
    until = day[-1] + 1 - test_days
    if until - LABELS_KNOWN <= WARM_UP:
        raise ValueError(
            f"the payments cover {day[-1] + 1} days; expected more than "
            f"{WARM_UP + LABELS_KNOWN + test_days}: {WARM_UP} to fill the windows, some to learn "
            f"from, {LABELS_KNOWN} until labels are known and {test_days} to test on."
        )
    early, late = (day >= WARM_UP) & (day < until - LABELS_KNOWN), day >= until
    fraud = payments.fraud.to_numpy() == 1
    turn = _turns(who, fraud & early, fraud & late, seed)
    test, valid = turn % 3 == 2, np.isin(turn % 21, (1, 12))
    masks = early & ~test & ~valid, early & valid, late & test
    found = Parts(*map(np.flatnonzero, masks))
    for name, rows in found._asdict().items():
        if not payments.fraud.to_numpy()[rows].any():
            raise ValueError(
                f"no fraud among the {len(rows)} payments of part {name!r}: {payments.fraud.sum()} "
                "frauds in all are too few to learn from some and test on others."
            )
    return found


def _turns(who: np.ndarray, early: np.ndarray, late: np.ndarray, seed: int) -> np.ndarray:
    """The turn of each payment's customer, int (n,): at random, those with early frauds first.

    Those with late ones follow, then all others: shared out in turns, each part has its share.
    """
    hit = 2 * (np.bincount(who, early) > 0) + (np.bincount(who, late) > 0)
    order = np.lexsort([np.random.default_rng(seed).random(len(hit)), -hit])
    turn = np.empty(len(hit), np.int64)
    turn[order] = np.arange(len(hit))
    return turn[who]


def sample(payments: pd.DataFrame, frauds: int, genuine: int, seed: int = 0) -> np.ndarray:
    """Payments of a bank that has plenty, drawn at random from when the windows are full.

    Parameters
    ----------
    payments : pandas.DataFrame
    frauds, genuine : int
        At most so many of each.
    seed : int, default 0

    Returns
    -------
    int array
        Positions in the order of time.

    Raises
    ------
    ValueError
        When there is no fraud, or no genuine payment, after the first weeks.
    """
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(days_of(payments) >= WARM_UP))
    fraud = payments.fraud.to_numpy()[drawn] == 1
    chosen = drawn[fraud][:frauds], drawn[~fraud][:genuine]
    if not all(map(len, chosen)):
        raise ValueError(
            f"after the first {WARM_UP} days there are {fraud.sum()} frauds and {(~fraud).sum()} "
            "genuine payments; expected some of each."
        )
    return np.sort(np.concatenate(chosen))


def confirmed(pool: Examples, frauds: int, seed: int, genuine: int = 10) -> Examples:
    """What investigators have confirmed: some frauds, and genuine payments beside each.

    Frauds come customer by customer, in a random order, since a case is a customer's case. Growing
    numbers are nested. Genuine are any payments that nobody disputed.

    Parameters
    ----------
    pool : Examples
        y is 1 for fraud; groups are customers.
    frauds : int
    seed : int
    genuine : int, default 10
        For each fraud.

    Raises
    ------
    ValueError
        When the pool has fewer frauds, or fewer genuine payments.
    """
    rng = np.random.default_rng(seed)
    y, (_, who) = pool.y.numpy(), np.unique(np.asarray(pool.groups), return_inverse=True)
    turn = rng.permutation(who.max() + 1)[who]
    found = np.flatnonzero(y == 1)
    found = found[np.argsort(turn[found], kind="stable")]
    others = rng.permutation(np.flatnonzero(y == 0))
    if frauds < 1 or len(found) < frauds or len(others) < genuine * frauds:
        raise ValueError(
            f"{frauds} frauds and {genuine * frauds} genuine payments were asked for; the pool has "
            f"{len(found)} and {len(others)}. Ask for 1 to that many."
        )
    return pool.take(np.concatenate([found[:frauds], others[: genuine * frauds]]))

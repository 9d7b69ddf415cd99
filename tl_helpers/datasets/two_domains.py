"""Two domains with one task: labelled texts of one, unlabelled texts of the other, and a few labels
there to measure by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tl_helpers.datasets import csv_rows, sentences, text_files
from tl_helpers.datasets.csv_rows import BadRow, Row
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.folder_report import cut
from tl_helpers.datasets.shares import FEWEST, share_out

FEWEST_TEXTS = 20  # of the target: means over fewer are noise
MOST_TEXTS = 1500  # of the target that are kept


@dataclass(frozen=True)
class TwoDomains:
    """What `rated` and `read` give.

    Attributes
    ----------
    source : Splits
        Labelled texts; ``test`` is not used.
    pool : Examples
        Texts of the target, none of them in its test. They have the one class "unlabelled", so
        that no method can read their labels by mistake.
    target : Splits
        ``train`` are those of the pool whose labels may be bought, ``valid`` is empty, and
        ``test`` is what everything is measured on; empty where the target has too few labels.
    places : list of int
        Where each text of ``target.train`` stands in the pool.
    card : str
    bar : float or None
        How often one rater is on the side of all raters' mean, over the test texts, when a vote
        of 0 counts half, as if that rater tossed a coin.
    """

    source: Splits
    pool: Examples
    target: Splits
    places: list[int]
    card: str
    bar: float | None = None


def rated(
    source: str, target: str, home: tuple[int, int], away: tuple[int, int], data_seed: int = 0
) -> TwoDomains:
    """Two of the domains of `sentences`, as many negative as positive texts in each part.

    Parameters
    ----------
    source, target : {"films", "products", "editorials", "tweets"}
    home : (int, int)
        Sentences of each class of the source, to train and to validate on.
    away : (int, int)
        Sentences of each class of the target, in the pool and in the test set.
    data_seed : int, default 0
        Draws and shares out the sentences.

    Raises
    ------
    ValueError, AssetError
        As `sentences.splits`.
    """
    here = sentences.splits(source, (*home, 1), data_seed)
    there = sentences.splits(target, (away[0], 1, away[1]), data_seed)
    found = sentences.load(target).ratings
    votes = [np.sign(np.multiply(found[i].votes, found[i].mean)) for i in there.test.ids]
    agree = [(1 + given.mean()) / 2 for given in votes]
    splits = Splits(there.train, there.train.take([]), there.test, there.card)
    units = f"{len(set(there.test.groups))} independent units to test on"
    card = f"SOURCE, {source}: {here.card}\n\nTARGET, {target}: {units}. {there.card}"
    places = list(range(len(there.train)))
    return TwoDomains(here, unlabelled(there.train), splits, places, card, float(np.mean(agree)))


def read(source: str | Path, target: str | Path, data_seed: int = 0) -> TwoDomains:
    """Your two files: one with labels, the other with few or none.

    Both are read as by `text_files.texts`, with the column ``text``, and perhaps ``group``. The
    source needs ``label``; of the target it may be missing or empty in most rows. Where each
    class has six labelled texts of the target or more, half of them are to test on and half to
    buy labels from. Otherwise the test set is empty, and the card says so.

    Parameters
    ----------
    source, target : str or Path
    data_seed : int, default 0

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        When there is no such file.
    ValueError
        When a file's name is empty, the source is refused by `text_files.texts`, the target has
        fewer than 20 usable texts, or its groups cannot be shared out.
    """
    for name, path in (("source", source), ("target", target)):
        if not str(path).strip():
            raise ValueError(
                f"The name of the {name} file is empty; expected two CSV files: the source with "
                "the columns text and label, the target with text."
            )
    home = text_files.texts(source, data_seed)
    here = home.splits
    rows, bad = _checked(csv_rows.table(Path(target).expanduser(), ["text"], _KNOWN), here)
    if len(rows) < FEWEST_TEXTS:
        raise ValueError(
            f"{Path(target).name!r} has {len(rows)} usable texts; expected at least "
            f"{FEWEST_TEXTS} of the target, with labels or without.\n" + "\n".join(_told(bad))
        )
    rows = _at_most(rows, data_seed)
    groups = text_files.units(rows)[0]
    part, note = _shared_out(rows, groups, here.train.classes, data_seed)
    card = "\n".join([f"SOURCE: {home}", "", f"TARGET: {len(rows)} texts. {note}", *_told(bad)])
    train = _together(here.train, here.test)
    return _assembled(
        Splits(train, here.valid, train.take([]), here.card), rows, groups, part, card
    )


def unlabelled(examples: Examples) -> Examples:
    """The same texts with one class, "unlabelled", in place of their labels."""
    nothing = torch.zeros(len(examples), dtype=torch.int64)
    return Examples(examples.x, nothing, examples.ids, examples.groups, ["unlabelled"])


def lopsided(examples: Examples, share: float) -> Examples:
    """Examples of two classes of which a share is of the second, as many as its class has.

    Parameters
    ----------
    examples : Examples
        Of the first class as many as of the second, or more.
    share : float
        0 to 1; at both ends all are of one class.

    Raises
    ------
    ValueError
        For another share, another number of classes, or too few of the first class.
    """
    if len(examples.classes) != 2 or not 0 <= share <= 1:
        raise ValueError(
            f"the share is {share!r} and the classes are {examples.classes}; expected a share "
            "between 0 and 1 and two classes."
        )
    first, second = (torch.where(examples.y == label)[0] for label in (0, 1))
    count = round(share * len(second))
    if len(first) < len(second) - count:
        raise ValueError(
            f"there are {len(first)} examples of {examples.classes[0]!r}; expected at least "
            f"{len(second) - count}."
        )
    return examples.take(torch.cat([first[: len(second) - count], second[:count]]))


_KNOWN = ("label", text_files.UNIT)
_POOL, _OWN, _TEST = 0, 1, 2


def _checked(table: csv_rows.Table, here: Splits) -> tuple[list[Row], list[BadRow]]:
    """Rows with a text of their own, and with a label of the source's classes or none."""
    classes = {name.casefold(): name for name in here.train.classes}
    parts = (here.train, here.valid, here.test)
    seen = {text.casefold(): "a text of the source file" for part in parts for text in part.x}
    kept, bad = [], list(table.bad)
    for row in table.rows:
        text, label = sentences.clean(row.fields["text"]), row.fields.get("label", "")
        reason = "no text" if not text else seen.get(text.casefold())
        if reason is None and label and label.casefold() not in classes:
            reason = f"the label {label[:40]!r} is none of the source's: {', '.join(classes)}"
        if reason:
            bad.append(BadRow(row.line, reason))
            continue
        seen[text.casefold()] = f"the text of line {row.line} again"
        named = classes.get(label.casefold(), "")
        kept.append(Row(row.line, {**row.fields, "text": text, "label": named}))
    return kept, sorted(bad)


def _at_most(rows: list[Row], seed: int) -> list[Row]:
    """As many as `MOST_TEXTS`, those with labels first."""
    drawn = np.random.default_rng(seed).permutation(len(rows))
    order = sorted(drawn, key=lambda place: not rows[place].fields["label"])
    return [rows[place] for place in sorted(order[:MOST_TEXTS])]


def _shared_out(
    rows: list[Row], groups: Sequence[str], classes: list[str], seed: int
) -> tuple[np.ndarray, str]:
    """The part of each row, and a sentence about it."""
    labels = np.array([row.fields["label"] for row in rows])
    known = np.flatnonzero(labels != "")
    counts = [int((labels == name).sum()) for name in classes]
    part = np.full(len(rows), _POOL)
    if min(counts) < sum(FEWEST):
        told = ", ".join(f"{n} {name!r}" for n, name in zip(counts, classes, strict=True))
        return part, (
            f"Labels: {told}. Nothing can be measured with fewer than {sum(FEWEST)} of each class, "
            "so what follows chooses and answers, and does not say how good the answers are."
        )
    numbers = [classes.index(name) for name in labels[known]]
    shares = share_out(numbers, [groups[place] for place in known.tolist()], classes, seed)
    # Half of the labels, what elsewhere is to train on, is to test on here: few labels are best
    # spent on knowing how good the answers are.
    part[known] = np.where(shares == 0, _TEST, _OWN)
    own, test = (int((part == number).sum()) for number in (_OWN, _TEST))
    return part, f"Of {own + test} with labels, {test} are to test on and {own} to learn from."


def _assembled(
    source: Splits, rows: list[Row], groups: list[str], part: np.ndarray, card: str
) -> TwoDomains:
    classes = source.train.classes
    labels = [classes.index(row.fields["label"] or classes[0]) for row in rows]
    everything = Examples(
        [row.fields["text"] for row in rows],
        torch.tensor(labels),
        [f"line {row.line}" for row in rows],
        groups,
        classes,
    )
    kept = np.flatnonzero(part != _TEST)
    own, test = (everything.take(np.flatnonzero(part == number)) for number in (_OWN, _TEST))
    places = np.flatnonzero(part[kept] == _OWN).tolist()
    target = Splits(own, own.take([]), test, card)
    return TwoDomains(source, unlabelled(everything.take(kept)), target, places, card)


def _together(one: Examples, two: Examples) -> Examples:
    return Examples(
        [*one.x, *two.x],
        torch.cat([one.y, two.y]),
        one.ids + two.ids,
        one.groups + two.groups,
        one.classes,
    )


def _told(bad: Sequence[BadRow]) -> list[str]:
    if not bad:
        return []
    return [
        f"Rows of the target left out: {len(bad)}.",
        *cut([f"  line {row.line}: {row.reason}" for row in bad]),
    ]

"""The reader's own texts: a CSV file of texts and labels, made into splits that share no group."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tl_helpers.datasets import csv_rows, language
from tl_helpers.datasets.csv_rows import BadRow, Row
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.folder_report import cut
from tl_helpers.datasets.sentences import clean
from tl_helpers.datasets.shares import FEWEST, joined, share_out

COLUMNS, UNIT = ("text", "label"), "group"
MOST_CLASSES = 50
RUN = 8  # words in a row that make two texts copies of one another, as for product reviews

_PARTS = ("train", "valid", "test")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class FileTexts:
    """What `texts` found; printing it gives a table and all that was left out.

    Attributes
    ----------
    splits : Splits
        x list of str, links, handles and addresses masked; ids are "line N".
    left_out : list of BadRow
        By line.
    notes : list of str
        Sentences on how the file was read, and on classes that were left out.
    """

    splits: Splits
    left_out: list[BadRow]
    notes: list[str]

    def __str__(self) -> str:
        parts = [getattr(self.splits, part) for part in _PARTS]
        counts = np.stack([np.bincount(part.y, minlength=len(part.classes)) for part in parts], 1)
        rows = [f"{'class':<30}" + "".join(f"{part:>7}" for part in _PARTS)]
        rows += [
            f"{name[:30]:<30}" + "".join(f"{count:>7}" for count in row)
            for name, row in zip(parts[0].classes, counts, strict=True)
        ]
        total = f"{counts.sum()} texts in {len(counts)} classes"
        return "\n".join([total, *rows, *self.notes, *_told(self.left_out)])


def texts(path: str | Path, data_seed: int = 0, most: int = 1500) -> FileTexts:
    """Read a file with the columns ``text`` and ``label``, and perhaps ``group``.

    Separators, encodings and quotation marks: see `csv_rows.table`. Rows that cannot be used are
    left out and reported by line. About half of each class is to train on, a sixth to validate on
    and a third to test on. Rows of one ``group`` (a writer, a thread, a document) stay in one
    split; so do texts that share eight words in a row.

    Parameters
    ----------
    path : str or Path
        ``~`` is the home folder; other relative paths start at the notebook's folder.
    data_seed : int, default 0
        Draws the splits, and the texts of a class that has more than ``most``.
    most : int, default 1500
        Texts kept of one class.

    Returns
    -------
    FileTexts

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        When there is no such file.
    ValueError
        When the file has no such columns, or nothing usable is left: fewer than two classes with 6
        texts each, more than `MOST_CLASSES`, or groups that cannot be shared out.
    """
    if most < sum(FEWEST):
        raise ValueError(f"most is {most}; expected at least {sum(FEWEST)} texts of a class.")
    if not str(path).strip():
        raise ValueError("The file's name is empty; expected a CSV file with text and label.")
    table = csv_rows.table(path := Path(path).expanduser(), COLUMNS, [UNIT])
    kept, bad = _checked(table.rows)
    kept, notes = _large_classes(kept, data_seed, most)
    left_out, notes = sorted([*table.bad, *bad]), [*table.notes, *notes]
    classes = _classes(kept, path.name, [*notes, *_told(left_out)])
    groups, more = units(kept)
    labels = [classes.index(row.fields["label"]) for row in kept]
    parts = _shared_out(labels, groups, classes, data_seed)
    train, valid, test = (
        _examples(kept, labels, groups, classes, np.flatnonzero(parts == n)) for n in range(3)
    )
    notes += more
    sizes = [len(part) for part in (train, valid, test)]
    card = _card(path.name, sizes, len(classes), [*notes, *_told(left_out)])
    return FileTexts(Splits(train, valid, test, card), left_out, notes)


def _checked(rows: Sequence[Row]) -> tuple[list[Row], list[BadRow]]:
    """Rows with a text and a label, cleaned, each text once; the others with the reason."""
    spelled: dict[str, str] = {}  # a label is one in whatever capitals
    whole, bad = [], []
    for row in rows:
        text, label = clean(row.fields["text"]), row.fields["label"]
        if not text or not label:
            bad.append(BadRow(row.line, "no text" if not text else "no label"))
        elif "\n" in label:
            bad.append(BadRow(row.line, "a label of several lines: a quotation mark missing?"))
        else:
            name = spelled.setdefault(label.casefold(), label)
            whole.append(Row(row.line, {**row.fields, "text": text, "label": name}))
    alike: dict[str, list[Row]] = defaultdict(list)
    for row in whole:
        alike[row.fields["text"].casefold()].append(row)
    kept = []
    for same in alike.values():
        first, *others = same
        other = next((row for row in others if row.fields["label"] != first.fields["label"]), None)
        if other is None:
            kept.append(first)
            bad += [BadRow(row.line, f"the text of line {first.line} again") for row in others]
        else:
            names = f"{first.fields['label']!r} (line {first.line}), {other.fields['label']!r}"
            reason = f"one text with two labels: {names} (line {other.line})"
            bad += [BadRow(row.line, reason) for row in same]
    return kept, bad


def _large_classes(rows: list[Row], seed: int, most: int) -> tuple[list[Row], list[str]]:
    """Rows of classes that are large enough, at most ``most`` of each."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.fields["label"]].append(row)
    kept, notes = [], []
    for name, some in found.items():
        if len(some) < sum(FEWEST):
            lines = ", ".join(str(row.line) for row in some)
            notes.append(
                f"Class {name[:40]!r} is left out: {sum(FEWEST)} texts are needed, and it has "
                f"{len(some)} (lines {lines})."
            )
            continue
        if len(some) > most:
            notes.append(f"At most {most} of the {len(some)} texts of {name[:40]!r} were drawn.")
            drawn = np.random.default_rng(seed).permutation(len(some))[:most]
            some = [some[place] for place in sorted(drawn)]
        kept += some
    return sorted(kept), cut(notes)


def _classes(rows: list[Row], name: str, told: Sequence[str]) -> list[str]:
    classes = sorted({row.fields["label"] for row in rows})
    if 2 <= len(classes) <= MOST_CLASSES:
        return classes
    raise ValueError(
        "\n".join(
            [
                f"{name!r} has {len(classes)} classes of {sum(FEWEST)} usable texts or more; "
                f"expected 2 to {MOST_CLASSES}. Does the column 'label' name kinds of text?",
                *told,
            ]
        )
    )


def units(rows: list[Row]) -> tuple[list[str], list[str]]:
    """The unit of each row, and notes on units."""
    said = [tuple(_WORD.findall(row.fields["text"].casefold())) for row in rows]
    own = [f"line {row.line}" for row in rows]
    named = [row.fields.get(UNIT, "") for row in rows]
    names = [f"group {name}" if name else line for name, line in zip(named, own, strict=True)]
    stories = language.stories(
        [words or (line,) for words, line in zip(said, own, strict=True)], RUN
    )
    groups = joined(names, [story.encode() for story in stories])
    notes = [f"Groups: {len(set(names))}."] if any(named) else []
    if any(named) and not all(named):
        notes.append(f"Rows without a group, each taken as its own: {named.count('')}.")
    if max(Counter(groups).values()) > max(len(rows) / 4, *Counter(names).values()):
        notes.append(
            f"So many texts share {RUN} words in a row, as a template has, that they were not kept "
            "in one split: scores may flatter."
        )
        return names, notes
    return groups, notes


def _shared_out(labels: list[int], groups: list[str], classes: list[str], seed: int) -> np.ndarray:
    try:
        return share_out(labels, groups, classes, seed)
    except ValueError as error:
        raise ValueError(
            f"{error} Texts are one group when the column {UNIT!r} says the same, or when they "
            f"share {RUN} words in a row. Add texts of other origin, or leave the column out."
        ) from error


def _examples(rows, labels, groups, classes, picked: np.ndarray) -> Examples:
    return Examples(
        [rows[i].fields["text"] for i in picked],
        torch.tensor([labels[i] for i in picked]),
        [f"line {rows[i].line}" for i in picked],
        [groups[i] for i in picked],
        classes,
    )


def _card(name: str, sizes: Sequence[int], classes: int, more: Sequence[str]) -> str:
    train, valid, test = sizes
    return "\n".join(
        [
            f"{sum(sizes)} texts of {name!r} in {classes} classes: {train} to train on, {valid} to "
            f"validate on, {test} to test on.",
            f"No group and no text that shares {RUN} words in a row is in two splits. Handles, "
            "links and addresses are masked.",
            *more,
        ]
    )


def _told(left_out: Sequence[BadRow]) -> list[str]:
    if not left_out:
        return []
    rows: Iterator[str] = (f"  line {row.line}: {row.reason}" for row in left_out)
    return [f"Rows left out: {len(left_out)}.", *cut(list(rows))]

"""What to tell of a folder of pictures: a table, what was left out, and the data card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tl_helpers.datasets.examples import Splits

_PARTS = ("train", "valid", "test")
_SHOWN = 20  # lines of a listing


class LeftOut(NamedTuple):
    """A picture that is in no split.

    Attributes
    ----------
    path : str
        Relative to the folder, with ``/``.
    reason : str
    """

    path: str
    reason: str


@dataclass(frozen=True)
class FolderPictures:
    """What `folders.pictures` found; printing it gives a table and all that was left out.

    Attributes
    ----------
    splits : Splits
        x uint8 (N, 3, size, size).
    left_out : list of LeftOut
        Ordered by path.
    notes : list of str
        Sentences on what else was done: other files, copies, classes that were cut.
    """

    splits: Splits
    left_out: list[LeftOut]
    notes: list[str]

    def __str__(self) -> str:
        parts = [getattr(self.splits, part) for part in _PARTS]
        counts = np.stack([np.bincount(part.y, minlength=len(part.classes)) for part in parts], 1)
        total = f"{counts.sum()} pictures in {len(counts)} classes"
        rows = [f"{'class':<30}" + "".join(f"{part:>7}" for part in _PARTS)]
        rows += [
            f"{name[:30]:<30}" + "".join(f"{count:>7}" for count in row)
            for name, row in zip(parts[0].classes, counts, strict=True)
        ]
        return "\n".join([total, *cut(rows, _SHOWN + 1), *self.notes, *told(self.left_out)])


def card(name: str, sizes: Sequence[int], classes: int, side: int, more: Sequence[str]) -> str:
    """The data card of a folder's splits.

    Parameters
    ----------
    name : str
        Of the folder.
    sizes : sequence of int
        Pictures to train, validate and test on.
    classes : int
    side : int
        Of the pictures, in pixels.
    more : sequence of str
        Lines that follow.
    """
    train, valid, test = sizes
    return "\n".join(
        [
            f"{sum(sizes)} pictures of {name!r} in {classes} classes, the central squares at "
            f"{side} by {side} pixels: {train} to train on, {valid} to validate on, {test} to "
            "test on.",
            "No subfolder of a class and no exact copy is in two splits. Pictures that are nearly "
            "alike are not recognised: where they share no subfolder, scores may flatter.",
            *more,
        ]
    )


def told(left_out: Sequence[LeftOut]) -> list[str]:
    """How many pictures were left out and which; no line for none."""
    if not left_out:
        return []
    rows = [f"  {row.path}: {row.reason}" for row in left_out]
    return [f"Pictures left out: {len(left_out)}.", *cut(rows)]


def cut(rows: list[str], most: int = _SHOWN) -> list[str]:
    """The first lines, and how many more there are."""
    return rows if len(rows) <= most else [*rows[:most], f"  ... and {len(rows) - most} more"]

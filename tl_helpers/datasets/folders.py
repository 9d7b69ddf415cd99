"""The reader's own pictures: one folder a class, made into splits that share no group."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from tl_helpers.assets import watching
from tl_helpers.datasets import picture_files
from tl_helpers.datasets.class_folders import (
    ClassFiles,
    class_files,
    class_folders,
    existing,
    relative,
    shown,
)
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.picture_files import UnreadablePicture
from tl_helpers.datasets.shares import FEWEST, joined, share_out

MOST_BYTES = 2**27  # of pixels that are kept: 4,854 pictures of 96 by 96

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
    """What `pictures` found; printing it gives a table and all that was left out.

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
        return "\n".join([total, *_cut(rows, _SHOWN + 1), *self.notes, *_told(self.left_out)])


class _Picture(NamedTuple):
    name: str
    label: int
    subfolder: str | None
    pixels: np.ndarray
    digest: bytes = b""


def pictures(
    folder: str | Path, size: int = 96, data_seed: int = 0, most: int = 500
) -> FolderPictures:
    """Read a folder that holds one folder of pictures for each class.

    Pictures that cannot be read are left out and reported; how the others are read, says
    `picture_files.read_square`. About half of each class is to train on, a sixth to validate on and
    a third to test on: 12 pictures give 6, 2 and 4.

    Folders inside a class's folder are groups: put what belongs together (a camera, a patient, a
    day, a burst of shots) into one, and it stays in one split. The same name in two classes is the
    same group. Pictures with equal pixels are in one group too; where they are in two classes, they
    contradict each other and are left out.

    Parameters
    ----------
    folder : str or Path
        ``~`` is the home folder; other relative paths start at the notebook's folder.
    size : int, default 96
        Side of the pictures in pixels: the shorter side is scaled to it, the centre cropped.
    data_seed : int, default 0
        Draws the splits, and the pictures of a class that has more than ``most``.
    most : int, default 500
        Pictures kept of one class; fewer where all would need more than `MOST_BYTES`.

    Returns
    -------
    FolderPictures
        The same for the same files, in whatever order the file system lists them.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        When there is no such folder.
    ValueError
        When the folder is not one folder a class, has fewer than 2 or more than `MOST_CLASSES`, or
        a class has fewer than 6 readable pictures or groups that cannot be shared out.
    """
    _check_numbers(size, most)
    folder = existing(folder)
    paths = class_folders(folder)
    classes = [shown(path.name) for path in paths]
    files = class_files(folder, paths)
    room = max(sum(FEWEST), min(most, MOST_BYTES // (3 * size**2 * len(paths))))
    read, left_out = _read(folder, files.pictures, size, data_seed, room)
    left_out += [LeftOut(relative(path, folder), "not in a class's folder") for path in files.loose]
    found, contradictions = _without_contradictions(_in_bytes(read))
    left_out = sorted(left_out + contradictions)
    notes = [*_notes_on_files(folder, files, classes, room), *_notes_on_pictures(read, found)]
    _check_counts(found, classes, [*notes, *_told(left_out)])
    names = [picture.subfolder or picture.name for picture in found]
    groups = joined(names, [picture.digest for picture in found])
    parts = _share_out(found, groups, classes, data_seed)
    splits = [_examples(found, groups, classes, parts == part) for part in range(3)]
    card = _card(folder, splits, size, [*notes, *_told(left_out)])
    return FolderPictures(Splits(*splits, card), left_out, notes)


def _check_numbers(size: int, most: int) -> None:
    if not 8 <= size <= 512:
        raise ValueError(f"size is {size}; expected 8 to 512 pixels.")
    if most < sum(FEWEST):
        raise ValueError(f"most is {most}; expected at least {sum(FEWEST)} pictures of a class.")


def _read(
    folder: Path, files: list[list[Path]], size: int, data_seed: int, room: int
) -> tuple[list[_Picture], list[LeftOut]]:
    """Up to ``room`` readable pictures of each class, ordered by class and path."""
    found, left_out = [], []
    total = sum(min(len(some), room) for some in files)
    with watching.bar(total=total, unit="picture", leave=False, delay=3) as bar:
        for label, some in enumerate(files):
            kept: dict[int, _Picture] = {}
            for place in _drawn(len(some), room, [data_seed, label]):
                name = relative(some[place], folder)
                subfolder = name.split("/")[1] if name.count("/") > 1 else None
                try:
                    pixels = picture_files.read_square(some[place], size)
                except UnreadablePicture as reason:
                    left_out.append(LeftOut(name, str(reason)))
                else:
                    kept[place] = _Picture(name, label, subfolder, pixels)
                    bar.update()
                if len(kept) == room:
                    break
            found += [kept[place] for place in sorted(kept)]
    return found, left_out


def _drawn(count: int, room: int, seed: list[int]) -> list[int]:
    """All places in order, or, where not all have room, in random order."""
    return list(range(count) if count <= room else np.random.default_rng(seed).permutation(count))


def _in_bytes(read: list[_Picture]) -> list[_Picture]:
    """All pictures as uint8 with their digest; deep ones on the scale that all of them share."""
    scaled = iter(picture_files.to_bytes([picture.pixels for picture in read if _deep(picture)]))
    found = []
    for picture in read:
        pixels = next(scaled) if _deep(picture) else picture.pixels
        digest = hashlib.sha256(pixels.tobytes()).digest()
        found.append(picture._replace(pixels=pixels, digest=digest))
    return found


def _deep(picture: _Picture) -> bool:
    return picture.pixels.dtype != np.uint8


def _without_contradictions(
    found: list[_Picture],
) -> tuple[list[_Picture], list[LeftOut]]:
    """Leave out all copies of a picture that is in two classes."""
    places: dict[bytes, dict[int, str]] = defaultdict(dict)
    for picture in found:
        places[picture.digest].setdefault(picture.label, picture.name)
    kept, left_out = [], []
    for picture in found:
        other = [name for n, name in places[picture.digest].items() if n != picture.label]
        if other:
            left_out.append(LeftOut(picture.name, f"the same picture as {other[0]}"))
        else:
            kept.append(picture)
    return kept, left_out


def _notes_on_files(
    folder: Path, files: ClassFiles, classes: list[str], room: int
) -> Iterator[str]:
    for name, some in zip(classes, files.pictures, strict=True):
        if len(some) > room:
            yield f"At most {room} of the {len(some)} pictures of {name!r} were drawn."
    if files.others:
        first = relative(files.others[0], folder)
        yield f"Files passed over as no pictures: {len(files.others)}, such as {first}."


def _notes_on_pictures(read: list[_Picture], found: list[_Picture]) -> Iterator[str]:
    subfolders = {picture.subfolder for picture in found} - {None}
    if subfolders:
        yield f"Subfolders taken as groups, by name: {len(subfolders)}."
    if copies := len(found) - len({picture.digest for picture in found}):
        yield f"Pictures with the same pixels as another, in one split with it: {copies}."
    if deep := sum(map(_deep, read)):
        yield f"Grey pictures of more than 8 bits, scaled to 8 bits all alike: {deep}."


def _check_counts(found: list[_Picture], classes: list[str], told: list[str]) -> None:
    counts = [sum(picture.label == label for picture in found) for label in range(len(classes))]
    few = [f"{name!r} has {n}" for name, n in zip(classes, counts, strict=True) if n < sum(FEWEST)]
    if few:
        raise ValueError(
            f"Too few readable pictures: class {', '.join(few[:10])}; expected at least "
            f"{sum(FEWEST)} in each, "
            "{} to train, {} to validate and {} to test on. Add pictures, or ".format(*FEWEST)
            + "\n".join(["move a folder that is no class out of the way.", *told])
        )


def _share_out(
    found: list[_Picture], groups: list[str], classes: list[str], data_seed: int
) -> np.ndarray:
    try:
        return share_out([picture.label for picture in found], groups, classes, data_seed)
    except ValueError as error:
        raise ValueError(
            f"{error} Pictures are one group when they are in subfolders of one name, in whichever "
            "class, or have the same pixels. Add pictures of other origin in more subfolders, or "
            "give different names to subfolders that have nothing in common."
        ) from error


def _examples(
    found: list[_Picture], groups: list[str], classes: list[str], chosen: np.ndarray
) -> Examples:
    picked = np.flatnonzero(chosen)
    return Examples(
        torch.from_numpy(np.stack([found[i].pixels for i in picked])),
        torch.tensor([found[i].label for i in picked]),
        [found[i].name for i in picked],
        [groups[i] for i in picked],
        classes,
    )


def _card(folder: Path, splits: list[Examples], size: int, more: list[str]) -> str:
    train, valid, test = (len(part) for part in splits)
    return "\n".join(
        [
            f"{train + valid + test} pictures of {shown(folder.resolve().name)!r} in "
            f"{len(splits[0].classes)} classes, the central squares at {size} by {size} pixels: "
            f"{train} to train on, {valid} to validate on, {test} to test on.",
            "No subfolder of a class and no exact copy is in two splits. Pictures that are nearly "
            "alike are not recognised: where they share no subfolder, scores may flatter.",
            *more,
        ]
    )


def _told(left_out: list[LeftOut]) -> list[str]:
    if not left_out:
        return []
    rows = [f"  {row.path}: {row.reason}" for row in left_out]
    return [f"Pictures left out: {len(left_out)}.", *_cut(rows, _SHOWN)]


def _cut(rows: list[str], most: int) -> list[str]:
    return rows if len(rows) <= most else [*rows[:most], f"  ... and {len(rows) - most} more"]

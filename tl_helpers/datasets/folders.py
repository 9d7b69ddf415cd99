"""The reader's own pictures: one folder a class, made into splits that share no group."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from tl_helpers.assets import watching
from tl_helpers.datasets import deep_pictures, folder_report, picture_files
from tl_helpers.datasets.class_folders import (
    ClassFiles,
    class_files,
    class_folders,
    existing,
    relative,
    shown,
)
from tl_helpers.datasets.deep_pictures import Deep
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.folder_report import FolderPictures, LeftOut, told
from tl_helpers.datasets.picture_files import UnreadablePicture
from tl_helpers.datasets.shares import FEWEST, joined, share_out

MOST_BYTES = 2**27  # of pixels that are kept: 4,854 pictures of 96 by 96


class _File(NamedTuple):
    name: str
    label: int
    subfolder: str | None
    pixels: np.ndarray | Deep


class _Picture(NamedTuple):
    name: str
    label: int
    subfolder: str | None
    pixels: np.ndarray
    digest: bytes


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
    _check_counts(found, classes, [*notes, *told(left_out)])
    groups = joined(_group_names(found), [picture.digest for picture in found])
    parts = _share_out(found, groups, classes, data_seed)
    train, valid, test = (_examples(found, groups, classes, parts == part) for part in range(3))
    sizes, name = [len(part) for part in (train, valid, test)], shown(folder.resolve().name)
    card = folder_report.card(name, sizes, len(classes), size, [*notes, *told(left_out)])
    return FolderPictures(Splits(train, valid, test, card), left_out, notes)


def _check_numbers(size: int, most: int) -> None:
    if not 8 <= size <= 512:
        raise ValueError(f"size is {size}; expected 8 to 512 pixels.")
    if most < sum(FEWEST):
        raise ValueError(f"most is {most}; expected at least {sum(FEWEST)} pictures of a class.")


def _read(
    folder: Path, files: list[list[Path]], size: int, data_seed: int, room: int
) -> tuple[list[_File], list[LeftOut]]:
    """Up to ``room`` readable pictures of each class, ordered by class and path."""
    found, left_out = [], []
    total = sum(min(len(some), room) for some in files)
    with watching.bar(total=total, unit="picture", leave=False, delay=3) as bar:
        for label, some in enumerate(files):
            kept: dict[int, _File] = {}
            names = [relative(path, folder) for path in some]
            first = {name: place for place, name in reversed([*enumerate(names)])}
            for place in _drawn(names, room, [data_seed, label]):
                name = names[place]
                try:
                    if first[name] != place:
                        raise UnreadablePicture("a second file so called, its accents apart")
                    pixels = picture_files.read_square(some[place], size)
                except UnreadablePicture as reason:
                    left_out.append(LeftOut(name, str(reason)))
                else:
                    kept[place] = _File(name, label, _subfolder(name), pixels)
                    bar.update()
                if len(kept) == room:
                    break
            found += [kept[place] for place in sorted(kept)]
    return found, left_out


def _drawn(names: list[str], room: int, seed: list[int]) -> list[int]:
    """All places in order, or, where not all have room, at random from one subfolder after another.

    So a small subfolder is not lost beside a large one.
    """
    if len(names) <= room:
        return list(range(len(names)))
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    turn: dict[int, int] = {}
    taken: Counter[str] = Counter()
    for place in order:
        group = _subfolder(names[place]) or names[place]
        turn[place] = taken[group]
        taken[group] += 1
    return sorted(order, key=turn.__getitem__)  # stable: within a turn, the random order


def _subfolder(name: str) -> str | None:
    return name.split("/")[1] if name.count("/") > 1 else None


def _group_names(found: list[_Picture]) -> list[str]:
    """The subfolder of each picture, capitals apart, or the picture's own name."""
    first: dict[str, str] = {}
    return [
        first.setdefault(p.subfolder.casefold(), p.subfolder) if p.subfolder else p.name
        for p in found
    ]


def _in_bytes(read: list[_File]) -> list[_Picture]:
    """All pictures as uint8 with their digest; deep ones on the scale that all of them share."""
    deep = [file.pixels for file in read if isinstance(file.pixels, Deep)]
    scaled = iter(deep_pictures.to_bytes(deep))
    found = []
    for file in read:
        pixels = next(scaled) if isinstance(file.pixels, Deep) else file.pixels
        digest = hashlib.sha256(pixels.tobytes()).digest()
        found.append(_Picture(file.name, file.label, file.subfolder, pixels, digest))
    return found


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


def _notes_on_pictures(read: list[_File], found: list[_Picture]) -> Iterator[str]:
    subfolders = {picture.subfolder for picture in found} - {None}
    if subfolders:
        yield f"Subfolders taken as groups, by name: {len(subfolders)}."
    if copies := len(found) - len({picture.digest for picture in found}):
        yield f"Pictures with the same pixels as another, in one split with it: {copies}."
    yield from deep_pictures.told(sum(isinstance(file.pixels, Deep) for file in read))


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

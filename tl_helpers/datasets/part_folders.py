"""The reader's own parts: a folder of good ones to learn from, and one of parts to test on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tl_helpers.datasets import deep_pictures, folder_report, picture_files
from tl_helpers.datasets.class_folders import existing, relative, walk
from tl_helpers.datasets.deep_pictures import Deep
from tl_helpers.datasets.folder_report import LeftOut
from tl_helpers.datasets.picture_files import UnreadablePicture

GOOD = "good"
FEWEST_GOOD, FEWEST_TEST = 10, 10  # to learn from; of good and of defective parts to test on


@dataclass(frozen=True)
class PartPictures:
    """What `load` found; printing it gives the counts and all that was left out.

    Attributes
    ----------
    good : Tensor
        Good parts to learn from, uint8 (N, 3, size, size).
    test : Tensor
        Parts to test on, uint8 (M, 3, size, size).
    kinds : list of str
        Of each test part: "good", or the name of its folder.
    left_out : list of LeftOut
        Files that are in neither, with the reason.
    notes : list of str
        Sentences on what else was done.
    """

    good: Tensor
    test: Tensor
    kinds: list[str]
    left_out: list[LeftOut]
    notes: list[str]

    def __str__(self) -> str:
        counts = [f"{self.kinds.count(kind)} {kind}" for kind in sorted(set(self.kinds))]
        lines = [f"{len(self.good)} good parts to learn from; to test on: {', '.join(counts)}"]
        return "\n".join([*lines, *self.notes, *folder_report.told(self.left_out)])


def load(good_folder: str | Path, test_folder: str | Path, size: int = 96) -> PartPictures:
    """Read parts from two folders that look as those of MVTec AD do.

    Pictures are read as `picture_files.read_square` says: central squares, scaled. A file that
    cannot be read is left out and reported by name; so is a test picture with the same pixels as
    one to learn from, which would be recognised and not judged.

    Parameters
    ----------
    good_folder : str or Path
        Holds pictures of good parts, at least `FEWEST_GOOD`, in any subfolders.
    test_folder : str or Path
        Holds a folder "good" and one for each kind of defect, under any name; at least
        `FEWEST_TEST` good and as many defective parts.
    size : int, default 96
        Side in pixels.

    Returns
    -------
    PartPictures
        In the order of the files' names.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        When there is no such folder.
    ValueError
        When too few parts can be read.
    """
    good_folder, test_folder = existing(good_folder), existing(test_folder)
    names, pixels, left_out = _read(good_folder, size)
    test_names, test_pixels, more = _read(test_folder, size)
    scaled = _in_bytes([*pixels, *test_pixels])
    good, test = scaled[: len(pixels)], scaled[len(pixels) :]
    known = {picture.tobytes(): name for name, picture in zip(names, good, strict=True)}
    kept = []
    for name, picture in zip(test_names, test, strict=True):
        if "/" not in name:
            more.append(LeftOut(name, "beside the folders: no one says whether it is good"))
        elif picture.tobytes() in known:
            twin = known[picture.tobytes()]
            more.append(LeftOut(name, f"the same picture as {twin} among the good ones"))
        else:
            kept.append((name.split("/")[0], picture))
    kinds = [GOOD if kind.lower() == GOOD else kind for kind, _ in kept]
    left_out = sorted([*left_out, *more])
    _check_counts(len(good), kinds, left_out)
    notes = deep_pictures.told(sum(isinstance(one, Deep) for one in [*pixels, *test_pixels]))
    return PartPictures(_stacked(good), _stacked([p for _, p in kept]), kinds, left_out, notes)


def _read(folder: Path, size: int) -> tuple[list[str], list, list[LeftOut]]:
    """Names and pixels of all readable pictures below a folder, and what was left out."""
    names, pixels, left_out = [], [], []
    for path in walk(folder):
        name = relative(path, folder)
        if path.suffix.lower() not in picture_files.ALL_SUFFIXES:
            left_out.append(LeftOut(name, "not a picture, by its name"))
            continue
        try:
            pixels.append(picture_files.read_square(path, size))
            names.append(name)
        except UnreadablePicture as reason:
            left_out.append(LeftOut(name, str(reason)))
    return names, pixels, left_out


def _in_bytes(pictures: list) -> list[np.ndarray]:
    """All as uint8; deep ones on the scale that all of them share."""
    deep = [one for one in pictures if isinstance(one, Deep)]
    scaled = iter(deep_pictures.to_bytes(deep))
    return [next(scaled) if isinstance(one, Deep) else one for one in pictures]


def _stacked(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures))


def _check_counts(good: int, kinds: list[str], left_out: list[LeftOut]) -> None:
    fine = kinds.count(GOOD)
    defective = len(kinds) - fine
    if good < FEWEST_GOOD or min(fine, defective) < FEWEST_TEST:
        raise ValueError(
            f"There are {good} readable good parts to learn from, and {fine} good and {defective} "
            f"defective ones to test on; expected at least {FEWEST_GOOD}, {FEWEST_TEST} and "
            f"{FEWEST_TEST}. In the test folder good parts lie in a folder {GOOD!r}, and defective "
            "ones in a folder for each kind of defect.\n" + "\n".join(folder_report.told(left_out))
        )

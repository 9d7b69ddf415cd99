"""A reader's folder of scans with masks: NIfTI volumes, or pictures of slices."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tl_helpers.datasets.class_folders import relative, walk
from tl_helpers.datasets.folder_report import cut
from tl_helpers.datasets.segmented import Segmented

ENDINGS = (".nii.gz", ".nii", ".png", ".tif", ".tiff", ".bmp")  # JPEG would blur a mask
WORDS = ("mask", "seg", "label", "labels", "masks")  # what tells a mask from its scan
MOST_CLASSES = 20
_FEWEST = 3  # subjects: one each to learn from, to choose by and to test on


def read(folder: str | Path, side: int = 64, slices: int = 4) -> Segmented:
    """Slices and masks of a folder; what cannot be used is printed by name and left out.

    A mask is called as its scan with ``_mask``, ``_seg`` or ``_label`` at the end, or alike in a
    folder ``masks`` or ``labels``: ``sub-01_T1w.nii.gz`` and ``sub-01_T1w_mask.nii.gz``. Whom a
    file shows is its name up to the first ``_``.

    Parameters
    ----------
    folder : path
        Folders inside are read too.
    side : int, default 64
        Slices are padded to a square and scaled to this many pixels.
    slices : int, default 4
        Of a volume: as many, spread evenly over those where its mask is not empty.

    Returns
    -------
    Segmented
        Label 0 is the mask's value 0, or its smallest.

    Raises
    ------
    ValueError
        When there is no such folder, no pair in it, or fewer than three usable subjects.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; expected one with scans and masks.")
    pairs, told = _pairs(folder)
    x, masks, subjects = [], [], []
    for name, (scan, mask) in sorted(pairs.items()):
        try:
            planes, labels = _slices(_volume(scan), _volume(mask), slices)
        except ValueError as reason:
            told.append(f"{name}: {reason}")
            continue
        x.append(_fitted(planes, side, "bilinear"))
        masks.append(_fitted(labels, side, "nearest"))
        subjects += [scan.name.split("_")[0].split(".")[0]] * len(planes)
    for line in cut([f"left out: {line}" for line in told]):
        print(line)
    if len(set(subjects)) < _FEWEST:
        raise ValueError(
            f"{folder.name} has {len(set(subjects))} usable subjects; expected {_FEWEST} or more, "
            "each a scan NAME and a mask NAME_mask (.nii, .nii.gz or .png). Lines above say what "
            "was left out; a subject is the file's name up to the first '_'."
        )
    return _numbered(torch.cat(x), torch.cat(masks), subjects)


def _pairs(folder: Path) -> tuple[dict[str, tuple[Path, Path]], list[str]]:
    """Scan and mask of each name, and what has no partner."""
    sides: dict[str, dict[bool, list[Path]]] = defaultdict(lambda: {False: [], True: []})
    told = []
    for file in walk(folder):
        ending = next((end for end in ENDINGS if file.name.lower().endswith(end)), None)
        if ending is None:
            told.append(f"{relative(file, folder)}: not of a kind that is read, {ENDINGS[0]} …")
            continue
        stem, is_mask = file.name[: -len(ending)], file.parent.name.lower() in WORDS
        head, _, word = stem.rpartition("_")
        if head and word.lower() in WORDS:
            stem, is_mask = head, True
        sides[stem][is_mask].append(file)
    pairs = {}
    for stem, found in sorted(sides.items()):
        scans, masks = found[False], found[True]
        if len(scans) == len(masks) == 1:
            pairs[stem] = (scans[0], masks[0])
        else:
            names = ", ".join(relative(file, folder) for file in scans + masks)
            told.append(f"{names}: {len(scans)} scans and {len(masks)} masks of one name")
    return pairs, told


def _volume(file: Path) -> np.ndarray:
    """The numbers of a file, (H, W, slices)."""
    try:
        if file.name.lower().endswith((".nii", ".nii.gz")):
            import nibabel

            values = np.asarray(nibabel.as_closest_canonical(nibabel.load(file)).dataobj)
            values = np.rot90(values)  # the front of the head at the top
        else:
            from PIL import Image

            with Image.open(file) as picture:
                plain = "L" if picture.mode in ("RGB", "RGBA", "LA", "1") else None
                values = np.asarray(picture.convert(plain) if plain else picture)
    except Exception as error:  # nibabel and Pillow raise many kinds for a broken file
        raise ValueError(f"{file.name} cannot be read ({type(error).__name__}: {error})") from error
    values = values.reshape(values.shape[:3] + (1,) * (3 - values.ndim)) if values.size else values
    if values.size == 0 or values.ndim != 3:
        raise ValueError(f"{file.name} has shape {values.shape}; expected one picture or volume")
    if not np.isfinite(values).all():
        raise ValueError(f"{file.name} holds NaN or infinity")
    return values


def _slices(scan: np.ndarray, mask: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Slices with something in the mask, float (n, H, W) from 0 to about 1, and their labels."""
    if scan.shape != mask.shape:
        raise ValueError(f"the scan has {scan.shape} voxels and the mask {mask.shape}")
    values = np.unique(mask)
    if len(values) < 2:
        raise ValueError(f"the mask is empty: every voxel is {values[0]}")
    if len(values) > MOST_CLASSES:
        raise ValueError(f"the mask has {len(values)} different values; expected whole labels")
    if scan.min() == scan.max():
        raise ValueError("the scan has one brightness everywhere")
    filled = np.flatnonzero((mask != values[0]).any((0, 1)))
    picked = np.unique(filled[np.linspace(0, len(filled) - 1, count + 2).round().astype(int)[1:-1]])
    low, high = np.percentile(scan[..., picked], [0.5, 99])
    planes = ((scan[..., picked] - low) / max(high - low, 1e-9)).clip(0, 2)
    return planes.transpose(2, 0, 1), mask[..., picked].transpose(2, 0, 1)


def _fitted(planes: np.ndarray, side: int, how: str) -> Tensor:
    """Planes (n, H, W) padded to squares and scaled."""
    found = torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))[:, None]
    height, width = found.shape[2:]
    gap = abs(height - width)
    ends = (gap // 2, gap - gap // 2)
    border = (*ends, 0, 0) if height > width else (0, 0, *ends)
    found = functional.pad(found, border, value=float(found.min()))
    smooth = {"antialias": True, "align_corners": False} if how == "bilinear" else {}
    return functional.interpolate(found, (side, side), mode=how, **smooth)[:, 0]


def _numbered(x: Tensor, masks: Tensor, subjects: list[str]) -> Segmented:
    """Mask values renumbered from 0; the names are the values that the files have."""
    values = masks.unique()
    names = ["background", *[f"label {value:g}" for value in values[1:].tolist()]]
    return Segmented(x, torch.searchsorted(values, masks), subjects, names)

"""Boxes around objects, as annotation tools write them, and where they lie in the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from tl_helpers.datasets.picture_files import Frame

SIDES = ("xmin", "ymin", "xmax", "ymax")
# What a Pascal VOC file holds beside its objects.
_ABOUT = {"folder", "filename", "path", "source", "owner", "size", "segmented"}


class Annotation(NamedTuple):
    """What a file says of one picture, as it says it.

    Attributes
    ----------
    picture : str
        Name of the picture, maybe with folders.
    boxes : ndarray
        float32 (N, 4): left, top, right, bottom.
    size : (float, float) or None
        Width and height of the picture that the boxes were drawn on.
    bad : list of str
        Of each object without a box that can be read, which and why.
    first : int
        The number of the first pixel; from 1, the last one is included.
    """

    picture: str
    boxes: np.ndarray
    size: tuple[float, float] | None = None
    bad: list[str] = []  # noqa: RUF012 - never changed
    first: int = 0


class Placed(NamedTuple):
    """Boxes in the pixels of a picture.

    Attributes
    ----------
    boxes : ndarray
        float32 (N, 4), not yet cut at the picture's edges.
    upright : bool
        Whether they belong to the picture turned as EXIF says, or as it is stored.
    doubt : bool
        Whether EXIF turns the picture and nothing says which of the two it is.
    """

    boxes: np.ndarray
    upright: bool
    doubt: bool = False


def read_voc(path: str | Path) -> tuple[Tensor, list[str]]:
    """Boxes of one Pascal VOC file (Everingham et al., IJCV 2010), all of which have to be sound.

    Parameters
    ----------
    path : path
        An XML file with one ``object`` a box.

    Returns
    -------
    (Tensor, list of str)
        Boxes float32 (N, 4) as left, top, right, bottom in pixels from the picture's upper left
        corner, and their names. Pascal VOC counts pixels from 1 and includes the last one, so that
        a box over the whole of a 400 pixel picture is 1 to 400 in the file and 0 to 400 here.

    Raises
    ------
    ValueError
        For a file that is not XML, or a box without its four numbers or without area.
    """
    path = Path(path)
    objects = _objects(path)
    found = _annotation(path.name, objects, None)
    if found.bad:
        raise ValueError(f"{path.name}: {found.bad[0]}")
    boxes = _from_nought(found)
    for number, (left, top, right, bottom) in enumerate(boxes.tolist(), start=1):
        if right <= left or bottom <= top:
            raise ValueError(
                f"Box {number} of {path.name} runs from {left:g}, {top:g} to {right:g}, "
                f"{bottom:g}: no area."
            )
    return torch.from_numpy(boxes), [
        (item.findtext("name") or "object").strip() for item in objects
    ]


def read_annotation(path: Path) -> Annotation:
    """What a Pascal VOC file says, with what cannot be read of it named.

    Returns
    -------
    Annotation
        ``picture`` is the ``filename`` in it; empty where there is none.

    Raises
    ------
    ValueError
        For a file that is not XML or of another form, such as one with a namespace: no object in it
        would be recognised, which must not read as a picture without objects.
    """
    root = _root(path)
    objects = list(root.iter("object"))
    strange = [child.tag for child in root if _is_strange(child, bool(objects))]
    if not objects and root.tag != "annotation":
        strange = [root.tag]
    if strange:
        raise ValueError(
            f"{path.name} holds {strange[0]}, which Pascal VOC does not; expected one object a "
            "box, with bndbox/xmin, ymin, xmax and ymax"
        )
    name = (root.findtext("filename") or "").strip()
    size = stated_size(root.findtext("size/width"), root.findtext("size/height"))
    return _annotation(name, objects, size)


def stated_size(width: object, height: object) -> tuple[float, float] | None:
    """Width and height as numbers; None where one is missing, or no positive number."""
    size = numbers([width, height])
    return (size[0], size[1]) if size and min(size) > 0 else None


def numbers(values: Iterable[object]) -> list[float] | None:
    """These values or texts as finite numbers; None where one is not."""
    try:
        found = [float(value) for value in values]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if all(map(math.isfinite, found)) else None


def are_shares(boxes: np.ndarray) -> bool:
    """Whether all numbers are from 0 to 1: shares of the picture's sides, unless it is tiny."""
    return bool(len(boxes) and ((boxes >= 0) & (boxes <= 1.001)).all())  # sums are rounded


def placed(annotation: Annotation, frame: Frame, all_shares: bool = False) -> Placed:
    """The boxes in the pixels of the picture that is there.

    The size that the file states says what the boxes were drawn on: the picture as stored, the
    picture as EXIF turns it, or one of them at another scale. Without a size, the boxes belong to
    the picture as stored, unless only the turned one holds them. Boxes between 0 and 1 are shares.

    Parameters
    ----------
    annotation : Annotation
    frame : Frame
        Of the picture.
    all_shares : bool, default False
        Whether all boxes of the folder are between 0 and 1; otherwise a box from 0 to 1 in whole
        numbers is one pixel.

    Raises
    ------
    ValueError
        When the stated size is that of another picture.
    """
    boxes, size = annotation.boxes, annotation.size
    shares = are_shares(boxes) and (all_shares or bool((boxes % 1 > 0).any()))
    frames = [frame.stored, frame.upright]
    if size:
        fits = [_same_shape(size, known, 0) for known in frames]
        fits = fits if any(fits) else [_same_shape(size, known, 1) for known in frames]
    else:
        fits = [shares or bool((boxes[:, 2:] <= known).all()) for known in frames]
    if not any(fits) and size and not shares:
        width, height = frame.stored
        raise ValueError(
            f"its boxes are for a picture of {size[0]:g} by {size[1]:g} pixels, and it has {width} "
            f"by {height}"
        )
    upright = fits == [False, True]
    doubt = frame.orientation > 1 and fits[0] == fits[1] and len(boxes) > 0
    known = np.tile(np.array(frames[upright], np.float32), 2)
    if shares:
        return Placed(boxes * known, upright, doubt)
    scale = known / np.tile(np.array(size, np.float32), 2) if size else np.float32(1)
    return Placed(_from_nought(annotation) * scale, upright, doubt)


def inside(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Boxes cut at the edges of a picture; those without area in it are left out."""
    cut = boxes.clip(0, np.array([width, height, width, height], np.float32))
    return cut[(cut[:, 2:] > cut[:, :2]).all(1)]


def _same_shape(stated: tuple[float, float], known: tuple[int, int], pixels: float) -> bool:
    """Whether one size is the other, scaled and rounded; for 0 pixels, unscaled."""
    (a, b), (width, height) = stated, known
    if not pixels:
        return (a, b) == (width, height)
    return min(abs(a * height / b - width), abs(width * b / height - a)) <= pixels


def _from_nought(annotation: Annotation) -> np.ndarray:
    """Boxes counted from the corner of the first pixel to that behind the last."""
    boxes = annotation.boxes.copy()
    if annotation.first:  # some tools count from nought all the same
        boxes[:, :2] = (boxes[:, :2] - annotation.first).clip(0)
    return boxes


def _root(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path.name} is not readable as XML ({error})") from error


def _is_strange(child: ElementTree.Element, has_objects: bool) -> bool:
    """Whether this may hold objects in a form that is not understood."""
    if has_objects:
        return child.tag != "object" and child.tag.rpartition("}")[2].casefold() == "object"
    return child.tag not in _ABOUT and bool(len(child) or child.attrib)


def _objects(path: Path) -> list[ElementTree.Element]:
    return list(_root(path).iter("object"))


def _annotation(
    name: str, objects: list[ElementTree.Element], size: tuple[float, float] | None
) -> Annotation:
    rows, bad = [], []
    for number, item in enumerate(objects, start=1):
        texts = [item.findtext(f"bndbox/{side}") for side in SIDES]
        corners = numbers(texts)
        if corners:
            rows.append(corners)
        else:
            expected = "expected numbers in bndbox/xmin, ymin, xmax and ymax"
            bad.append(f"box {number} has {texts}; {expected}")
    return Annotation(name, np.array(rows, dtype=np.float32).reshape(-1, 4), size, bad, first=1)

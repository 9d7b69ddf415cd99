"""Boxes around objects, as annotation tools write them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import torch
from torch import Tensor


def read_voc(path: str | Path) -> tuple[Tensor, list[str]]:
    """Boxes of one Pascal VOC file (Everingham et al., IJCV 2010).

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
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path.name} is not readable as XML ({error}).") from error
    boxes, names = [], []
    for number, item in enumerate(root.iter("object"), start=1):
        boxes.append(_corners(item, f"Box {number} of {path.name}"))
        names.append((item.findtext("name") or "object").strip())
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), names


def _corners(item: ElementTree.Element, what: str) -> list[float]:
    texts = [item.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = (float(text) for text in texts)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} has {texts}; expected numbers in bndbox/xmin, ymin, xmax and ymax."
        ) from error
    corners = [max(left - 1, 0), max(top - 1, 0), right, bottom]
    if corners[2] <= corners[0] or corners[3] <= corners[1]:
        raise ValueError(f"{what} runs from {left:g}, {top:g} to {right:g}, {bottom:g}: no area.")
    return corners

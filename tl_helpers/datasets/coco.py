"""One file of boxes for many pictures, as COCO is laid out (Lin et al., ECCV 2014)."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tl_helpers.datasets.boxes import Annotation, numbers, stated_size


def load(path: Path) -> dict[str, Any]:
    """The content of a COCO file, in UTF-8 or UTF-16, with or without a byte order mark.

    Raises
    ------
    ValueError
        For a file that is not JSON, or has no lists ``images`` and ``annotations``.
    """
    try:
        content = json.loads(path.read_bytes())
        if isinstance(content["images"], list) and isinstance(content["annotations"], list):
            return content
        reason = "images and annotations are no lists"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise ValueError(
        f"{path.name} is not a COCO file ({reason}); expected images with id and file_name, and "
        "annotations with image_id and bbox of four numbers."
    )


def all_annotations(content: dict[str, Any]) -> tuple[list[Annotation], list[str]]:
    """What a COCO file says of each picture, and the entries that say nothing usable.

    Parameters
    ----------
    content : dict
        Of `load`: ``images`` (id, file_name, width, height) and ``annotations`` (image_id, bbox as
        left, top, width, height). Crowds (``iscrowd``) are left out: their box is around many
        objects. Ids may be numbers in one place and text in another.

    Returns
    -------
    (list of Annotation, list of str)
        In the order of ``images``, and of each entry left out, which and why.
    """
    pictures, told = _pictures(content["images"])
    boxes, bad = defaultdict(list), defaultdict(list)
    for number, entry in enumerate(content["annotations"], start=1):
        what = f"annotation {number}"
        id = _id(entry.get("image_id")) if isinstance(entry, dict) else None
        if id not in pictures:
            told.append(f"{what} (no picture has its image_id)")
        elif _id(entry.get("iscrowd", 0)) in ("0", "None", "False"):
            bbox = entry.get("bbox")
            row = numbers(bbox) if isinstance(bbox, list) and len(bbox) == 4 else None
            if row:
                boxes[id].append([row[0], row[1], row[0] + row[2], row[1] + row[3]])
            else:
                bad[id].append(f"{what} has bbox {bbox!r}; expected four numbers")
    return [
        Annotation(
            image["file_name"],
            np.array(boxes[id], dtype=np.float32).reshape(-1, 4),
            stated_size(image.get("width"), image.get("height")),
            bad[id],
        )
        for id, image in pictures.items()
    ], told


def _pictures(images: list) -> tuple[dict[str, dict], list[str]]:
    """Entries of pictures by their id, without those that cannot be used."""
    found: dict[str, dict] = {}
    told, twice = [], set()
    for number, image in enumerate(images, start=1):
        named = isinstance(image, dict) and isinstance(image.get("file_name"), str)
        if not named or not image["file_name"].strip() or image.get("id") is None:
            told.append(f"picture {number} (expected an id and a file_name)")
            continue
        id = _id(image["id"])
        if image["file_name"] != found.setdefault(id, image)["file_name"]:
            twice.add(id)
            told.append(f"picture {number} ({found[id]['file_name']} has its id, {id}, too)")
    return {id: image for id, image in found.items() if id not in twice}, told


def _id(value: object) -> str:
    """An id as text: 7, 7.0 and "7" are one."""
    return (
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    )

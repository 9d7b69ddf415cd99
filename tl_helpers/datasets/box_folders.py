"""A folder of pictures with boxes, as annotation tools write them: Pascal VOC or COCO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tl_helpers.datasets.boxes import read_voc
from tl_helpers.datasets.picture_files import opened
from tl_helpers.datasets.scenes import Scene

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


def read_folder(folder: str | Path) -> list[Scene]:
    """Pictures of a folder with their boxes; all classes of box count as one.

    Parameters
    ----------
    folder : path
        Pictures (PNG, JPEG, TIFF, BMP, WebP) with a Pascal VOC file ``.xml`` of the same name
        beside each, or with one COCO file ``.json`` for all.

    Returns
    -------
    list of Scene
        In the order of the file names. What cannot be read is left out and printed: pictures that
        are damaged or without an entry, and boxes without area inside their picture. A picture
        whose file lists no object stays, as a picture without objects.

    Raises
    ------
    ValueError
        When there is no such folder, no picture, no boxes, more than one COCO file, or nothing
        usable.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; expected one with pictures and boxes.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not files:
        raise ValueError(f"{folder.name} holds no picture; expected {', '.join(ENDINGS)}.")
    read_boxes = _reader(folder)
    scenes = [scene for file in files if (scene := _scene(file, read_boxes)) is not None]
    if not any(len(scene.boxes) for scene in scenes):
        raise ValueError(
            f"none of the {len(files)} pictures in {folder.name} has a usable box; see the lines "
            "printed above for what was left out."
        )
    return scenes


def read_coco(path: str | Path) -> dict[str, Tensor]:
    """Boxes of a COCO file (Lin et al., ECCV 2014) by the name of their picture.

    Parameters
    ----------
    path : path
        JSON with ``images`` (id, file_name) and ``annotations`` (image_id, bbox). Crowds
        (``iscrowd``) are left out: their box is around many objects.

    Returns
    -------
    dict of str to Tensor
        float32 (N, 4): left, top, right, bottom. COCO writes left, top, width, height.

    Raises
    ------
    ValueError
        For a file that is not JSON, or lacks these entries.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
        boxes: dict[str, list] = {name: [] for name in names.values()}
        for entry in content["annotations"]:
            if not entry.get("iscrowd"):
                left, top, width, height = map(float, entry["bbox"])
                boxes[names[entry["image_id"]]].append([left, top, left + width, top + height])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name} is not a COCO file ({type(error).__name__}: {error}); expected images "
            "with id and file_name, and annotations with image_id and bbox of four numbers."
        ) from error
    return {name: torch.tensor(rows).float().reshape(-1, 4) for name, rows in boxes.items()}


def _reader(folder: Path):
    """A function from a picture's path to its boxes, None where it has no entry."""
    coco = sorted(folder.glob("*.json"))
    if len(coco) > 1:
        raise ValueError(
            f"{folder.name} holds {len(coco)} files .json; expected one COCO file for all pictures."
        )
    if coco:
        boxes = read_coco(coco[0])
        return lambda file: boxes.get(file.name)
    if not any(folder.glob("*.xml")):
        raise ValueError(
            f"{folder.name} holds no boxes; expected one COCO file .json, or a Pascal VOC file "
            ".xml beside each picture."
        )
    return _voc_beside


def _voc_beside(file: Path) -> Tensor | None:
    voc = file.with_suffix(".xml")
    return read_voc(voc)[0] if voc.is_file() else None


def _scene(file: Path, read_boxes) -> Scene | None:
    try:
        with opened(file) as picture:
            pixels = np.array(picture.convert("RGB"))
        boxes = read_boxes(file)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        print(f"left out: {file.name} ({error})")
        return None
    if boxes is None:
        print(f"left out: {file.name} (no boxes are given for it)")
        return None
    height, width = pixels.shape[:2]
    inside = boxes.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
    sound = (inside[:, 2:] > inside[:, :2]).all(1) & boxes.isfinite().all(1)
    if not sound.all():
        bad = int((~sound).sum())
        print(f"left out: {bad} of {len(boxes)} boxes of {file.name} (no area in the picture)")
    return Scene(file.stem, torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), inside[sound])

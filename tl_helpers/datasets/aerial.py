"""Aerial photographs with a box around each tree crown, from three American landscapes."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from tl_helpers import assets
from tl_helpers.datasets.boxes import read_voc
from tl_helpers.datasets.scenes import Scene

# All four are orthophotographs at 0.1 m a pixel.
SCENES = {
    "Yellowstone meadow": "2019_YELL_2_528000_4978000_image_crop2",
    "Yellowstone road": "2019_YELL_2_541000_4977000_image_crop",
    "Florida": "OSBS_029",
    "California": "SOAP_061",
}


def scene(name: str) -> Scene:
    """One of the four photographs of `SCENES` with its boxes.

    Photographs of the National Ecological Observatory Network, boxes drawn by hand for DeepForest
    (Weinstein et al. 2021). Standing dead trees count as crowns; fallen ones do not. Some crowns
    carry no box.

    Raises
    ------
    KeyError
        For a name that is not in `SCENES`.
    """
    file = assets.fetch("tree-crowns") / SCENES[name]
    with Image.open(file.with_name(file.name + ".png")) as picture:
        pixels = np.array(picture.convert("RGB"))
    boxes, _ = read_voc(file.with_name(file.name + ".xml"))
    return Scene(name, torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), boxes)

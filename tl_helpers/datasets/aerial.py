"""Aerial photographs with a box around each tree crown, from three American landscapes."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from tl_helpers import assets
from tl_helpers.datasets.boxes import read_voc
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.scenes import Scene

# All four are orthophotographs at 0.1 m a pixel.
SCENES = {
    "Yellowstone meadow": "2019_YELL_2_528000_4978000_image_crop2",
    "Yellowstone road": "2019_YELL_2_541000_4977000_image_crop",
    "Florida": "OSBS_029",
    "California": "SOAP_061",
}
HOME, *ELSEWHERE = SCENES
_BANDS = {"train": (0.0, 0.5), "valid": (0.5, 0.64), "test": (0.64, 1.0)}  # of the height
_BLOCK = 100  # px; patches whose centres share a block of this side count as one group
_CLEAR = 4  # px between the centre of a patch without crown and the nearest box


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


def crowns(side: int = 48, data_seed: int = 0) -> Splits:
    """Is there a tree crown in the middle of this patch? The meadow in Yellowstone.

    Parameters
    ----------
    side : int
        Side of a patch in pixels; a crown is about 40 across.
    data_seed : int
        Draws the patches without a crown, one for each with one.

    Returns
    -------
    Splits
        x uint8 (N, 3, side, side), about 550, 140 and 400. Training patches come from the upper
        half of the photograph, validation and test patches from bands below it: no pixel is
        shared. A group is a block of 10 by 10 metres, since neighbouring patches overlap.
    """
    picture = scene(HOME)
    width, height = picture.size
    parts = {}
    for number, (part, (top, bottom)) in enumerate(_BANDS.items()):
        band = picture.window(0, round(top * height), width, round(bottom * height))
        band = Scene(f"{HOME}, {part} band", band.picture, band.boxes)
        parts[part] = crown_patches(band, side, np.random.default_rng([data_seed, number]))
    return Splits(
        **parts,
        card="Patches of one aerial photograph of a meadow in Yellowstone, 0.1 m a pixel, half of "
        "them centred on a tree crown, the others on a spot outside every box. Training, "
        "validation and test patches come from separate bands. Some crowns carry no box, so a "
        "few labels are wrong. One photograph: results describe this meadow.",
    )


def crowns_elsewhere(side: int = 48, data_seed: int = 0) -> dict[str, Examples]:
    """The patches of `crowns`, from each of the other three photographs.

    Returns
    -------
    dict of str to Examples
        By scene; about 500, 90 and 60 patches. One photograph each: results on it describe it.
    """
    rng = np.random.default_rng([data_seed, len(_BANDS)])
    return {name: crown_patches(scene(name), side, rng) for name in ELSEWHERE}


def crown_patches(picture: Scene, side: int, rng: np.random.Generator) -> Examples:
    """Square patches centred on each crown, and as many on spots outside every box.

    Parameters
    ----------
    picture : Scene
    side : int
        Pixels, even. Crowns nearer than half of it to the picture's edge are left out.
    rng : numpy.random.Generator
        Draws the spots.

    Returns
    -------
    Examples
        x uint8 (N, 3, side, side); classes "no crown" and "crown"; groups are blocks of 100
        pixels.

    Raises
    ------
    ValueError
        When no crown, or hardly a spot without one, is in the picture.
    """
    half, (width, height) = side // 2, picture.size
    centres = ((picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2).round().long().numpy()
    inside = (centres >= half).all(1) & (centres <= np.array([width, height]) - half).all(1)
    crowned = centres[inside]
    if not len(crowned):
        raise ValueError(f"{picture.name} has no crown {half} pixels or more from its edge.")
    spots = np.concatenate([_spots(picture, half, len(crowned), rng), crowned])
    patches = [picture.picture[:, y - half : y + half, x - half : x + half] for x, y in spots]
    return Examples(
        torch.stack(patches),
        (torch.arange(len(spots)) >= len(crowned)).long(),
        [f"{picture.name}, patch {number} at {x} {y}" for number, (x, y) in enumerate(spots)],
        [f"{picture.name}, block {x // _BLOCK} {y // _BLOCK}" for x, y in spots],
        ["no crown", "crown"],
    )


def _spots(picture: Scene, half: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random points away from every box, int (count, 2) as x, y."""
    high = np.array(picture.size) - half + 1
    drawn = rng.integers(half, high, (200 * count, 2))
    left, top, right, bottom = picture.boxes.numpy().T
    x, y = drawn[:, :1], drawn[:, 1:]
    across = (left - _CLEAR <= x) & (x <= right + _CLEAR)
    down = (top - _CLEAR <= y) & (y <= bottom + _CLEAR)
    clear = drawn[~(across & down).any(1)]
    if len(clear) < count:
        raise ValueError(f"{picture.name} is so full of boxes that {len(clear)} spots are left.")
    return clear[:count]

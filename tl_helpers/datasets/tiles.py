"""Tiles: windows of one size cut from large pictures with boxes, side by side, sharing no pixel."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from tl_helpers.datasets.scenes import Scene

T = TypeVar("T")


class Split(NamedTuple):
    """Pictures for training, validation and test, each a list of Scene."""

    train: list[Scene]
    valid: list[Scene]
    test: list[Scene]


def grid(scene: Scene, side: int, visible: float = 0.5) -> list[Scene]:
    """All whole tiles of a picture, row by row from its upper left corner.

    Parameters
    ----------
    scene : Scene
        What is left over at the right and lower edges is dropped.
    side : int
        Pixels; tiles are square.
    visible : float, default 0.5
        Boxes on an edge are cut, and kept where at least this share of their area is inside.

    Raises
    ------
    ValueError
        When no tile fits into the picture.
    """
    width, height = scene.size
    if not 1 <= side <= min(width, height):
        raise ValueError(
            f"side is {side}; expected 1 to {min(width, height)} pixels, since {scene.name} is "
            f"{width} by {height}."
        )
    corners = [
        (left, top)
        for top in range(0, height - side + 1, side)
        for left in range(0, width - side + 1, side)
    ]
    return [scene.window(x, y, x + side, y + side, visible) for x, y in corners]


def cut(scenes: Sequence[Scene], side: int, visible: float = 0.5) -> list[Scene]:
    """Tiles of several pictures, as `grid` cuts them; pictures smaller than a tile are padded.

    Raises
    ------
    ValueError
        For a side below one pixel.
    """
    return [tile for scene in scenes for tile in grid(_at_least(scene, side), side, visible)]


def split(scenes: Sequence[Scene], unit: int) -> Split:
    """One picture `by_strips`, several `by_picture`.

    Raises
    ------
    ValueError
        For a picture too low for three strips, or fewer than three pictures with boxes.
    """
    if len(scenes) == 1:
        return by_strips(scenes[0], unit)
    return by_picture(scenes)


def by_strips(scene: Scene, unit: int, shares: Sequence[float] = (0.42, 0.16, 0.42)) -> Split:
    """One picture in three strips, from top to bottom.

    Neighbouring tiles show the same light, the same species, even halves of one tree. Tiles drawn
    at random would put such neighbours on both sides of a split; strips meet along two lines.

    Parameters
    ----------
    scene : Scene
    unit : int
        Pixels; heights of the strips are multiples of it. Take the side of the largest tile.
    shares : three floats
        Of the picture's height, in the order train, valid, test.

    Raises
    ------
    ValueError
        For a picture less than three units high.
    """
    width, height = scene.size
    rows = height // unit
    if rows < 3:
        raise ValueError(
            f"{scene.name} is {height} pixels high, less than three times {unit}; three strips "
            "need that. Choose a smaller tile, or more pictures and by_picture()."
        )
    first = min(max(1, round(rows * shares[0])), rows - 2)
    second = min(max(first + 1, round(rows * (shares[0] + shares[1]))), rows - 1)
    edges = [unit * row for row in (0, first, second, rows)]
    return Split(*([scene.window(0, a, width, b)] for a, b in pairwise(edges)))


def by_picture(scenes: Sequence[Scene], seed: int = 0) -> Split:
    """Several pictures, each in one part only: about 40 % train, 20 % validate, 40 % test.

    Copies, which have equal pixels under other names, are in one part and count as one picture.
    Pictures with boxes and those without are shared out alike, so that every part has boxes.

    Parameters
    ----------
    scenes : sequence of Scene
        Three or more that differ and have boxes.
    seed : int
        Draws their order.

    Raises
    ------
    ValueError
        For fewer than three such pictures.
    """
    copies: dict[tuple, list[Scene]] = defaultdict(list)
    for scene in scenes:
        copies[scene.size, hashlib.sha256(scene.picture.numpy().tobytes()).digest()].append(scene)
    boxed: list[list[Scene]] = []
    bare: list[list[Scene]] = []
    for same in copies.values():
        (boxed if any(len(scene.boxes) for scene in same) else bare).append(same)
    if len(boxed) < 3:
        raise ValueError(
            f"there are {len(scenes)} pictures, {len(boxed)} that differ and have boxes; a split "
            "by picture into train, valid and test needs three. Use by_strips() on one large "
            "picture."
        )
    drawn = torch.Generator().manual_seed(seed)
    parts = zip(_in_three(boxed, drawn), _in_three(bare, drawn), strict=True)
    return Split(*([scene for same in [*a, *b] for scene in same] for a, b in parts))


def _in_three(sets: list[list[Scene]], drawn: torch.Generator) -> tuple[list, list, list]:
    """About 40, 20 and 40 % in random order, no part empty where three are there."""
    order = [sets[index] for index in torch.randperm(len(sets), generator=drawn).tolist()]
    first = max(1, round(0.4 * len(order)))
    second = max(first, min(max(first + 1, round(0.6 * len(order))), len(order) - 1))
    return order[:first], order[first:second], order[second:]


def drawn(pool: Sequence[T], budget: int, seed: int) -> list[T]:
    """``budget`` of the tiles, drawn at random; a larger budget of one seed holds the smaller."""
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
    return [pool[n] for n in order[:budget].tolist()]


def pictures(tiles: Sequence[Scene]) -> Tensor:
    """The pictures of equal tiles as one tensor, uint8 (N, 3, side, side)."""
    return torch.stack([tile.picture for tile in tiles])


def resized(scene: Scene, factor: float) -> Scene:
    """The picture and its boxes ``factor`` times as large, as if taken at another resolution.

    Parameters
    ----------
    factor : float
        0.5 makes each pixel cover twice the ground (averaging), 2 half of it (interpolating).

    Raises
    ------
    ValueError
        For a factor that is not positive, or leaves less than a pixel.
    """
    height, width = (round(factor * side) for side in scene.picture.shape[1:])
    if factor <= 0 or min(height, width) < 1:
        raise ValueError(f"factor is {factor}; expected a positive number that leaves a pixel.")
    pixels = functional.interpolate(
        scene.picture[None].float(), (height, width), mode="bilinear", antialias=True
    )
    picture = pixels[0].round().clamp(0, 255).to(torch.uint8)
    exact = torch.tensor([width, height]) / torch.tensor(scene.size)  # sides are whole pixels
    return replace(scene, picture=picture, boxes=scene.boxes * exact.repeat(2))


def turned(scene: Scene, quarters: int) -> Scene:
    """The scene turned to the left by quarter turns.

    A photograph from straight above has no up and down: each turn is as likely as the first.
    """
    picture, boxes = scene.picture, scene.boxes
    for _ in range(quarters % 4):
        width = picture.shape[2]
        picture = picture.rot90(1, (1, 2))
        left, top, right, bottom = boxes.unbind(1)
        boxes = torch.stack([top, width - right, bottom, width - left], 1)
    return replace(scene, picture=picture.contiguous(), boxes=boxes)


def mosaic(four: Sequence[Scene]) -> Scene:
    """Four equal tiles at half size in one tile of the same size (Bochkovskiy et al. 2020).

    Raises
    ------
    ValueError
        For another number of tiles.
    """
    if len(four) != 4:
        raise ValueError(f"there are {len(four)} tiles; a mosaic takes four.")
    small = [resized(tile, 0.5) for tile in four]
    width, height = small[0].size
    rows = [torch.cat([a.picture, b.picture], 2) for a, b in (small[:2], small[2:])]
    places = torch.tensor([[0, 0], [width, 0], [0, height], [width, height]]).float()
    boxes = [tile.boxes + place.repeat(2) for tile, place in zip(small, places, strict=True)]
    return Scene("mosaic", torch.cat(rows, 1), torch.cat(boxes))


def _at_least(scene: Scene, side: int) -> Scene:
    width, height = scene.size
    missing = (0, max(0, side - width), 0, max(0, side - height))
    return replace(scene, picture=functional.pad(scene.picture, missing))

"""Boxes written as a map, and read from one: each cell says whether it lies in an object's middle.

A detector without anchors (FCOS, Tian et al. 2019; Objects as Points, Zhou et al. 2019) answers
for every cell of a map with five numbers: whether the cell is in the middle of an object, and how
far the box reaches from there to the left, the top, the right and the bottom.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tl_helpers.datasets.scenes import Scene

MIDDLE = 0.3  # a cell counts as the middle up to this share of half a box's sides
REACH = 16.0  # px; what an output of 0 says of each of the four ways


def points(rows: int, columns: int, stride: float) -> Tensor:
    """Centres of a map's cells in pixels of the picture, float32 (rows, columns, 2) as x, y."""
    y, x = ((torch.arange(count) + 0.5) * stride for count in (rows, columns))
    return torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)], -1)


def target(scene: Scene, stride: int = 8) -> Tensor:
    """What a map should say of a picture with boxes.

    Parameters
    ----------
    scene : Scene
        Its sides are multiples of the stride.
    stride : int, default 8
        Pixels of the picture that a cell covers, in each direction.

    Returns
    -------
    Tensor
        float32 (5, H / stride, W / stride): 1 in the middle of a box and 0 elsewhere; and there the
        box as left, top, right, bottom in pixels. Where middles overlap the smaller box counts.

    Raises
    ------
    ValueError
        When a side is no multiple of the stride.
    """
    width, height = scene.size
    if width % stride or height % stride:
        raise ValueError(
            f"{scene.name} is {width} by {height} pixels; expected multiples of {stride}."
        )
    places = points(height // stride, width // stride, stride)
    found = torch.zeros(*places.shape[:2], 5)
    areas = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(1)
    for box in scene.boxes[areas.argsort(descending=True, stable=True)]:
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        reach = (MIDDLE * half).clamp(min=0.75 * stride)  # at least one cell of each box
        inside = ((places - centre).abs() <= reach).all(-1)
        found[inside] = torch.cat([torch.ones(1), box])
    return found.permute(2, 0, 1)


def corners(outputs: Tensor, stride: int = 8) -> Tensor:
    """Boxes that a network's outputs stand for, none of them outside the picture.

    Parameters
    ----------
    outputs : Tensor
        float (N, 5, rows, columns). The last four layers are logarithms of the ways from a cell's
        centre to the sides, in units of `REACH` pixels; the first is not read.
    stride : int, default 8

    Returns
    -------
    Tensor
        float (N, rows, columns, 4): left, top, right, bottom in pixels.
    """
    rows, columns = outputs.shape[-2:]
    places = points(rows, columns, stride).to(outputs.device)
    ways = REACH * outputs[:, 1:].clamp(-4, 4).exp().permute(0, 2, 3, 1)
    x0, y0 = (places - ways[..., :2]).clamp(min=0).unbind(-1)
    x1, y1 = (places + ways[..., 2:]).unbind(-1)
    size = columns * stride, rows * stride
    return torch.stack([x0, y0, x1.clamp(max=size[0]), y1.clamp(max=size[1])], -1)

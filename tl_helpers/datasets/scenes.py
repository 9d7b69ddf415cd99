"""A picture with boxes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_SLACK = 1e-3  # px, for rounding


@dataclass(frozen=True)
class Scene:
    """A picture with boxes.

    Attributes
    ----------
    name : str
    picture : Tensor
        uint8 (3, H, W).
    boxes : Tensor
        float32 (N, 4): left, top, right, bottom in pixels, inside the picture.

    Raises
    ------
    ValueError
        For a box that leaves the picture or is no number: a detector would be trained and scored on
        what it cannot see.
    """

    name: str
    picture: Tensor
    boxes: Tensor

    def __post_init__(self) -> None:
        boxes, edges = self.boxes.numpy(), np.tile(self.size, 2) + _SLACK
        outside = ~((boxes >= -_SLACK) & (boxes <= edges)).all(1)
        if outside.any():
            raise ValueError(
                f"{outside.sum()} boxes of {self.name} leave the picture, which is {self.size[0]} "
                f"by {self.size[1]} pixels, such as {boxes[outside][0].tolist()}; expected boxes "
                "cut at its edges."
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.picture.shape[2], self.picture.shape[1]

    def fingerprint(self) -> str:
        """SHA-256 of name, picture and boxes."""
        digest = hashlib.sha256(self.name.encode())
        for tensor in (self.picture, self.boxes):
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def window(self, left: int, top: int, right: int, bottom: int, visible: float = 0.5) -> Scene:
        """The part of the picture between these edges, with the boxes that lie mostly inside.

        Parameters
        ----------
        left, top, right, bottom : int
            Pixels; right and bottom are not included.
        visible : float, default 0.5
            Boxes are kept, and cut at the edges, when at least this share of their area is inside.

        Raises
        ------
        ValueError
            For a window that is empty or leaves the picture.
        """
        width, height = self.size
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise ValueError(
                f"The window runs from {left}, {top} to {right}, {bottom}; expected one inside "
                f"{self.name}, which is {width} by {height} pixels."
            )
        frame = torch.tensor([left, top, right, bottom], dtype=torch.float32)
        cut = torch.cat([self.boxes[:, :2].max(frame[:2]), self.boxes[:, 2:].min(frame[2:])], 1)
        kept = _areas(cut) >= visible * _areas(self.boxes)
        boxes = cut[kept] - frame[:2].repeat(2)
        return Scene(self.name, self.picture[:, top:bottom, left:right].contiguous(), boxes)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)

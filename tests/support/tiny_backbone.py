"""A small network of two stages with batch-norm and dropout, and pictures for it."""

import torch
from torch import nn

from tl_helpers.datasets import Examples
from tl_helpers.models.backbones import Backbone, PicturePreprocess


class Network(nn.Module):
    """Two stages and an average over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5))

    def forward(self, x):
        return self.two(self.one(x)).mean((2, 3))


def tiny_backbone(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    network = Network().eval()
    stages = {"one": network.one, "two": network.two}
    return Backbone("tiny", network, PicturePreprocess(8, (0.5,) * 3, (0.5,) * 3), 6, stages)


def pictures(count: int, seed: int = 0) -> Examples:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (count, 1, 10, 10), generator=draw, dtype=torch.uint8)
    ids = [f"picture {i}" for i in range(count)]
    return Examples(x, torch.arange(count) % 2, ids, ids, ["even", "odd"])

"""Small networks that are pretrained here, with labels or without: candidates beside famous ones.

Three or four convolutions and a minute at most: they show what the *data* of pretraining decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from tl_helpers.datasets import Examples
from tl_helpers.models.backbones import Backbone, PicturePreprocess
from tl_helpers.training.runtime import Runtime, seed_everything

_HALF = (0.5, 0.5, 0.5)


def supervised(
    name: str,
    examples: Examples,
    runtime: Runtime,
    *,
    size: int = 28,
    widths: Sequence[int] = (24, 48, 96),
    epochs: int = 20,
) -> Backbone:
    """A small network that learned to name the classes of these pictures.

    Parameters
    ----------
    name : str
        What the network is called from now on.
    examples : Examples
        x uint8 (N, 1 or 3, H, W).
    runtime : Runtime
    size : int, default 28
        Pixels that it sees.
    widths : sequence of int, default (24, 48, 96)
        Channels after each convolution; the last is the number of features.
    epochs : int, default 20
        Of AdamW at most 0.005, under the one-cycle schedule, in batches of 64.

    Returns
    -------
    Backbone
        In eval mode, with the head of its classes as `classifier`.

    Raises
    ------
    ValueError
        For fewer than two examples: batch-norm needs a spread.
    TypeError
        For texts.
    """
    pictures = examples.tensor
    seed_everything(0)
    bare, inputs = _bare(name, pictures, size, widths, runtime)

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        return inputs[rows], examples.y[rows].to(runtime.device)

    orders = _orders(len(inputs), 64, epochs)
    bare.classifier = _train(bare, len(examples.classes), orders, batch, 5e-3)
    bare.categories = list(examples.classes)
    return bare


def rotations(
    name: str,
    pictures: Tensor,
    runtime: Runtime,
    *,
    size: int = 48,
    widths: Sequence[int] = (32, 64, 128, 256),
    epochs: int = 10,
) -> Backbone:
    """A small network that learned without labels: by how much was this picture turned?

    Parameters
    ----------
    pictures : Tensor
        uint8 (N, 1 or 3, H, W), each seen upright or turned by 90, 180 or 270 degrees.
    name, runtime, size, widths, epochs
        As `supervised`; AdamW at most 0.003, in batches of 32.

    Returns
    -------
    Backbone
        In eval mode; its four turns are no classes, so it has no `classifier`.

    Raises
    ------
    ValueError
        For fewer than two pictures.

    References
    ----------
    Gidaris, Singh and Komodakis, Unsupervised representation learning by predicting image
    rotations, ICLR 2018.
    """
    seed_everything(0)
    bare, inputs = _bare(name, pictures, size, widths, runtime)

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        turns = torch.randint(4, (len(rows),))
        pairs = zip(rows.tolist(), turns.tolist(), strict=True)
        turned = [inputs[row].rot90(turn, (1, 2)) for row, turn in pairs]
        return torch.stack(turned), turns.to(runtime.device)

    _train(bare, 4, _orders(len(inputs), 32, epochs), batch, 3e-3)
    return bare


def _bare(
    name: str, pictures: Tensor, size: int, widths: Sequence[int], runtime: Runtime
) -> tuple[Backbone, Tensor]:
    """An untrained network and its inputs."""
    if len(pictures) < 2:
        raise ValueError(f"{len(pictures)} pictures to pretrain on; expected two at least.")
    stages: dict[str, nn.Module] = {
        str(number): nn.Sequential(
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
        for number, (before, after) in enumerate(zip((3, *widths[:-1]), widths, strict=True), 1)
    }
    module = nn.Sequential(*stages.values(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    see = PicturePreprocess(size, _HALF, _HALF)
    bare = Backbone(name, module.to(runtime.device), see, widths[-1], stages)
    return bare, see(pictures).to(runtime.device)


def _orders(count: int, batch: int, epochs: int) -> list[Tensor]:
    """Positions of each batch, in another order each epoch; no batch of one picture."""
    rows = [rows for _ in range(epochs) for rows in torch.randperm(count).split(batch)]
    return [few for few in rows if len(few) > 1]


def _train(
    bare: Backbone,
    classes: int,
    orders: list[Tensor],
    batch: Callable[[Tensor], tuple[Tensor, Tensor]],
    rate: float,
) -> nn.Linear:
    """A step of AdamW for each of ``orders``, under a new head, which is returned."""
    head = nn.Linear(bare.feature_size, classes).to(next(bare.module.parameters()).device)
    module = bare.module.train()
    optimizer = torch.optim.AdamW([*module.parameters(), *head.parameters()], lr=rate)
    schedule = OneCycleLR(optimizer, rate, total_steps=len(orders))
    for rows in orders:
        x, y = batch(rows)
        loss = cross_entropy(head(module(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    module.eval()
    return head.eval()

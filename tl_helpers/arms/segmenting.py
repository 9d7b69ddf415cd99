"""Training a segmentation network on a few labelled subjects, real scans or painted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets.segmented import Segmented
from tl_helpers.simulators import brains

BATCH = 8
RATE = 0.02  # of AdamW at the top of its one-cycle schedule
_DARK = 0.05  # mean brightness up to which what is outside counts as cut away


def batches(data: Segmented, seed: int, painted: float = 0.0) -> Iterator[tuple[Tensor, Tensor]]:
    """Random slices with their masks, without end.

    Parameters
    ----------
    data : Segmented
    seed : int
        Draws slices, and what is painted.
    painted : float, default 0.0
        Share of each batch that is painted anew from its masks, every slice in a contrast of its
        own, with bias, noise and blur (`brains.any_scanner`; Billot et al. 2023). Where the
        outside of the masks is not dark it is painted too.

    Yields
    ------
    x : Tensor, float32 (8, 1, H, W), channels last
    y : Tensor, int64 (8, H, W)

    Raises
    ------
    ValueError
        For a share outside [0, 1].
    """
    if not 0 <= painted <= 1:
        raise ValueError(f"painted is {painted}; expected a share from 0 to 1.")
    generator = torch.Generator().manual_seed(seed)
    outside = data.x[data.y == 0]
    dark = not len(outside) or float(outside.mean()) <= _DARK
    labels = range(int(dark), len(data.classes))
    scanner, count = brains.any_scanner(len(labels)), round(painted * BATCH)
    while True:
        picked = torch.randint(len(data), (BATCH,), generator=generator)
        x, y = data.x[picked], data.y[picked]
        if count:
            maps = brains.one_hot(y[:count, None], labels)
            x = torch.cat([brains.scan(maps, scanner, generator)[:, 0], x[count:]])
        yield x[:, None].contiguous(memory_format=torch.channels_last), y


def loss(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy plus one less the mean soft Dice, as nnU-Net has it (Isensee et al. 2021).

    Cross-entropy alone forgets classes of few pixels.

    Parameters
    ----------
    logits : Tensor, float (N, K, H, W)
    y : Tensor, int64 (N, H, W)
        Label 0 takes no part in the Dice.
    """
    share = logits.softmax(1)[:, 1:]
    true = functional.one_hot(y, logits.shape[1]).movedim(-1, 1)[:, 1:]
    both = (share * true).sum((0, 2, 3))
    dice = 2 * both / (share.sum((0, 2, 3)) + true.sum((0, 2, 3)) + 1e-6)
    return functional.cross_entropy(logits, y) + 1 - dice.mean()


def train(
    network: nn.Module, data: Iterator[tuple[Tensor, Tensor]], steps: int, rate: float = RATE
) -> nn.Module:
    """The network, trained in place with AdamW on a one-cycle schedule; then in eval mode.

    Parts without a weight that trains stay in eval mode, so that their batch-norm keeps its
    statistics.

    Parameters
    ----------
    network : nn.Module
        Batches of `batches` to logits (N, K, H, W).
    data : iterator
    steps : int
    rate : float, default 0.02
    """
    network = network.to(memory_format=torch.channels_last).train()
    for part in network.children():
        part.train(any(weight.requires_grad for weight in part.parameters()))
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        x, y = next(data)
        value = loss(network(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def arm(network: Callable[[int], nn.Module], test: Segmented) -> Arm:
    """A trained network as an arm: ``arm(budget, seed) -> Prediction`` with a label a pixel.

    Parameters
    ----------
    network : callable
        ``network(seed)`` gives it; training belongs to what it costs.
    test : Segmented
        Its masks are not read.
    """

    def answer(budget: int, seed: int) -> Prediction:
        trained = network(seed)
        trainable = sum(w.numel() for w in trained.parameters() if w.requires_grad)
        return Prediction(predict(trained, test.x).ravel(), trainable)

    return answer


def average_head(labelled: Callable[[int], Segmented], test: Segmented) -> Arm:
    """The commonest tissue of each place in the labelled masks, whatever the scan shows.

    The control for anatomy: subjects resemble each other, so that much can be said without looking.
    Of the scan it reads its outline alone: outside, where the scan is dark, it answers 0.

    Parameters
    ----------
    labelled : callable
        ``labelled(seed) -> Segmented``, the masks that the budget buys, of the size of the test.
    test : Segmented
        Its masks are not read.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with a label a pixel; it trains nothing.

    Raises
    ------
    ValueError
        When the labelled masks have another size than the test scans.
    """

    def answer(budget: int, seed: int) -> Prediction:
        masks = labelled(seed).y
        if masks.shape[1:] != test.x.shape[1:]:
            raise ValueError(
                f"labelled masks are {tuple(masks.shape[1:])} and test scans "
                f"{tuple(test.x.shape[1:])}; expected one size."
            )
        inside = functional.one_hot(masks, len(test.classes)).sum(0)[..., 1:]
        said = torch.where(test.x > _DARK, inside.argmax(-1) + 1, 0)
        return Prediction(said.to(torch.uint8).numpy().ravel(), 0)

    return answer


def predict(network: nn.Module, x: Tensor) -> np.ndarray:
    """The likeliest label of every pixel of slices (N, H, W): uint8 (N, H, W)."""
    with torch.inference_mode():
        parts = [network(some[:, None]).argmax(1) for some in x.split(32)]
    return torch.cat(parts).to(torch.uint8).numpy()

"""The losses of an epoch: their mean, and whether they and the weights stay finite."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tl_helpers.training import processes

_READ_EVERY = 50  # batches between two looks at the losses


class NonFiniteLoss(FloatingPointError):
    """The loss or a weight became infinite or not a number."""


class LossMeter:
    """Mean training loss of an epoch, read from the device now and then and not at each step.

    It is that of all processes, so that each of them sees the same loss fail.
    """

    def __init__(self, epoch: int = 1, accumulate: int = 1, first_step: int = 1) -> None:
        self.epoch, self.accumulate, self.first_step = epoch, accumulate, first_step
        self.batches = 0  # counted by `flush`
        self.examples = 0
        self.total = 0.0
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []

    def add(self, loss: Tensor, examples: int) -> None:
        """Note the loss of one batch; only every 50th waits for the device.

        Raises
        ------
        NonFiniteLoss
            As `flush`, with every 50th batch.
        """
        self._losses.append(loss)
        self._sizes.append(examples)
        if len(self._sizes) == _READ_EVERY:
            self.flush()

    def flush(self) -> None:
        """Read what was noted since the last time: one wait for the device.

        Raises
        ------
        NonFiniteLoss
            Naming the epoch and the optimizer step of the first loss that is not finite.
        """
        if not self._losses:
            return
        mine = zip(torch.stack(self._losses).tolist(), self._sizes, strict=True)
        self._losses, self._sizes = [], []
        for parts in zip(*processes.gather(list(mine)), strict=True):
            total = sum(loss * size for loss, size in parts if size)  # 0: no label of it counts
            if not math.isfinite(total):
                step = self.first_step + self.batches // self.accumulate
                raise NonFiniteLoss(
                    f"The training loss became {total} at epoch {self.epoch}, step {step} "
                    f"(batch {self.batches + 1} of the epoch)."
                )
            self.total += total
            self.examples += sum(size for _, size in parts)
            self.batches += 1

    @property
    def mean(self) -> float:
        """Mean over the examples read so far; nan before the first."""
        return self.total / self.examples if self.examples else math.nan


def check_weights_finite(model: nn.Module, epoch: int, step: int) -> None:
    """Look at every trainable weight and floating buffer: one wait for the device.

    A finite loss can still have an infinite gradient, which only shows in the weights.

    Raises
    ------
    NonFiniteLoss
        Naming the first such tensor, the epoch and the step.
    """
    named: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    named |= {name: b for name, b in model.named_buffers() if b.is_floating_point()}
    finite = torch.stack([t.detach().isfinite().all() for t in named.values()]).tolist()
    if not all(finite):
        name = list(named)[finite.index(False)]
        raise NonFiniteLoss(
            f"The weight {name} is no longer finite at epoch {epoch}, step {step}, although the "
            "loss was: a gradient overflowed."
        )

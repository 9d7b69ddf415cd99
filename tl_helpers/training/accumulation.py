"""Batches of one optimizer step put together: they train as one large batch would."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tl_helpers.training.loss_weights import Loss, LossWeights, measure


class Group:
    """The batches of a step, each with its share in the step's loss.

    Parameters
    ----------
    loss_fn : callable
        What it divides by is measured on the first batch.
    accumulate : int
        Batches a step; the last step of an epoch may have fewer.
    mixed : bool
        Whether each loss is a blend of those for two labels (mixup).

    Attributes
    ----------
    unit : int
        What the labels of a usual batch add up to; by default those of the step's first one.
    """

    def __init__(self, loss_fn: Loss, accumulate: int, mixed: bool = False) -> None:
        self.loss_fn, self.accumulate, self.mixed = loss_fn, accumulate, mixed
        self._weights: LossWeights | None = None
        self.unit = 0
        self._total = 0.0  # weight of the labels of this step so far

    @property
    def adds(self) -> bool:
        """Whether the loss is a sum, so that every batch has the share 1."""
        return self._weights is not None and self._weights.adds

    def share(self, outputs: Tensor, y: Tensor) -> float:
        """Factor of a batch's loss, as if all batches of the step were like the first one.

        Raises
        ------
        ValueError
            For a loss whose batches cannot be put together: see `loss_weights.measure`.
        """
        if self._weights is None:
            self._weights = measure(self.loss_fn, outputs, y)
        if self._weights.adds:
            return 1.0
        weight = self._weights.of(y)
        if self.mixed and weight != y.numel():
            raise ValueError(
                "mixup blends two labels, and labels count unequally in this loss_fn: batches "
                "cannot be put together. Expected a mean over all examples, or accumulate=1 in "
                "one process."
            )
        self.unit = self.unit or y.numel()
        self._total += weight
        return weight / (self.unit * self.accumulate)

    def put_together(self, parameters: Sequence[nn.Parameter], step: int) -> None:
        """Put the gradients right, once the weight of the whole step is known.

        Raises
        ------
        ValueError
            When no label of the step counts.
        """
        if self.adds:
            return
        if not self._total:
            raise ValueError(
                f"No label counts in the loss of optimizer step {step}: all are ignored, or "
                "have weight 0. Remove such examples, or shuffle them among the others."
            )
        assumed = self.unit * self.accumulate
        if self._total != assumed:
            gradients = [p.grad for p in parameters if p.grad is not None]
            torch._foreach_mul_(gradients, assumed / self._total)
        self.unit, self._total = 0, 0.0

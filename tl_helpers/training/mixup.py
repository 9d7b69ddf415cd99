"""Mixup: train on blends of two examples and of their losses."""

from __future__ import annotations

import random

import torch
from torch import Tensor


class Mixup:
    """Blend each example of a batch with another one.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, section 2. The
    weight is drawn once a batch, as in the authors' code. Random numbers come from Python's and
    torch's global generators, so that a continued run repeats them.

    Parameters
    ----------
    alpha : float
        Of the Beta(alpha, alpha) that the weight is drawn from; 0.1 to 0.4 is usual.

    Raises
    ------
    ValueError
        When alpha is not positive.
    """

    def __init__(self, alpha: float) -> None:
        if not alpha > 0:
            raise ValueError(f"mixup is {alpha!r}; expected a positive alpha such as 0.2.")
        self.alpha = alpha

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
        """Blend a batch.

        Parameters
        ----------
        x : Tensor (N, ...)
            Float, or uint8 images, which are blended in float32 and rounded back.
        y : Tensor (N, ...)

        Returns
        -------
        x : Tensor (N, ...), y_a : Tensor, y_b : Tensor, weight : float
            The loss is ``weight * loss(out, y_a) + (1 - weight) * loss(out, y_b)``.

        Raises
        ------
        TypeError
            For token numbers or a dict of inputs: mix their features instead.
        """
        if not isinstance(x, Tensor) or not (x.is_floating_point() or x.dtype == torch.uint8):
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(
                f"mixup blends one tensor of floats or uint8 images, and x is {kind}. Mix the "
                "extracted features instead, or train without mixup."
            )
        weight = random.betavariate(self.alpha, self.alpha)
        other = torch.randperm(len(x), device=x.device)
        values = x if x.is_floating_point() else x.float()
        mixed = torch.lerp(values[other], values, weight)
        mixed = mixed if x.is_floating_point() else mixed.round().to(x.dtype)
        return mixed, y, y[other], weight

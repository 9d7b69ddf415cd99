"""Domain adaptation: labels in the source, none in the target, one task in both.

Three losses bring the features of two domains together (`mmd`, `coral`, and `GradientReversal`
before a domain classifier). Two techniques need no source at all: `adapt_batchnorm` and `tent`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tl_helpers.techniques.online_adaptation import adapt_batchnorm, entropy, tent

__all__ = [
    "GradientReversal",
    "adapt_batchnorm",
    "coral",
    "entropy",
    "mmd",
    "reversal_strength",
    "tent",
]

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd(a: Tensor, b: Tensor, widths: Sequence[float] = WIDTHS) -> Tensor:
    """Squared maximum mean discrepancy of two samples, under a mean of Gaussian kernels.

    The unbiased estimate: its mean over samples of one distribution is zero, so that single values
    can be slightly negative. Kernels are ``exp(-|x - y|^2 / (width * s))``, where s is the mean
    squared distance between two different rows of both samples together; no gradient flows
    through s.

    Source: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, equation 3; several kernels, as
    a loss on features: Long et al., "Learning Transferable Features with Deep Adaptation
    Networks", ICML 2015, section 3.1. They learn the kernels' weights, which here are equal.

    Parameters
    ----------
    a : Tensor (n, d), float
        Features of one domain, n >= 2.
    b : Tensor (m, d), float
        Features of the other, m >= 2.
    widths : sequence of float, default (0.25, 0.5, 1, 2, 4)
        Widths of the kernels, as multiples of s.

    Returns
    -------
    Tensor, scalar
        Differentiable in ``a`` and ``b``.

    Raises
    ------
    ValueError
        For features that are not (n, d) and (m, d), fewer than two rows, or a width that is not
        positive.
    """
    _check_pair(a, b)
    if not len(widths) or not min(widths) > 0:
        raise ValueError(f"widths are {list(widths)}; expected positive numbers, such as {WIDTHS}.")
    n, m = len(a), len(b)
    rows = torch.cat([a, b])
    # A product of matrices loses fewer digits when the features are centred first.
    rows = rows - rows.detach().mean(0)
    lengths = rows.square().sum(1)
    distances = (lengths[:, None] + lengths - 2 * rows @ rows.T).clamp(min=0)
    scale = distances.detach().sum() / ((n + m) * (n + m - 1))
    scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)  # all rows the same
    kernels = (torch.exp(-distances / (width * scale)) for width in widths)
    kernel = sum(kernels, torch.zeros_like(distances)) / len(widths)
    kernel = kernel - torch.diag(kernel.diagonal())  # no row meets itself
    within = kernel[:n, :n].sum() / (n * (n - 1)) + kernel[n:, n:].sum() / (m * (m - 1))
    return within - 2 * kernel[:n, n:].mean()


def coral(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance between the covariances of two samples, over 4 d^2.

    Source: Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV
    2016 workshops, equations 1 to 3. Means are not compared.

    Parameters
    ----------
    a : Tensor (n, d), float
        Features of one domain, n >= 2.
    b : Tensor (m, d), float
        Features of the other, m >= 2.

    Returns
    -------
    Tensor, scalar
        Differentiable in ``a`` and ``b``.

    Raises
    ------
    ValueError
        For features that are not (n, d) and (m, d), or fewer than two rows.
    """
    _check_pair(a, b)
    difference = _covariance(a) - _covariance(b)
    return difference.square().sum() / (4 * a.shape[1] ** 2)


class GradientReversal(nn.Module):
    """Identity forward; backward, the gradient times ``-strength``.

    Between features and a domain classifier it makes the classifier learn to tell the domains
    apart while the features learn to hide them.

    Source: Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016, section 4.2,
    equations 17 and 18.

    Parameters
    ----------
    strength : float, default 1.0
        Lambda of the paper, 0 or more. Set the attribute of the same name during training, for
        example to `reversal_strength` of the progress.

    Raises
    ------
    ValueError
        At the next forward pass, when strength is negative or not finite.

    Examples
    --------
    >>> domain = nn.Sequential(GradientReversal(), nn.Linear(64, 1))
    >>> domain[0].strength = reversal_strength(0.5)
    """

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__()
        self.strength = strength

    def forward(self, x: Tensor) -> Tensor:
        """``x``, unchanged.

        Raises
        ------
        ValueError
            When ``strength`` is negative or not finite.
        """
        if not 0 <= self.strength < math.inf:
            raise ValueError(f"strength is {self.strength!r}; expected a number, 0 or more.")
        return _Reversed.apply(x, float(self.strength))

    def extra_repr(self) -> str:
        """What ``print`` shows."""
        return f"strength={self.strength:g}"


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reversal_strength(progress: float, gamma: float = 10.0) -> float:
    """Strength of the gradient reversal after a share of the training: from 0 towards 1.

    ``2 / (1 + exp(-gamma * progress)) - 1``: at first the domain classifier is noise and should
    not disturb the features. Source: Ganin et al. 2016, section 5.2.2.

    Parameters
    ----------
    progress : float
        Steps done over all steps, from 0 to 1.
    gamma : float, default 10
        The paper's value, fixed there for all experiments.

    Raises
    ------
    ValueError
        When progress is outside of 0 to 1.
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress is {progress!r}; expected steps done over all steps, 0 to 1.")
    return 2 / (1 + math.exp(-gamma * progress)) - 1


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def _check_pair(a: Tensor, b: Tensor) -> None:
    shapes = tuple(a.shape), tuple(b.shape)
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"a and b have shapes {shapes[0]} and {shapes[1]}; expected features (n, d) and "
            "(m, d). Flatten or average maps first, such as maps.mean((2, 3))."
        )
    if min(len(a), len(b)) < 2 or not a.shape[1]:
        raise ValueError(f"a and b have shapes {shapes[0]} and {shapes[1]}; expected two rows.")

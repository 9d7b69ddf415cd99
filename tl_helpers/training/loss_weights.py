"""How much each example counts in a loss: a mean over examples is only the most usual case.

With class weights and ignored labels a loss divides by what these add up to, and some losses divide
by nothing. Accumulated batches, and the parts of several processes, must be put together by the
same measure, or they train otherwise than one large batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]

_NEAR = 1e-3  # relative difference of two gradients that are equal but for rounding
_MANY = 1000  # labels; of more, those of one batch are measured


@dataclass(frozen=True)
class LossWeights:
    """What a loss divides the sum over a batch by.

    Attributes
    ----------
    adds : bool
        By nothing: the loss is the sum.
    by_label : Tensor (C,) or None
        By the weights of the labels; None: all count alike.
    ignored : int or None
        The label outside of 0 to C - 1 that does not count.
    """

    adds: bool = False
    by_label: Tensor | None = None
    ignored: int | None = None

    def of(self, y: Tensor) -> float:
        """What the labels of a batch add up to; unless all count, this waits for the device."""
        if self.ignored is not None:
            y = y[y != self.ignored]
        return y.numel() if self.by_label is None else float(self.by_label.to(y.device)[y].sum())


def measure(loss_fn: Loss, outputs: Tensor, y: Tensor) -> LossWeights:
    """Find out what a loss divides by, from what each example contributes to a gradient.

    In the mean over two examples, the gradient of one is the gradient that it has alone, times its
    share. So shares tell the weights, whatever the loss is called and whatever wraps it.

    Parameters
    ----------
    loss_fn : callable
        ``loss_fn(outputs, y)`` gives one number.
    outputs : Tensor (N, C, ...)
        Of a model, so that they are what the loss expects.
    y : Tensor (N, ...)

    Raises
    ------
    ValueError
        For a loss over a batch that does not consist of the losses of its examples, and for one
        that weighs examples by anything but their label.
    """
    if y.is_floating_point():
        first, second = _shares(loss_fn, _two(outputs), torch.cat([y, y])[:2])
        if not first or abs(second / first - 1) > _NEAR:
            raise _no_mean("examples with other targets have another weight")
        return LossWeights(adds=first + second > 1.5)
    corner = (slice(None), slice(None), *[slice(1)] * (outputs.ndim - 2))  # of a map: one pixel
    z = _two(outputs[corner])[:1]
    classes, ignored = outputs.shape[1], _ignored(loss_fn, outputs)
    labels = range(classes) if classes <= _MANY else sorted({0, classes - 1, *y.unique().tolist()})
    labels = [label for label in labels if label != ignored]
    shares = _beside_first(loss_fn, z, labels if ignored is None else [*labels, ignored])
    return _weights(shares, classes, ignored)


def _beside_first(loss_fn: Loss, z: Tensor, labels: Sequence[int]) -> dict[int, tuple]:
    """Each label's share in a pair with the first label that counts: (its own, the first's)."""

    def targets(*pair: int) -> Tensor:
        return torch.tensor(pair, device=z.device).view(-1, *[1] * (z.ndim - 2))

    counts = (c for c in labels if _gradient(loss_fn, z, targets(c)).nan_to_num().any())
    first = next(counts, None)
    if first is None:
        raise _no_mean("no label gives a gradient")
    return {c: _shares(loss_fn, torch.cat([z, z]), targets(c, first)) for c in labels}


def _weights(shares: dict[int, tuple], classes: int, ignored: int | None) -> LossWeights:
    adding = {own + first > 1.5 for own, first in shares.values() if own}
    if len(adding) > 1:
        raise _no_mean("it adds some labels up and averages others")
    if adding == {True}:
        return LossWeights(adds=True)
    # Without a gradient of its own, a label shows in what it leaves to the first one.
    found = {c: own / first if own else 1 / first - 1 for c, (own, first) in shares.items()}
    found |= {c: 0.0 for c, (own, _) in shares.items() if not own and found[c] < _NEAR}
    if ignored is not None and found.pop(ignored):
        raise _no_mean(f"the label {ignored}, its ignore_index, counts")
    if all(abs(weight - 1) < _NEAR for weight in found.values()):
        return LossWeights(ignored=ignored)
    if (len(found) < classes and ignored is None) or len(found) < classes - 1:
        raise _no_mean(f"there are over {_MANY} labels, and they count unequally")
    return LossWeights(by_label=torch.tensor([found[c] for c in range(classes)]), ignored=ignored)


def _shares(loss_fn: Loss, z: Tensor, y: Tensor) -> tuple[float, float]:
    """Shares of two examples in the gradient of both; 0 where there is no gradient."""
    shares = []
    both = _gradient(loss_fn, z, y)
    for one, together in zip((0, 1), both, strict=True):
        share = 0.0
        if together.any():
            alone = _gradient(loss_fn, z[one : one + 1], y[one : one + 1])[0]
            share = float((together * alone).sum() / (alone * alone).sum())
            if not (together - share * alone).norm() < _NEAR * together.norm():
                raise _no_mean("an example has another gradient in a batch than alone")
        shares.append(share)
    if all(shares) and min(abs(sum(shares) - 1), max(abs(s - 1) for s in shares)) > _NEAR:
        raise _no_mean("the shares of two examples add up to neither one nor two")
    return shares[0], shares[1]


def _gradient(loss_fn: Loss, z: Tensor, y: Tensor) -> Tensor:
    z = z.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(loss_fn(z, y), z)[0]


def _two(outputs: Tensor) -> Tensor:
    """Two examples' outputs, moved apart and off 0, inside of the values that the model gives."""
    z = torch.cat([outputs, outputs])[:2].detach().float()
    return z * torch.linspace(0.5, 0.9, z.numel(), device=z.device).view(z.shape) + 0.01


def _ignored(loss_fn: Loss, outputs: Tensor) -> int | None:
    ignored = getattr(loss_fn, "ignore_index", None)
    return None if ignored in range(outputs.shape[1]) else ignored


def _no_mean(reason: str) -> ValueError:
    return ValueError(
        "With this loss_fn, batches put together (accumulate, several processes) train otherwise "
        f"than one large batch: {reason}. Expected a mean or a sum over examples, which class "
        "weights and ignored labels may be part of; or use accumulate=1 in one process."
    )

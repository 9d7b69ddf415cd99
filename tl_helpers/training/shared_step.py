"""The step of a run of several processes, whose gradients torch puts together.

``DistributedDataParallel`` sends gradients while the backward pass is still running, and gives
every process the mean over processes. That is the gradient of the whole batch only where all parts
weigh the same, so each loss is multiplied by its part's weight, and the mean of the weights, which
travels along as the gradient of one more parameter, divides what comes back.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tl_helpers.training import processes
from tl_helpers.training.accumulation import Group
from tl_helpers.training.inputs import Inputs
from tl_helpers.training.steps import TrainStep


class _Part(nn.Module):
    """A model that can also be asked for nothing, by a process without an example."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        device = next(model.parameters()).device
        self.weight = nn.Parameter(torch.zeros((), device=device))  # its gradient: of a part
        self.unused = nn.Parameter(torch.zeros((), device=device))  # or torch warns: none is

    def forward(self, x: Inputs | None) -> tuple[Tensor | None, Tensor]:
        return None if x is None else self.model(x), self.weight * 1


class SharedStep(TrainStep):
    """`steps.TrainStep` on this process's part of a batch, called by all processes alike."""

    _group: Group

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self._group = Group(self.loss_fn, self.accumulate, self.mixup is not None)

    @functools.cached_property
    def _parallel(self) -> DistributedDataParallel:
        """Made with the first batch, when all checks have passed; all get the first's weights."""
        # A weight that no process used has no gradient, as in one process.
        return DistributedDataParallel(_Part(self.model), find_unused_parameters=True)

    def __call__(self, x: Inputs | None, y: Tensor) -> tuple[Tensor, int]:
        """Train on a part of a batch; None for x where this process has none."""
        if not self._group.unit:
            self._group.unit = processes.broadcast(y.numel())
        # Accumulated batches are sent once, with the last of them.
        self._parallel.require_backward_grad_sync = self.pending + 1 == self.accumulate
        with processes.connected():
            return super().__call__(x, y)

    def update(self) -> None:
        """Optimizer step; an incomplete group, of which nothing was sent so far, is sent first."""
        if 0 < self.pending < self.accumulate:
            self._parallel.require_backward_grad_sync = True
            with processes.connected():
                self._nothing_here()
        super().update()

    def _backward(self, x: Inputs | None, y: Tensor) -> tuple[Tensor, int]:
        return self._nothing_here() if x is None else super()._backward(x, y)

    def _forward(self, x: Inputs) -> Tensor:
        outputs, self._weight = self._parallel(x)
        return outputs

    def _send(self, loss: Tensor, outputs: Tensor, y: Tensor) -> tuple[Tensor, int]:
        share = weight = self._group.share(outputs, y)
        if self._group.adds:  # up over all processes: only the first one counts, and once a step
            weight = float(processes.rank() == 0 and not self.pending)
        if share:
            (self.scaler.scale(loss * share) + self._weight * weight).backward()
            return loss.detach(), len(y)
        ((outputs * 0).sum() + self._weight * 0).backward()
        return self._nothing

    def _nothing_here(self) -> tuple[Tensor, int]:
        (self._parallel(None)[1] * 0).backward()
        return self._nothing

    def _put_together(self) -> None:
        weight = self._parallel.module.weight
        gradients = [p.grad for p in self._parameters() if p.grad is not None]
        torch._foreach_div_(gradients, weight.grad)
        weight.grad = None


def new_step(*given, **options) -> TrainStep:
    """The step of this run, made as `steps.TrainStep` is."""
    return (TrainStep if processes.count() == 1 else SharedStep)(*given, **options)

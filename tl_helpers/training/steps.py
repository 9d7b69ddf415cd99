"""One step of training: forward and backward passes, then the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tl_helpers.training.accumulation import Group
from tl_helpers.training.inputs import Inputs
from tl_helpers.training.mixup import Mixup
from tl_helpers.training.runtime import Runtime


class TrainStep:
    """Forward and backward pass of one batch; an optimizer step after every `accumulate` of them.

    Parameters
    ----------
    model, optimizer, loss_fn, runtime
        ``loss_fn(outputs, y)`` returns the mean over the batch's examples.
    accumulate : int
        Batches a step. The gradient is that of one large batch, also when batches differ in size,
        in the last, incomplete group of an epoch, and with class weights and ignored labels: see
        `accumulation`.
    clip : float, optional
        Largest norm of the whole gradient.
    scheduler : torch scheduler, optional
        Advanced after every optimizer step.
    mixup : float or callable, optional
        Alpha of `Mixup`, or ``mixup(x, y) -> (x, y_a, y_b, weight)``. Each of several processes
        blends within its part of a batch, by a weight of its own.
    augment : callable, optional
        ``augment(x) -> x`` on each batch, on the device.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_fn: Callable[[Tensor, Tensor], Tensor],
        runtime: Runtime,
        *,
        accumulate: int = 1,
        clip: float | None = None,
        scheduler=None,
        mixup: float | Callable | None = None,
        augment: Callable[[Inputs], Inputs] | None = None,
    ) -> None:
        self.model, self.optimizer, self.loss_fn = model, optimizer, loss_fn
        self.runtime, self.scaler, self.autocast = runtime, runtime.scaler(), runtime.autocast()
        self.accumulate, self.clip, self.scheduler = accumulate, clip, scheduler
        self.mixup = Mixup(mixup) if isinstance(mixup, int | float) else mixup
        self.augment = augment
        self.updates = 0  # optimizer steps so far
        self.pending = 0  # batches whose gradients wait for a step
        whole = accumulate == 1  # a batch is a step
        self._group = None if whole else Group(loss_fn, accumulate, self.mixup is not None)
        self._nothing = torch.zeros((), device=runtime.device), 0  # of a batch without labels
        optimizer.zero_grad(set_to_none=True)

    def __call__(self, x: Inputs | None, y: Tensor) -> tuple[Tensor, int]:
        """Train on one batch; its loss, detached, on the device, and how many examples it is of."""
        loss, examples = self._backward(x, y)
        self.pending += 1
        if self.pending == self.accumulate:
            self.update()
        return loss, examples

    def _backward(self, x: Any, y: Tensor) -> tuple[Tensor, int]:
        if self.augment is not None:
            x = self.augment(x)
        with self.autocast:
            if self.mixup is None:
                outputs = self._forward(x)
                loss = self.loss_fn(outputs, y)
            else:
                x, y, y_b, weight = self.mixup(x, y)
                outputs = self._forward(x)
                loss = weight * self.loss_fn(outputs, y) + (1 - weight) * self.loss_fn(outputs, y_b)
        return self._send(loss, outputs, y)

    def _forward(self, x: Inputs) -> Tensor:
        return self.model(x)

    def _send(self, loss: Tensor, outputs: Tensor, y: Tensor) -> tuple[Tensor, int]:
        share = 1.0 if self._group is None else self._group.share(outputs, y)
        if not share:  # no label of this batch counts, and the loss is 0 / 0
            return self._nothing
        self.scaler.scale(loss if share == 1.0 else loss * share).backward()
        return loss.detach(), len(y)

    def update(self) -> None:
        """Optimizer step with the gradients of the pending batches, if there are any."""
        if not self.pending:
            return
        self._put_together()
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._parameters(), self.clip)
        stepped = self._step()
        self.optimizer.zero_grad(set_to_none=True)
        self.pending = 0
        self.updates += 1
        if self.scheduler is not None and stepped:
            self.scheduler.step()

    def _put_together(self) -> None:
        if self._group is not None:
            self._group.put_together(self._parameters(), self.updates + 1)

    def _step(self) -> bool:
        """Whether the step was taken: in fp16 a step whose gradients overflow is skipped."""
        if not self.scaler.is_enabled():
            self.optimizer.step()
            return True
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

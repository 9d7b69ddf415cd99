"""One optimizer step, the same path for every precision; and the loss that it reports."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tl_helpers.training import processes
from tl_helpers.training.inputs import Inputs
from tl_helpers.training.mixup import Mixup
from tl_helpers.training.runtime import Runtime

_READ_EVERY = 50  # batches between two looks at the losses


class NonFiniteLoss(FloatingPointError):
    """The loss or a weight became infinite or not a number."""


class TrainStep:
    """Forward and backward pass of one batch; an optimizer step after every `accumulate` of them.

    Parameters
    ----------
    model, optimizer, loss_fn, runtime
        ``loss_fn(outputs, y)`` returns the mean over the batch's examples.
    accumulate : int
        Batches a step. The gradient is that of one large batch: the mean over all its examples,
        also when batches differ in size and in the last, incomplete group of an epoch, and the
        parts of all processes included.
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
        self.runtime, self.scaler = runtime, runtime.scaler()
        self.accumulate, self.clip, self.scheduler = accumulate, clip, scheduler
        self.mixup = Mixup(mixup) if isinstance(mixup, int | float) else mixup
        self.augment = augment
        self.updates = 0  # optimizer steps so far
        self.pending = 0  # batches whose gradients wait for a step
        self._first = self._examples = 0
        self._team = processes.current()
        self._alone = self._team.count == 1
        optimizer.zero_grad(set_to_none=True)

    def __call__(self, x: Inputs, y: Tensor) -> Tensor:
        """Train on one batch; returns its mean loss, detached, on the device."""
        if not self._alone and not self._first:
            self._first = self._team.broadcast(len(y))  # before any process may leave
        if x is None:
            return self._no_part()
        if self.augment is not None:
            x = self.augment(x)
        with self.runtime.autocast():
            loss = self._loss(x, y)
        self.scaler.scale(self._share(loss, len(y))).backward()
        self.pending += 1
        if self.pending == self.accumulate:
            self.update()
        return loss.detach()

    def update(self) -> None:
        """Optimizer step with the gradients of the pending batches, if there are any."""
        if not self.pending:
            return
        self._correct_shares()
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._parameters(), self.clip)
        stepped = self._step()
        self.optimizer.zero_grad(set_to_none=True)
        self.pending = 0
        self.updates += 1
        if self.scheduler is not None and stepped:
            self.scheduler.step()

    def _loss(self, x: Inputs, y: Tensor) -> Tensor:
        if self.mixup is None:
            return self.loss_fn(self.model(x), y)
        x, y_a, y_b, weight = self.mixup(x, y)
        outputs = self.model(x)
        return weight * self.loss_fn(outputs, y_a) + (1 - weight) * self.loss_fn(outputs, y_b)

    def _no_part(self) -> Tensor:
        """Keep step with the other processes when a small batch leaves none of it here."""
        self.pending += 1
        if self.pending == self.accumulate:
            self.update()
        return torch.zeros((), device=self.runtime.device)

    def _share(self, loss: Tensor, examples: int) -> Tensor:
        """Loss weighted as if every batch of the group were as large as the first."""
        if self.accumulate == 1 and self._alone:
            return loss
        if self._alone and not self.pending:
            self._first, self._examples = examples, 0
        self._examples += examples
        return loss * (examples / (self._first * self.accumulate))

    def _correct_shares(self) -> None:
        """Put right that assumption, once the examples of the group are counted."""
        assumed = self._first * self.accumulate
        if not self._alone:
            self._team.average_gradients(self._parameters(), self._examples, assumed)
            self._examples = 0
        elif self.accumulate > 1 and self._examples != assumed:
            gradients = [p.grad for p in self._parameters() if p.grad is not None]
            torch._foreach_mul_(gradients, assumed / self._examples)

    def _step(self) -> bool:
        """Whether the step was taken: in fp16 a step whose gradients overflow is skipped."""
        before = self.scaler.get_scale() if self.scaler.is_enabled() else 0.0
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return not self.scaler.is_enabled() or self.scaler.get_scale() >= before

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]


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
        """Note the mean loss of one batch; only every 50th waits for the device."""
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
        losses, sizes = processes.current().mean_losses(torch.stack(self._losses), self._sizes)
        self._losses, self._sizes = [], []
        for number, (loss, size) in enumerate(
            zip(losses.tolist(), sizes, strict=True), self.batches
        ):
            if not math.isfinite(loss):
                step = self.first_step + number // self.accumulate
                raise NonFiniteLoss(
                    f"The training loss became {loss} at epoch {self.epoch}, step {step} "
                    f"(batch {number + 1} of the epoch)."
                )
            self.total += loss * size
        self.examples += sum(sizes)
        self.batches += len(sizes)

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
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    named += [(name, b) for name, b in model.named_buffers() if b.is_floating_point()]
    if not named:
        return
    finite = torch.stack([tensor.detach().isfinite().all() for _, tensor in named]).tolist()
    if not all(finite):
        name = named[finite.index(False)][0]
        raise NonFiniteLoss(
            f"The weight {name} is no longer finite at epoch {epoch}, step {step}, although the "
            "loss was: a gradient overflowed."
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU's, or the processor's, memory is used up."""
    words = ("DefaultCPUAllocator", "MPS backend out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)

"""The training loop, on one device, in plain PyTorch; its step is in `steps`.

Under ``accelerate launch`` or torchrun every process runs the same loop on its part of each batch,
with a step that puts their gradients together: `shared_step`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor, nn

from tl_helpers.training import batch_checks, input_checks, plan, processes
from tl_helpers.training.batches import Batch, as_batches
from tl_helpers.training.evaluation import place, validate
from tl_helpers.training.failures import explained
from tl_helpers.training.history import History
from tl_helpers.training.logs import CsvLog, ProgressBar
from tl_helpers.training.losses import LossMeter, check_weights_finite
from tl_helpers.training.run_state import RunState
from tl_helpers.training.runtime import Runtime, own_randomness
from tl_helpers.training.shared_step import new_step
from tl_helpers.training.steps import TrainStep

_SHOW_EVERY = 50  # optimizer steps between two updates of the progress bar


def fit(
    model: nn.Module,
    train: object,
    valid: object | None = None,
    *,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    runtime: Runtime,
    metric: Callable[[Tensor, Tensor], float] | None = None,
    batch_size: int = 32,
    scheduler=None,
    scheduler_per: str = "epoch",
    accumulate: int = 1,
    clip: float | None = None,
    mixup: float | Callable | None = None,
    augment: Callable | None = None,
    patience: int | None = None,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    logger: str | Path | Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train ``model``; afterwards it is in eval mode and, given ``valid``, has its best weights.

    Under ``accelerate launch`` or torchrun all processes call it alike. Each takes its part of
    every batch, all end with the same weights and history, and the first one writes.

    Parameters
    ----------
    model : nn.Module
        Called with a batch of x; returns (N, C) for integer labels (N,), or the shape of float y.
        Moved to the runtime's device, where its train mode is set: see `freezing.freeze`.
    train, valid : data
        (x, y), an object with ``.x`` and ``.y``, a Dataset or a DataLoader: see
        `batches.as_batches`. A loader keeps its own batch size and order; several processes
        divide its batches too.
    loss_fn : callable
        ``loss_fn(outputs, y)``: mean over the batch. Label smoothing and class weights belong
        here: ``nn.CrossEntropyLoss(label_smoothing=0.1)``.
    optimizer : torch optimizer
        Over the trainable parameters of ``model``.
    epochs : int
        In all, those before a resume included.
    metric : callable, optional
        ``metric(outputs, y) -> float`` on CPU tensors of the whole set, higher is better.
        Default: accuracy for integer labels, else minus the loss.
    batch_size : int
        Examples a forward pass, over all processes. A step sees ``batch_size * accumulate``.
    scheduler : torch scheduler, optional
        On ``optimizer``, for at least the steps to come. `ReduceLROnPlateau` gets the validation
        loss, or the metric in mode max.
    scheduler_per : {"epoch", "step"}
    accumulate, clip, mixup, augment
        See `TrainStep`.
    patience : int, optional
        Stop when this many epochs bring no better metric on ``valid``.
    checkpoint_dir : path, optional
        Save there after every epoch, and every ``checkpoint_every`` optimizer steps.
    resume : bool
        Continue from the checkpoint in ``checkpoint_dir``, if there is one, bit for bit (on a GPU:
        with a deterministic runtime). More epochs may be asked for; another learning rate, decay
        or schedule is refused. Random augmentation must use the global generators, and not those
        of persistent workers.
    logger : path or callable, optional
        Folder for a `logs.CsvLog`, or a function of the History called after each epoch.
    progress : bool
        See `logs.ProgressBar`.

    Returns
    -------
    History
        Also after a KeyboardInterrupt, with ``stopped == "interrupted"``.

    Raises
    ------
    ValueError, TypeError
        Before training, for data, model, optimizer or settings that do not go together.
    NonFiniteLoss
        Naming epoch and step; the last good checkpoint is kept.
    weights.CheckpointError
        For a checkpoint that cannot be written, read or continued.
    torch.OutOfMemoryError
        With what to change.
    processes.ProcessLost
        When another process has ended.

    Warns
    -----
    UserWarning
        For parameters that the optimizer misses, and batch-norm under several processes.
    """
    plan.check_numbers(epochs=epochs, accumulate=accumulate, patience=patience,
                       checkpoint_every=checkpoint_every, clip=clip)  # fmt: skip
    plan.check_plan(valid, patience, checkpoint_dir, checkpoint_every, resume)
    plan.check_schedule(optimizer, scheduler, scheduler_per, valid is not None)
    batches = as_batches(train, batch_size, runtime, shuffle=True,
                         generator=runtime.generator(), name="train")  # fmt: skip
    held_out = None if valid is None else as_batches(valid, batch_size, runtime, name="valid")
    place(model, runtime)
    input_checks.check_optimizer(model, optimizer)
    classes = getattr(train, "classes", None)
    input_checks.check_sets(model, batches, held_out, loss_fn, runtime, classes)
    per_step = scheduler if scheduler_per == "step" else None
    step = new_step(model, optimizer, loss_fn, runtime, accumulate=accumulate, clip=clip,
                    scheduler=per_step, mixup=mixup, augment=augment)  # fmt: skip
    run = RunState(step, batches, scheduler, checkpoint_dir, checkpoint_every, classes)
    logger = CsvLog(logger) if isinstance(logger, str | Path) else logger
    run.agree({"epochs": epochs, "valid": None if held_out is None else held_out.examples})
    batch_checks.check_divided(model, batches, runtime)
    with own_randomness():
        if resume:
            run.load()
        plan.check_length(scheduler, run.schedule_to_come(epochs))
        bar = ProgressBar(progress and processes.rank() == 0, run.steps(epochs), step.updates)
        with explained(run), closing(bar):
            while run.epoch <= epochs and not run.waited_too_long(patience):
                _fit_epoch(run, bar)
                run.end_epoch(*validate(model, held_out, loss_fn, runtime, metric, run.epoch))
                if logger is not None:
                    processes.on_first(lambda: logger(run.history))
            run.history.stopped = "early" if run.epoch <= epochs else "finished"
    return run.finish()


def train_one_epoch(
    model: nn.Module,
    data: object,
    *,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    runtime: Runtime,
    batch_size: int = 32,
    **step_options: object,
) -> float:
    """One pass over ``data`` in a new order from torch's global generator, for loops of your own.

    Parameters
    ----------
    model, data, loss_fn, optimizer, runtime, batch_size
        As in `fit`, whose checks of the inputs are left to you here.
    **step_options
        accumulate, clip, scheduler (per step), mixup, augment: see `TrainStep`.

    Returns
    -------
    float
        Mean training loss.

    Raises
    ------
    ValueError
        When the loader gives a batch of one, and the model cannot train on one; or no labels.
    NonFiniteLoss
    """
    batches = as_batches(data, batch_size, runtime, shuffle=True)
    step = new_step(place(model, runtime), optimizer, loss_fn, runtime, **step_options)
    batch_checks.check_smallest_batch(model, batches, runtime)
    meter = LossMeter(accumulate=step.accumulate)
    batch_checks.check_divided(model, batches, runtime)
    with own_randomness():
        _one_pass(step, batches.start(), meter)
    return meter.mean


def _fit_epoch(run: RunState, bar: ProgressBar) -> None:
    def after_step() -> None:
        if run.every and run.step.updates % run.every == 0:
            run.save()
        if run.step.updates % _SHOW_EVERY == 0:
            bar.update(run.step.updates, run.epoch, run.meter.mean)

    _one_pass(run.step, run.start_epoch(), run.meter, after_step)
    check_weights_finite(run.step.model, run.epoch, run.step.updates)


def _one_pass(
    step: TrainStep,
    batches: Iterator[Batch],
    meter: LossMeter,
    after_step: Callable[[], None] | None = None,
) -> None:
    """The training loop."""
    step.model.train()
    for x, y in batches:
        if y is None:
            raise ValueError("The data has no labels; expected pairs (x, y).")
        meter.add(*step(x, y))
        if after_step is not None and not step.pending:
            after_step()
    step.update()  # the last group may be incomplete
    meter.flush()
    processes.share_buffers(step.model)  # such as batch-norm's statistics

"""Training, evaluation and prediction: one plain PyTorch loop on one device.

Under ``accelerate launch`` or torchrun every process runs the same loop on its part of each batch.
What they exchange is in `processes`, which does nothing where there is one process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tl_helpers.training import checkpoints, input_checks, processes
from tl_helpers.training.batches import Batch, Batches, LoaderBatches, as_batches
from tl_helpers.training.evaluation import Evaluation, place, score
from tl_helpers.training.history import History
from tl_helpers.training.logs import CsvLog, ProgressBar
from tl_helpers.training.run_state import RunState
from tl_helpers.training.runtime import Runtime, own_randomness
from tl_helpers.training.steps import (
    LossMeter,
    NonFiniteLoss,
    TrainStep,
    check_weights_finite,
    out_of_memory,
)

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
        divide its batches too, unless it streams.
    loss_fn : callable
        ``loss_fn(outputs, y)``: mean over the batch. Label smoothing belongs here:
        ``nn.CrossEntropyLoss(label_smoothing=0.1)``.
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
        On ``optimizer``. `ReduceLROnPlateau` gets the validation loss, or the metric in mode max.
    scheduler_per : {"epoch", "step"}
    accumulate, clip, mixup, augment
        See `steps.TrainStep`.
    patience : int, optional
        Stop when this many epochs bring no better metric on ``valid``.
    checkpoint_dir : path, optional
        Save there after every epoch, and every ``checkpoint_every`` optimizer steps.
    resume : bool
        Continue from the checkpoint in ``checkpoint_dir``, if there is one, bit for bit (on a GPU:
        with a deterministic runtime). Random augmentation must use the global generators, and
        not those of persistent workers.
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
    checkpoints.CheckpointError
        For a checkpoint that cannot be written, read or continued.
    torch.OutOfMemoryError
        With what to change.
    processes.ProcessLost
        When another process has ended.

    Warns
    -----
    UserWarning
        For parameters that the optimizer misses, and for batch-norm under several processes.
    """
    input_checks.check_numbers(epochs=epochs, accumulate=accumulate, patience=patience,
                               checkpoint_every=checkpoint_every, clip=clip)  # fmt: skip
    _check_schedule(optimizer, scheduler, scheduler_per, valid is not None)
    _check_plan(valid, patience, checkpoint_dir, checkpoint_every, resume)
    batches = as_batches(train, batch_size, runtime, shuffle=True, generator=runtime.generator())
    held_out = None if valid is None else as_batches(valid, batch_size, runtime)
    place(model, runtime)
    input_checks.check_optimizer(model, optimizer)
    classes = getattr(train, "classes", None)
    _check_sets(model, batches, held_out, loss_fn, runtime, classes)

    per_step = scheduler if scheduler_per == "step" else None
    step = TrainStep(model, optimizer, loss_fn, runtime, accumulate=accumulate, clip=clip,
                     scheduler=per_step, mixup=mixup, augment=augment)  # fmt: skip
    run = RunState(step, batches, scheduler, checkpoint_dir, checkpoint_every, classes)
    logger = CsvLog(logger) if isinstance(logger, str | Path) else logger
    team = processes.current()
    run.agree({"epochs": epochs, "valid": None if held_out is None else held_out.examples})
    input_checks.check_divided(model, batches, runtime)
    team.share_model(model)
    with own_randomness():
        if resume and checkpoints.latest(checkpoint_dir) is not None:
            run.load()
        steps = _steps(batches, accumulate, epochs)
        bar = ProgressBar(progress and team.rank == 0, steps, step.updates)
        with _explained(run), closing(bar):
            while run.epoch <= epochs and not run.waited_too_long(patience):
                _fit_epoch(run, bar)
                result = _validate(model, held_out, loss_fn, runtime, metric, run.epoch)
                run.end_epoch(result.loss, result.metric)
                if logger is not None:
                    team.on_first(lambda: logger(run.history))
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
        accumulate, clip, scheduler (per step), mixup, augment: see `steps.TrainStep`.

    Returns
    -------
    float
        Mean training loss.

    Raises
    ------
    NonFiniteLoss
        Naming the step.
    """
    batches = as_batches(data, batch_size, runtime, shuffle=True)
    step = TrainStep(place(model, runtime), optimizer, loss_fn, runtime, **step_options)
    meter = LossMeter(accumulate=step.accumulate)
    input_checks.check_divided(model, batches, runtime)
    processes.current().share_model(model)
    with own_randomness():
        _one_pass(step, batches.start(), meter)
    return meter.mean


@contextmanager
def _explained(run: RunState) -> Iterator[None]:
    """Turn an interrupt into a history, and failures into errors that say what to do."""
    try:
        yield
    except KeyboardInterrupt:
        run.history.stopped = "interrupted"
    except NonFiniteLoss as error:
        run.restore_best()
        raise NonFiniteLoss(f"{error} {_advice(run)}") from None
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise torch.OutOfMemoryError(_memory_advice(run)) from error


def _fit_epoch(run: RunState, bar: ProgressBar) -> None:
    def after_step() -> None:
        run.after_step()
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
        meter.add(step(x, y), len(y))
        if after_step is not None and not step.pending:
            after_step()
    step.update()  # the last group may be incomplete
    meter.flush()
    processes.current().share_buffers(step.model)  # such as batch-norm's statistics


def _validate(model, held_out, loss_fn, runtime, metric, epoch) -> Evaluation:
    if held_out is None:
        return Evaluation(None, None)
    result = score(model, held_out, loss_fn, runtime, metric)
    if not math.isfinite(result.loss):
        raise NonFiniteLoss(f"The validation loss became {result.loss} after epoch {epoch}.")
    return result


def _check_sets(model, batches, held_out, loss_fn, runtime, classes) -> None:
    for name, part in (("train", batches), ("valid", held_out)):
        if part is not None:
            input_checks.check_batches(part, name)
            outputs = input_checks.check_model(model, part, loss_fn, runtime, name)
            input_checks.check_classes_match(classes, outputs)


def _check_schedule(optimizer, scheduler, scheduler_per: str, validated: bool) -> None:
    if scheduler_per not in ("epoch", "step"):
        raise ValueError(f"scheduler_per is {scheduler_per!r}; expected 'epoch' or 'step'.")
    if scheduler is None:
        return
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError("The scheduler belongs to another optimizer; make it from this one.")
    if isinstance(scheduler, ReduceLROnPlateau) and scheduler_per == "step":
        raise ValueError("ReduceLROnPlateau needs a loss of an epoch; use scheduler_per='epoch'.")
    if isinstance(scheduler, ReduceLROnPlateau) and scheduler.mode == "max" and not validated:
        raise ValueError("ReduceLROnPlateau(mode='max') needs valid=... to take the metric from.")


def _check_plan(valid, patience, folder, every, resume) -> None:
    if patience is not None and valid is None:
        raise ValueError("patience needs valid=..., the set that early stopping looks at.")
    if folder is None and (every is not None or resume):
        raise ValueError("checkpoint_every and resume need checkpoint_dir=..., the folder.")
    if folder is not None and not resume and checkpoints.latest(folder) is not None:
        raise ValueError(
            f"checkpoint_dir {folder} holds a checkpoint of an earlier run. Pass resume=True to "
            "continue it, or choose another folder."
        )


def _steps(batches: Batches, accumulate: int, epochs: int) -> int | None:
    if isinstance(batches, LoaderBatches) and batches.examples is None:
        return None
    return -(-len(batches) // accumulate) * epochs


def _advice(run: RunState) -> str:
    lr = max(float(group["lr"]) for group in run.step.optimizer.param_groups)
    text = (
        f"Usual causes: a learning rate that is too high (now {lr:g}), inputs that are not scaled, "
        "fp16 overflow. Try a tenth of it, clip=1.0, or precision='fp32'."
    )
    if run.folder is not None and (path := checkpoints.latest(run.folder)) is not None:
        text += f" The last good checkpoint is kept in {path}."
    if run.best is not None:
        return f"{text} The model holds the weights of epoch {run.history.best_epoch}, the best."
    return f"{text} The weights of the model are spoilt: build it again."


def _memory_advice(run: RunState) -> str:
    runtime, accumulate = run.step.runtime, run.step.accumulate
    size = run.batches.batch_size or 1
    text = (
        f"Out of memory on {runtime.device} with batch_size={size}, accumulate={accumulate}, "
        f"precision={runtime.precision}."
    )
    if size > 1:
        text += (
            f" Use batch_size={size // 2} with accumulate={accumulate * 2}: the same gradient in "
            "about half the memory."
        )
    if runtime.precision == "fp32":
        text += " Or precision='bf16' (fp16 on an older GPU), which halves the activations."
    return text + " A frozen stage needs no memory for its gradients."

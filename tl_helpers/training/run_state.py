"""Where a training run stands, and how it is saved and continued bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tl_helpers.models.weights import CheckpointError, check_classes, load_into, named_as
from tl_helpers.training import checkpoints, plan, processes
from tl_helpers.training.batches import Batch, Batches
from tl_helpers.training.history import History
from tl_helpers.training.losses import LossMeter, check_weights_finite

_METER = ("batches", "examples", "total", "first_step")  # what a `LossMeter` has read


class RunState:
    """A training run between two of its steps: all that a checkpoint holds.

    Parameters
    ----------
    step : steps.TrainStep
    batches : Batches
        Of the training set.
    scheduler : torch scheduler or None
    folder : path or None
        Where checkpoints go; None keeps none.
    every : int or None
        Optimizer steps between checkpoints inside an epoch.
    classes : sequence of str or None
    """

    def __init__(
        self,
        step,
        batches: Batches,
        scheduler=None,
        folder: str | Path | None = None,
        every: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.step, self.batches, self.scheduler = step, batches, scheduler
        self.folder = None if folder is None else Path(folder)
        self.every, self.classes = every, classes
        self._asked = {} if folder is None else plan.asked(step.optimizer, scheduler)
        self.history = History()
        self.best: dict[str, Tensor] | None = None
        self._epoch_rng: dict = {}  # filled where there is a folder
        self._continue_rng: dict | None = None
        self._begin(epoch=1)

    def agree(self, facts: dict) -> None:
        """Check that all processes are about to make the same run.

        Raises
        ------
        ValueError
            When the processes differ in the settings, the newest checkpoint or ``facts``.
        """
        newest = self.newest()
        facts = {**self._settings(), "newest checkpoint": newest and newest.name, **facts}
        processes.check_same(facts)

    def newest(self) -> Path | None:
        """The last complete checkpoint in the folder, where there is one."""
        return None if self.folder is None else checkpoints.latest(self.folder)

    def steps(self, epochs: int) -> int:
        """Optimizer steps of a run of so many epochs."""
        return -(-len(self.batches) // self.step.accumulate) * epochs

    def schedule_to_come(self, epochs: int) -> int:
        """How often the schedule still advances in a run of so many epochs."""
        if self.step.scheduler is None:
            return epochs - self.epoch + 1
        return self.steps(epochs) - self.step.updates

    def start_epoch(self) -> Iterator[Batch]:
        """Batches that remain of this epoch."""
        if self._continue_rng is None:
            if self.folder is not None:
                self._epoch_rng = checkpoints.rng_state(self.batches.generators)
            return self.batches.start()
        # Draw the same order again, pass over what was done, then continue as if never stopped.
        checkpoints.set_rng_state(self._epoch_rng, self.batches.generators)
        remaining = self.batches.start(self.meter.batches)
        checkpoints.set_rng_state(self._continue_rng, self.batches.generators)
        self._continue_rng = None
        return remaining

    def end_epoch(self, valid_loss: float | None, valid_metric: float | None) -> None:
        """Write the epoch's row, keep the weights if they are the best, move the schedule, save."""
        history = self.history
        history.steps = self.step.updates
        row = {
            "epoch": self.epoch,
            "train_loss": self.meter.mean,
            "valid_loss": valid_loss,
            "valid_metric": valid_metric,
            "lr": max(float(group["lr"]) for group in self.step.optimizer.param_groups),
            "seconds": time.perf_counter() - self._started,
        }
        history.epochs.append(row)
        best = history.best_metric
        if valid_metric is not None and (best is None or valid_metric > best):
            history.best_epoch, history.best_metric = self.epoch, valid_metric
            self.best = _changing(self.step.model)
        if self.scheduler is not None and self.step.scheduler is None:
            _advance(self.scheduler, row)
        self._begin(self.epoch + 1)
        self.save()

    def waited_too_long(self, patience: int | None) -> bool:
        """Whether the last ``patience`` epochs brought nothing better than the best."""
        best = self.history.best_epoch
        return patience is not None and best is not None and self.epoch - 1 - best >= patience

    def restore_best(self) -> None:
        """Give the model the weights of its best epoch, if there was validation."""
        if self.best is not None:
            _put_back(self.step.model, self.best)

    def finish(self) -> History:
        """Leave a model to use: its best weights, in eval mode."""
        self.history.steps = self.step.updates
        self.restore_best()
        self.step.model.eval()
        return self.history

    def save(self) -> None:
        """Write a checkpoint, on the first process, where there is a folder for it.

        Raises
        ------
        NonFiniteLoss
            For weights that are not finite; the previous checkpoint stays.
        CheckpointError
            When it cannot be written; the previous one stays.
        """
        if (folder := self.folder) is None:
            return
        self.meter.flush()
        model = self.step.model
        processes.share_buffers(model)
        check_weights_finite(model, self.epoch, self.step.updates)
        weights = {"model": model.state_dict(), "unsaved": _unsaved(model)}
        if self.best is not None:
            weights["best"] = self.best
        state = self._state()
        processes.on_first(
            lambda: checkpoints.save_checkpoint(folder, weights, state, self.classes)
        )

    def load(self) -> None:
        """Continue from the newest checkpoint in the folder, if there is one.

        Raises
        ------
        CheckpointError
            When it is damaged, or was made with other data, settings, model or classes.
        """
        if self.folder is None or self.newest() is None:
            return
        saved = checkpoints.load_checkpoint(self.folder)
        check_classes(saved.classes, self.classes, saved.path)
        try:
            self._restore(saved)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{saved.path} does not fit this run: {error}. Make the model, optimizer and "
                "scheduler as in the run that wrote it, or choose another checkpoint_dir."
            ) from error

    def _restore(self, saved: checkpoints.Checkpoint) -> None:
        state, step = saved.state, self.step
        self._check_settings(state, saved.path)
        load_into(step.model, saved.weights["model"], saved.path)
        _put_back(step.model, saved.weights["unsaved"])
        step.optimizer.load_state_dict(state["optimizer"])
        step.scaler.load_state_dict(state["scaler"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.history = History(**state["history"])
        place = next(step.model.parameters()).device
        best = saved.weights.get("best")
        self.best = None if best is None else {name: t.to(place) for name, t in best.items()}
        self._asked = state["asked"]
        position = state["position"]
        self._begin(position["epoch"], position["seconds"])
        step.updates = position["updates"]
        for name in _METER:
            setattr(self.meter, name, state["meter"][name])
        rank = processes.rank()
        self._epoch_rng, self._continue_rng = state["epoch_rng"][rank], state["rng"][rank]
        if not self.meter.batches:  # between two epochs there is no order to draw again
            checkpoints.set_rng_state(self._continue_rng, self.batches.generators)
            self._continue_rng = None

    def _state(self) -> dict:
        step = self.step
        return {
            "settings": self._settings(),
            "asked": self._asked,
            "position": {
                "epoch": self.epoch,
                "updates": step.updates,
                "seconds": time.perf_counter() - self._started,
            },
            "meter": {name: getattr(self.meter, name) for name in _METER},
            "optimizer": step.optimizer.state_dict(),
            "scaler": step.scaler.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "history": asdict(self.history),
            "rng": processes.gather(checkpoints.rng_state(self.batches.generators)),
            "epoch_rng": processes.gather(self._epoch_rng),
        }

    def _settings(self) -> dict:
        """What must be equal for a run to continue bit for bit."""
        optimizer = self.step.optimizer
        return {
            "batch_size": self.batches.batch_size,
            "training examples": self.batches.examples,
            "accumulate": self.step.accumulate,
            "clip": self.step.clip,
            "precision": self.step.runtime.precision,
            "processes": processes.count(),
            "optimizer": type(optimizer).__name__,
            "scheduler": None if self.scheduler is None else type(self.scheduler).__name__,
            "scheduler_per": "epoch" if self.step.scheduler is None else "step",
        }

    def _check_settings(self, saved: dict, path: Path) -> None:
        """Refuse what would be overridden by the checkpoint, or would make another run of it.

        The optimizer and the schedule may be new, asked for the same as at the run's beginning,
        or they may be those of the run itself, as they were when it stopped.
        """
        other = plan.differences(saved["settings"], self._settings())
        optimizer, schedule = saved["optimizer"]["param_groups"], saved["scheduler"]
        here = None if self.scheduler is None else self.scheduler.state_dict()
        stopped = plan.settings_in(optimizer, schedule)
        if stopped != plan.settings_in(self.step.optimizer.param_groups, here):
            other += plan.differences(saved["asked"], self._asked)
        if other:
            raise CheckpointError(
                f"{path} was written by a run with other settings: {'; '.join(other[:5])}. "
                "Continue with the same ones; or begin a new run from its weights: "
                f"load_weights({str(path / 'model.safetensors')!r}, model), another checkpoint_dir."
            )

    def _begin(self, epoch: int, seconds: float = 0.0) -> None:
        self.epoch = epoch
        self.meter = LossMeter(epoch, self.step.accumulate, self.step.updates + 1)
        self._started = time.perf_counter() - seconds


def _changing(model: nn.Module) -> dict[str, Tensor]:
    """Copy of what training changes: trainable weights, and all buffers, saved ones or not."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {name: t.detach().clone() for name, t in (trained | dict(model.named_buffers())).items()}


def _unsaved(model: nn.Module) -> dict[str, Tensor]:
    """Buffers that are no part of the state dict, and that training may move all the same."""
    saved = model.state_dict().keys()
    return {name: buffer for name, buffer in model.named_buffers() if name not in saved}


@torch.no_grad()
def _put_back(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, tensor in named_as(own, tensors).items():
        own[name].copy_(tensor)


def _advance(scheduler, row: dict) -> None:
    if not isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step()
        return
    if scheduler.mode == "max":
        scheduler.step(row["valid_metric"])
        return
    loss = row["train_loss"] if row["valid_loss"] is None else row["valid_loss"]
    scheduler.step(loss if math.isfinite(loss) else torch.inf)

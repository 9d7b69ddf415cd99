"""Evaluation and prediction: a model in eval mode over a whole set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tl_helpers.training import batch_checks, input_checks, loaders, processes
from tl_helpers.training.batches import Batches, as_batches
from tl_helpers.training.inputs import check_labels
from tl_helpers.training.losses import NonFiniteLoss
from tl_helpers.training.runtime import Runtime


@dataclass(frozen=True)
class Evaluation:
    """Mean loss and metric (higher is better) of a model on a set."""

    loss: float
    metric: float


def evaluate(
    model: nn.Module,
    data: object,
    *,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    runtime: Runtime,
    metric: Callable[[Tensor, Tensor], float] | None = None,
    batch_size: int = 64,
) -> Evaluation:
    """Loss and metric on a whole set, in eval mode; every module's mode is put back.

    Parameters are those of `fit`. Each of several processes evaluates its part, all get the result.

    Raises
    ------
    ValueError
        For an empty set, a DataLoader that drops its last examples, labels that do not match the
        outputs, or a metric that is not finite.
    """
    batches = as_batches(data, batch_size, runtime, name="data")
    if isinstance(data, DataLoader):
        loaders.check_complete(data, "data")
    input_checks.check_batches(batches, "data")
    return score(model, batches, loss_fn, runtime, metric)


def score(
    model: nn.Module,
    batches: Batches,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    runtime: Runtime,
    metric: Callable[[Tensor, Tensor], float] | None,
) -> Evaluation:
    """`evaluate` on batches whose inputs have been checked before.

    Raises
    ------
    ValueError
        For data without labels, outputs or labels that do not fit each other,
        and a metric that is not finite.
    """
    with batch_checks.eval_mode(place(model, runtime)), torch.inference_mode():
        outputs, y = _outputs(model, batches, runtime)
        if y is None:
            raise ValueError("The data has no labels; expected pairs (x, y).")
        input_checks.check_outputs(outputs, y)
        if not y.is_floating_point():
            check_labels(y, outputs.shape[1], getattr(loss_fn, "ignore_index", None))
        loss = float(loss_fn(outputs, y))
    if metric is not None:
        value = float(metric(outputs.cpu(), y.cpu()))
    else:
        value = -loss if y.is_floating_point() else accuracy(outputs, y)
    loss, value = processes.broadcast((loss, value))  # one truth to stop early by
    if metric is not None and not math.isfinite(value):
        raise ValueError(
            f"The metric returned {value}; expected a finite number, higher is better."
        )
    return Evaluation(loss, value)


def validate(
    model: nn.Module,
    held_out: Batches | None,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    runtime: Runtime,
    metric: Callable[[Tensor, Tensor], float] | None,
    epoch: int,
) -> tuple[float | None, float | None]:
    """Loss and metric of `score` after an epoch; None for both where nothing is held out.

    Raises
    ------
    NonFiniteLoss
        Naming the epoch.
    ValueError
        Those of `score`.
    """
    if held_out is None:
        return None, None
    result = score(model, held_out, loss_fn, runtime, metric)
    if not math.isfinite(result.loss):
        raise NonFiniteLoss(f"The validation loss became {result.loss} after epoch {epoch}.")
    return result.loss, result.metric


def predict(model: nn.Module, data: object, runtime: Runtime, batch_size: int = 64) -> Tensor:
    """Outputs of ``model`` for every example, in the order of the data, on every process.

    Parameters
    ----------
    model : nn.Module
        Run in eval mode; every module's mode is put back.
    data : data
        As in `fit`; labels are not needed.

    Returns
    -------
    Tensor (N, C), float32, on the CPU

    Raises
    ------
    ValueError
        For an empty set, or a DataLoader that shuffles, repeats or leaves out examples.
    """
    batches = as_batches(data, batch_size, runtime)
    if isinstance(data, DataLoader):
        loaders.check_order(data)
    with batch_checks.eval_mode(place(model, runtime)), torch.inference_mode():
        outputs = _outputs(model, batches, runtime)[0].cpu()
    return outputs.clone()  # made outside of inference mode, so that it may enter training


def accuracy(outputs: Tensor, y: Tensor) -> float:
    """Share of the examples whose largest output, over dimension 1, is at the label."""
    return (outputs.argmax(1) == y).float().mean().item()


def place(model: nn.Module, runtime: Runtime) -> nn.Module:
    """Move a model to the device, and convolutions to the faster layout where there is one."""
    model.to(runtime.device)
    dimensions = {parameter.ndim for parameter in model.parameters()}
    if runtime.channels_last and 4 in dimensions and 5 not in dimensions:
        model.to(memory_format=torch.channels_last)
    return model


def _outputs(model: nn.Module, batches: Batches, runtime: Runtime) -> tuple[Tensor, Tensor | None]:
    pairs = []
    for x, y in batches.start():
        with runtime.autocast():
            pairs.append((None if x is None else model(x), y))
    pairs = _all_parts(pairs, runtime.device)
    outputs, labels = zip(*pairs, strict=True)
    if not isinstance(outputs[0], Tensor):
        input_checks.check_outputs(outputs[0], labels[0])
    return torch.cat(outputs).float(), None if labels[0] is None else torch.cat(labels)


def _all_parts(pairs: list[tuple], device: torch.device) -> list[tuple]:
    """Outputs and labels of every process's part of each batch, in the order of the data."""
    if processes.count() == 1:
        return pairs
    processes.check_same({"batches of data": len(pairs)})
    parts = processes.gather([_to(pair, torch.device("cpu")) for pair in pairs])
    return [_to(part, device) for batch in zip(*parts, strict=True) for part in batch
            if part[0] is not None]  # fmt: skip


def _to(pair: tuple, device: torch.device) -> tuple:
    return tuple(t.to(device) if isinstance(t, Tensor) else t for t in pair)

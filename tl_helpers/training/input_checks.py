"""Looks at data, model and optimizer before training starts, so that mistakes cost no epoch."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tl_helpers.training import loaders
from tl_helpers.training.batch_checks import check_smallest_batch, first_names, undisturbed
from tl_helpers.training.batches import Batches, LoaderBatches, TensorBatches
from tl_helpers.training.failures import out_of_memory
from tl_helpers.training.inputs import Inputs, check_labels
from tl_helpers.training.runtime import Runtime


def check_sets(
    model: nn.Module,
    train: Batches,
    valid: Batches | None,
    loss_fn: Callable,
    runtime: Runtime,
    classes: Sequence[str] | None,
) -> None:
    """Every check of the data of a run, with the model and the loss that it is for.

    Raises
    ------
    ValueError
        As the checks below.
    """
    for name, batches in {"train": train, "valid": valid}.items():
        if batches is None:
            continue
        check_batches(batches, name)
        outputs = check_model(model, batches, loss_fn, runtime, name)
        check_classes_match(classes, outputs)
    if isinstance(valid, LoaderBatches):
        loaders.check_complete(valid.loader, "valid")
    check_smallest_batch(model, train, runtime)


def check_batches(batches: Batches, name: str) -> None:
    """Check that examples held in memory have labels and are finite.

    Raises
    ------
    ValueError
        Naming the set: "train" or "valid".
    """
    if isinstance(batches, TensorBatches):
        if batches.y is None:
            raise ValueError(f"{name} has no labels; expected a pair (x, y).")
        check_finite(batches.x, name)
        if batches.y.is_floating_point():
            check_finite(batches.y, name, "y")


def check_finite(values: Inputs, name: str, what: str = "x") -> None:
    """Check floating tensors for NaN and infinity.

    Raises
    ------
    ValueError
        Naming the first example with such a value, and how many have one.
    """
    for key, tensor in values.items() if isinstance(values, dict) else [(None, values)]:
        if not tensor.is_floating_point() or bool(tensor.isfinite().all()):
            continue
        rows = (~tensor.isfinite()).reshape(len(tensor), -1).any(1).nonzero().flatten()
        what = what if key is None else f"{what}[{key!r}]"
        raise ValueError(
            f"{name}: {what} holds NaN or infinite values in {len(rows)} of {len(tensor)} "
            f"examples, first in example {int(rows[0])}. Expected finite numbers; remove those "
            "examples or fill the values in."
        )


def check_model(
    model: nn.Module, batches: Batches, loss_fn: Callable, runtime: Runtime, name: str = "train"
) -> int | None:
    """Pass two examples through model and loss, without a trace in either.

    Returns
    -------
    int or None
        Outputs of the head for integer labels; None for float targets.

    Raises
    ------
    ValueError
        For outputs whose shape does not suit the labels, labels out of range, a loss that is not
        one number, or a batch that the model refuses.
    """
    with undisturbed(model, batches), torch.no_grad(), runtime.autocast():
        x, y = _peek(batches, name)
        try:
            outputs = model(x)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            if out_of_memory(error):
                raise
            raise ValueError(
                f"The model refuses inputs of {name} ({_shape(x)}): {error}. Expected what "
                "the model's preprocessing returns."
            ) from error
        check_outputs(outputs, y)
        classes = None if y.is_floating_point() else outputs.shape[1]
        if classes is not None:
            ignored = getattr(loss_fn, "ignore_index", None)
            held = batches.y if isinstance(batches, TensorBatches) else None
            check_labels(y if held is None else held, classes, ignored)
            if not isinstance(batches, TensorBatches):
                batches.classes, batches.ignored = classes, ignored
        loss = loss_fn(outputs.float(), y)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"loss_fn returned {got}; expected one number, the mean over the batch.")
    return classes


def check_outputs(outputs: object, y: Tensor) -> None:
    """Compare the shape of a model's outputs with its labels.

    Raises
    ------
    ValueError
        Unless outputs are (N, C, ...) for integer labels (N, ...), and shaped as float targets.
    """
    if not isinstance(outputs, Tensor):
        raise ValueError(
            f"The model returned a {type(outputs).__name__}; expected a tensor of outputs (N, C). "
            "Wrap the model so that forward returns its logits."
        )
    got, wanted = tuple(outputs.shape), tuple(y.shape)
    if y.is_floating_point():
        if got != wanted:
            cure = "Reshape y, or squeeze the outputs."
            if outputs.ndim == y.ndim + 1 and bool((y == y.round()).all()):
                cure = "If y holds class labels, make them whole numbers: y.astype(int), y.long()."
            raise ValueError(
                f"The model returns {got} for float targets of shape {wanted}; expected equal "
                f"shapes, or the loss would silently broadcast. {cure}"
            )
    elif outputs.ndim != y.ndim + 1 or got[:1] + got[2:] != wanted:
        raise ValueError(
            f"The model returns {got} for integer labels of shape {wanted}; expected outputs "
            "(N, C), one column a class, and labels (N,). Give the model a classification head; "
            "or make y float for regression, and for losses of one output each such as "
            "BCEWithLogitsLoss."
        )


def check_classes_match(classes: Sequence[str] | None, outputs: int | None) -> None:
    """Compare the class names of a dataset with the outputs of a head; None means unknown.

    Raises
    ------
    ValueError
        When their numbers differ.
    """
    if classes is not None and outputs is not None and len(classes) != outputs:
        raise ValueError(
            f"The data has {len(classes)} classes and the model's head has {outputs} outputs. "
            f"Expected one output a class: with_head(backbone, {len(classes)})."
        )


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Compare the parameters that train with those that the optimizer updates.

    Raises
    ------
    ValueError
        When nothing trains, or a parameter is in two places of the optimizer.

    Warns
    -----
    UserWarning
        When the optimizer misses trainable parameters, or holds some of another model.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    if not trainable:
        raise ValueError(
            "No parameter of the model is trainable: all are frozen. Unfreeze a stage with "
            "unfreeze(stage), or add a head."
        )
    if not trainable & set(held):
        raise ValueError(
            "The optimizer updates no trainable parameter of this model. Was it made before the "
            "head was replaced or the model was copied? Make it from this model's parameters."
        )
    twice = [names.get(i, "a parameter") for i, count in Counter(held).items() if count > 1]
    if twice:
        raise ValueError(
            f"The optimizer holds {first_names(twice)} more than once, so each step would move it "
            "more than once. Expected every parameter in exactly one group."
        )
    missing = [names[i] for i in names if i in trainable - set(held)]
    if missing:
        warnings.warn(
            f"The optimizer misses {len(missing)} trainable parameters ({first_names(missing)}), "
            "which will not change. Freeze them, or add them to the optimizer.",
            stacklevel=3,
        )
    if any(i not in names for i in held):
        warnings.warn(
            f"The optimizer holds {sum(i not in names for i in held)} parameters that are not in "
            "this model. Was it made before a part was replaced?",
            stacklevel=3,
        )


def _peek(batches: Batches, name: str) -> tuple[Inputs, Tensor]:
    x, y = batches.peek()
    if y is None:
        raise ValueError(f"{name} has no labels; expected batches that are pairs (x, y).")
    check_finite(x, name)
    return x, y


def _shape(x: Inputs) -> str:
    if isinstance(x, dict):
        return ", ".join(f"{key} {tuple(value.shape)}" for key, value in x.items())
    return f"shape {tuple(x.shape)}, {x.dtype}"

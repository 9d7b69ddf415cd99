"""Inputs and labels as tensors, and what can be checked on them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

Inputs = Tensor | dict[str, Tensor]

ACCEPTED = (
    "a pair (x, y) of tensors, an object with .x and .y, a torch Dataset or a DataLoader "
    "(x may be a dict of tensors)"
)


def as_inputs(x: object) -> Inputs:
    """x as a tensor or a dict of tensors; float64 becomes float32, the type of the weights.

    Arrays and tables (numpy, pandas) are taken row by row, whatever their index and layout.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(x, Mapping):
        return {name: _input(value) for name, value in x.items()}
    return _input(x)


def _input(x: object) -> Tensor:
    if isinstance(x, list | tuple) and x and isinstance(x[0], str):
        raise TypeError(
            "x is a list of texts; expected token tensors. Tokenise first: "
            "x = backbone.preprocess(texts)."
        )
    if hasattr(x, "__array__") and not isinstance(x, Tensor):
        x = _tensor(x, "x", "numbers, one row an example")
    if isinstance(x, Tensor):
        return x.float() if x.dtype == torch.float64 else x
    raise TypeError(f"x is a {type(x).__name__}; expected {ACCEPTED}.")


def as_targets(y: object) -> Tensor:
    """y as a tensor; integers and bool become int64, float64 becomes float32.

    A column of a table is taken in its order, whatever its index.

    Raises
    ------
    TypeError
        For labels that are not numbers.
    """
    y = _tensor(y, "y", "whole-number labels from 0, such as positions in `classes`, or float "
                        "targets")  # fmt: skip
    if y.dtype == torch.float64:
        return y.float()
    return y if y.is_floating_point() or y.is_complex() else y.long()


def _tensor(values: object, name: str, expected: str) -> Tensor:
    """Values as a tensor; arrays by position, copied where torch cannot share their memory."""
    try:
        if hasattr(values, "__array__") and not isinstance(values, Tensor):
            # A table converts its own types better than numpy does: whole numbers stay so.
            values = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
            plain = values.dtype.newbyteorder("=")  # as this machine stores numbers
            values = np.require(values, plain, ["C_CONTIGUOUS", "WRITEABLE"])
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} cannot be made a tensor ({error}); expected {expected}."
        ) from error


def check_labels(y: Tensor, classes: int, ignored: int | None = None) -> None:
    """Compare integer labels with the number of outputs of the head.

    Raises
    ------
    ValueError
        Naming the first label out of range and where it is.
    """
    if y.is_floating_point():
        return
    wrong = (y < 0) | (y >= classes)
    if ignored is not None:
        wrong &= y != ignored
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        label = y[tuple(place)].item()
        where = place[0] if len(place) == 1 else tuple(place)
        raise ValueError(
            f"Label {label} (first at position {where}; {int(wrong.sum())} in all) is out of range "
            f"for a head of {classes} outputs; expected labels from 0 to {classes - 1}. Number the "
            "classes from 0, or give the model a head with one output a class."
        )


def check_lengths(x: Inputs, y: Tensor | None) -> None:
    """Check that inputs and labels have one first dimension.

    Raises
    ------
    ValueError
        With every length.
    """
    lengths = {f"x[{k!r}]": len(v) for k, v in x.items()} if isinstance(x, dict) else {"x": len(x)}
    if y is not None:
        lengths["y"] = len(y) if y.ndim else 1
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in lengths.items())
        raise ValueError(
            f"Inputs and labels differ in length: {told}. Expected one label for each example; "
            "were both taken from the same split with the same indices?"
        )


def tensors_of(x: Inputs) -> list[Tensor]:
    """The tensor, or those of the dict, as a list."""
    return list(x.values()) if isinstance(x, dict) else [x]


def map_inputs(x: Inputs, function: Callable[[Tensor], Tensor]) -> Inputs:
    """Apply a function to the tensor, or to each one of the dict."""
    if isinstance(x, dict):
        return {name: function(value) for name, value in x.items()}
    return function(x)


def to_device(x: Inputs, y: Tensor | None, device: torch.device) -> tuple[Inputs, Tensor | None]:
    """Copy inputs and labels to a device; from pinned memory the copy does not wait."""
    on_device = map_inputs(x, lambda t: t.to(device, non_blocking=True))
    return on_device, None if y is None else y.to(device, non_blocking=True)

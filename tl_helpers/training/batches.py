"""Batches for training and prediction, from tensors on the device or from a DataLoader.

A set that fits lives on the device and is indexed there: no worker processes, no copies. Either
kind can start an epoch after its first `skip` batches, which is how a run continues mid-epoch.

Under several processes each yields its part of every batch, in the order of the first process. All
yield equally often: a process without an example in a small last batch yields `NO_PART`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from tl_helpers.training import loaders, processes
from tl_helpers.training.inputs import (
    ACCEPTED,
    Inputs,
    as_inputs,
    as_targets,
    check_labels,
    check_lengths,
    map_inputs,
    tensors_of,
    to_device,
)
from tl_helpers.training.runtime import Runtime, check_whole

Pair = tuple[Inputs, Tensor | None]
Batch = Pair | tuple[None, Tensor]

NO_PART: Batch = (None, torch.empty(0))


class TensorBatches:
    """Batches of tensors held in memory, on the device when they fit there.

    Parameters
    ----------
    x : Tensor (N, ...) or dict of such tensors
    y : Tensor (N, ...) or None
    batch_size : int
    runtime : Runtime
    shuffle : bool
        New order each epoch, from ``generator`` or else torch's global generator.

    Attributes
    ----------
    join_last : bool
        Whether a last batch of one example joins the batch before it.
    """

    def __init__(
        self,
        x: Inputs,
        y: Tensor | None,
        batch_size: int,
        runtime: Runtime,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        self.device = runtime.device
        self.resident = _fits(x, self.device)
        self._home = self.device if self.resident else torch.device("cpu")
        self.x = map_inputs(x, lambda t: t.to(self._home))
        self.y = None if y is None else y.to(self._home)
        self.examples = len(tensors_of(x)[0])
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.join_last = False
        self.generators = [generator] if shuffle and generator is not None else []
        self._generator = generator

    def __len__(self) -> int:
        return len(self.sizes())

    def sizes(self) -> list[int]:
        """Examples of each batch of an epoch."""
        full, rest = divmod(self.examples, self.batch_size)
        if self.join_last and full and rest == 1:
            return [*[self.batch_size] * (full - 1), self.batch_size + 1]
        return [self.batch_size] * full + [rest] * (rest > 0)

    def start(self, skip: int = 0) -> Iterator[Batch]:
        """Draw the epoch's order now; then yield its batches after the first ``skip``."""
        sizes, several = self.sizes(), processes.count() > 1
        if self.shuffle or several:
            chosen = processes.broadcast(self._order()).to(self._home).split(sizes)[skip:]
            return map(self._take, map(processes.part, chosen) if several else chosen)
        first = skip * self.batch_size
        return (self._slice(first + n * self.batch_size, size)
                for n, size in enumerate(sizes[skip:]))  # fmt: skip

    def peek(self, count: int = 2) -> Pair:
        """First examples, outside of any epoch."""
        return self._move(map_inputs(self.x, lambda t: t[:count]), _first(self.y, count))

    def _order(self) -> Tensor:
        if self.shuffle:
            return torch.randperm(self.examples, generator=self._generator)
        return torch.arange(self.examples)

    def _take(self, indices: Tensor) -> Batch:
        if not len(indices):
            return NO_PART
        x = map_inputs(self.x, lambda t: t.index_select(0, indices))
        return self._move(x, None if self.y is None else self.y.index_select(0, indices))

    def _slice(self, start: int, size: int) -> Batch:
        stop = start + size
        return self._move(
            map_inputs(self.x, lambda t: t[start:stop]),
            None if self.y is None else self.y[start:stop],
        )

    def _move(self, x: Inputs, y: Tensor | None) -> Pair:
        if self.resident:
            return x, y
        # Only pinned memory is copied while the GPU computes.
        return to_device(map_inputs(x, Tensor.pin_memory), y, self.device)


class LoaderBatches:
    """Batches of a DataLoader, copied to the device while it computes.

    Parameters
    ----------
    loader : DataLoader
        Each batch is a pair (x, y), or x alone where only predictions are made. Several processes
        divide its batches among them: give it an ordinary sampler.
    runtime : Runtime

    Attributes
    ----------
    classes, ignored : int or None
        Once set, labels of every batch are checked before they reach the device.

    Raises
    ------
    ValueError
        For a loader that cannot tell which batches an epoch has, as one that streams.
    """

    def __init__(self, loader: DataLoader, runtime: Runtime) -> None:
        loaders.check_sized(loader)
        self.loader = loader
        self._own = loader if processes.count() == 1 else loaders.divided(loader)
        self.device = runtime.device
        self.classes: int | None = None
        self.ignored: int | None = None
        self.examples = loaders.examples(loader)
        self.batch_size = loader.batch_size
        self.generators = loaders.generators_of(loader)

    def __len__(self) -> int:
        return len(self.loader)

    def sizes(self) -> list[int]:
        """Examples of each batch of an epoch."""
        return loaders.sizes(self.loader)

    def start(self, skip: int = 0) -> Iterator[Batch]:
        """Start the loader and pass over ``skip`` batches now; then yield the others."""
        batches = iter(self._own)
        for _ in range(skip):
            next(batches)
        return (NO_PART if batch is None else self._move(batch) for batch in batches)

    def peek(self, count: int = 2) -> Pair:
        """First examples, without worker processes; draws random numbers as an epoch does."""
        loader = self.loader
        chosen = next(iter(loaders.batches_of(loader)))[:count]
        if hasattr(loader.dataset, "__getitems__"):  # a whole batch at once, as the loader asks
            items = loader.dataset.__getitems__(chosen)
        else:
            items = [loader.dataset[i] for i in chosen]
        x, y = self._move(loader.collate_fn(items))
        return map_inputs(x, lambda t: t[:count]), _first(y, count)

    def _move(self, batch: object) -> Pair:
        parts: Sequence = batch if isinstance(batch, tuple | list) else (batch,)
        labels = parts[1] if len(parts) == 2 else None
        y = None if labels is None else as_targets(labels)
        if self.classes is not None and y is not None:
            check_labels(y, self.classes, self.ignored)
        return to_device(as_inputs(parts[0]), y, self.device)


Batches = TensorBatches | LoaderBatches


def as_batches(
    data: object,
    batch_size: int,
    runtime: Runtime,
    *,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    name: str = "The data",
) -> Batches:
    """Batches from whatever form the data has.

    Parameters
    ----------
    data : (x, y), object with ``.x`` and ``.y``, Dataset, DataLoader, or x alone
        x: tensor (N, ...), array, or dict of tensors with one first dimension; float64 becomes
        float32. y: (N, ...) integer class labels (any integer type) or float targets. A
        DataLoader keeps its own batch size and order.
    batch_size : int
        Examples a batch.
    runtime : Runtime
    shuffle : bool
    generator : torch.Generator, optional
        CPU generator for the shuffle; torch's global one by default.
    name : str
        Of the set, for errors.

    Raises
    ------
    TypeError
        For another form of data, text that is not tokenised included.
    ValueError
        For lengths that differ, a batch size that is not positive, a set that gives no batch, and
        those of `LoaderBatches`.
    """
    check_whole("batch_size", batch_size)
    batches = _in_batches(data, batch_size, runtime, shuffle, generator)
    if batches.examples == 0:
        raise ValueError(f"{name} is empty; expected at least one example.")
    if len(batches) == 0:
        raise ValueError(
            f"{name} gives no batch: the loader drops incomplete batches and has fewer examples "
            f"({batches.examples}) than its batch_size. Use drop_last=False or smaller batches."
        )
    return batches


def _in_batches(
    data: Any,
    batch_size: int,
    runtime: Runtime,
    shuffle: bool,
    generator: torch.Generator | None,
) -> Batches:
    if isinstance(data, DataLoader):
        return LoaderBatches(data, runtime)
    if isinstance(data, TensorDataset) and len(data.tensors) == 2:
        data = data.tensors
    if not hasattr(data, "x") and isinstance(data, Dataset):
        # Where torch shuffles, it refuses streams and empty sets in other words than we do.
        shuffle = shuffle and not isinstance(data, IterableDataset) and loaders.length(data) > 0
        pinned = runtime.device.type == "cuda"
        loader = DataLoader(data, batch_size, shuffle, generator=generator, pin_memory=pinned)
        return LoaderBatches(loader, runtime)
    x, y = _pair(data)
    x, y = as_inputs(x), None if y is None else as_targets(y)
    check_lengths(x, y)
    return TensorBatches(x, y, batch_size, runtime, shuffle, generator)


def _pair(data: object) -> tuple[object, object]:
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    if isinstance(data, Tensor | np.ndarray | Mapping):
        return data, None
    raise TypeError(f"The data is a {type(data).__name__}; expected {ACCEPTED}.")


def _fits(x: Inputs, device: torch.device) -> bool:
    """A quarter of the free GPU memory may hold data; the rest is for the model."""
    if device.type != "cuda":
        return True
    size = sum(t.numel() * t.element_size() for t in tensors_of(x))
    return size <= torch.cuda.mem_get_info(device)[0] // 4


def _first(y: Tensor | None, count: int) -> Tensor | None:
    return None if y is None else y[:count]

"""DataLoaders looked at: what they yield, in which order, how often, and divided among processes.

What a loader yields is found out by asking its samplers, with all generators put back, and not by
the names of their classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torch.utils.data.distributed import DistributedSampler

from tl_helpers.training import processes
from tl_helpers.training.checkpoints import rng_state, set_rng_state


def check_sized(loader: DataLoader) -> None:
    """Check that an epoch has a known number of batches and can be repeated.

    Raises
    ------
    ValueError
        For a sampler without a length, as a generator or an iterator is one: it is read once.
    """
    if isinstance(loader.dataset, IterableDataset):
        return
    try:
        len(loader)
    except TypeError as error:
        raise ValueError(
            f"This DataLoader cannot tell how many batches an epoch has ({error}). Expected a "
            "sampler or batch_sampler with a length that starts again whenever it is iterated "
            "over: a Sampler, or a list in place of a generator."
        ) from error


def check_restarts(loader: DataLoader, name: str) -> None:
    """Check that a stream begins again at each epoch.

    Only those are tried that are iterators, or hold one such as an open file: opened twice with
    equal random numbers, they must begin with the same example.

    Raises
    ------
    ValueError
        For a stream that goes on where it stopped.
    """
    stream = loader.dataset
    held = [stream, *vars(stream).values()]
    if not isinstance(stream, IterableDataset) or not any(isinstance(v, Iterator) for v in held):
        return
    before, generators = rng_state(generators_of(loader)), generators_of(loader)
    first = next(iter(stream), None)
    set_rng_state(before, generators)
    again = next(iter(stream), None)
    set_rng_state(before, generators)
    if not _same(first, again):
        raise ValueError(
            f"{name} is a stream that can be read once: opened again, it goes on where it stopped, "
            "and every epoch reads it anew. Expected an __iter__ that starts from the beginning, "
            "as by opening the file there; or epochs=1."
        )


def check_order(loader: DataLoader) -> None:
    """Check that a loader gives every example of its dataset once, in order.

    Raises
    ------
    ValueError
        For one that shuffles, repeats or leaves out examples, with what it does.
    """
    if isinstance(loader.dataset, IterableDataset):
        check_complete(loader, "The data")
        return
    drawn, count = _drawn(loader), _length(loader.dataset)
    if drawn == list(range(count)):
        return
    what = "shuffles"
    if missing := count - len(set(drawn)):
        what = f"leaves out {missing} of {count} examples"
    elif len(drawn) > count:
        what = f"gives {len(drawn) - count} examples more than once"
    raise ValueError(
        f"predict keeps the order of the data and this DataLoader {what}. Expected a loader made "
        "with shuffle=False and drop_last=False and without a sampler of its own; for a part of "
        "the data use torch.utils.data.Subset."
    )


def check_complete(loader: DataLoader, name: str) -> None:
    """Check that batches leave out nothing of what the sampler names.

    Raises
    ------
    ValueError
        For a loader that drops the last, incomplete batch.
    """
    streamed = isinstance(loader.dataset, IterableDataset)
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if streamed or sampler is None:
        dropped = "the last examples" if streamed and loader.drop_last else ""
    else:
        missing = len(sampler) - sum(sizes(loader))
        dropped = f"{missing} of {len(sampler)} examples" if missing > 0 else ""
    if dropped:
        raise ValueError(
            f"{name}: the DataLoader drops {dropped}, in its last, incomplete batch, and a result "
            "is over all of them. Expected drop_last=False."
        )


def examples(loader: DataLoader) -> int:
    """Examples of an epoch: as many as the sampler names, which may not be the whole dataset."""
    return _length(loader.dataset if loader.batch_size is None else loader.sampler)


def sizes(loader: DataLoader) -> Sequence[int]:
    """Examples of each batch of an epoch; none where the dataset makes the batches."""
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        return []
    if loader.batch_size is not None:
        full, rest = divmod(_length(loader.sampler), loader.batch_size)
        return [loader.batch_size] * full + [rest] * (rest > 0 and not loader.drop_last)
    return [len(batch) for batch in _asked(loader, loader.batch_sampler)]


def _length(of: Dataset | Iterable) -> int:
    return len(of)  # type: ignore[arg-type]  # torch's types leave out the __len__ it asks for


def _drawn(loader: DataLoader) -> list:
    """Positions in the dataset, in the order in which an epoch takes them."""
    if loader.batch_sampler is None:
        return _asked(loader, loader.sampler)
    return [position for batch in _asked(loader, loader.batch_sampler) for position in batch]


def _asked(loader: DataLoader, sampler: Iterable) -> list:
    generators = generators_of(loader)
    before = rng_state(generators)
    found = list(sampler)
    set_rng_state(before, generators)
    return found


def _same(one: object, other: object) -> bool:
    """Whether two examples, of tensors, arrays and containers of them, are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        one, other = list(one.items()), list(other.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return bool(torch.as_tensor(one == other).all())


def divided(loader: DataLoader) -> DataLoader:
    """The same loader, giving this process's part of every batch, or None for an empty part.

    Raises
    ------
    ValueError
        For a loader whose batches cannot be divided.
    """
    streamed = isinstance(loader.dataset, IterableDataset)
    divided_before = isinstance(loader.sampler, DistributedSampler)
    if streamed or divided_before or loader.batch_sampler is None:
        kind = "streams its dataset" if streamed else "makes whole batches itself"
        kind = "has a DistributedSampler" if divided_before else kind
        raise ValueError(
            f"This DataLoader {kind}, and fit divides every batch among the processes by itself. "
            "Expected a loader over a Dataset with __len__ and __getitem__, a batch_size and an "
            "ordinary sampler, the same on every process."
        )
    workers = {"prefetch_factor": loader.prefetch_factor,
               "persistent_workers": loader.persistent_workers,
               "multiprocessing_context": loader.multiprocessing_context,
               "worker_init_fn": loader.worker_init_fn, "timeout": loader.timeout}  # fmt: skip
    return DataLoader(
        loader.dataset,
        batch_sampler=_Parts(loader.batch_sampler),
        num_workers=loader.num_workers,
        collate_fn=partial(_collate, loader.collate_fn),
        pin_memory=loader.pin_memory,
        generator=loader.generator,
        **workers,
    )


class _Parts:
    """A batch sampler: this process's part of every batch that the first process draws."""

    def __init__(self, batches: Iterable[list[int]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return _length(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        drawn = processes.broadcast([torch.as_tensor(batch) for batch in self.batches])
        yield from (processes.part(batch).tolist() for batch in drawn)


def _collate(collate: Callable, items: list) -> object:
    return collate(items) if items else None


def generators_of(loader: DataLoader) -> list[torch.Generator]:
    """Generators that a loader and its samplers draw from."""
    holders = [loader, loader.sampler, getattr(loader.batch_sampler, "sampler", None)]
    found = [getattr(holder, "generator", None) for holder in holders]
    return list({id(g): g for g in found if isinstance(g, torch.Generator)}.values())

"""DataLoaders looked at: what they yield, in which order, how often, and divided among processes.

What a loader yields is found out by asking its samplers, with all generators put back, and not by
the names of their classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torch.utils.data.distributed import DistributedSampler

from tl_helpers.training import processes
from tl_helpers.training.checkpoints import rng_state, set_rng_state


def check_sized(loader: DataLoader) -> None:
    """Check that a loader says how many batches an epoch has, and which examples are in each.

    Raises
    ------
    ValueError
        For a stream, for a dataset that makes whole batches itself, and for a sampler without a
        length, as a generator or an iterator is one: it is read once.
    """
    streamed = isinstance(loader.dataset, IterableDataset)
    if streamed or loader.batch_sampler is None:
        kind = "streams its dataset" if streamed else "leaves batches to its dataset"
        raise ValueError(
            f"This DataLoader {kind}, so nobody knows which examples an epoch has. Expected a "
            "Dataset with __len__ and __getitem__ and a batch_size; what fits into memory becomes "
            "one by list(dataset)."
        )
    try:
        len(loader)
    except TypeError as error:
        raise ValueError(
            f"This DataLoader cannot tell how many batches an epoch has ({error}). Expected a "
            "sampler or batch_sampler with a length that starts again whenever it is iterated "
            "over: a Sampler, or a list in place of a generator."
        ) from error


def check_order(loader: DataLoader) -> None:
    """Check that a loader gives every example of its dataset once, in order.

    Raises
    ------
    ValueError
        For one that shuffles, repeats or leaves out examples, with what it does.
    """
    drawn = [position for batch in _drawn(loader) for position in batch]
    count = length(loader.dataset)
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
    sampler = getattr(loader.batch_sampler, "sampler", None)
    if sampler is not None and (missing := len(sampler) - sum(sizes(loader))) > 0:
        raise ValueError(
            f"{name}: the DataLoader drops {missing} of {len(sampler)} examples, in its last, "
            "incomplete batch, and a result is over all of them. Expected drop_last=False."
        )


def batches_of(loader: DataLoader) -> Iterable[list]:
    """Positions of each batch, drawn anew whenever they are iterated over."""
    return loader.batch_sampler or ()  # it has one: see `check_sized`


def examples(loader: DataLoader) -> int:
    """Examples of an epoch: as many as the sampler names, which may not be the whole dataset."""
    return length(loader.sampler)


def sizes(loader: DataLoader) -> list[int]:
    """Examples of each batch of an epoch."""
    if loader.batch_size is None:
        return [len(batch) for batch in _drawn(loader)]
    full, rest = divmod(examples(loader), loader.batch_size)
    return [loader.batch_size] * full + [rest] * (rest > 0 and not loader.drop_last)


def length(of: Dataset | Iterable) -> int:
    """How many a dataset, a sampler or a batch sampler has."""
    return len(of)  # type: ignore[arg-type]  # torch's types leave out the __len__ it asks for


def _drawn(loader: DataLoader) -> list[list]:
    """Positions in the dataset of each batch of an epoch, found without a trace."""
    generators = generators_of(loader)
    before = rng_state(generators)
    drawn = list(batches_of(loader))
    set_rng_state(before, generators)
    return drawn


def divided(loader: DataLoader) -> DataLoader:
    """The same loader, giving this process's part of every batch, or None for an empty part.

    Raises
    ------
    ValueError
        For a loader whose sampler divides the examples itself.
    """
    if isinstance(loader.sampler, DistributedSampler):
        raise ValueError(
            "This DataLoader has a DistributedSampler, and fit divides every batch among the "
            "processes by itself. Expected an ordinary sampler, the same on every process."
        )
    workers = {"prefetch_factor": loader.prefetch_factor,
               "persistent_workers": loader.persistent_workers,
               "multiprocessing_context": loader.multiprocessing_context,
               "worker_init_fn": loader.worker_init_fn, "timeout": loader.timeout}  # fmt: skip
    return DataLoader(
        loader.dataset,
        batch_sampler=_Parts(batches_of(loader)),
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
        return length(self.batches)

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

"""What every loader returns: examples with ids and groups, in three splits, with a data card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """Labelled examples of one split.

    Attributes
    ----------
    x : Tensor or list of str
        Pictures as uint8 (N, C, H, W), or texts.
    y : Tensor
        Labels, int64 (N,), numbered from 0.
    ids : list of str
        A name for each example, unique in its data set.
    groups : list of str
        The unit that repeats in the wild (photograph, drawing, writer); no group is in two splits.
    classes : list of str
        Class names, in the order of the labels.

    Raises
    ------
    ValueError
        When x, y, ids and groups differ in length, or a label has no class.
    """

    x: Tensor | list[str]
    y: Tensor
    ids: list[str]
    groups: list[str]
    classes: list[str]

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.y), len(self.ids), len(self.groups)}
        if len(lengths) != 1:
            raise ValueError(
                f"x, y, ids and groups have {len(self.x)}, {len(self.y)}, {len(self.ids)} and "
                f"{len(self.groups)} entries; expected one of each for every example."
            )
        if len(self.y) and not 0 <= int(self.y.min()) <= int(self.y.max()) < len(self.classes):
            raise ValueError(
                f"Labels run from {int(self.y.min())} to {int(self.y.max())}, and there are "
                f"{len(self.classes)} classes; expected labels from 0 to {len(self.classes) - 1}."
            )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def tensor(self) -> Tensor:
        """``x`` as pictures or rows of numbers, (N, ...), without a copy.

        Raises
        ------
        TypeError
            For texts.
        """
        if not isinstance(self.x, Tensor):
            raise TypeError("the examples are texts; expected pictures or numbers.")
        return self.x

    @property
    def texts(self) -> list[str]:
        """``x`` as texts, one an example.

        Raises
        ------
        TypeError
            For pictures or numbers.
        """
        if isinstance(self.x, Tensor):
            raise TypeError(f"the examples are {self.x.dtype} numbers; expected texts.")
        return self.x

    def take(self, indices: Sequence[int] | Tensor | np.ndarray) -> Examples:
        """The examples at these positions, in this order."""
        index = torch.as_tensor(indices, dtype=torch.long)
        picked = index.tolist()
        x = self.x[index] if isinstance(self.x, Tensor) else [self.x[i] for i in picked]
        return Examples(
            x,
            self.y[index],
            [self.ids[i] for i in picked],
            [self.groups[i] for i in picked],
            self.classes,
        )

    def per_class(self, count: int, seed: int) -> Examples:
        """``count`` random examples of each class; a seed gives nested sets for growing counts.

        Raises
        ------
        ValueError
            When some class has fewer examples.
        """
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        of_class = [order[self.y[order] == label] for label in range(len(self.classes))]
        fewest = min(range(len(of_class)), key=lambda label: len(of_class[label]))
        if count < 1 or len(of_class[fewest]) < count:
            raise ValueError(
                f"{count} examples of each class were asked for; class "
                f"{self.classes[fewest]!r} has {len(of_class[fewest])}. Ask for 1 to that many."
            )
        return self.take(torch.cat([members[:count] for members in of_class]))

    def fingerprint(self) -> str:
        """SHA-256 of inputs, labels, ids, groups, classes: part of the key of cached features."""
        digest = hashlib.sha256()
        if isinstance(self.x, Tensor):
            digest.update(_tensor_bytes(self.x))
        parts = [[] if isinstance(self.x, Tensor) else self.x, self.ids, self.groups, self.classes]
        digest.update(json.dumps(parts).encode())  # texts in quotes: none runs into the next
        digest.update(_tensor_bytes(self.y))
        return digest.hexdigest()


@dataclass(frozen=True)
class Splits:
    """Training pool, validation and test examples that share no group, and their data card.

    Raises
    ------
    ValueError
        When a group is in two splits.
    """

    train: Examples
    valid: Examples
    test: Examples
    card: str

    def __post_init__(self) -> None:
        groups = [set(part.groups) for part in (self.train, self.valid, self.test)]
        shared = (groups[0] & groups[1]) | (groups[0] & groups[2]) | (groups[1] & groups[2])
        if shared:
            raise ValueError(
                f"{len(shared)} groups are in two splits, such as {sorted(shared)[0]!r}; expected "
                "each group in one, or the test set repeats what was trained on."
            )

    def fingerprint(self) -> str:
        """SHA-256 of the three parts; the card only tells of them."""
        parts = (self.train, self.valid, self.test)
        return hashlib.sha256("".join(p.fingerprint() for p in parts).encode()).hexdigest()


def _tensor_bytes(tensor: Tensor) -> bytes:
    """Type, shape and values."""
    values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return f"{tensor.dtype} {tuple(tensor.shape)}".encode() + values.numpy().tobytes()


def split_by_group(
    examples: Examples, sizes: tuple[float, float], seed: int
) -> tuple[Examples, Examples, Examples]:
    """Share out whole groups at random: train, valid, test.

    Parameters
    ----------
    examples : Examples
    sizes : (float, float)
        Shares of the groups that go to valid and to test.
    seed : int
    """
    names = sorted(set(examples.groups))
    order = np.random.default_rng(seed).permutation(len(names))
    first, second = round(sizes[0] * len(names)), round(sum(sizes) * len(names))
    part_of = {names[i]: 1 if k < first else 2 if k < second else 0 for k, i in enumerate(order)}
    parts = np.array([part_of[group] for group in examples.groups])
    train, valid, test = (examples.take(np.flatnonzero(parts == part)) for part in range(3))
    return train, valid, test

"""Slices with a label for every pixel, each belonging to a subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Segmented:
    """Slices, their masks, and whom they show.

    Attributes
    ----------
    x : Tensor, float32 (N, H, W)
        Brightness, from 0 to about 1.
    y : Tensor, int64 (N, H, W)
        The label of every pixel; 0 is what belongs to no class of interest.
    subjects : list of str
        Of each slice: the unit that repeats.
    classes : list of str
        Names of the labels, the first one that of 0.

    Raises
    ------
    ValueError
        When shapes, lengths or labels do not fit together.
    """

    x: Tensor
    y: Tensor
    subjects: list[str]
    classes: list[str]

    def __post_init__(self) -> None:
        if self.x.shape != self.y.shape or self.x.dim() != 3 or len(self.x) != len(self.subjects):
            raise ValueError(
                f"slices have shape {tuple(self.x.shape)}, masks {tuple(self.y.shape)} and there "
                f"are {len(self.subjects)} subjects; expected (N, H, W) twice, and N subjects."
            )
        if self.y.numel() and not 0 <= int(self.y.min()) <= int(self.y.max()) < len(self.classes):
            raise ValueError(
                f"labels run from {int(self.y.min())} to {int(self.y.max())}, and there are "
                f"{len(self.classes)} classes; expected labels from 0 to {len(self.classes) - 1}."
            )

    @classmethod
    def stacked(cls, x: Tensor, y: Tensor, classes: Sequence[str], name: str) -> Segmented:
        """Subjects given as (N, S, H, W), called ``name`` and a number."""
        subjects = [f"{name} {n}" for n in range(len(x)) for _ in range(x.shape[1])]
        return cls(x.flatten(0, 1), y.flatten(0, 1), subjects, list(classes))

    def __len__(self) -> int:
        return len(self.x)

    def of(self, names: Sequence[str]) -> Segmented:
        """The slices of these subjects."""
        return self.take([n for n, subject in enumerate(self.subjects) if subject in set(names)])

    def take(self, places: Sequence[int] | Tensor) -> Segmented:
        """The slices at these places, in this order."""
        index = torch.as_tensor(places, dtype=torch.long)
        named = [self.subjects[n] for n in index.tolist()]
        return Segmented(self.x[index], self.y[index], named, self.classes)

    def pixels(self) -> np.ndarray:
        """The subject of every pixel, as a number: int32 (N * H * W,)."""
        numbers = np.unique(self.subjects, return_inverse=True)[1]
        return np.repeat(numbers, self.x[0].numel()).astype(np.int32)

    def split(self, learn: int, valid: int, seed: int) -> tuple[Segmented, Segmented, Segmented]:
        """Whole subjects at random: ``learn`` to train on, ``valid`` to choose by, others to test.

        Raises
        ------
        ValueError
            When no subject is left to test on.
        """
        names = sorted(set(self.subjects))
        if min(learn, valid) < 1 or learn + valid >= len(names):
            raise ValueError(
                f"{len(names)} subjects for {learn} to learn from and {valid} to choose by; "
                f"expected at least {max(learn, 1) + max(valid, 1) + 1}, so that some are left."
            )
        drawn = [names[n] for n in np.random.default_rng(seed).permutation(len(names))]
        chosen, others = drawn[learn : learn + valid], drawn[learn + valid :]
        return self.of(drawn[:learn]), self.of(chosen), self.of(others)

    def shares(self, seed: int) -> tuple[Segmented, Segmented, Segmented]:
        """`split` with about half of the subjects to train on, and an eighth to choose by.

        Raises
        ------
        ValueError
            With fewer than three subjects.
        """
        count = len(set(self.subjects))
        return self.split(max(1, count // 2), max(1, count // 8), seed)

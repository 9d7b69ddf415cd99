"""Parts of one product as an inspection line meets them: good ones, bad ones, and a mixed test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tl_helpers.simulators import defects

GOOD = "good"


@dataclass(frozen=True)
class Parts:
    """Pictures of parts, and what is wrong with each.

    Attributes
    ----------
    x : Tensor
        uint8 (N, 3, H, W).
    masks : bool array (N, H, W)
        Pixels of the defect; none in a good part.
    kinds : list of str
        ``"good"`` or the kind of defect.
    sizes : list of str
        "small", "medium" or "large"; "" for a good part.
    """

    x: Tensor
    masks: np.ndarray
    kinds: list[str]
    sizes: list[str]

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def defective(self) -> np.ndarray:
        """Bool (N,)."""
        return np.array([kind != GOOD for kind in self.kinds])


@dataclass(frozen=True)
class Product:
    """One product: parts to learn from, and other ones to be judged on.

    Attributes
    ----------
    name : str
    good : Parts
        Good parts to learn from.
    bad : Parts
        Defective parts to learn from, for methods that need them.
    test : Parts
        Good and defective parts, none of which is above.
    """

    name: str
    good: Parts
    bad: Parts
    test: Parts


def unmarked(name: str, good: Tensor, test: Tensor, kinds: list[str]) -> Product:
    """A product of which no one marked the defects' pixels, such as a reader's own.

    Parameters
    ----------
    name : str
    good, test : Tensor
        Parts to learn from and to test on, uint8 (N, 3, H, W). None to learn from is defective.
    kinds : list of str
        "good" or the kind of defect, of each test part.
    """

    def parts(x: Tensor, kinds: list[str]) -> Parts:
        return Parts(x, np.zeros((len(x), *x.shape[2:]), bool), kinds, [""] * len(x))

    return Product(name, parts(good, [GOOD] * len(good)), parts(good[:0], []), parts(test, kinds))


Shot = tuple[np.ndarray, np.ndarray, str, str]  # picture, mask, kind, size


def product(
    name: str,
    shoot: Mapping[str, Callable],
    wanted: Iterable[str],
    counts: tuple[int, int, int, int],
) -> Product:
    """Shoot the parts of a product.

    Parameters
    ----------
    name : str
    shoot : dict of str to callable
        "learn" and "test", which draw parts that have nothing in common:
        ``(kind, size, contrast) -> (picture, mask)``, with a float picture (3, H, W) in [0, 1].
    wanted : iterable of str
        Kinds of defect.
    counts : (int, int, int, int)
        Good and defective parts to learn from, good and defective parts to test on. Defects take
        turns in kind, size and contrast.
    """
    kinds = list(wanted)
    goods = [("learn", counts[0], [GOOD]), ("learn", counts[1], kinds)]
    tests = [("test", counts[2], [GOOD]), ("test", counts[3], kinds)]
    good, bad, *test = (_shots(shoot[where], some, count) for where, count, some in goods + tests)
    return Product(name, _parts(good), _parts(bad), _parts([*test[0], *test[1]]))


def _shots(shoot: Callable, kinds: list[str], count: int) -> list[Shot]:
    """``count`` parts; kinds alternate fastest, then sizes, then contrasts."""
    turns = itertools.product(defects.CONTRASTS, defects.SIZES, kinds)
    taken = itertools.islice(itertools.cycle(turns), count)
    return [
        (*shoot(kind, size, contrast), kind, "" if kind == GOOD else size)
        for contrast, size, kind in taken
    ]


def _parts(shots: list[Shot]) -> Parts:
    pictures, masks, kinds, sizes = zip(*shots, strict=True)
    x = np.stack([(one.clip(0, 1) * 255).round().astype(np.uint8) for one in pictures])
    marked = np.stack(masks)
    if not marked.any():  # good parts alone: one False stands for all their pixels
        marked = np.broadcast_to(np.zeros((), bool), marked.shape)
    return Parts(torch.from_numpy(x), marked, list(kinds), list(sizes))

"""Parts of products as rows of numbers, and maps of how unusual each place of a part is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tl_helpers.compare.inspection import aupro
from tl_helpers.simulators.products import Parts, Product

Describe = Callable[[Tensor], np.ndarray]
Judge = Callable[[np.ndarray], np.ndarray]
Learn = Callable[[np.ndarray, np.random.Generator], Judge]
_AT_ONCE = 32  # parts


@dataclass(frozen=True)
class Described:
    """A product's parts as rows of numbers, in half precision, which halves the memory.

    Attributes
    ----------
    good, bad, test : float16 array (N, P, D)
        P places of each part, D numbers each. ``bad`` may be empty.
    defective : bool array (N,)
        Of the test parts.
    """

    good: np.ndarray
    bad: np.ndarray
    test: np.ndarray
    defective: np.ndarray


def described(
    describe: Describe, some: Sequence[Product], *, defects: bool = False
) -> list[Described]:
    """Describe the parts of the products once, for every arm that uses this description.

    Parameters
    ----------
    describe : callable
        uint8 (N, 3, H, W) to float (N, P, D).
    some : sequence of Product
    defects : bool, default False
        Whether an arm learns from the defective parts too.
    """

    def rows(parts: Parts) -> np.ndarray:
        # Few at a time: only the halved numbers of all parts are held at once.
        return np.concatenate([describe(x).astype(np.float16) for x in parts.x.split(_AT_ONCE)])

    return [
        Described(
            rows(one.good),
            rows(one.bad) if defects and len(one.bad) else np.zeros(0, np.float16),
            rows(one.test),
            one.test.defective,
        )
        for one in some
    ]


def both(
    describe: Describe, parts: tuple[Sequence[Product], Sequence[Product]], *, defects: bool = False
) -> tuple[list[Described], list[Described]]:
    """`described` for the development products and for the tested ones."""
    development, tested = (described(describe, some, defects=defects) for some in parts)
    return development, tested


def growth(learn: Tensor, rest: Tensor) -> list[tuple[float, float]]:
    """How far a place of a good part lies from the nearest place of the parts known so far.

    Parameters
    ----------
    learn, rest : float Tensor (N, P, D), (M, P, D)
        Parts that become known one by one, and parts that never do.

    Returns
    -------
    list of (float, float)
        With 2, 3, ... N parts known: the mean distance of these parts to the *others* of them,
        and of the parts of ``rest`` to them.
    """

    def distances(parts: Tensor) -> Tensor:
        return torch.stack([torch.cdist(parts, one[None]).amin(-1) for one in learn], -1)

    inside, outside, every = distances(learn), distances(rest), range(len(learn))
    inside[every, :, every] = torch.inf
    return [
        (inside[:n, :, :n].amin(-1).mean().item(), outside[..., :n].amin(-1).mean().item())
        for n in range(2, len(learn) + 1)
    ]


def maps_of(learn: Learn, product: Described, budget: int, seed: int) -> np.ndarray:
    """How unusual each place of each test part is, float (N, P), after ``budget`` good parts.

    Raises
    ------
    ValueError
        When there are fewer good parts.
    """
    if not 1 <= budget <= len(product.good):
        raise ValueError(f"{budget} good parts were asked for; there are {len(product.good)}.")
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(product.good))[:budget]
    return learn(product.good[chosen].astype(np.float32), rng)(product.test.astype(np.float32))


def top_mean(maps: np.ndarray, top: int) -> np.ndarray:
    """Mean of the ``top`` largest values of each map, float (N,)."""
    return np.partition(maps, -top, axis=1)[:, -top:].mean(1)


def localised(
    learn: Learn, parts: Sequence[Described], masks: Sequence[np.ndarray], budget: int, seed: int
) -> float:
    """Mean AUPRO over products: how well the maps show where the defects are, from 0 to 1.

    Maps are scaled to half the size of the masks, and compared with every second pixel of them.

    Parameters
    ----------
    masks : sequence of bool array (N, H, W)
        Of each product's test parts.

    Raises
    ------
    ValueError
        When a product has fewer good parts than ``budget``, or masks of which none or all
        pixels are defective.
    """
    found = []
    for product, mask in zip(parts, masks, strict=True):
        maps = maps_of(learn, product, budget, seed)
        side = round(maps.shape[1] ** 0.5)
        square = torch.from_numpy(maps).reshape(len(maps), 1, side, side)
        size = (mask.shape[1] // 2, mask.shape[2] // 2)
        scaled = functional.interpolate(square.float(), size, mode="bilinear")[:, 0].numpy()
        found.append(aupro(mask[:, ::2, ::2], scaled))
    return float(np.mean(found))


def maps_quality(
    ways: Mapping[str, tuple[Learn, Sequence]], tested: Sequence[Product], budget: int, seed: int
) -> dict[str, float]:
    """`localised` for each way, where the defects' pixels are known; empty where they are not.

    Parameters
    ----------
    ways : dict of str to (callable, (development, test))
        How each arm learns, and its described parts.
    tested : sequence of Product
        The products of ``test``.

    Raises
    ------
    ValueError
        As for `localised`.
    """
    masks = [product.test.masks for product in tested]
    if not all(mask.any() for mask in masks):
        return {}
    return {
        name: localised(learn, parts[1], masks, budget, seed)
        for name, (learn, parts) in ways.items()
    }

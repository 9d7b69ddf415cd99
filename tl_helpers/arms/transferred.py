"""Arms that bring something from data with plenty of labels: the examples, or a learning rate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import torch

from tl_helpers.arms.heads import linear, tf_idf
from tl_helpers.arms.labels import labelled
from tl_helpers.arms.networks import _Network
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models.backbones import Backbone
from tl_helpers.techniques import features
from tl_helpers.training.runtime import Runtime

COPIES = 10  # of each own example beside borrowed ones


def borrowed(way: Callable[[Examples], Arm], source: Examples, pool: Examples | None = None) -> Arm:
    """An arm of one domain's labels, all of them, and of the few of another.

    Each own example counts `COPIES` times, or a thousand borrowed ones would drown twenty: the
    simplest of weightings (Jiang and Zhai, Instance weighting for domain adaptation in NLP,
    ACL 2007).

    Parameters
    ----------
    way : callable
        ``way(train)`` is the arm that learns from these examples, such as
        ``lambda train: arms.linear(train, test)``.
    source : Examples
        The borrowed ones, as many of each class.
    pool : Examples, optional
        Where the budget's own examples are drawn; None to learn from the source alone.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``. What ``way`` tunes, it tunes on both together; copies
        are of one group, so that none is on both sides of a fold.

    Raises
    ------
    ValueError
        From the arm, when the classes are not equally frequent in the source.
    """

    if pool is None:
        answer = functools.cache(lambda: way(source)(len(source), 0))
        return lambda budget, seed: answer()

    def arm(budget: int, seed: int) -> Prediction:
        both = _together(source, labelled(pool, budget, seed), COPIES)
        return way(both)(len(both), seed)

    return arm


def moved(
    load: Callable[..., Backbone], source: Examples, there: Splits, runtime: Runtime
) -> dict[str, Arm]:
    """Ways to read one domain with the labels of another, on frozen features and on word counts.

    Parameters
    ----------
    load : callable
        ``load()`` gives the backbone.
    source : Examples
        Texts of the other domain, as many of each class.
    there : Splits
        Texts of this one; the labels of ``test`` are never read.
    runtime : Runtime

    Returns
    -------
    dict of str to callable
        "own": a probe on the budget's own labels; "borrowed": on the source's labels alone;
        "borrowed + own": on both; "borrowed, TF-IDF": word counts on the source's labels.
    """
    network = load()
    source_x, own, new = (
        replace(part, x=features.extract(network, part, runtime).x)
        for part in (source, there.train, there.test)
    )

    def head(train: Examples) -> Arm:
        return linear(train, new)

    def words(train: Examples) -> Arm:
        return tf_idf(Splits(train, train.take([]), there.test, card=""))

    return {
        "borrowed, TF-IDF": borrowed(words, source),
        "borrowed": borrowed(head, source_x),
        "own": linear(own, new),
        "borrowed + own": borrowed(head, source_x, own),
    }


def at_rate(
    load: Callable[..., Backbone],
    data: Splits,
    runtime: Runtime,
    *,
    rate: float,
    steps: int = 30,
) -> Arm:
    """A whole network trained at a learning rate that was found on other data.

    All labels of the budget train, and none is held out to tune by.

    Parameters
    ----------
    load : callable
        ``load(seed=...)`` gives a fresh backbone; what is frozen in it stays as it is.
    data : Splits
        The labels of ``test`` are never read.
    runtime : Runtime
    rate : float
        The largest of a one-cycle schedule, for AdamW.
    steps : int, default 30
        Optimizer steps with batches of 16; more where four epochs take more.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (n,).
    """

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)
        network = _Network(load, len(few.classes), runtime, seed).train(few, rate, steps)
        return network.answer(data.test, None)

    return arm


def _together(source: Examples, own: Examples, copies: int) -> Examples:
    """The source's examples and so many copies of one's own."""
    if source.classes != own.classes:
        raise ValueError(
            f"the source has the classes {source.classes} and the pool {own.classes}; expected "
            "the same, in one order."
        )
    x: torch.Tensor | list[str] = (
        torch.cat([source.x, *[own.tensor] * copies])
        if isinstance(source.x, torch.Tensor)
        else source.x + own.texts * copies
    )
    return Examples(
        x,
        torch.cat([source.y, *[own.y] * copies]),
        source.ids + own.ids * copies,
        source.groups + own.groups * copies,
        source.classes,
    )

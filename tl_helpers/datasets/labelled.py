"""The labels that a person has: all of them together, and folds in which each is judged once."""

from __future__ import annotations

import numpy as np
import torch

from tl_helpers.datasets.examples import Examples, Splits

FOLDS = 4


def together(splits: Splits) -> Examples:
    """Training and validation examples as one pool: every label that is not of the test set.

    Parameters
    ----------
    splits : Splits
        Pictures; ``valid`` may be empty.
    """
    first, second = splits.train, splits.valid
    if not len(second):
        return first
    return Examples(
        torch.cat([first.tensor, second.tensor]),
        torch.cat([first.y, second.y]),
        [*first.ids, *second.ids],
        [*first.groups, *second.groups],
        first.classes,
    )


def folds(examples: Examples, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Up to four parts that share no group, each with what the other parts hold.

    Parameters
    ----------
    examples : Examples
    seed : int, default 0
        Draws the parts.

    Returns
    -------
    list of (int array, int array)
        Places to learn from and places to judge. Each example is judged once, and each class is
        on both sides as far as its groups allow.

    Raises
    ------
    ValueError
        When a class has fewer than two groups, so that it cannot stand on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    y, groups = examples.y.numpy(), np.asarray(examples.groups)
    counts = [len(set(groups[y == label])) for label in range(len(examples.classes))]
    if min(counts) < 2:
        name = examples.classes[int(np.argmin(counts))]
        raise ValueError(
            f"class {name!r} has {min(counts)} groups; expected at least two in each class, one to "
            "learn from and one to judge."
        )
    parts = StratifiedGroupKFold(min(FOLDS, *counts), shuffle=True, random_state=seed)
    return list(parts.split(np.zeros(len(y)), y, groups))

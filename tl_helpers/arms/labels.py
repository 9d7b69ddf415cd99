"""What all arms share: which labels a budget buys, and how a setting is chosen inside of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tl_helpers.compare.prediction import Choice, Tuned
from tl_helpers.datasets import Examples

TRIES = 6  # settings that every arm may try at every budget and seed


def labelled(pool: Examples, budget: int, seed: int) -> Examples:
    """The examples that a budget of labels buys: as many of each class, the same for every arm.

    Parameters
    ----------
    pool : Examples
        Training examples; their order and labels decide the draw, not their inputs.
    budget : int
        Labels in all, a multiple of the number of classes. Growing budgets are nested.
    seed : int

    Raises
    ------
    ValueError
        When the classes cannot share the budget evenly, or a class has too few examples.
    """
    classes = len(pool.classes)
    if budget < classes or budget % classes:
        raise ValueError(
            f"the budget is {budget} labels for {classes} classes; expected as many for each."
        )
    return pool.per_class(budget // classes, seed)


def held_out(few: Examples, seed: int) -> tuple[Examples, Examples] | None:
    """A quarter of the labels to choose a setting by, and the rest; None where a class has one.

    No group stands on both sides, and each class stands on both.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    units, fewest = _units(few)
    if fewest < 2:
        return None
    folds = StratifiedGroupKFold(min(4, fewest), shuffle=True, random_state=seed)
    kept, judged = next(folds.split(np.zeros(len(few)), few.y.numpy(), units))
    if min(len(few.y[part].unique()) for part in (kept, judged)) < len(few.classes):
        return None
    return few.take(kept), few.take(judged)


def grouped_folds(few: Examples, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Up to five folds of the labels that share no group; None where a class has one unit."""
    from sklearn.model_selection import StratifiedGroupKFold

    units, fewest = _units(few)
    if fewest < 2:
        return None
    folds = StratifiedGroupKFold(min(5, fewest), shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(few)), few.y.numpy(), units))


def best(
    settings: Sequence[Choice], losses: Callable[[Choice], np.ndarray]
) -> tuple[Tuned[Choice], np.ndarray]:
    """The setting nearest to the middle of the grid that is as good as the best one.

    As good is a mean loss within one standard error of the smallest, paired over the items judged
    (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3): a handful of items
    cannot tell neighbouring settings apart, and chance would pick an edge.

    Parameters
    ----------
    settings : sequence of float or str
    losses : callable
        Loss of each of n >= 2 judged items under a setting, float (n,); not finite where training
        diverged, which at least one setting must not.

    Returns
    -------
    Tuned, float array (n,)
        The choice, with whether it stands at an edge of the grid, and its losses.
    """
    tried = np.stack([np.asarray(losses(setting), dtype=float) for setting in settings])
    finite = np.flatnonzero(np.isfinite(tried).all(1))
    means = tried.mean(1)
    behind = tried[finite] - tried[finite[means[finite].argmin()]]
    errors = behind.std(1, ddof=1) / np.sqrt(behind.shape[1])
    as_good = finite[behind.mean(1) <= errors]
    middle = (len(settings) - 1) / 2
    place = int(min(as_good, key=lambda index: (abs(index - middle), means[index])))
    return Tuned(settings[place], len(settings), place in (0, len(settings) - 1)), tried[place]


def untuned(settings: Sequence[Choice]) -> Tuned[Choice]:
    """The middle of the grid, for a budget in which nothing can be held out."""
    return Tuned(settings[(len(settings) - 1) // 2], 0, False)


def _units(few: Examples) -> tuple[np.ndarray, int]:
    """The unit of each example, and how many the rarest class has.

    Where every class is one group, as with one photograph a class, that group cannot be parted
    from its class: the examples are then their own units.
    """
    groups = np.asarray(few.groups)
    counts = [len(set(groups[few.y.numpy() == label])) for label in range(len(few.classes))]
    if max(counts) > 1:
        return groups, min(counts)
    return np.asarray(few.ids), int(few.y.bincount(minlength=len(few.classes)).min())

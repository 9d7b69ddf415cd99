"""Groups from what examples share, and splits that keep groups whole and classes in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST = (3, 1, 2)  # examples of a class to train, validate and test on
FEWEST_GROUPS = (3, 1, 1)  # that they come from; three, so that training can cross-validate
PLACEMENTS = 12_000  # groups that are placed, over all orders tried; about a third of a second


def share_out(
    labels: Sequence[int], groups: Sequence[str], classes: Sequence[str], seed: int
) -> np.ndarray:
    """The split of each example: whole groups, each class in all three splits.

    Wanted of each class are a sixth, rounded down, to validate on, a third, rounded, to test on
    and the rest to train on, and no less than `FEWEST` examples of `FEWEST_GROUPS` groups. Group
    after group goes where its classes have less than the fewest, then where the largest part of
    what is wanted is still lacking (scikit-learn's StratifiedGroupKFold also goes group by group).
    The largest go first; unless that gives the wanted numbers, as it does when all groups are
    single examples, random orders follow, with some chance in each choice and as many as
    `PLACEMENTS` allows, and the best of all counts.

    Parameters
    ----------
    labels : sequence of int
        Positions in ``classes``.
    groups : sequence of str
        A group may hold several classes.
    classes : sequence of str
        Names, for the message of an error.
    seed : int

    Returns
    -------
    ndarray
        int (N,): 0 for train, 1 for valid, 2 for test.

    Raises
    ------
    ValueError
        Naming a class with too few examples, or too few groups.
    """
    group_of = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    counts = np.zeros((group_of.max() + 1, len(classes)), dtype=int)
    np.add.at(counts, (group_of, np.asarray(labels)), 1)
    totals, sizes = counts.sum(0), counts.sum(1)
    valid, test = totals // 6, np.round(totals / 3).astype(int)
    wanted = np.stack([totals - valid - test, valid, test])
    rng = np.random.default_rng(seed)
    # What is missing, distance from what is wanted, and what led there; the first one is no choice.
    best = (np.inf, 0.0, -1, group_of, totals)
    for number in range(1 + PLACEMENTS // len(sizes)):
        ranks = rng.random(len(sizes)) - sizes * (number == 0)
        chance = rng.uniform(0, rng.random() * (number > 0), (len(sizes), 3))
        urgency = rng.choice([0, 1, 100]) if number else 100  # few groups may need a detour
        part_of, have = _assign(counts, wanted, ranks, chance, urgency)
        short = _short(*have)
        off = np.abs(wanted - have[0]).sum()
        best = min(best, (short.sum(), off, number, part_of, short))
        if not off and not short.any():
            break
    missing, *_, part_of, short = best
    if missing:
        _refuse(counts, classes, short)
    return part_of[group_of]


def joined(names: Sequence[str], marks: Sequence[bytes]) -> list[str]:
    """Groups such that equal names and equal marks are together, also through others.

    Parameters
    ----------
    names, marks : sequence of str, sequence of bytes
        Of each example, such as its camera and the hash of its content.

    Returns
    -------
    list of str
        The group of each example: the name of one of its members.
    """
    if len({*names, *marks}) == 2 * len(names):
        return list(names)
    from scipy.cluster.hierarchy import DisjointSet  # late: it takes a third of a second

    sets = DisjointSet()
    shown: dict[str | bytes, str] = {}
    for name, mark in zip(names, marks, strict=True):
        sets.add(name)
        sets.add(mark)
        kept = shown.get(sets[name], name)
        sets.merge(name, mark)
        shown[sets[name]] = kept
    return [shown[sets[name]] for name in names]


def _assign(
    counts: np.ndarray, wanted: np.ndarray, ranks: np.ndarray, chance: np.ndarray, urgency: float
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The part of each group, taken by rank, and what each part then has of each class.

    That is examples and groups, each int (3, classes). ``urgency`` is how much more it counts that
    a part has less than the fewest than that it lacks all that is wanted.
    """
    have, have_groups = np.zeros_like(wanted), np.zeros_like(wanted)
    pull = np.full(wanted.shape, 1.0 + urgency)  # of each part, on groups with each class
    part_of = np.empty(len(counts), dtype=int)
    most = wanted.clip(1)
    for group in np.argsort(ranks):
        members = np.flatnonzero(counts[group])
        part_of[group] = part = (pull[:, members].mean(1) + chance[group]).argmax()
        have[part, members] += counts[group, members]
        have_groups[part, members] += 1
        few = (have[part, members] < FEWEST[part]) | (
            have_groups[part, members] < FEWEST_GROUPS[part]
        )
        pull[part, members] = 1 - have[part, members] / most[part, members] + urgency * few
    return part_of, (have, have_groups)


def _short(have: np.ndarray, have_groups: np.ndarray) -> np.ndarray:
    """How many examples or groups fewer than the fewest, int (3, classes)."""
    examples = np.array(FEWEST)[:, None] - have
    groups = np.array(FEWEST_GROUPS)[:, None] - have_groups
    return np.maximum(np.maximum(examples, groups), 0)


def _refuse(counts: np.ndarray, classes: Sequence[str], short: np.ndarray) -> None:
    label = int(short.sum(0).argmax())
    number = int(np.count_nonzero(counts[:, label]))
    raise ValueError(
        f"Class {classes[label]!r} has {counts[:, label].sum()} examples in "
        f"{number} group{'s' * (number != 1)}, and no way was found to share whole groups out so "
        "that each class has {} to train, {} to validate and {} to test on, ".format(*FEWEST)
        + "of {} groups, {} and {}. ".format(*FEWEST_GROUPS)
        + f"Expected at least {sum(FEWEST_GROUPS)} groups of each class."
    )

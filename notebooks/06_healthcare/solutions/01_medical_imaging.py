"""Exercises of lesson 6.1: hints, checks, solutions, and the answers they are tested on."""

from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _masks():
    """Two masks in which tissue 2 shares three of six voxels, and tissue 3 none of two."""
    import numpy as np

    truth = np.array([[0, 2, 2, 2], [1, 2, 2, 3]])
    predicted = np.array([[2, 2, 2, 1], [1, 2, 3, 1]])
    return truth, predicted


def _check_overlap(answer):
    truth, predicted = _masks()
    found = read(answer(truth, predicted, 2))
    if same(found, 6 / 9):
        raise NotYet("that is Dice; here the shared voxels are divided by the union, not the sum.")
    if same(found, 3 / 9):
        raise NotYet("the union counts shared voxels once: use | or subtract what both have.")
    if same(found, 3 / 8):
        raise NotYet("that divides by all voxels; the rest of the picture must not count.")
    if same(found, 3 / 5):
        raise NotYet("that is recall: voxels found too much are missing below the line.")
    if not same(found, 3 / 6):
        raise NotYet("of 6 voxels that are tissue 2 in one mask or the other, 3 are in both: 3/6.")
    if not same(read(answer(truth, predicted, 3)), 0):
        raise NotYet("tissue 3 is in both masks and nowhere the same: the answer is 0.")
    return "it ranks as Dice does and is always the smaller number: say which of them you report."


def _overlap(truth, predicted, label):
    mine, theirs = predicted == label, truth == label
    return (mine & theirs).sum() / (mine | theirs).sum()


def _by_sklearn(truth, predicted, label):
    from sklearn.metrics import jaccard_score

    return jaccard_score(truth.ravel() == label, predicted.ravel() == label)


def _by_sets(truth, predicted, label):
    one, other = (set((m.ravel() == label).nonzero()[0].tolist()) for m in (truth, predicted))
    return len(one & other) / len(one | other)


def _slip(below):
    def overlap(truth, predicted, label):
        mine, theirs = predicted == label, truth == label
        return (mine & theirs).sum() / below(mine, theirs)

    return overlap


def _dice(truth, predicted, label):
    mine, theirs = predicted == label, truth == label
    return 2 * (mine & theirs).sum() / (mine.sum() + theirs.sum())


_SUBJECTS = ["b", "a", "c", "a", "b", "c", "a"]


def _check_split(answer):
    given = answer(list(_SUBJECTS), ["a"])
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise NotYet("return two lists: positions of slices to train on, and of slices to test on.")
    train, test = (sorted(int(place) for place in part) for part in given)
    if set(train) & set(test):
        raise NotYet(f"slices {sorted(set(train) & set(test))} are on both sides.")
    if (train, test) == ([1, 3, 6], [0, 2, 4, 5]):
        raise NotYet("the two sides are exchanged: the subjects named are those to test on.")
    if len(train) + len(test) < len(_SUBJECTS):
        raise NotYet("some slices are on neither side; every slice of every subject has a place.")
    if (train, test) != ([0, 2, 4, 5], [1, 3, 6]):
        both = {_SUBJECTS[n] for n in train} & {_SUBJECTS[n] for n in test}
        raise NotYet(f"subjects {sorted(both)} have slices on both sides, which is the leak.")
    if [list(map(int, part)) for part in answer(["a", "b"], ["b"])] != [[0], [1]]:
        raise NotYet("it is right for subject a and not for b: use the names given.")
    return "split by what repeats in the wild, before anything else looks at the data."


def _split(subjects, held_out):
    test = [n for n, name in enumerate(subjects) if name in held_out]
    return [n for n in range(len(subjects)) if n not in test], test


def _by_numpy(subjects, held_out):
    import numpy as np

    out = np.isin(subjects, held_out)
    return np.flatnonzero(~out), np.flatnonzero(out)


def _check_lost(answer, reports):
    found = read(answer)
    first, last = list(reports.values())[0], list(reports.values())[-1]
    budget = first.setting.budgets[0]
    lost = first.mean("fine-tune", budget) - last.mean("fine-tune", budget)
    if same(found, -lost):
        raise NotYet("the sign is turned round: what is lost is home less T2.")
    if same(found, last.mean("fine-tune", budget)):
        raise NotYet("that is what is left there; subtract it from what there was at home.")
    if same(found, lost / first.mean("fine-tune", budget)):
        raise NotYet("that is the share lost; the question is for points of Dice.")
    if not same(found, lost):
        raise NotYet(f"home {first.mean('fine-tune', budget):.3f} less what the other place has.")
    return "a network that is as good as a small one at home falls as far abroad."


def _reports():
    """Stand-in for the lesson's reports."""

    def report(mean):
        return SimpleNamespace(mean=lambda arm, budget: mean, setting=SimpleNamespace(budgets=(4,)))

    return {"home": report(0.8125), "worn": report(0.5), "T2": report(0.25)}


def _tensor(value):
    import torch

    return torch.tensor(value, dtype=torch.float64)


EXERCISES = [
    Exercise(
        id="6.1.1",
        kind="complete",
        hints=[
            "Make two masks of True and False: predicted == label and truth == label.",
            "& gives the voxels that both have, | those that one of them has; .sum() counts them.",
        ],
        check=_check_overlap,
        solution="""def overlap(truth, predicted, label):
    mine, theirs = predicted == label, truth == label
    return (mine & theirs).sum() / (mine | theirs).sum()""",
        right=[lambda: _overlap, lambda: _by_sklearn, lambda: _by_sets],
        wrong=[
            Wrong(lambda: _dice, "that is Dice"),
            Wrong(lambda: _slip(lambda m, t: m.sum() + t.sum()), "counts shared voxels once"),
            Wrong(lambda: _slip(lambda m, t: m.size), "rest of the picture"),
            Wrong(lambda: _slip(lambda m, t: t.sum()), "that is recall"),
            Wrong(lambda: lambda truth, predicted, label: 3 / 6, "the answer is 0"),
        ],
    ),
    Exercise(
        id="6.1.2",
        kind="modify",
        hints=[
            "Walk over enumerate(subjects); a slice is tested on when its subject is in held_out.",
            "test = [n for n, name in enumerate(subjects) if name in held_out], train the others.",
        ],
        check=_check_split,
        solution="""def split(subjects, held_out):
    test = [n for n, name in enumerate(subjects) if name in held_out]
    return [n for n in range(len(subjects)) if n not in test], test""",
        right=[lambda: _split, lambda: _by_numpy, lambda: lambda s, h: list(_split(s, h))],
        wrong=[
            Wrong(lambda: lambda s, h: (list(range(0, 7, 2)), list(range(1, 7, 2))), "is the leak"),
            Wrong(lambda: lambda s, h: _split(s, h)[::-1], "exchanged"),
            Wrong(lambda: lambda s, h: (list(range(7)), _split(s, h)[1]), "on both sides"),
            Wrong(lambda: lambda s, h: (_split(s, h)[0][:2], _split(s, h)[1]), "neither side"),
            Wrong(lambda: lambda s, h: _split(s, h)[1], "return two lists"),
        ],
    ),
    Exercise(
        id="6.1.3",
        kind="investigate",
        hints=[
            'reports["home"].mean("fine-tune", budget) is what it reaches at home.',
            'Subtract reports["T2"].mean("fine-tune", budget).',
        ],
        check=_check_lost,
        solution="""there = list(reports.values())
lost = there[0].mean("fine-tune", budget) - there[-1].mean("fine-tune", budget)""",
        right=[0.5625, [0.5625], lambda: _tensor(0.5625)],
        wrong=[
            Wrong(-0.5625, "sign is turned"),
            Wrong(0.25, "what is left"),
            Wrong(0.5625 / 0.8125, "share lost"),
            Wrong(0.3125, "home 0.812"),
        ],
        context=lambda: {"reports": _reports()},
    ),
]

"""Exercises of lesson 1.5: hints, checks, solutions, and the wrong answers they are tested on."""

import math

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same
from tl_helpers.exercises.comparing import form, is_nan


def _check_tau(answer):
    a, b = [0.9, 0.5, 0.7, 0.1], [3.0, 1.0, 40.0, 0.5]  # one pair of six is in the other order
    found = read(answer(a, b))
    if same(found, 5 / 6):
        raise NotYet(
            "that is the share of pairs in the same order; take away the share in the other "
            "order, so that a coin gets 0."
        )
    if same(found, 4) or same(found, 8):
        raise NotYet("that is a sum over pairs; divide it by the number of pairs.")
    if same(found, 0.8):
        raise NotYet("that is Spearman's correlation of the places; tau counts pairs.")
    if same(found, 8 / 16):
        raise NotYet("a candidate is no pair with itself: average over pairs of two candidates.")
    if not same(found, 4 / 6):
        raise NotYet(
            f"for {a} and {b} five of six pairs have the same order and one has the other: the "
            f"answer is {4 / 6:.3f}, and yours {found:.3f}. Only the signs of differences count."
        )
    return "tau sees the order alone: a far better winner counts as much as a slightly better one."


def _pairs(a, b):
    from itertools import combinations

    sign = [(a[i] - a[j]) * (b[i] - b[j]) for i, j in combinations(range(len(a)), 2)]
    return [1 if value > 0 else -1 for value in sign]


def _tau_share(a, b):
    signs = _pairs(a, b)
    return signs.count(1) / len(signs)


def _tau_sum(a, b):
    return sum(_pairs(a, b))


def _tau_pearson(a, b):
    import numpy as np

    return np.corrcoef(a, b)[0, 1]


def _tau_spearman(a, b):
    import numpy as np

    places = [np.argsort(np.argsort(values)) for values in (a, b)]
    return np.corrcoef(*places)[0, 1]


def _check_nce(answer):
    import torch

    theta = torch.tensor(
        [[0.6, 0.3, 0.1, 0.0], [0.5, 0.1, 0.4, 0.0], [0.7, 0.2, 0.1, 0.0], [0.1, 0.2, 0.7, 0.0]]
    )
    y = torch.tensor([0, 0, 1, 1])
    # Three pictures say class 0, two of them are of target 0; one says class 2 and is of target 1.
    expected = (2 * math.log(2 / 3) + math.log(1 / 3) + math.log(1)) / 4
    given = answer(theta, y)
    if given is not None and is_nan(given):
        raise NotYet(
            "it gives nan: a source class that no picture chose has no target counted, and 0 / 0 "
            "spoils the sum. Keep the columns that some picture chose."
        )
    found = read(given)
    if same(found, -expected, tolerance=1e-4):
        raise NotYet("the sign: NCE is minus the entropy that is left, so it is at most 0.")
    if same(found, _leep(theta[:, :3], y), tolerance=1e-4):
        raise NotYet("that is LEEP still: replace each row of theta by 1 at its largest entry.")
    if not same(found, expected, tolerance=1e-4):
        raise NotYet(
            f"for four pictures whose likeliest source classes are 0, 0, 0, 2 and whose targets "
            f"are 0, 0, 1, 1 the answer is {expected:.3f}; yours is {found:.3f}."
        )
    return "only the top class speaks now: how sure the network was no longer matters."


def _leep(theta, y):
    import torch

    joint = torch.nn.functional.one_hot(y).T.double() @ theta.double() / len(y)
    likelihood = (theta.double() @ (joint / joint.sum(dim=0)).T)[torch.arange(len(y)), y]
    return float(likelihood.log().mean())


def _one_hot(theta):
    import torch

    return torch.nn.functional.one_hot(theta.argmax(dim=1), theta.shape[1])


def _nce_soft(theta, y):
    return _leep(theta[:, theta.sum(dim=0) > 0], y)


def _nce_unused(theta, y):
    return _leep(_one_hot(theta), y)


def _nce_sign(theta, y):
    chosen = _one_hot(theta)
    return -_leep(chosen[:, chosen.any(dim=0)], y)


def _check_extremes(answer):
    if reason := form(answer, [0, 0]):
        raise NotYet(f"{reason[:-1]}: the smallest and the largest tau, two numbers.")
    low, high = read(answer, like=[0, 0])
    if _near((low, high), (0.197, 0.556)):
        raise NotYet("those are LogME's; take the column of LEEP.")
    if _near((low, high), (-0.224, 0.225)):
        raise NotYet("those are of the weighted tau; take kendalltau.")
    if _near((low, high), (0.31, -0.141)):
        raise NotYet("the smallest comes first.")
    if not _near((low, high), (-0.141, 0.31)):
        raise NotYet(
            "leave out one row at a time, compute kendalltau of accuracy and LEEP on the other "
            "nine, and take the smallest and the largest of the ten values."
        )
    return "one network more or less, and the sign of the correlation changes."


def _as_array(*numbers):
    import numpy as np

    return np.array(numbers)


def _near(found, expected):
    return same(found, expected, tolerance=0.01)


def _tau_by_loops(a, b):
    signs = _pairs(a, b)
    return (signs.count(1) - signs.count(-1)) / len(signs)


def _tau_in_numpy(a, b):
    import numpy as np

    order = np.sign(np.subtract.outer(a, a)) * np.sign(np.subtract.outer(b, b))
    return order[np.triu_indices(len(a), 1)].mean()


def _tau_in_torch(a, b):
    import torch
    from scipy.stats import kendalltau

    return torch.tensor([kendalltau(a, b).statistic])


def _nce_by_counting(theta, y):
    import numpy as np

    source, target = np.asarray(theta).argmax(1), np.asarray(y)
    pairs = list(zip(source, target, strict=True))
    return np.mean([np.log(pairs.count(p) / (source == p[0]).sum()) for p in pairs])


def _nce_in_torch(theta, y):
    import torch

    chosen = _one_hot(theta)
    return torch.tensor(_leep(chosen[:, chosen.any(dim=0)], y))


EXERCISES = [
    Exercise(
        id="1.5.1",
        kind="complete",
        hints=[
            "`itertools.combinations(range(len(a)), 2)` gives each pair of positions once.",
            "A pair is in the same order when (a[i] - a[j]) * (b[i] - b[j]) is positive.",
            "Collect +1 or -1 for each pair and return the mean.",
        ],
        check=_check_tau,
        solution=(
            "def tau(a, b):\n"
            "    from itertools import combinations\n\n"
            "    pairs = combinations(range(len(a)), 2)\n"
            "    return np.mean([np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in pairs])"
        ),
        wrong=[
            Wrong(lambda: _tau_share, "share of pairs in the same order"),
            Wrong(lambda: _tau_sum, "divide it by the number of pairs"),
            Wrong(lambda: _tau_pearson, "Only the signs"),
            Wrong(lambda: _tau_spearman, "Spearman"),
            Wrong(lambda: lambda a, b: float("nan"), "gives nan"),
        ],
        right=[lambda: _tau_by_loops, lambda: _tau_in_numpy, lambda: _tau_in_torch],
    ),
    Exercise(
        id="1.5.2",
        kind="modify",
        hints=[
            "`theta.argmax(dim=1)` is each picture's likeliest source class, and `one_hot` makes "
            "probabilities of 0 and 1 of it.",
            "Source classes that nobody chose give 0 / 0. `chosen.any(dim=0)` says which to keep.",
        ],
        check=_check_nce,
        solution=(
            "def nce(theta, y):\n"
            "    chosen = torch.nn.functional.one_hot(theta.argmax(dim=1))\n"
            "    return leep_by_hand(chosen[:, chosen.any(dim=0)], y)"
        ),
        wrong=[
            Wrong(lambda: _nce_soft, "LEEP still"),
            Wrong(lambda: _nce_unused, "no picture chose"),
            Wrong(lambda: _nce_sign, "at most 0"),
        ],
        right=[
            lambda: lambda theta, y: -_nce_sign(theta, y),
            lambda: _nce_by_counting,
            lambda: _nce_in_torch,
        ],
    ),
    Exercise(
        id="1.5.3",
        kind="investigate",
        hints=[
            "`published.drop(index=name)` is the table without one network.",
            "`kendalltau(rest['accuracy'], rest['LEEP']).statistic` in a loop over "
            "`published.index`, then `min` and `max`.",
        ],
        check=_check_extremes,
        solution=(
            "rests = [published.drop(index=name) for name in published.index]\n"
            'taus = [kendalltau(rest["accuracy"], rest["LEEP"]).statistic for rest in rests]\n'
            "extremes = min(taus), max(taus)"
        ),
        wrong=[
            Wrong((0.197, 0.556), "column of LEEP"),
            Wrong((-0.224, 0.225), "weighted tau"),
            Wrong(0.045, "two numbers"),
            Wrong((-0.6, 0.8), "one row at a time"),
            Wrong((0.31, -0.141), "smallest comes first"),
        ],
        right=[(-0.141, 0.31), [-0.1409, 0.3095], lambda: _as_array(-0.14, 0.31)],
    ),
]

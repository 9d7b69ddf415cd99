"""Exercises of lesson 1.5: hints, checks, solutions, and the wrong answers they are tested on."""

import math

from tl_helpers.exercises import Exercise, NotYet, Wrong


def _check_tau(answer):
    a, b = [0.9, 0.5, 0.7, 0.1], [3.0, 1.0, 40.0, 0.5]  # one pair of six is in the other order
    found = float(answer(a, b))
    if math.isclose(found, 5 / 6, abs_tol=1e-6):
        raise NotYet(
            "that is the share of pairs in the same order; take away the share in the other "
            "order, so that a coin gets 0."
        )
    if math.isclose(found, 4, abs_tol=1e-6) or math.isclose(found, 8, abs_tol=1e-6):
        raise NotYet("that is a sum over pairs; divide it by the number of pairs.")
    if math.isclose(found, 0.8, abs_tol=1e-6):
        raise NotYet("that is Spearman's correlation of the places; tau counts pairs.")
    if math.isclose(found, 8 / 16, abs_tol=1e-6):
        raise NotYet("a candidate is no pair with itself: average over pairs of two candidates.")
    if not math.isclose(found, 4 / 6, abs_tol=1e-6):
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
    found = float(answer(theta, y))
    if math.isnan(found):
        raise NotYet(
            "it gives nan: a source class that no picture chose has no target counted, and 0 / 0 "
            "spoils the sum. Keep the columns that some picture chose."
        )
    if math.isclose(found, -expected, rel_tol=1e-4):
        raise NotYet("the sign: NCE is minus the entropy that is left, so it is at most 0.")
    if math.isclose(found, _leep(theta[:, :3], y), rel_tol=1e-4):
        raise NotYet("that is LEEP still: replace each row of theta by 1 at its largest entry.")
    if not math.isclose(found, expected, rel_tol=1e-4):
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
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise NotYet("expected two numbers: the smallest and the largest tau of the ten.")
    low, high = (float(value) for value in answer)
    if math.isclose(low, 0.197, abs_tol=0.01) and math.isclose(high, 0.556, abs_tol=0.01):
        raise NotYet("those are LogME's; take the column of LEEP.")
    if math.isclose(low, -0.224, abs_tol=0.01) and math.isclose(high, 0.225, abs_tol=0.01):
        raise NotYet("those are of the weighted tau; take kendalltau.")
    if math.isclose(low, 0.31, abs_tol=0.01) and math.isclose(high, -0.141, abs_tol=0.01):
        raise NotYet("the smallest comes first.")
    if not (math.isclose(low, -0.141, abs_tol=0.01) and math.isclose(high, 0.31, abs_tol=0.01)):
        raise NotYet(
            "leave out one row at a time, compute kendalltau of accuracy and LEEP on the other "
            "nine, and take the smallest and the largest of the ten values."
        )
    return "one network more or less, and the sign of the correlation changes."


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
        ],
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
        ],
    ),
]

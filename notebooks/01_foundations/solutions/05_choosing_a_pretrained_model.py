"""Exercises of lesson 1.5: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same
from tl_helpers.exercises.comparing import form


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


_PILOTS = {"large": 0.80, "small": 0.77, "tiny": 0.72, "middle": 0.76}
_COSTS = {"large": 9.0, "small": 5.0, "tiny": 1.0, "middle": 3.0}


def _check_choose(answer):
    def chosen(margin):
        return answer(dict(_PILOTS), dict(_COSTS), margin)

    found = chosen(0.06)
    if not isinstance(found, str):
        raise NotYet(f"return the name of a candidate, a text, and not {found!r}.")
    if found == "large":
        raise NotYet("that takes the best at any price: cheaper ones within the margin will do.")
    if found == "tiny":
        raise NotYet("that takes the cheapest of all: tiny is 0.08 below the best, margin 0.06.")
    if found != "middle":
        raise NotYet(
            "large, small and middle are at most 0.06 below the best; middle costs least of them."
        )
    if chosen(0.0) != "large":
        raise NotYet("with a margin of 0 only the best is left, large: use the margin given.")
    if chosen(0.1) != "tiny":
        raise NotYet("with a margin of 0.1 all are near enough, and tiny is cheapest: use margin.")
    return "the margin is your decision: what difference would nobody notice in use?"


def _choose(pilots, costs, margin):
    least = max(pilots.values()) - margin
    return min((name for name in pilots if pilots[name] >= least), key=costs.get)


def _choose_by_pandas(pilots, costs, margin):
    import pandas as pd

    table = pd.DataFrame({"pilot": pilots, "cost": costs})
    return table[table["pilot"] >= table["pilot"].max() - margin]["cost"].idxmin()


def _choose_by_sorting(pilots, costs, margin):
    for name in sorted(costs, key=costs.get):
        if max(pilots.values()) - pilots[name] <= margin:
            return name


def _check_extremes(answer):
    if reason := form(answer, [0, 0]):
        raise NotYet(f"{reason[:-1]}: the smallest and the largest tau, two numbers.")
    low, high = read(answer, like=[0, 0])
    if _near((low, high), (0.197, 0.556)):
        raise NotYet("those are of LogME, which the page of its authors lists too, and not LEEP.")
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
            "Near enough are those with pilots[name] >= max(pilots.values()) - margin.",
            "`min(near_enough, key=costs.get)` is the cheapest of them.",
        ],
        check=_check_choose,
        solution=(
            "def choose(pilots, costs, margin):\n"
            "    least = max(pilots.values()) - margin\n"
            "    near = [name for name in pilots if pilots[name] >= least]\n"
            "    return min(near, key=costs.get)"
        ),
        wrong=[
            Wrong(lambda: lambda p, c, m: max(p, key=p.get), "best at any price"),
            Wrong(lambda: lambda p, c, m: min(c, key=c.get), "cheapest of all"),
            Wrong(lambda: lambda p, c, m: _choose(p, c, 0.06), "margin of 0"),
            Wrong(lambda: lambda p, c, m: sorted(p, key=p.get)[-2], "middle costs least"),
            Wrong(lambda: lambda p, c, m: c[_choose(p, c, m)], "name of a candidate"),
        ],
        right=[lambda: _choose, lambda: _choose_by_pandas, lambda: _choose_by_sorting],
    ),
    Exercise(
        id="1.5.3",
        kind="investigate",
        hints=[
            "`accuracy[:n] + accuracy[n + 1 :]` is the list without network n.",
            "`kendalltau(those, these).statistic` in a loop over range(10), then `min` and `max`.",
        ],
        check=_check_extremes,
        solution=(
            "from scipy.stats import kendalltau\n\n"
            "without = [(accuracy[:n] + accuracy[n + 1 :], leep[:n] + leep[n + 1 :])"
            " for n in range(10)]\n"
            "taus = [kendalltau(*pair).statistic for pair in without]\n"
            "extremes = min(taus), max(taus)"
        ),
        wrong=[
            Wrong((0.197, 0.556), "not LEEP"),
            Wrong((-0.224, 0.225), "weighted tau"),
            Wrong(0.045, "two numbers"),
            Wrong((-0.6, 0.8), "one row at a time"),
            Wrong((0.31, -0.141), "smallest comes first"),
        ],
        right=[(-0.141, 0.31), [-0.1409, 0.3095], lambda: _as_array(-0.14, 0.31)],
    ),
]

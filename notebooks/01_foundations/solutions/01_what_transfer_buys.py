"""Exercises of lesson 1.1: hints, checks, solutions, and the answers they are tested on."""

import itertools
import math
from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _check_labels_needed(answer):
    budgets, means = [10, 40, 160], [0.2, 0.6, 0.8]
    found = read(answer(budgets, means, 0.5))
    if same(found, 32.5, tolerance=0.01):
        raise NotYet(
            "that is the line over the budget itself; budgets grow by factors, so draw the line "
            "over math.log(budget) and take math.exp at the end."
        )
    if same(found, 40):
        raise NotYet("that is the next measured budget; the curve crosses 0.5 before it.")
    if not same(found, 10 * 4**0.75, tolerance=0.01):
        raise NotYet(
            f"for budgets {budgets}, means {means} and target 0.5 the answer is "
            f"{10 * 4**0.75:.1f}: three quarters of the way from log 10 to log 40."
        )
    if not same(read(answer(budgets, means, 0.9)), math.inf):
        raise NotYet("a target that no mean reaches gives math.inf: nothing is extrapolated.")
    if not same(read(answer(budgets, means, 0.1)), 10):
        raise NotYet("a target that the smallest budget reaches already gives that budget.")
    return "read sideways, on a logarithmic axis, and never beyond the data."


def _interval(ours, theirs, level, *, paired=True, ddof=1, normal=False, shrink=True):
    """The interval, or what common slips make of it."""
    import numpy as np
    from scipy import stats

    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    n = len(ours)
    spread = (ours - theirs).std(ddof=ddof)
    if not paired:
        spread = math.hypot(ours.std(ddof=ddof), theirs.std(ddof=ddof))
    where = 0.5 + level / 2
    errors = stats.norm.ppf(where) if normal else stats.t.ppf(where, n - 1)
    reach = errors * spread / (math.sqrt(n) if shrink else 1)
    gain = (ours - theirs).mean()
    return np.array([gain - reach, gain + reach])


def _two_samples(ours, theirs, level):
    """SciPy's interval for two groups that have nothing to do with each other."""
    from scipy import stats

    return list(stats.ttest_ind(ours, theirs).confidence_interval(level))


_OURS, _THEIRS = [0.61, 0.70, 0.66, 0.58, 0.69], [0.52, 0.60, 0.59, 0.50, 0.57]


def _check_interval(answer):
    given = answer(_OURS, _THEIRS, 0.99)
    found = read(list(given) if isinstance(given, tuple) else given, [0.0, 0.0])
    slips = {
        "the level has no effect: 0.99 needs stats.t.ppf(0.995, n - 1).": {"level": 0.95},
        "that looks up the level itself; of the 1 % left out, half lies on each side, so look up "
        "0.5 + level / 2.": {"level": 0.98},
        "the draws are paired: take the spread of ours - theirs, draw by draw.": {"paired": False},
        "five values understate their own spread: use std(ddof=1).": {"ddof": 0},
        "that is the normal distribution; with few draws use stats.t.ppf with n - 1.": {
            "normal": True
        },
        "that is the spread of single draws; divide it by the square root of their number.": {
            "shrink": False
        },
    }
    for reason, slip in slips.items():
        if same(found, _interval(_OURS, _THEIRS, **{"level": 0.99, **slip})):
            raise NotYet(reason)
    if same(found, _two_samples(_OURS, _THEIRS, 0.99)):
        raise NotYet("the draws are paired: stats.ttest_rel pairs them, and ttest_ind does not.")
    right = _interval(_OURS, _THEIRS, 0.99)
    if same(found, -right[::-1], tolerance=1e-4):
        raise NotYet("the sign is turned round: the gain is ours minus theirs.")
    if not same(found, right, tolerance=1e-4):
        raise NotYet(
            f"for ours {_OURS}, theirs {_THEIRS} and level 0.99 the ends are {right[0]:.4f} and "
            f"{right[1]:.4f}; yours are {found[0]:.4f} and {found[1]:.4f}."
        )
    if not same(read(list(answer([0.6, 0.7], [0.5, 0.5], 0.5)), [0.0, 0.0]), [0.1, 0.2]):
        raise NotYet("it is right for five draws and not for two: take n from the lists.")
    return "a higher level buys certainty with width, and so do fewer draws."


def _check_largest(answer, report):
    budgets = list(report.setting.budgets)
    found = read(answer)
    gains = {n: report.mean("probe", n) - report.mean("TF-IDF", n) for n in budgets}
    largest = max(gains, key=gains.get)
    if not any(same(found, n) for n in budgets):
        raise NotYet(f"no arm ran with that many labels; the budgets are {budgets}.")
    if not same(found, largest):
        at = int(found)
        words = "the probe itself is best there, but " if at == budgets[-1] else ""
        raise NotYet(
            f"{words}the gain is {gains[at]:.3f} with {at} labels, and another budget has more: "
            "subtract the two means at each."
        )
    return "too few labels teach no one, and many teach the word counter too; between them it pays."


def _report():
    """Stand-in for the lesson's report."""
    means = {"probe": [0.58, 0.67, 0.74, 0.77], "TF-IDF": [0.51, 0.55, 0.64, 0.73]}
    budgets = (16, 64, 256, 1024)
    return SimpleNamespace(
        mean=lambda arm, budget: means[arm][budgets.index(budget)],
        setting=SimpleNamespace(budgets=budgets),
    )


def _labels_needed(budgets, means, target):
    if means[0] >= target:
        return budgets[0]
    points = list(zip(budgets, means, strict=True))
    for (left, low), (right, high) in itertools.pairwise(points):
        if high >= target:
            return left * (right / left) ** ((target - low) / (high - low))
    return math.inf


def _by_numpy(budgets, means, target):
    import numpy as np

    found = np.exp(np.interp(target, means, np.log(budgets)))
    return np.float64(np.inf) if target > max(means) else found


def _as_tensor(budgets, means, target):
    import torch

    return torch.tensor(_labels_needed(budgets, means, target), dtype=torch.float64)


def _linear_reading(budgets, means, target):
    import numpy as np

    return float(np.interp(target, means, budgets))


def _next_budget(budgets, means, target):
    return next((b for b, m in zip(budgets, means, strict=True) if m >= target), math.inf)


def _never_infinite(budgets, means, target):
    return min(_labels_needed(budgets, means, target), budgets[-1])


def _with_slip(**slip):
    return lambda ours, theirs, level: _interval(ours, theirs, **{"level": level, **slip})


def _tensor_interval(ours, theirs, level):
    import torch

    return torch.tensor(_interval(ours, theirs, level))


EXERCISES = [
    Exercise(
        id="1.1.1",
        kind="complete",
        hints=[
            "Walk along the points in pairs; the answer lies in the first pair that spans target.",
            "share = (target - left mean) / (right mean - left mean), and then the labels are "
            "left * (right / left) ** share.",
        ],
        check=_check_labels_needed,
        solution="""import itertools
import math


def labels_needed(budgets, means, target):
    if means[0] >= target:
        return budgets[0]
    points = list(zip(budgets, means, strict=True))
    for (left, low), (right, high) in itertools.pairwise(points):
        if high >= target:
            return left * (right / left) ** ((target - low) / (high - low))
    return math.inf""",
        right=[lambda: _labels_needed, lambda: _by_numpy, lambda: _as_tensor],
        wrong=[
            Wrong(lambda: _linear_reading, "over the budget itself"),
            Wrong(lambda: _next_budget, "crosses 0.5 before it"),
            Wrong(lambda: lambda budgets, means, target: 12.0, "three quarters of the way"),
            Wrong(lambda: _never_infinite, "nothing is extrapolated"),
        ],
    ),
    Exercise(
        id="1.1.2",
        kind="modify",
        hints=[
            "Take the lines for gains, error and reach; return mean - reach and mean + reach.",
            "stats.t.ppf(0.5 + level / 2, len(gains) - 1) is how many errors to go each way.",
        ],
        check=_check_interval,
        solution="""def paired_interval(ours, theirs, level):
    gains = np.asarray(ours) - np.asarray(theirs)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    reach = stats.t.ppf(0.5 + level / 2, len(gains) - 1) * error
    return gains.mean() - reach, gains.mean() + reach""",
        right=[
            lambda: _interval,
            lambda: lambda ours, theirs, level: tuple(_interval(ours, theirs, level).tolist()),
            lambda: _tensor_interval,
        ],
        wrong=[
            Wrong(lambda: lambda ours, theirs, _: _interval(ours, theirs, 0.95), "has no effect"),
            Wrong(lambda: lambda a, b, level: _interval(a, b, 2 * level - 1), "0.5 + level / 2"),
            Wrong(lambda: _with_slip(paired=False), "draws are paired"),
            Wrong(lambda: _with_slip(ddof=0), "std(ddof=1)"),
            Wrong(lambda: _with_slip(normal=True), "normal distribution"),
            Wrong(lambda: _with_slip(shrink=False), "square root of their number"),
            Wrong(lambda: _two_samples, "ttest_ind does not"),
            Wrong(lambda: lambda a, b, level: _interval(b, a, level), "ours minus theirs"),
            Wrong(lambda: lambda ours, theirs, level: (0.0, 0.2), "the ends are"),
        ],
    ),
    Exercise(
        id="1.1.3",
        kind="investigate",
        hints=[
            "report.setting.budgets lists the budgets; subtract the two means at each.",
            "max(budgets, key=lambda n: ...) gives the budget at which something is largest.",
        ],
        check=_check_largest,
        solution="""def gain_at(budget):
    return report.mean("probe", budget) - report.mean("TF-IDF", budget)


largest_at = max(report.setting.budgets, key=gain_at)""",
        right=[64, 64.0, [64]],
        wrong=[
            Wrong(1024, "probe itself is best there"),
            Wrong(16, "another budget has more"),
            Wrong(100, "no arm ran"),
            Wrong("64", "the text"),
        ],
        context=lambda: {"report": _report()},
    ),
]

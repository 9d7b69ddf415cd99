"""Exercises of lesson 3.1: hints, checks, solutions, and the answers they are tested on."""

from fractions import Fraction
from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

# How sure the model was of eight answers, and which were right; no value lies on a border of 5.
_SURE = [0.55, 0.58, 0.65, 0.72, 0.83, 0.91, 0.95, 0.97]
_RIGHT = [True, False, True, True, False, True, True, False]


def _error(right, sure, bins, *, weighted=True, signed=False, largest=False):
    """The calibration error, or what common slips make of it."""
    import numpy as np

    right, sure = np.asarray(right, float), np.asarray(sure, float)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    used = [place == one for one in range(bins) if (place == one).any()]
    distances = np.array([right[one].mean() - sure[one].mean() for one in used])
    distances = distances if signed else abs(distances)
    if largest:
        return distances.max()
    weights = np.array([one.sum() if weighted else 1 for one in used])
    return float((distances * weights).sum() / weights.sum())


def _check_error(answer):
    found = read(answer(list(_RIGHT), list(_SURE), 5))
    slips = {
        "the bins count alike there; weight each by its number of answers.": {"weighted": False},
        "distances of both signs cancel there: take abs() in each bin.": {"signed": True},
        "that is the worst bin; average over all of them.": {"largest": True},
    }
    for reason, slip in slips.items():
        if same(found, _error(_RIGHT, _SURE, 5, **slip), tolerance=1e-4):
            raise NotYet(reason)
    whole = abs(sum(_RIGHT) / len(_RIGHT) - sum(_SURE) / len(_SURE))
    if same(found, whole, tolerance=1e-4):
        raise NotYet("that is one bin for all: a model can be too sure here and too unsure there.")
    right = _error(_RIGHT, _SURE, 5)
    if not same(found, right, tolerance=1e-4):
        raise NotYet(f"for right {_RIGHT}, sure {_SURE} and 5 bins it is {right:.4f}.")
    if not same(read(answer([True, True], [1.0, 1.0], 10)), 0.0):
        raise NotYet("answers that are certain, and right, have error 0: 1.0 is in the last bin.")
    return "0 promises nothing about single answers: on average the model means what it says."


_TRAIN = ["r1", "r1", "r2", "r3"]
_TEST = ["r3", "r3", "r1", "r4", "r5"]


def _check_leaked(answer):
    found = read(answer(list(_TRAIN), list(_TEST)))
    reasons = {
        2 / 4: "that is the share of test *groups*; a review with many sentences counts as many.",
        3 / 4: "that divides by the training set, or counts its examples: the question is about "
        "the test set.",
        2 / 5: "that counts each shared group once; count the test examples that are in one.",
        3.0: "that is a number of examples; divide by the size of the test set.",
        2 / 3: "that is the share of training groups; the question is about test examples.",
    }
    for value, reason in reasons.items():
        if same(found, value):
            raise NotYet(reason)
    if not same(found, 3 / 5):
        raise NotYet(f"for train {_TRAIN} and test {_TEST} three of five are in both: 0.6.")
    if not same(read(answer(["a"], ["b"])), 0.0):
        raise NotYet("with no group in common the share is 0.")
    return "run it on every split you are given; anything but 0 is a finding."


def _check_most(answer, report):
    budgets = list(report.setting.budgets)
    found = read(answer)
    adds = {n: report.mean("probe + VADER", n) - report.mean("probe", n) for n in budgets}
    most = max(adds, key=adds.get)
    if not any(same(found, n) for n in budgets):
        raise NotYet(f"no arm ran with that many labels; the budgets are {budgets}.")
    if not same(found, most):
        at = int(found)
        best = max(budgets, key=lambda n: report.mean("probe + VADER", n))
        words = "the two together are best there, but " if at == best else ""
        raise NotYet(
            f"{words}the score adds {adds[at]:.3f} with {at} labels, and more at another budget: "
            "subtract the two means at each."
        )
    return "what the rules know, the labels have yet to teach; later they know it too."


def _report():
    """Stand-in for the lesson's report."""
    means = {"probe": [0.62, 0.73, 0.78, 0.79], "probe + VADER": [0.74, 0.77, 0.78, 0.8]}
    budgets = (16, 64, 256, 1000)
    return SimpleNamespace(
        mean=lambda arm, budget: means[arm][budgets.index(budget)],
        setting=SimpleNamespace(budgets=budgets),
    )


def _error_by_loop(right, sure, bins):
    total = 0.0
    for number in range(bins):
        inside = [
            (r, s)
            for r, s in zip(right, sure, strict=True)
            if number / bins <= s < (number + 1) / bins or (s == 1 and number == bins - 1)
        ]
        if inside:
            rights, sures = zip(*inside, strict=True)
            total += abs(sum(rights) - sum(sures))
    return total / len(sure)


def _error_by_torch(right, sure, bins):
    import torch

    return torch.tensor(_error(right, sure, bins), dtype=torch.float64)


def _with_slip(**slip):
    return lambda right, sure, bins: _error(right, sure, bins, **slip)


def _one_bin(right, sure, bins):
    return abs(sum(right) / len(right) - sum(sure) / len(sure))


def _leaked(train, test):
    known = set(train)
    return sum(group in known for group in test) / len(test)


def _leaked_by_numpy(train, test):
    import numpy as np

    return np.isin(test, train).mean()


def _leaked_exactly(train, test):
    return Fraction(sum(group in train for group in test), len(test)).__float__()


EXERCISES = [
    Exercise(
        id="3.1.1",
        kind="complete",
        hints=[
            "np.minimum((sure * bins).astype(int), bins - 1) gives each answer its bin.",
            "A bin with n answers adds n * abs(right.mean() - sure.mean()); divide the sum by the "
            "number of all answers.",
        ],
        check=_check_error,
        solution="""def calibration_error(right, sure, bins):
    right, sure = np.asarray(right, float), np.asarray(sure, float)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    total = 0.0
    for one in np.unique(place):
        inside = place == one
        total += inside.sum() * abs(right[inside].mean() - sure[inside].mean())
    return total / len(sure)""",
        right=[lambda: _error, lambda: _error_by_loop, lambda: _error_by_torch],
        wrong=[
            Wrong(lambda: _with_slip(weighted=False), "weight each"),
            Wrong(lambda: _with_slip(signed=True), "cancel"),
            Wrong(lambda: _with_slip(largest=True), "worst bin"),
            Wrong(lambda: _one_bin, "one bin for all"),
            Wrong(lambda: lambda right, sure, bins: 0.0, "5 bins it is"),
        ],
    ),
    Exercise(
        id="3.1.2",
        kind="modify",
        hints=[
            "Make a set of the training groups; then ask of each test example.",
            "sum(group in known for group in test_groups) counts them.",
        ],
        check=_check_leaked,
        solution="""def leaked(train_groups, test_groups):
    known = set(train_groups)
    return sum(group in known for group in test_groups) / len(test_groups)""",
        right=[lambda: _leaked, lambda: _leaked_by_numpy, lambda: _leaked_exactly],
        wrong=[
            Wrong(lambda: lambda a, b: len(set(a) & set(b)) / len(set(b)), "test *groups*"),
            Wrong(lambda: lambda a, b: sum(g in a for g in b), "divide by the size"),
            Wrong(lambda: lambda a, b: sum(g in b for g in a) / len(a), "about the test set"),
            Wrong(lambda: lambda a, b: len(set(a) & set(b)) / len(b), "each shared group once"),
            Wrong(lambda: lambda a, b: 0.6, "with no group in common"),
        ],
    ),
    Exercise(
        id="3.1.3",
        kind="investigate",
        hints=[
            "report.setting.budgets lists the budgets; subtract the two means at each.",
            "max(budgets, key=lambda n: ...) gives the budget at which something is largest.",
        ],
        check=_check_most,
        solution="""def added(budget):
    return report.mean("probe + VADER", budget) - report.mean("probe", budget)


adds_most_at = max(report.setting.budgets, key=added)""",
        right=[16, 16.0, [16]],
        wrong=[
            Wrong(1000, "best there, but"),
            Wrong(64, "more at another budget"),
            Wrong(100, "no arm ran"),
            Wrong("16", "the text"),
        ],
        context=lambda: {"report": _report()},
    ),
]

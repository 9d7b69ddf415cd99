"""Exercises of lesson 8.1: hints, checks, solutions, and the answers they are tested on."""

from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

_GOOD, _BAD = [0.1, 0.4, 0.35, 0.2], [0.3, 0.8, 0.4]


def _share(good, bad, tie=0.5):
    """Share of pairs in the right order; a tie counts ``tie``."""
    pairs = [(b > g) + tie * (b == g) for b in bad for g in good]
    return sum(pairs) / len(pairs)


def _check_auroc(answer):
    found = read(answer(_GOOD, _BAD))
    right = _share(_GOOD, _BAD)
    if same(found, _share(_GOOD, _BAD, tie=0)):
        raise NotYet("a tie, 0.4 against 0.4, counts one half: a coin would decide it.")
    if same(found, _share(_GOOD, _BAD, tie=1)):
        raise NotYet("a tie, 0.4 against 0.4, is no success: it counts one half.")
    if same(found, 1 - right):
        raise NotYet("that is the share of pairs in the wrong order: defects should score higher.")
    if same(found, right * len(_GOOD) * len(_BAD)):
        raise NotYet("that is the number of pairs; divide by how many there are.")
    if not same(found, right, tolerance=1e-4):
        raise NotYet(f"for good {_GOOD} and bad {_BAD} the share is {right:.3f}.")
    if not same(read(answer([0.0], [1.0])), 1.0):
        raise NotYet("with one pair, in the right order, the share is 1.")
    return "no threshold is needed, and no scale: only the order of the scores counts."


def _limit(good, share):
    """The smallest score of a good part above which at most this share of them lies."""
    ordered = sorted(good, reverse=True)
    return ordered[int(share * len(ordered) + 1e-9)]


_MANY = [0.1 * number for number in range(20)]


def _check_limit(answer):
    found = read(answer(_MANY, 0.1))
    right = _limit(_MANY, 0.1)
    stopped = sum(score > float(found) for score in _MANY)
    if same(found, _limit(_MANY, 0.05)):
        raise NotYet("the share has no effect: 0.1 of twenty are two parts, not one.")
    if same(found, max(_MANY)):
        raise NotYet("that stops no good part at all, and misses defects that the line could have.")
    if same(found, sorted(_MANY)[2]):
        raise NotYet("that is the lower end: it would stop nearly every good part.")
    if stopped != 2:
        raise NotYet(f"that stops {stopped} of twenty good parts; a share of 0.1 allows two.")
    if float(found) < right - 1e-6 or float(found) >= sorted(_MANY)[-2]:
        raise NotYet("it stops two, but lies elsewhere than at or just above the next score.")
    if not 4.0 <= float(read(answer([1.0, 2.0, 3.0, 4.0, 5.0], 0.2))) < 5.0:
        raise NotYet(
            "it is right for twenty parts and not for five: take the number from the list."
        )
    return "the line's patience sets the threshold, and no defect is needed for it."


def _check_best(answer, report, at):
    arms = [arm for arm in report.setting.arms if report.has(arm, at)]
    controls = [arm for arm in report.setting.controls if report.has(arm, at)]
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    answer = answer.strip() if isinstance(answer, str) else None
    if answer not in arms:
        raise NotYet(f"write the name of an arm as text; they are {', '.join(arms)}.")
    best = max(controls, key=lambda arm: report.mean(arm, at))
    if answer not in controls:
        raise NotYet(f"{answer} uses pretrained weights; the question is about arms without them.")
    if answer == "random features" and answer != best:
        raise NotYet("random features are the rival of many papers, and an easy one; look further.")
    if answer != best:
        raise NotYet(f"{answer} scores {report.mean(answer, at):.3f}; another control is better.")
    return "a gain is worth what its strongest rival is worth."


def _report():
    """Stand-in for the lesson's report."""
    means = {"PaDiM": 0.93, "texture": 0.88, "template": 0.90, "random features": 0.7}
    return SimpleNamespace(
        mean=lambda arm, budget: means[arm],
        has=lambda arm, budget: True,
        setting=SimpleNamespace(
            arms=tuple(means), controls=("texture", "template", "random features"), budgets=(10, 40)
        ),
    )


def _by_sklearn(good, bad):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score([0] * len(good) + [1] * len(bad), [*good, *bad])


def _by_tensor(good, bad):
    import torch

    good, bad = torch.tensor(good), torch.tensor(bad)[:, None]
    return ((bad > good).double() + 0.5 * (bad == good).double()).mean()


def _by_numpy(good, share):
    import numpy as np

    return np.quantile(good, 1 - share, method="lower")


def _as_tensor(good, share):
    import torch

    return torch.tensor(_limit(good, share), dtype=torch.float64)


def _numpy_name():
    import numpy as np

    return np.array(["texture", "template"])[1]


EXERCISES = [
    Exercise(
        id="8.1.1",
        kind="complete",
        hints=[
            "Go through all pairs: for b in bad, for g in good.",
            "A pair counts 1 when b > g, one half when they are equal, and 0 otherwise.",
        ],
        check=_check_auroc,
        solution="""def pairs_in_order(good, bad):
    pairs = [(b > g) + 0.5 * (b == g) for b in bad for g in good]
    return sum(pairs) / len(pairs)""",
        right=[lambda: _share, lambda: _by_sklearn, lambda: _by_tensor],
        wrong=[
            Wrong(lambda: lambda good, bad: _share(good, bad, tie=0), "counts one half"),
            Wrong(lambda: lambda good, bad: _share(good, bad, tie=1), "is no success"),
            Wrong(lambda: lambda good, bad: 1 - _share(good, bad), "wrong order"),
            Wrong(lambda: lambda good, bad: 12 * _share(good, bad), "number of pairs"),
            Wrong(lambda: lambda good, bad: 0.5, "the share is"),
        ],
    ),
    Exercise(
        id="8.1.2",
        kind="modify",
        hints=[
            "Sort the scores of the good parts. How many of them may lie above?",
            "sorted(good, reverse=True)[n] has exactly n scores above it, where none are equal.",
        ],
        check=_check_limit,
        solution="""def limit_for(good, share):
    return sorted(good, reverse=True)[int(share * len(good))]""",
        right=[lambda: _limit, lambda: _by_numpy, lambda: _as_tensor],
        wrong=[
            Wrong(lambda: lambda good, share: _limit(good, 0.05), "has no effect"),
            Wrong(lambda: lambda good, share: max(good), "no good part at all"),
            Wrong(lambda: lambda good, share: sorted(good)[int(share * len(good))], "lower end"),
            Wrong(lambda: lambda good, share: sorted(good)[5], "allows two"),
            Wrong(lambda: lambda good, share: sorted(good)[17], "number from the list"),
        ],
    ),
    Exercise(
        id="8.1.3",
        kind="investigate",
        hints=[
            "report.setting.controls lists the arms without pretrained weights.",
            "max(controls, key=lambda arm: report.mean(arm, 40)) gives the best of them.",
        ],
        check=_check_best,
        solution="""controls = report.setting.controls
strongest = max(controls, key=lambda arm: report.mean(arm, report.setting.headline[1]))""",
        right=["template", ["template"], " template ", _numpy_name],
        wrong=[
            Wrong("PaDiM", "uses pretrained weights"),
            Wrong("random features", "an easy one"),
            Wrong("texture", "another control is better"),
            Wrong(3, "name of an arm"),
        ],
        context=lambda: {"report": _report(), "at": 40},
    ),
]

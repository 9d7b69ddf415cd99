"""Exercises of lesson 1.1: hints, checks, solutions, and the wrong answers they are tested on."""

import math

from tl_helpers.exercises import Exercise, NotYet, Wrong


def _close(number, expected):
    return isinstance(number, int | float) and math.isclose(number, expected, rel_tol=0.02)


def _check_labels_needed(answer):
    budgets, means = [10, 40, 160], [0.2, 0.6, 0.8]
    if _close(answer(budgets, means, 0.5), 32.5):
        raise NotYet(
            "that is the line over the budget itself; budgets grow by factors, so draw the line "
            "over math.log(budget) and take math.exp at the end."
        )
    if _close(answer(budgets, means, 0.5), 40):
        raise NotYet("that is the next measured budget; the curve crosses 0.5 before it.")
    if not _close(answer(budgets, means, 0.5), 10 * 4**0.75):
        raise NotYet(
            f"for budgets {budgets}, means {means} and target 0.5 the answer is "
            f"{10 * 4**0.75:.1f}: three quarters of the way from log 10 to log 40."
        )
    if answer(budgets, means, 0.9) != math.inf:
        raise NotYet("a target that no mean reaches gives math.inf: nothing is extrapolated.")
    if answer(budgets, means, 0.1) != 10:
        raise NotYet("a target that the smallest budget reaches already gives that budget.")
    return "read sideways, on a logarithmic axis, and never beyond the data."


def _check_both(answer, budget, items, columns):
    from tl_helpers.compare import Prediction

    result = answer(budget, 0)
    if not isinstance(result, Prediction):
        raise NotYet("an arm returns a Prediction; linear_arm builds such an arm for you.")
    if len(result.predicted) != items:
        raise NotYet(
            f"it answers {len(result.predicted)} items and the test set has {items}; join the "
            "features of training and test crops in the same way."
        )
    # 16 classes, each with a weight a column and a constant
    width = result.trainable // 16 - 1
    learned, measured = columns["learned"], columns["texture"]
    if width in (learned, measured):
        raise NotYet(f"its head reads {width} numbers, one of the two kinds; give it both.")
    if width != learned + measured:
        raise NotYet(f"its head reads {width} numbers; expected {learned} + {measured}.")
    return "compare it with the probe by adding it to `arms`: complementary features can add up."


def _check_overtakes(answer, counts, means):
    ahead = [
        n for n, p, r in zip(counts, means["probe"], means["raw pixels"], strict=True) if p > r
    ]
    expected = ahead[0] if ahead else math.inf
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet("give one number of labels a class, such as 3.")
    if answer == 10 * expected != expected:
        raise NotYet("that is the budget of all ten digits together; the question is a class.")
    if answer not in (*counts, math.inf):
        raise NotYet(f"that was not measured; the curve has points at {counts} labels a class.")
    if answer != expected:
        raise NotYet("compare the two means point by point, from the smallest budget up.")
    return "below it the features know too much else; above it the head has learned what to ignore."


_CROSSING = {
    "counts": [1, 3, 10, 30],
    "means": {"probe": [0.3, 0.5, 0.75, 0.85], "raw pixels": [0.4, 0.55, 0.7, 0.8]},
}


def _stand_in(width, items=7):
    import numpy as np

    from tl_helpers.compare import Prediction

    return lambda budget, seed: Prediction(np.zeros(items, int), 16 * (width + 1))


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
        solution="""def labels_needed(budgets, means, target):
    if means[0] >= target:
        return budgets[0]
    points = list(zip(budgets, means, strict=True))
    for (left, low), (right, high) in zip(points, points[1:], strict=False):
        if high >= target:
            return left * (right / left) ** ((target - low) / (high - low))
    return math.inf""",
        wrong=[
            Wrong(lambda: _linear_reading, "over the budget itself"),
            Wrong(lambda: _next_budget, "crosses 0.5 before it"),
            Wrong(lambda: lambda budgets, means, target: 12.0, "three quarters of the way"),
        ],
    ),
    Exercise(
        id="1.1.2",
        kind="modify",
        hints=[
            "linear_arm(pool, test) makes an arm of two sets of examples whose x are features.",
            "replace(pool, x=torch.cat([...], 1)) gives the examples wider features; do the same "
            "for training and test crops.",
        ],
        check=_check_both,
        solution="""def both(budget, seed):
    joined = replace(pool, x=torch.cat([pool.x, texture_pool.x], 1))
    joined_test = replace(test, x=torch.cat([test.x, texture_test.x], 1))
    return linear_arm(joined, joined_test, standardised)(budget, seed)""",
        wrong=[
            Wrong(lambda: _stand_in(1280), "one of the two kinds"),
            Wrong(lambda: _stand_in(54), "one of the two kinds"),
            Wrong(lambda: _stand_in(1334, items=3), "answers 3 items"),
            Wrong(lambda: lambda budget, seed: 0.9, "returns a Prediction"),
        ],
        context=lambda: {"budget": 48, "items": 7, "columns": {"learned": 1280, "texture": 54}},
    ),
    Exercise(
        id="1.1.3",
        kind="investigate",
        hints=[
            "strokes.mean('probe', budget) takes the budget of all ten digits together.",
            "next(n for n in counts if ...) gives the first that fits.",
        ],
        check=_check_overtakes,
        solution="""def ahead_at(n):
    return strokes.mean("probe", 10 * n) > strokes.mean("raw pixels", 10 * n)


ahead = [n for n in counts if ahead_at(n)]
overtakes_at = ahead[0] if ahead else math.inf""",
        wrong=[
            Wrong(100, "ten digits together"),
            Wrong(1, "point by point"),
            Wrong(7, "was not measured"),
            Wrong("ten", "one number"),
        ],
        context=lambda: dict(_CROSSING),
    ),
]


def _linear_reading(budgets, means, target):
    import numpy as np

    return float(np.interp(target, means, budgets))


def _next_budget(budgets, means, target):
    return next((b for b, m in zip(budgets, means, strict=True) if m >= target), math.inf)

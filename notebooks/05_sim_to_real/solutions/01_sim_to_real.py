"""Exercises of lesson 5.1: hints, checks, solutions, and the answers they are tested on."""

from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

_SCORES = [[1.0, 0.0, 0.9, 0.2], [0.6, 0.1, 0.8, 0.7], [0.5, 0.3, 1.0, 0.05]]


def _trimmed(scores, share=0.25, *, ordered=True):
    """The mean without a share at each end, or what common slips make of it."""
    import numpy as np

    values = np.asarray(scores, dtype=float).ravel()
    values = np.sort(values) if ordered else values
    out = int(share * len(values))
    return values[out : len(values) - out].mean()


def _check_mean(answer):
    import numpy as np

    found = read(answer(np.array(_SCORES)))
    slips = {
        "that is the mean of all scores: leave out a quarter of them at each end first.": (
            np.mean(_SCORES)
        ),
        "that is the median, which leaves out nearly everything; keep the middle half.": (
            np.median(_SCORES)
        ),
        "that leaves out a quarter in all, an eighth at each end; leave out a quarter at each.": (
            _trimmed(_SCORES, 0.125)
        ),
        "the scores are cut before they are sorted: sort them first.": (
            _trimmed(_SCORES, ordered=False)
        ),
    }
    for reason, slip in slips.items():
        if same(found, slip):
            raise NotYet(reason)
    right = _trimmed(_SCORES)
    if not same(found, right):
        raise NotYet(f"for the scores {_SCORES} the interquartile mean is {right:.4f}.")
    if not same(read(answer(np.arange(10.0) ** 2)), _trimmed(np.arange(10.0) ** 2)):
        raise NotYet(
            "right for twelve scores and not for ten: a quarter of ten, rounded down, is 2."
        )
    return "one lucky run cannot move it, and it still uses half of what you paid for."


def _late(commands, delay):
    return [0.0] * min(delay, len(commands)) + list(commands[: max(0, len(commands) - delay)])


def _check_arriving(answer):
    commands = [0.5, -1.0, 0.25, 1.0, -0.5]
    given = answer(commands, 2)
    if hasattr(given, "__len__") and len(given) != len(commands):
        raise NotYet(
            f"{len(given)} values for {len(commands)} steps: the motor gets one value at each "
            "step, and what has not arrived by the end never does."
        )
    found = read(list(given) if isinstance(given, tuple) else given, commands)
    slips = {
        "nothing is late yet: the first two values have to be 0.": commands,
        "the last commands come round to the front; before the first arrives there is only 0.": (
            commands[-2:] + commands[:-2]
        ),
        "that is early, not late: step t gets the command of step t - delay.": (
            [*commands[2:], 0.0, 0.0]
        ),
        "before the first command arrives the motor gets 0, not that command.": (
            [commands[0]] * 2 + commands[:-2]
        ),
    }
    for reason, slip in slips.items():
        if same(found, slip):
            raise NotYet(reason)
    if not same(found, _late(commands, 2)):
        raise NotYet(f"for {commands} and delay 2 the motor gets {_late(commands, 2)}.")
    if not same(read(answer(commands, 0), commands), commands):
        raise NotYet("right for delay 2; with delay 0 every command arrives at once.")
    return "six lines of physics, and the perfect policy of the recipe falls."


def _gains(report):
    budgets = report.setting.budgets
    return {
        arm: report.mean(arm, budgets[-1]) - report.mean(arm, budgets[0])
        for arm in report.setting.arms
    }


def _check_gains(answer, report):
    if not isinstance(answer, str):
        raise NotYet(f"that is a {type(answer).__name__}; expected the name of a way, a text.")
    gains = _gains(report)
    names = {name.lower(): name for name in gains}
    name = names.get(answer.strip().lower())
    if name is None:
        raise NotYet(f"no way has that name; they are {', '.join(gains)}.")
    most = max(gains.values())
    if gains[name] < most:
        budgets = report.setting.budgets
        ended = {arm: report.mean(arm, budgets[-1]) for arm in gains}
        words = "it ends highest, but " if ended[name] == max(ended.values()) else ""
        raise NotYet(
            f"{words}{name} gains {gains[name]:.3f}, and another way gains more: subtract its mean "
            "at the first budget from that at the last."
        )
    return "only what learns on the machine goes on gaining; the rest had its say after a dozen."


def _report():
    """Stand-in for the lesson's report."""
    means = {
        "history": (0.8, 0.81),
        "fine-tune": (0.9, 0.97),
        "scratch": (0.0, 0.2),
        "LQR": (0.7, 0.7),
    }
    budgets = (12, 144)
    return SimpleNamespace(
        mean=lambda arm, budget: means[arm][budgets.index(budget)],
        setting=SimpleNamespace(budgets=budgets, arms=tuple(means)),
    )


def _by_scipy(scores):
    import numpy as np
    from scipy import stats

    return stats.trim_mean(np.asarray(scores), 0.25, axis=None)


def _by_torch(scores):
    import torch

    values = torch.as_tensor(scores).double().flatten().sort().values
    out = len(values) // 4
    return values[out : len(values) - out].mean()


def _mean(scores):
    import numpy as np

    return np.mean(scores)


def _median(scores):
    import numpy as np

    return np.median(scores)


def _arriving_array(commands, delay):
    import numpy as np

    return np.concatenate([np.zeros(delay), commands])[: len(commands)]


def _arriving_tensor(commands, delay):
    import torch

    return torch.cat([torch.zeros(delay), torch.tensor(commands)])[: len(commands)]


def _rolled(commands, delay):
    import numpy as np

    return np.roll(commands, delay)


EXERCISES = [
    Exercise(
        id="5.1.1",
        kind="complete",
        hints=[
            "Flatten and sort, then take a slice: values[out:len(values) - out].",
            "out = len(values) // 4; np.sort(scores, axis=None) flattens and sorts at once.",
        ],
        check=_check_mean,
        solution="""def interquartile_mean(scores):
    values = np.sort(scores, axis=None)
    out = len(values) // 4
    return values[out : len(values) - out].mean()""",
        right=[lambda: _trimmed, lambda: _by_scipy, lambda: _by_torch],
        wrong=[
            Wrong(lambda: _mean, "mean of all scores"),
            Wrong(lambda: _median, "that is the median"),
            Wrong(lambda: lambda scores: _trimmed(scores, 0.125), "an eighth at each end"),
            Wrong(lambda: lambda scores: _trimmed(scores, ordered=False), "sort them first"),
            Wrong(lambda: lambda scores: 0.5, "the interquartile mean is"),
        ],
    ),
    Exercise(
        id="5.1.2",
        kind="modify",
        hints=[
            "Put `delay` zeros in front, and cut the list to its old length.",
            "([0.0] * delay + list(commands))[: len(commands)]",
        ],
        check=_check_arriving,
        solution="""def arriving(commands, delay):
    return ([0.0] * delay + list(commands))[: len(commands)]""",
        right=[lambda: _late, lambda: _arriving_array, lambda: _arriving_tensor],
        wrong=[
            Wrong(lambda: lambda commands, delay: list(commands), "nothing is late yet"),
            Wrong(lambda: _rolled, "come round to the front"),
            Wrong(
                lambda: lambda commands, delay: list(commands[delay:]) + [0.0] * delay,
                "early, not late",
            ),
            Wrong(lambda: lambda commands, delay: [0.0] * delay + list(commands), "never does"),
            Wrong(
                lambda: (
                    lambda commands, delay: (
                        [commands[0]] * delay + list(commands[: len(commands) - delay])
                    )
                ),
                "not that command",
            ),
        ],
    ),
    Exercise(
        id="5.1.3",
        kind="investigate",
        hints=[
            "report.setting.arms lists the ways; subtract the mean at the first budget.",
            "max(report.setting.arms, key=lambda way: ...) gives the name with the largest value.",
        ],
        check=_check_gains,
        solution="""def gained(way):
    return report.mean(way, budgets[-1]) - report.mean(way, budgets[0])


gains_most = max(report.setting.arms, key=gained)""",
        right=["scratch", " Scratch ", "SCRATCH"],
        wrong=[
            Wrong("fine-tune", "it ends highest"),
            Wrong("LQR", "another way gains more"),
            Wrong("rocket", "no way has that name"),
            Wrong(0.2, "expected the name"),
        ],
        context=lambda: {"report": _report()},
    ),
]

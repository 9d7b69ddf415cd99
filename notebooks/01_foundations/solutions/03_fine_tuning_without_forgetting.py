"""Exercises of lesson 1.3: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _check_rates(answer):
    found = answer(4, 0.001, 0.5)
    right = [0.000125, 0.00025, 0.0005, 0.001]
    found = read(found, right)
    if same(found, right[::-1]):
        raise NotYet("the stem has the largest rate; the list goes from the input to the head.")
    if same(found, [rate / 2 for rate in right]):
        raise NotYet("the head already lost a factor; it gets `base` itself.")
    if same(found, [0.001, 0.001, 0.001, 0.001]):
        raise NotYet("all parts have one rate; each is `decay` times that of the part above.")
    if not same(found, right):
        raise NotYet(
            f"for 4 parts, base 0.001 and decay 0.5 it gives {found.tolist()}; expected {right}."
        )
    return "what all pictures share moves least, and the new head moves most."


def _rates(parts, base, decay):
    return [base * decay ** (parts - 1 - place) for place in range(parts)]


def _rates_as_array(parts, base, decay):
    import numpy as np

    return base * decay ** np.arange(parts)[::-1]


def _rates_as_tensor(parts, base, decay):
    import torch

    return base * decay ** torch.arange(parts - 1, -1, -1)


def _rates_upside_down(parts, base, decay):
    return _rates(parts, base, decay)[::-1]


def _rates_one_step_late(parts, base, decay):
    return [decay * rate for rate in _rates(parts, base, decay)]


def _rates_all_alike(parts, base, decay):
    return [base] * parts


def _rates_of_one_part(parts, base, decay):
    return base * decay


# Right before: the first four. Two of them stay right, and the last two are corrected.
_TRUTH, _BEFORE, _AFTER = [0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 2, 2], [0, 1, 0, 0, 0, 1]


def _check_forgotten(answer):
    import numpy as np

    found = read(answer(*(np.array(row) for row in (_TRUTH, _BEFORE, _AFTER))))
    if same(found, 4 / 6):
        raise NotYet(
            "that is the share of answers that changed; a wrong answer that is corrected counts "
            "as forgetting there."
        )
    if same(found, 2 / 6):
        raise NotYet("the lost answers are right; divide by those that were right before.")
    if same(found, 2 / 4) and _forgets_nothing_when_asked(answer):
        return "only an answer that was right can be forgotten."
    if same(found, 2 / 4):
        raise NotYet(
            "that is the share kept, which is the same here by chance; with nothing lost it has "
            "to be 0."
        )
    if same(found, 0.0):
        raise NotYet("it compares two shares of right answers; gains and losses cancel there.")
    raise NotYet(f"four answers were right before and two of them are lost; it gives {found:.2f}.")


def _forgets_nothing_when_asked(answer):
    import numpy as np

    rows = [np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 1, 1])]
    return same(answer(*rows), 0.0)


def _forgotten(truth, before, after):
    right = before == truth
    return (after[right] != truth[right]).mean()


def _forgotten_in_a_loop(truth, before, after):
    rows = list(zip(truth, before, after, strict=True))
    right = [(y, new) for y, old, new in rows if old == y]
    return sum(new != y for y, new in right) / len(right)


def _forgotten_in_torch(truth, before, after):
    import torch

    truth, before, after = (torch.as_tensor(row) for row in (truth, before, after))
    return 1 - (after == truth)[before == truth].float().mean()


def _changed(truth, before, after):
    return (before != after).mean()


def _lost_of_all(truth, before, after):
    return ((before == truth) & (after != truth)).mean()


def _kept_instead(truth, before, after):
    return (after == truth)[before == truth].mean()


def _difference_of_scores(truth, before, after):
    return (before == truth).mean() - (after == truth).mean()


def _check_batches(answer):
    found = read(answer)
    if same(found, 44):
        return "a few dozen batches, and pretraining has no say in the statistics any more."
    if same(found, 43):
        raise NotYet("after 43 batches a little more than one percent is left; count one more.")
    if found % 1:
        raise NotYet("batches come whole: give the first whole number after which it is so.")
    if 1 <= found <= 3:
        raise NotYet(
            "that takes the update the other way round: each batch brings a tenth of itself, and "
            "nine tenths of what was there stay."
        )
    if same(found, 10):
        raise NotYet("a tenth is lost of what is *left*, so that it never ends after ten batches.")
    if found > 44:
        raise NotYet("an earlier batch is enough; look for the smallest number.")
    raise NotYet(f"after {found:.0f} batches more than one percent is left.")


def _of_numpy():
    import numpy as np

    return np.int64(44)


def _of_torch():
    import torch

    return torch.tensor(44.0)


EXERCISES = [
    Exercise(
        id="1.3.1",
        kind="complete",
        hints=[
            "The last part, the head, gets `base`; the one before it `base * decay`.",
            "Part number `place` of `parts` is `parts - 1 - place` steps below the head.",
        ],
        check=_check_rates,
        solution="""def rates(parts, base, decay):
    return [base * decay ** (parts - 1 - place) for place in range(parts)]""",
        wrong=[
            Wrong(lambda: _rates_upside_down, "the stem has the largest rate"),
            Wrong(lambda: _rates_one_step_late, "the head already lost a factor"),
            Wrong(lambda: _rates_all_alike, "all parts have one rate"),
            Wrong(lambda: _rates_of_one_part, "expected numbers of shape"),
        ],
        right=[lambda: _rates, lambda: _rates_as_array, lambda: _rates_as_tensor],
    ),
    Exercise(
        id="1.3.2",
        kind="modify",
        hints=[
            "Begin with `right_answers_kept` of the lesson: `right = before == truth`.",
            "Among the rows that were right, count those where `after` differs from `truth`.",
        ],
        check=_check_forgotten,
        solution="""def forgotten(truth, before, after):
    right = before == truth
    return (after[right] != truth[right]).mean()""",
        wrong=[
            Wrong(lambda: _changed, "counts as forgetting there"),
            Wrong(lambda: _lost_of_all, "divide by those that were right before"),
            Wrong(lambda: _kept_instead, "that is the share kept"),
            Wrong(lambda: _difference_of_scores, "gains and losses cancel"),
        ],
        right=[lambda: _forgotten, lambda: _forgotten_in_a_loop, lambda: _forgotten_in_torch],
    ),
    Exercise(
        id="1.3.3",
        kind="investigate",
        hints=[
            "After one batch nine tenths are left, after two batches nine tenths of those.",
            "`next(n for n in range(1, 100) if 0.9**n < 0.01)`",
        ],
        check=_check_batches,
        solution="""batches = next(n for n in range(1, 100) if 0.9**n < 0.01)""",
        wrong=[
            Wrong(43, "count one more"),
            Wrong(43.71, "whole number"),
            Wrong(3, "the other way round"),
            Wrong(10, "of what is *left*"),
            Wrong(100, "an earlier batch is enough"),
        ],
        right=[44, _of_numpy, _of_torch],
    ),
]

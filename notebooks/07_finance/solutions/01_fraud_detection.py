"""Exercises of lesson 7.1: hints, checks, solutions, and the answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

# Two days, capacity 1: on the first, card 7 leads with two frauds of its own; on the second, card 9
# leads and is genuine, while card 8 is a fraud.
_DAYS = [0, 0, 0, 0, 1, 1, 1]
_CARDS = [7, 7, 8, 9, 8, 9, 9]
_SCORES = [0.9, 0.8, 0.7, 0.75, 0.5, 0.6, 0.2]
_FRAUDS = [1, 1, 0, 0, 1, 0, 0]


def _precision(days, cards, scores, frauds, capacity, *, first=False, whole=False, pay=False):
    """Card precision, or what common slips make of it."""
    best, hit = {}, {}
    for at, key in enumerate(zip(days, cards, strict=True)):
        key = ("all", key[1]) if whole else (*key, at) if pay else key
        leads = scores[at] > best.get(key, float("-inf"))
        if not first:
            hit[key] = hit.get(key, 0) | frauds[at]
        elif leads:
            hit[key] = frauds[at]
        best[key] = max(best.get(key, float("-inf")), scores[at])
    found = []
    for day in sorted({key[0] for key in best}, key=str):
        ranked = sorted((key for key in best if key[0] == day), key=lambda k: -best[k])
        found += [hit[key] for key in ranked[:capacity]]
    return sum(found) / len(found)


def _check_precision(answer):
    example = (_DAYS, _CARDS, _SCORES, _FRAUDS)
    one, two = read(answer(*example, 1)), read(answer(*example, 2))
    slips = {
        "that ranks single payments: a card counts once a day, with its highest score.": "pay",
        "that ranks over all days at once; investigators come every day: take the first "
        "`capacity` cards of each.": "whole",
    }
    for reason, slip in slips.items():
        said = [_precision(*example, n, **{slip: True}) for n in (1, 2)]
        if same([one, two], said) and said != [0.5, 0.5]:
            raise NotYet(reason)
    if same([one, two], [1.0, 1.0]):
        raise NotYet("that is the share of frauds found; take the share of cases that are hits.")
    if not same(one, 0.5):
        raise NotYet("with one case a day the example has one hit and one miss: 0.5.")
    if not same(two, 0.5):
        raise NotYet("with two cases a day the example has two hits in four cases: 0.5.")
    late = ([0, 0, 0], [1, 1, 2], [0.9, 0.1, 0.5], [0, 1, 0])
    if not same(read(answer(*late, 1)), 1.0):
        raise NotYet(
            "a card is a hit when any of its payments that day is fraud, not only the one with "
            "the highest score."
        )
    if not same(read(answer([0, 0], [1, 2], [0.2, 0.1], [1, 0], 5)), 0.5):
        raise NotYet("on a day with fewer cards than capacity, divide by the cases there are.")
    return "it is what an investigator feels: how often a case was worth the time."


def _loop(days, cards, scores, frauds, capacity):
    return _precision(days, cards, scores, frauds, capacity)


def _by_pandas(days, cards, scores, frauds, capacity):
    import pandas as pd

    table = pd.DataFrame({"day": days, "card": cards, "score": scores, "fraud": frauds})
    cases = table.groupby(["day", "card"]).max().sort_values("score", ascending=False)
    return cases.groupby("day").head(capacity).fraud.mean()


def _as_tensor(days, cards, scores, frauds, capacity):
    import torch

    return torch.tensor(_precision(days, cards, scores, frauds, capacity))


def _recalled(days, cards, scores, frauds, capacity):
    return 1.0


def _by_capacity(days, cards, scores, frauds, capacity):
    import pandas as pd

    table = pd.DataFrame({"day": days, "card": cards, "score": scores, "fraud": frauds})
    cases = table.groupby(["day", "card"]).max().sort_values("score", ascending=False)
    return cases.groupby("day").head(capacity).fraud.sum() / capacity / len(set(days))


_DAY = 86_400
_SECONDS = [0, 2 * _DAY, 5 * _DAY, 9 * _DAY, 10 * _DAY, 12 * _DAY]
_LABELS = [1, 0, 1, 1, 0, 1]


def _risk(seconds, frauds, days, delay, *, strict=False, total=False):
    """The delayed share of frauds, or what common slips make of it."""
    found = []
    for now in seconds:
        end, begin = now - delay * _DAY, now - (delay + days) * _DAY
        known = [
            fraud
            for second, fraud in zip(seconds, frauds, strict=True)
            if begin < second and (second < end if strict else second <= end)
        ]
        found.append(sum(known) / (1 if total else max(len(known), 1)))
    return found


def _check_risk(answer):
    given = answer(_SECONDS, _LABELS, 7, 3)
    found = read(list(given), [0.0] * 6)
    slips = {
        "that window reaches up to the payment itself: it has to end `delay` days before.": _risk(
            _SECONDS, _LABELS, 7, 0
        ),
        "that begins `days` before the payment: the window keeps its length, and is moved back as "
        "a whole.": _risk(_SECONDS, _LABELS, 4, 3),
        "that counts frauds; divide by the number of payments in the window.": _risk(
            _SECONDS, _LABELS, 7, 3, total=True
        ),
    }
    for reason, said in slips.items():
        if same(found, said):
            raise NotYet(reason)
    right = _risk(_SECONDS, _LABELS, 7, 3)
    if not same(found, right):
        shown = ", ".join(f"{value:.2f}" for value in right)
        raise NotYet(
            f"for payments on days 0, 2, 5, 9, 10, 12 with labels {_LABELS}, seven days and a "
            f"delay of three, the risks are {shown}."
        )
    edge = answer([0, 3 * _DAY], [1, 0], 7, 3)
    if not same(read(list(edge), [0.0] * 2), [0.0, 1.0]):
        raise NotYet("a payment exactly `delay` days ago is known by now: its window includes it.")
    return "moved back by the delay, the window holds only labels that the bank had."


def _risk_by_numpy(seconds, frauds, days, delay):
    import numpy as np

    when, sums = np.asarray(seconds), np.concatenate([[0], np.cumsum(frauds)])
    end = np.searchsorted(when, when - delay * _DAY, side="right")
    begin = np.searchsorted(when, when - (delay + days) * _DAY, side="right")
    return (sums[end] - sums[begin]) / np.maximum(end - begin, 1)


def _risk_as_tensor(seconds, frauds, days, delay):
    import torch

    return torch.tensor(_risk(seconds, frauds, days, delay))


_NEW = "card testing"


def _shares(scores, kind):
    """Of the new kind: share caught; and what common slips give."""
    import numpy as np

    fraud, new = kind != "genuine", kind == _NEW
    caught = np.zeros(len(kind), bool)
    caught[np.argsort(-scores, kind="stable")[: fraud.sum()]] = True
    return {
        "right": caught[new].mean(),
        "all": caught[fraud].mean(),
        "hits": new[caught].mean(),
        "missed": 1 - caught[new].mean(),
    }


def _check_share(answer, scores, kind):
    if not (kind == _NEW).any():
        raise NotYet(f"there is no {_NEW!r} in this test; the exercise is for simulated payments.")
    found, shares = read(answer), _shares(scores, kind)
    if same(found, shares["right"], tolerance=0.005):
        return "no label of the old bank told of it, so that nothing borrowed can know it well."
    slips = {
        "all": "that is the share of all frauds that is caught; take those of card testing alone.",
        "hits": "that is which share of the suspicious payments is card testing; ask the other "
        "way round: which share of card testing is suspicious.",
        "missed": "that is the share that is missed.",
    }
    for slip, reason in slips.items():
        if same(found, shares[slip], tolerance=0.005):
            raise NotYet(reason)
    raise NotYet(
        "let n be the number of frauds. Take the n highest scores, and count which share of the "
        "card-testing payments is among them."
    )


def _small_test():
    import numpy as np

    names = ["genuine", "bad terminal", "stolen card", _NEW]
    kind = np.repeat(names, [60, 5, 5, 8])
    scores = np.linspace(0, 1, len(kind))[np.random.default_rng(3).permutation(len(kind))]
    scores[kind == "stolen card"] += 1
    return {"scores": scores, "kind": kind}


def _of_small(name):
    return lambda: float(_shares(**_small_test())[name])


def _share_as_array():
    import numpy as np

    return np.array([_of_small("right")()])


def _share_as_tensor():
    import torch

    return torch.tensor(_of_small("right")())


EXERCISES = [
    Exercise(
        id="7.1.1",
        kind="complete",
        hints=[
            "Two dictionaries with the key (day, card): the highest score so far, and whether "
            "there was any fraud.",
            "For each day, sort its keys by score and take the first `capacity`; then divide the "
            "hits by the number of cases taken.",
        ],
        check=_check_precision,
        solution="""def card_precision(days, cards, scores, frauds, capacity):
    best, hit = {}, {}
    for day, card, score, fraud in zip(days, cards, scores, frauds):
        best[day, card] = max(score, best.get((day, card), score))
        hit[day, card] = max(fraud, hit.get((day, card), 0))
    cases = []
    for today in set(days):
        ranked = sorted((key for key in best if key[0] == today), key=best.get, reverse=True)
        cases += [hit[key] for key in ranked[:capacity]]
    return sum(cases) / len(cases)""",
        right=[lambda: _loop, lambda: _by_pandas, lambda: _as_tensor],
        wrong=[
            Wrong(lambda: lambda *given: _precision(*given, pay=True), "ranks single payments"),
            Wrong(lambda: lambda *given: _precision(*given, whole=True), "over all days"),
            Wrong(lambda: lambda *given: _precision(*given, first=True), "any of its payments"),
            Wrong(lambda: _recalled, "share of frauds found"),
            Wrong(lambda: _by_capacity, "fewer cards than capacity"),
            Wrong(lambda: lambda *given: 0.3, "one hit and one miss"),
        ],
    ),
    Exercise(
        id="7.1.2",
        kind="modify",
        hints=[
            "For each `now`, the window is now - (days + delay) days < second <= now - delay days.",
            "Two marks still do it: one for the end of the window, one for its beginning. A plain "
            "list comprehension over all payments is right too.",
        ],
        check=_check_risk,
        solution="""def risk(seconds, frauds, days, delay):
    found = []
    for now in seconds:
        end = now - delay * 86_400
        known = [f for s, f in zip(seconds, frauds) if end - days * 86_400 < s <= end]
        found.append(sum(known) / len(known) if known else 0)
    return found""",
        right=[lambda: _risk, lambda: _risk_by_numpy, lambda: _risk_as_tensor],
        wrong=[
            Wrong(lambda: lambda s, f, days, delay: _risk(s, f, days, 0), "the payment itself"),
            Wrong(lambda: lambda s, f, d, lag: _risk(s, f, d - lag, lag), "moved back as a whole"),
            Wrong(lambda: lambda *given: _risk(*given, total=True), "divide by the number"),
            Wrong(lambda: lambda *given: [0.5] * len(given[0]), "the risks are"),
        ],
    ),
    Exercise(
        id="7.1.3",
        kind="investigate",
        hints=[
            "np.argsort(-scores)[:n] gives the n most suspicious payments; n is the number of "
            "payments whose kind is not 'genuine'.",
            "np.isin(np.flatnonzero(kind == 'card testing'), suspicious).mean() is the share.",
        ],
        check=_check_share,
        solution="""suspicious = np.argsort(-scores, kind="stable")[: (kind != "genuine").sum()]
share_caught = np.isin(np.flatnonzero(kind == "card testing"), suspicious).mean()""",
        right=[_of_small("right"), _share_as_array, _share_as_tensor],
        wrong=[
            Wrong(_of_small("all"), "all frauds"),
            Wrong(_of_small("hits"), "other way round"),
            Wrong(_of_small("missed"), "that is missed"),
            Wrong(0.987, "let n be the number"),
        ],
        context=_small_test,
    ),
]

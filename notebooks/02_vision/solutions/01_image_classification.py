"""Exercises of lesson 2.1: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

# Seven pictures of two classes: sure and right, sure and wrong, and less sure.
_P = [[0.9, 0.1], [0.2, 0.8], [0.95, 0.05], [0.6, 0.4], [0.3, 0.7], [0.45, 0.55], [0.52, 0.48]]
_Y = [0, 1, 1, 0, 0, 0, 0]


def _check_alone(answer):
    import numpy as np

    p, y = np.array(_P), np.array(_Y)
    found = read(answer(p, y, 0.7), [0.0, 0.0])
    if same(found, [4 / 7, 0.5]):
        return _check_alone_at_the_ends(answer, p, y)
    if same(found, [0.5, 4 / 7]):
        raise NotYet("both numbers are there, in the wrong order: first the share answered.")
    if same(found, [4 / 7, 2 / 7]):
        raise NotYet("the second share counts all pictures; divide by those that it answers.")
    if same(found, [3 / 7, 2 / 3]):
        raise NotYet("a probability of exactly `least` is enough: use >=.")
    if same(found, [4 / 7, 4 / 7]):
        raise NotYet("the second share is that of all answers; keep the sure ones alone.")
    if same(found, [4, 2]) or same(found, [4, 0.5]):
        raise NotYet("those are counts; return shares, between 0 and 1.")
    raise NotYet(
        "for seven pictures, of which four are sure and two of these right, it gives "
        f"{found[0]:.2f} and {found[1]:.2f}; expected {4 / 7:.2f} and 0.50."
    )


def _check_alone_at_the_ends(answer, p, y):
    import numpy as np

    with np.errstate(all="ignore"):
        silent = answer(p, y, 0.99)
    if not same(silent, [0.0, 0.0]):
        raise NotYet("with least=0.99 it answers nothing: return 0.0 and 0.0 then, without NaN.")
    if not same(answer(p, y, 0.0), [1.0, 4 / 7]):
        raise NotYet("with least=0.0 it answers all seven, of which four are right.")
    return "that pair, over all values of `least`, is what you offer to whoever uses the model."


def _alone(p, y, least):
    sure = p.max(1) >= least
    right = (p.argmax(1) == y)[sure]
    return sure.mean(), right.mean() if sure.any() else 0.0


def _alone_in_a_loop(p, y, least):
    answers = [row.argmax() == label for row, label in zip(p, y, strict=True) if max(row) >= least]
    return [len(answers) / len(y), float(sum(answers)) / max(1, len(answers))]


def _alone_in_torch(p, y, least):
    import torch

    (sure, said), y = torch.as_tensor(p).max(1), torch.as_tensor(y)
    bold = sure >= least
    hits = ((said == y) & bold).sum()
    return torch.stack([bold.double().mean(), hits / bold.sum().clamp(min=1)])


def _alone_swapped(p, y, least):
    return _alone(p, y, least)[::-1]


def _alone_of_all(p, y, least):
    sure = p.max(1) >= least
    return sure.mean(), ((p.argmax(1) == y) & sure).mean()


def _alone_above(p, y, least):
    sure = p.max(1) > least
    return sure.mean(), (p.argmax(1) == y)[sure].mean() if sure.any() else 0.0


def _alone_with_nan(p, y, least):
    sure = p.max(1) >= least
    return sure.mean(), float("nan") if not sure.any() else (p.argmax(1) == y)[sure].mean()


def _alone_counts(p, y, least):
    sure = p.max(1) >= least
    return sure.sum(), (p.argmax(1) == y)[sure].sum()


def _overconfident():
    """Scores of 400 pictures whose softmax is three times too sure."""
    import torch

    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(400, 3, generator=generator)
    y = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    return (3 * honest).log_softmax(1), y


def _check_coolest(answer):
    from torch.nn.functional import cross_entropy

    logs, y = _overconfident()
    temperatures = [0.2, 0.33, 0.5, 1.0, 2.0, 3.0, 6.5, 9.0]
    found = answer(logs, y, temperatures)
    if isinstance(found, tuple | list) and len(found) == 2:
        raise NotYet("return the temperature alone, without its loss.")
    found = read(found)
    if same(found, float(cross_entropy(logs / 3, y)), tolerance=1e-4):
        raise NotYet("that is the smallest loss; return the temperature that gives it.")
    found = next((t for t in temperatures if same(found, t)), found)
    if found not in temperatures:
        raise NotYet(f"it gives {found:g}; expected one of the temperatures, not its position.")
    if found == 0.33:
        raise NotYet("it multiplies by the temperature; divide, so that a high one cools.")
    if found == 9.0:
        raise NotYet(
            "the hottest wins: after the division the values are no log-probabilities any more. "
            "`cross_entropy` applies the softmax again; a bare mean of the entries does not."
        )
    if found == 0.2:
        raise NotYet(
            "the first temperature wins. Either all score the same, since accuracy does not change "
            "with it, or the largest loss was taken: find the smallest mean cross-entropy."
        )
    if found == 0.5:
        raise NotYet(
            "`cross_entropy` takes the softmax itself: give it `logs / t`, not their softmax."
        )
    if found != 3.0:
        raise NotYet(
            f"it gives {found:g}, for scores that were made three times too large; expected 3."
        )
    return "fit it on validation pictures. It cannot know how sure to be in another place."


def _multiplies(logs, y, temperatures):
    from torch.nn.functional import cross_entropy

    return min(temperatures, key=lambda t: float(cross_entropy(logs * t, y)))


def _by_accuracy(logs, y, temperatures):
    return max(temperatures, key=lambda t: float(((logs / t).argmax(1) == y).float().mean()))


def _without_softmax(logs, y, temperatures):
    from torch.nn.functional import nll_loss

    return min(temperatures, key=lambda t: float(nll_loss(logs / t, y)))


def _softmax_twice(logs, y, temperatures):
    from torch.nn.functional import cross_entropy

    return min(temperatures, key=lambda t: float(cross_entropy((logs / t).softmax(1), y)))


def _coolest(logs, y, temperatures):
    from torch.nn.functional import cross_entropy

    return min(temperatures, key=lambda t: float(cross_entropy(logs / t, y)))


def _coolest_in_torch(logs, y, temperatures):
    import torch
    from torch.nn.functional import cross_entropy

    losses = torch.stack([cross_entropy(logs / t, y) for t in temperatures])
    return torch.tensor(temperatures)[losses.argmin()]


def _coolest_in_numpy(logs, y, temperatures):
    import numpy as np
    from scipy.special import log_softmax

    rows = np.arange(len(y))
    losses = [-log_softmax(np.asarray(logs) / t, 1)[rows, y].mean() for t in temperatures]
    return np.array(temperatures)[np.argmin(losses)]


def _smallest_loss(logs, y, temperatures):
    from torch.nn.functional import cross_entropy

    return min(cross_entropy(logs / t, y) for t in temperatures)


def _position(logs, y, temperatures):
    from torch.nn.functional import cross_entropy

    losses = [float(cross_entropy(logs / t, y)) for t in temperatures]
    return losses.index(min(losses))


def _check_hits(answer, y, judge):
    import numpy as np

    from tl_helpers.techniques.doubtful_labels import doubtful

    y, found = np.asarray(y), read(answer)
    classes = int(y.max()) + 1
    wrong = np.arange(0, len(y), 10)
    spoiled = y.copy()
    spoiled[wrong] = (y[wrong] + 1) % classes
    listed = doubtful(judge(spoiled), spoiled)
    right = len(set(listed[: len(wrong)]) & set(wrong))
    if same(found, right):
        return f"{right} of {len(wrong)}, where a list by lot would hold {len(wrong) / 10:.1f}."
    if same(found, right / len(wrong)):
        raise NotYet("that is the share; give the number of wrong labels among the first doubts.")
    if same(found, len(wrong)):
        raise NotYet("that is how many labels were spoiled; count those among the first doubts.")
    if same(found, len(set(listed) & set(wrong))):
        raise NotYet("that counts the whole list; read as many doubts as there are wrong labels.")
    if same(found, len(set(doubtful(judge(y), y)[: len(wrong)]) & set(wrong))):
        raise NotYet("that list is of the labels as they were: judge the spoiled ones.")
    raise NotYet(
        f"{found:g} is not it. Spoil the labels at 0, 10, 20 and so on, judge the spoiled labels "
        "out of fold, give both to `doubtful`, and keep its first entries."
    )


def _clusters():
    """Sixty points in three clusters, and a judge of labels that leaves each point out."""
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    x = rng.normal(size=(60, 2)) + 1.0 * np.array([[0, 0], [1, 0], [0, 1]])[y]

    def judge(labels):
        rows = np.arange(len(y))
        others = [np.delete(rows, row) for row in rows]
        fitted = [KNeighborsClassifier(7).fit(x[kept], labels[kept]) for kept in others]
        return np.stack([one.predict_proba(x[[row]])[0] for row, one in enumerate(fitted)])

    return {"y": y, "judge": judge}


def _hits(first=None, spoil=True):
    import numpy as np

    from tl_helpers.techniques.doubtful_labels import doubtful

    y, judge = _clusters().values()
    wrong, labels = np.arange(0, len(y), 10), y.copy()
    if spoil:
        labels[wrong] = (y[wrong] + 1) % 3
    return len(set(doubtful(judge(labels), labels)[: first or len(wrong)]) & set(wrong))


EXERCISES = [
    Exercise(
        id="2.1.1",
        kind="complete",
        hints=[
            "`p.max(1) >= least` says of which pictures it is sure enough.",
            "Of these, `p.argmax(1) == y` says which are right; mind the case that there is none.",
        ],
        check=_check_alone,
        solution="""def alone(p, y, least):
    sure = p.max(1) >= least
    right = (p.argmax(1) == y)[sure]
    return sure.mean(), right.mean() if sure.any() else 0.0""",
        wrong=[
            Wrong(lambda: _alone_swapped, "in the wrong order"),
            Wrong(lambda: _alone_of_all, "divide by those that it answers"),
            Wrong(lambda: _alone_above, "use >="),
            Wrong(lambda: _alone_with_nan, "without NaN"),
            Wrong(lambda: _alone_counts, "return shares"),
        ],
        right=[lambda: _alone, lambda: _alone_in_a_loop, lambda: _alone_in_torch],
    ),
    Exercise(
        id="2.1.2",
        kind="modify",
        hints=[
            "`cross_entropy(logs / t, y)` takes the softmax itself.",
            "`min(temperatures, key=...)` with that as the key.",
        ],
        check=_check_coolest,
        solution="""def coolest(logs, y, temperatures):
    return min(temperatures, key=lambda t: float(cross_entropy(logs / t, y)))""",
        wrong=[
            Wrong(lambda: _multiplies, "multiplies by the temperature"),
            Wrong(lambda: _by_accuracy, "accuracy does not change"),
            Wrong(lambda: _without_softmax, "the hottest wins"),
            Wrong(lambda: _softmax_twice, "takes the softmax itself"),
            Wrong(lambda: _position, "not its position"),
            Wrong(lambda: _smallest_loss, "that is the smallest loss"),
            Wrong(lambda: lambda logs, y, temperatures: "3.0", "the text '3.0'"),
            Wrong(lambda: lambda logs, y, temperatures: (3.0, 0.9), "without its loss"),
        ],
        right=[lambda: _coolest, lambda: _coolest_in_torch, lambda: _coolest_in_numpy],
    ),
    Exercise(
        id="2.1.3",
        kind="investigate",
        hints=[
            "`spoiled = y.copy()`, then change `spoiled[::10]`; `doubtful(out_of_fold(head, x, "
            "spoiled), spoiled)` is the list.",
            "Count how many of its first `len(y[::10])` entries can be divided by ten.",
        ],
        check=_check_hits,
        solution="""spoiled = y.copy()
spoiled[::10] = (spoiled[::10] + 1) % classes
listed = doubtful(out_of_fold(head, x, spoiled), spoiled)[: len(y[::10])]
hits = int(np.sum(listed % 10 == 0))""",
        wrong=[
            Wrong(lambda: _hits() / 6, "that is the share"),
            Wrong(6, "how many labels were spoiled"),
            Wrong(lambda: _hits(first=60), "counts the whole list"),
            Wrong(lambda: _hits(spoil=False), "the labels as they were"),
            Wrong(17, "is not it"),
        ],
        right=[lambda: _hits(), lambda: float(_hits()), lambda: [_hits()]],
        context=_clusters,
    ),
]

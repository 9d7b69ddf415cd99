"""Exercises of lesson 1.4: hints, checks, solutions, and the answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

_KINDS = ("inductive", "transductive", "unsupervised")


def _clouds():
    """Source and target of four columns, the last without spread in the source."""
    import numpy as np

    rng = np.random.default_rng(0)
    source = rng.normal(size=(40, 4)) * [1, 2, 3, 0] + [0, 1, -2, 5]
    return source, rng.normal(size=(30, 4)) * [2, 0.5, 1, 1] + [3, 0, 1, 7]


def _moved(source, target, x, scale):
    return (x - source.mean(0)) * scale + target.mean(0)


def _ratio(source, target):
    import numpy as np

    spread = source.std(0)
    return np.divide(target.std(0), spread, out=np.ones_like(spread), where=spread > 1e-9)


def _check_matched(answer):
    import numpy as np

    source, target = _clouds()
    move = answer(source, target)
    if not callable(move):
        raise NotYet("expected a function that moves rows, as `centred` returns one.")
    x = source[:7] + 0.5
    with np.errstate(all="ignore"):
        found = np.asarray(move(x), dtype=float)
    if found.shape != x.shape:
        raise NotYet(f"of rows {x.shape} it makes {found.shape}; expected as many and as wide.")
    ratio = _ratio(source, target)
    if not np.isfinite(found[:, 3]).all() or abs(found[:, 3]).max() > 1e6:
        raise NotYet("the last column has no spread in the source: do not divide by it.")
    if same(found, _moved(source, target, x, 1)):
        raise NotYet("that moves the mean alone; the spread has to be matched too.")
    if same(found[:, :3], _moved(source, target, x, 1 / ratio)[:, :3]):
        raise NotYet("upside down: divide by the source's spread, multiply by the target's.")
    if same(found[:, :3], ((x - source.mean(0)) * ratio)[:, :3]):
        raise NotYet("the spread is right; the target's mean is not added.")
    if same(found[:, :3], (x * ratio - source.mean(0) + target.mean(0))[:, :3]):
        raise NotYet("subtract the source's mean before you scale, or the mean is scaled too.")
    sample = np.divide(
        target.std(0, ddof=1), source.std(0, ddof=1), out=np.ones(4), where=source.std(0) > 1e-9
    )
    if not any(same(found, _moved(source, target, x, scale)) for scale in (ratio, sample)):
        raise NotYet(
            "the source's mean and spread, column by column, should become those of the target."
        )
    return "standardised by one domain and unstandardised by the other: CORAL without the turns."


def _matched(source, target):
    ratio = _ratio(source, target)
    return lambda x: _moved(source, target, x, ratio)


def _matched_by_sklearn(source, target):
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    here, there = StandardScaler().fit(source), StandardScaler().fit(target)
    there.scale_ = np.where(source.std(0) > 1e-9, there.scale_, 1)
    return lambda x: there.inverse_transform(here.transform(x))


def _matched_by_columns(source, target):
    import numpy as np

    def move(x):
        columns = []
        for here, there, values in zip(source.T, target.T, x.T, strict=True):
            spread = here.std(ddof=1)
            factor = there.std(ddof=1) / spread if spread > 1e-9 else 1.0
            columns.append((values - here.mean()) * factor + there.mean())
        return np.stack(columns, 1)

    return move


def _mean_alone(source, target):
    return lambda x: x - source.mean(0) + target.mean(0)


def _divided(source, target):
    return lambda x: (x - source.mean(0)) / source.std(0) * target.std(0) + target.mean(0)


def _upside_down(source, target):
    return lambda x: _moved(source, target, x, 1 / _ratio(source, target))


def _no_mean(source, target):
    return lambda x: (x - source.mean(0)) * _ratio(source, target)


def _scaled_first(source, target):
    return lambda x: x * _ratio(source, target) - source.mean(0) + target.mean(0)


def _chances():
    import numpy as np

    return np.random.default_rng(1).permutation(np.linspace(0.3, 0.9, 20))


def _marks(answer):
    """Zeros and ones of 20 chances; true and false will do."""
    import numpy as np

    answer = np.asarray(answer)
    answer = answer.astype(float) if answer.dtype == bool else answer
    return np.asarray(read(answer, np.zeros(20)), dtype=float)


def _check_by_share(answer):
    import numpy as np

    chances = _chances()
    found = _marks(answer(chances.copy(), 0.2))
    right = (chances > np.sort(chances)[15]).astype(float)
    if same(found, (chances > 0.5).astype(float)):
        raise NotYet("that is the old border of one half; set it by the share.")
    if same(found, (chances > 0.2).astype(float)):
        raise NotYet("the share is not the border: it says how many, not how sure.")
    if same(found, (chances < np.sort(chances)[4]).astype(float)):
        raise NotYet("those are the lowest chances; mark the highest.")
    if same(found, np.sort(right)) or same(found, np.sort(right)[::-1]):
        raise NotYet("as many as asked, but in the order of size; keep the order given.")
    if same(found, (chances > np.sort(chances)[3]).astype(float)):
        raise NotYet("so many are left unmarked; `share` of all is to be marked.")
    if not same(found, right):
        raise NotYet(
            f"{found.sum():g} of 20 are marked; expected the 4 highest, for a share of 0.2."
        )
    if not same(_marks(answer(chances.copy(), 0.5)), (chances > 0.6).astype(float)):
        raise NotYet("it is right for one share and not for another: use `share`.")
    return "the head ranks, and the share sets the border."


def _by_quantile(chances, share):
    import numpy as np

    return (chances > np.quantile(chances, 1 - share)).astype(int)


def _by_sorting(chances, share):
    highest = sorted(range(len(chances)), key=lambda place: -chances[place])
    marked = set(highest[: round(share * len(chances))])
    return [int(place in marked) for place in range(len(chances))]


def _by_torch(chances, share):
    import torch

    found = torch.zeros(len(chances))
    found[torch.as_tensor(chances).topk(round(share * len(chances))).indices] = 1
    return found


def _in_order_of_size(chances, share):
    import numpy as np

    return np.sort(_by_quantile(chances, share))


def _check_kinds(answer):
    if not isinstance(answer, dict) or set(answer) != set("abcd"):
        raise NotYet("expected a dict with the keys a, b, c and d.")
    strange = [value for value in answer.values() if not any(same(value, k) for k in _KINDS)]
    if strange:
        raise NotYet(f"{strange[0]!r} is none of {', '.join(_KINDS)}.")
    answer = {key: value.strip().lower() for key, value in answer.items()}
    if answer["a"] != "inductive":
        raise NotYet("a: the X-rays, the target, have labels. Which row of the table says so?")
    if answer["b"] != "transductive":
        raise NotYet("b: labels in the source alone, and the same defects: one task, two domains.")
    if answer["c"] != "inductive":
        raise NotYet(
            "c: how the network was pretrained does not decide. The target has labels: this is "
            "self-taught learning, in the first row."
        )
    if answer["d"] != "unsupervised":
        raise NotYet("d: neither side has labels, and groups are asked for.")
    return "labels first, then what differs."


EXERCISES = [
    Exercise(
        id="1.4.1",
        kind="complete",
        hints=[
            "Subtract source.mean(0), multiply by a factor for each column, add target.mean(0).",
            "The factor is target.std(0) / source.std(0), and 1 where source.std(0) is 0.",
        ],
        check=_check_matched,
        solution=(
            "def matched(source, target):\n"
            "    spread = source.std(0)\n"
            "    factor = np.where(spread > 0, target.std(0) / np.maximum(spread, 1e-9), 1)\n"
            "    return lambda x: (x - source.mean(0)) * factor + target.mean(0)"
        ),
        right=[lambda: _matched, lambda: _matched_by_sklearn, lambda: _matched_by_columns],
        wrong=[
            Wrong(lambda: _mean_alone, "the mean alone"),
            Wrong(lambda: _divided, "do not divide by it"),
            Wrong(lambda: _upside_down, "upside down"),
            Wrong(lambda: _no_mean, "mean is not added"),
            Wrong(lambda: _scaled_first, "before you scale"),
            Wrong(lambda: lambda source, target: source - 1, "a function that moves rows"),
        ],
    ),
    Exercise(
        id="1.4.2",
        kind="modify",
        hints=[
            "np.quantile(chances, q) is the value that a share q of the chances lies below.",
            "Of all, `1 - share` stay unmarked: they lie below np.quantile(chances, 1 - share).",
        ],
        check=_check_by_share,
        solution=(
            "def by_share(chances, share):\n"
            "    return (chances > np.quantile(chances, 1 - share)).astype(int)"
        ),
        right=[lambda: _by_quantile, lambda: _by_sorting, lambda: _by_torch],
        wrong=[
            Wrong(lambda: lambda chances, share: chances > 0.5, "old border"),
            Wrong(lambda: lambda chances, share: chances > share, "how many, not how sure"),
            Wrong(lambda: lambda chances, share: 1 - _by_quantile(chances, 1 - share), "lowest"),
            Wrong(lambda: _in_order_of_size, "keep the order given"),
            Wrong(lambda: lambda chances, share: _by_quantile(chances, 1 - share), "left unmarked"),
            Wrong(lambda: lambda chances, share: _by_quantile(chances, 0.2), "not for another"),
        ],
    ),
    Exercise(
        id="1.4.3",
        kind="investigate",
        hints=[
            "First question: has the *target* labels? Then it is inductive.",
            "If not: has the source labels for the same task? Then it is transductive.",
        ],
        check=_check_kinds,
        solution=(
            "kinds = {\n"
            '    "a": "inductive",\n'
            '    "b": "transductive",\n'
            '    "c": "inductive",\n'
            '    "d": "unsupervised",\n'
            "}"
        ),
        wrong=[
            Wrong(
                {"a": "transductive", "b": "transductive", "c": "inductive", "d": "unsupervised"},
                "have labels",
            ),
            Wrong(
                {"a": "inductive", "b": "transductive", "c": "unsupervised", "d": "unsupervised"},
                "does not decide",
            ),
            Wrong(
                {"a": "inductive", "b": "inductive", "c": "inductive", "d": "unsupervised"},
                "one task, two domains",
            ),
            Wrong({"a": "supervised", "b": "x", "c": "x", "d": "x"}, "none of"),
        ],
        right=[
            dict(zip("abcd", kinds, strict=True))
            for kinds in (
                ("inductive", "transductive", "inductive", "unsupervised"),
                ("Inductive", "Transductive", "Inductive", "Unsupervised"),
                (" inductive", "transductive ", "INDUCTIVE", "unsupervised"),
            )
        ],
    ),
]

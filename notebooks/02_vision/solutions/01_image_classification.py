"""Exercises of lesson 2.1: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _check_views(answer):
    import torch

    picture = torch.arange(2 * 3 * 3).reshape(2, 3, 3)
    found = torch.tensor(read(answer(picture), like=torch.zeros(8, 2, 3, 3)))
    upright = [picture, picture.flip(2)]
    wanted = {_key(view.rot90(turns, (1, 2))) for view in upright for turns in range(4)}
    views = {_key(view) for view in found}
    if len(views) < 8:
        raise NotYet(
            f"only {len(views)} of the eight views differ: a flip up to down is the flip left to "
            "right, turned by 180 degrees. Start from four turns, and flip each."
        )
    if {_key((255 * view).round()) for view in found} == wanted:
        raise NotYet("the views are right, and divided by 255: leave the values as they come.")
    if views != wanted:
        raise NotYet("a view is no flip or turn of the picture; leave the channels, axis 0, alone.")
    return "average a network's log-probabilities over them, and the sun's side cannot matter."


def _key(view):
    return tuple(view.flatten().tolist())


def _views_in_numpy(picture):
    import numpy as np

    both = [np.asarray(picture), np.asarray(picture)[:, :, ::-1]]
    return np.stack([np.rot90(view, turns, (1, 2)) for view in both for turns in range(4)])


def _views_in_a_list(picture):
    transposed = [picture, picture.transpose(1, 2)]
    flips = [(), (1,), (2,), (1, 2)]
    return [view.flip(axes) if axes else view for view in transposed for axes in flips]


def _four_turns(picture):
    import torch

    return torch.stack([picture.rot90(turns, (1, 2)) for turns in range(4)])


def _four_and_mirrored(picture):
    import torch

    return torch.cat([_four_turns(picture), _four_turns(picture.flip(2))])


def _flips_twice(picture):
    import torch

    flips = [picture, picture.flip(1), picture.flip(2), picture.flip((1, 2))]
    return torch.stack(flips + [view.rot90(2, (1, 2)) for view in flips])


def _mixes_channels(picture):
    import torch

    turns = [picture.rot90(turns, (1, 2)) for turns in range(4)]
    return torch.stack(turns + [turn.flip(0) for turn in turns])


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


def _check_clue(answer, depth):
    if "Florida" not in depth.index:
        raise NotYet("this asks about the course's photographs: leave image_folder empty.")
    if isinstance(answer, str | dict) or not hasattr(answer, "__len__") or len(answer) != 2:
        raise NotYet('expected two things, such as ("block 3", "shape").')
    stage, cue = answer
    best = depth.loc["Florida"].idxmax()
    if stage not in depth.columns:
        raise NotYet(f"no stage is called {stage!r}; they are {', '.join(depth.columns)}.")
    if stage != best:
        raise NotYet(f"{stage} is not the best in Florida; read along the row of Florida.")
    if not same(cue, "colour") and not same(cue, "color"):
        raise NotYet(
            f"{cue!r} is not it. Change the pictures of Florida so that only {cue!r} is left, or "
            "so that it is gone, probe this stage again, and compare the two scores."
        )
    return "crowns are green and sand is not. Without colour this stage is at chance in Florida."


def _as_array(*words):
    import numpy as np

    return np.array(words)


def _depth():
    import pandas as pd

    return pd.DataFrame(
        {"block 0": [0.9, 0.8], "block 3": [0.92, 0.5], "output": [0.86, 0.5]},
        index=["home", "Florida"],
    )


EXERCISES = [
    Exercise(
        id="2.1.1",
        kind="complete",
        hints=[
            "`picture.rot90(k, (1, 2))` turns by k times 90 degrees and leaves the channels.",
            "Four turns of the picture, and four of its mirror image `picture.flip(2)`.",
        ],
        check=_check_views,
        solution="""def eight_views(picture):
    both = [picture, picture.flip(2)]
    return torch.stack([view.rot90(k, (1, 2)) for view in both for k in range(4)])""",
        wrong=[
            Wrong(lambda: _four_turns, "shape (4, 2, 3, 3)"),
            Wrong(lambda: lambda picture: _views_in_numpy(picture) / 255, "divided by 255"),
            Wrong(lambda: _flips_twice, "of the eight views differ"),
            Wrong(lambda: _mixes_channels, "leave the channels"),
        ],
        right=[
            lambda: _views_in_numpy,
            lambda: _views_in_a_list,
            lambda: lambda picture: _four_and_mirrored(picture).float(),
        ],
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
            '`depth.loc["Florida"].idxmax()` names the stage.',
            "Compare the patches of Florida with those of home: what is pale, what is green?",
        ],
        check=_check_clue,
        solution='clue = (depth.loc["Florida"].idxmax(), "colour")',
        wrong=[
            Wrong(
                lambda: ("output", "shape"), "not the best in Florida", lambda: {"depth": _depth()}
            ),
            Wrong(lambda: ("block 0", "shape"), "so that it is gone"),
            Wrong(lambda: "block 0", "expected two things"),
        ],
        right=[("block 0", "colour"), ["block 0", "Color"], lambda: _as_array("block 0", "colour")],
        context=lambda: {"depth": _depth()},
    ),
]

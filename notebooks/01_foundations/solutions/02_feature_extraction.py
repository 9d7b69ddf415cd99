"""Exercises of lesson 1.2: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong


def _check_knn(answer):
    import torch

    # By angle from the first axis: two short rows of class 7, then three long ones of class 3.
    degrees = torch.tensor([2.0, 40.0, 50.0, 52.0, 54.0]).deg2rad()
    lengths = torch.tensor([[1.0], [1.0], [9.0], [9.0], [9.0]])
    x = torch.stack([degrees.cos(), degrees.sin()], dim=1) * lengths
    y = torch.tensor([7, 7, 3, 3, 3])
    new = torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    found = {k: torch.as_tensor(answer(x, y, new, k)) for k in (1, 3, 5)}
    if found[1].shape != (2,):
        raise NotYet(
            f"for two new rows and k=1 it gives shape {tuple(found[1].shape)}; expected one label "
            "for each new row, shape (2,)."
        )
    if not set(found[1].tolist()) <= {3, 7}:
        raise NotYet("it gives positions of examples; look their labels up in y.")
    if found[1].tolist() != [7, 3]:
        raise NotYet(
            "with k=1 the answer is the label of the example with the largest cosine: divide each "
            "row by its length before the product, so that long vectors get no head start."
        )
    if found[5].tolist() != [3, 3]:
        raise NotYet("with k=5 all five examples vote, and three of them say 3: count the votes.")
    if found[3].tolist() != [7, 3]:
        raise NotYet("with k=3 only the three most similar vote; check how many you take.")
    return "k neighbours vote, and length plays no part in who is a neighbour."


def _knn_first(x, y, new, k):
    from torch.nn.functional import normalize

    return y[(normalize(new) @ normalize(x).T).argmax(1)]


def _knn_dot(x, y, new, k):
    return y[(new @ x.T).topk(k).indices].mode(1).values


def _knn_far(x, y, new, k):
    from torch.nn.functional import normalize

    return y[(normalize(new) @ normalize(x).T).topk(k, largest=False).indices].mode(1).values


def _knn_positions(x, y, new, k):
    return (new @ x.T).topk(k).indices[:, 0]


def _check_pooling(answer):
    import torch

    maps = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    found, mean, spread = answer(maps), maps.mean((2, 3)), maps.std((2, 3))
    if not torch.is_tensor(found) or found.shape != (3, 8):
        shape = tuple(found.shape) if torch.is_tensor(found) else type(found).__name__
        raise NotYet(f"maps (3, 4, 5, 6) give {shape}; expected (3, 8): pool dimensions 2 and 3.")
    biased = maps.std((2, 3), correction=0)
    if torch.allclose(found[:, 4:], mean, atol=1e-5):
        raise NotYet("the means come first, then the standard deviations.")
    if not torch.allclose(found[:, :4], mean, atol=1e-5):
        raise NotYet("the first half should be the mean of each map.")
    if torch.allclose(found[:, 4:], maps.amax((2, 3)), atol=1e-5):
        raise NotYet("the second half is still the maximum of each map.")
    if torch.allclose(found[:, 4:], maps.var((2, 3)), atol=1e-5):
        raise NotYet("the second half is the variance; the standard deviation is its root.")
    if not any(torch.allclose(found[:, 4:], s, atol=1e-5) for s in (spread, biased)):
        raise NotYet("the second half should be the standard deviation over positions.")
    return "mean and spread: how much of a pattern there is, and how unevenly it lies."


def _pool_max(maps):
    import torch

    return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


def _pool_swapped(maps):
    import torch

    return torch.cat([maps.std((2, 3)), maps.mean((2, 3))], dim=1)


def _pool_stacked(maps):
    import torch

    return torch.stack([maps.mean((2, 3)), maps.std((2, 3))])


def _check_batches(answer):
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet("expected one whole number of batches.")
    if answer == 5:
        raise NotYet(
            "each batch replaces a tenth of what is there, and not of what was there at first: "
            "five batches leave 0.9 multiplied five times, which is more than half."
        )
    if answer == 6:
        raise NotYet("0.9 to the power of 6 is still a little more than half.")
    if answer != 7:
        raise NotYet(
            "after n batches 0.9 to the power of n is left; find the first whole n for which "
            "that is less than one half."
        )
    return "seven batches, a fraction of one epoch, and most of the pretrained mean is gone."


EXERCISES = [
    Exercise(
        id="1.2.1",
        kind="complete",
        hints=[
            "Start from the head `neighbour`, and keep k columns where it keeps one.",
            "`similarity.topk(k).indices` has shape (m, k), and `y[...]` turns it into labels.",
            "`labels.mode(dim=1).values` is the most frequent label of each row.",
        ],
        check=_check_knn,
        solution=(
            "def knn(x, y, new, k):\n"
            "    similarity = normalize(new) @ normalize(x).T\n"
            "    return y[similarity.topk(k).indices].mode(dim=1).values"
        ),
        wrong=[
            Wrong(lambda: _knn_first, "count the votes"),
            Wrong(lambda: _knn_dot, "divide each row by its length"),
            Wrong(lambda: _knn_far, "largest cosine"),
            Wrong(lambda: _knn_positions, "positions of examples"),
        ],
    ),
    Exercise(
        id="1.2.2",
        kind="modify",
        hints=[
            "`pooled['both']` joins two parts along dimension 1; only the second part changes.",
            "A tensor has `.std((2, 3))`, as it has `.mean((2, 3))`.",
        ],
        check=_check_pooling,
        solution=(
            "def mean_and_spread(maps):\n"
            "    return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1)"
        ),
        wrong=[
            Wrong(lambda: _pool_max, "still the maximum"),
            Wrong(lambda: _pool_swapped, "means come first"),
            Wrong(lambda: _pool_stacked, "expected (3, 8)"),
        ],
    ),
    Exercise(
        id="1.2.3",
        kind="investigate",
        hints=[
            "After one batch 0.9 of the pretrained value is left, after two 0.9 * 0.9.",
            "Start with `left = 1.0`, multiply by 0.9 in a loop, and count until `left < 0.5`.",
        ],
        check=_check_batches,
        solution=(
            "left, batches = 1.0, 0\n"
            "while left >= 0.5:\n"
            "    left, batches = left * 0.9, batches + 1"
        ),
        wrong=[
            Wrong(5, "not of what was there at first"),
            Wrong(6, "still a little more than half"),
            Wrong(0.9, "first whole n"),
        ],
    ),
]

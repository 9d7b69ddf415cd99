"""Exercises of lesson 1.2: hints, checks, solutions, and the answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _check_hook(answer):
    import torch
    from torch import nn

    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3)
    network = nn.Sequential(first, nn.ReLU(), second).eval()
    x = torch.randn(4, 1, 8, 9)
    with torch.no_grad():
        maps, last = first(x), network(x)
    found = answer(network, first, x)
    if first._forward_hooks:
        raise NotYet("the hook is still there afterwards: call `.remove()` on it.")
    if same(found, maps):
        raise NotYet("those are the maps themselves; take the mean of each over its positions.")
    if same(found, last.mean((2, 3))):
        raise NotYet("that is pooled from the network's output; return what the hook caught.")
    if same(found, maps.amax((2, 3))):
        raise NotYet("that is the maximum of each map; pool by the mean.")
    if not same(read(found, maps.mean((2, 3))), maps.mean((2, 3))):
        raise NotYet("those are not the means of the layer's maps over dimensions 2 and 3.")
    return "any layer can be read like this, and the network is left as it was."


def _caught(network, layer, x):
    import torch

    caught = []
    hook = layer.register_forward_hook(lambda layer, x, maps: caught.append(maps))
    with torch.no_grad():
        network(x)
    hook.remove()
    return caught[0]


def _pooled(network, layer, x):
    return _caught(network, layer, x).mean((2, 3))


def _pooled_in_numpy(network, layer, x):
    return _caught(network, layer, x).numpy().mean(axis=(2, 3))


def _pooled_with_gradient(network, layer, x):
    caught = {}
    hook = layer.register_forward_hook(lambda layer, x, maps: caught.update(maps=maps))
    network(x)
    hook.remove()
    return caught["maps"].flatten(2).mean(2)


def _never_removed(network, layer, x):
    caught = []
    layer.register_forward_hook(lambda layer, x, maps: caught.append(maps))
    network(x)
    return caught[0].mean((2, 3))


def _check_pooling(answer):
    import torch

    maps = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    mean, spread = maps.mean((2, 3)), maps.std((2, 3))
    found = torch.as_tensor(read(answer(maps), torch.cat([mean, spread], dim=1)))
    if same(found[:, 4:], mean):
        raise NotYet("the means come first, then the standard deviations.")
    if not same(found[:, :4], mean):
        raise NotYet("the first half should be the mean of each map.")
    if same(found[:, 4:], maps.amax((2, 3))):
        raise NotYet("the second half is the maximum of each map.")
    if same(found[:, 4:], maps.var((2, 3))):
        raise NotYet("the second half is the variance; the standard deviation is its root.")
    if not any(same(found[:, 4:], s) for s in (spread, maps.std((2, 3), correction=0))):
        raise NotYet("the second half should be the standard deviation over positions.")
    return "mean and spread: how much of a pattern there is, and how unevenly it lies."


def _both(maps):
    import torch

    return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1)


def _both_in_numpy(maps):
    import numpy as np

    maps = maps.numpy()
    return np.concatenate([maps.mean((2, 3)), maps.std((2, 3))], axis=1)


def _both_as_lists(maps):
    return [
        [one.mean().item() for one in each] + [one.std().item() for one in each] for each in maps
    ]


def _swapped(maps):
    import torch

    return torch.cat([maps.std((2, 3)), maps.mean((2, 3))], dim=1)


def _variance(maps):
    import torch

    return torch.cat([maps.mean((2, 3)), maps.var((2, 3))], dim=1)


def _stacked(maps):
    import torch

    return torch.stack([maps.mean((2, 3)), maps.std((2, 3))])


def _check_batches(answer):
    found = read(answer)
    if same(found, 5):
        raise NotYet(
            "each batch replaces a tenth of what is there, and not of what was there at first: "
            "five batches leave 0.9 multiplied five times, which is more than half."
        )
    if same(found, 6):
        raise NotYet("0.9 to the power of 6 is still a little more than half.")
    if not same(found, 7):
        raise NotYet(
            "after n batches 0.9 to the power of n is left; find the first whole n for which "
            "that is less than one half."
        )
    return "seven small batches, less than two passes over forty drawings in eights."


def _seven_of_numpy():
    import numpy as np

    return np.int64(7)


def _seven_of_torch():
    import torch

    return torch.tensor(7)


EXERCISES = [
    Exercise(
        id="1.2.1",
        kind="complete",
        hints=[
            "Start from the five lines under 'By hand', with `layer` in place of the block.",
            "`hook = layer.register_forward_hook(...)`, then `network(x)`, then `hook.remove()`.",
            "Maps have shape (n, c, h, w): `.mean((2, 3))` leaves one row for each input.",
        ],
        check=_check_hook,
        solution=(
            "def pooled_after(network, layer, x):\n"
            "    caught = []\n"
            "    hook = layer.register_forward_hook(lambda layer, x, maps: caught.append(maps))\n"
            "    network(x)\n"
            "    hook.remove()\n"
            "    return caught[0].mean((2, 3))"
        ),
        right=[lambda: _pooled, lambda: _pooled_in_numpy, lambda: _pooled_with_gradient],
        wrong=[
            Wrong(lambda: _never_removed, "still there afterwards"),
            Wrong(lambda: _caught, "the maps themselves"),
            Wrong(
                lambda: lambda network, layer, x: network(x).mean((2, 3)), "the network's output"
            ),
            Wrong(lambda: lambda *args: _caught(*args).amax((2, 3)), "the maximum"),
            Wrong(lambda: lambda *args: _caught(*args).mean((1, 2)), "expected numbers of shape"),
        ],
    ),
    Exercise(
        id="1.2.2",
        kind="modify",
        hints=[
            "A tensor has `.std((2, 3))`, as it has `.mean((2, 3))`.",
            "`torch.cat([first, second], dim=1)` puts columns side by side.",
        ],
        check=_check_pooling,
        solution=(
            "def mean_and_spread(maps):\n"
            "    return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1)"
        ),
        right=[lambda: _both, lambda: _both_in_numpy, lambda: _both_as_lists],
        wrong=[
            Wrong(lambda: _swapped, "means come first"),
            Wrong(lambda: _variance, "the variance"),
            Wrong(lambda: _stacked, "expected numbers of shape (3, 8)"),
            Wrong(lambda: lambda maps: (maps.mean((2, 3)), maps.std((2, 3))), "expected numbers"),
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
        right=[7, 7.0, _seven_of_numpy, _seven_of_torch],
        wrong=[
            Wrong(5, "not of what was there at first"),
            Wrong(6, "still a little more than half"),
            Wrong(0.9, "first whole n"),
            Wrong("7", "the text"),
        ],
    ),
]

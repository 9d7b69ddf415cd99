"""Exercises of lesson 1.4: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same

_KINDS = ("inductive", "transductive", "unsupervised")


def _samples():
    import torch

    draw = torch.Generator().manual_seed(0)
    a = torch.randn(6, 3, generator=draw)
    return a, torch.randn(4, 3, generator=draw) + 1


def _parts(a, b, width):
    """Mean kernel within a, within b and between them."""
    import torch

    kernel = [torch.exp(-torch.cdist(x, y).square() / width) for x, y in ((a, a), (b, b), (a, b))]
    return [float(k.mean()) for k in kernel]


def _check_mmd_one(answer):
    a, b = _samples()
    found = answer(a, b, 2.0)
    if getattr(found, "ndim", 0) == 2 and 1 not in found.shape:
        raise NotYet(f"it gives shape {tuple(found.shape)}; expected one number, so take means.")
    found, (aa, bb, ab) = read(found), _parts(a, b, 2.0)
    expected = aa + bb - 2 * ab
    if same(found, aa + bb - ab):
        raise NotYet("the kernel between the samples counts twice: once for each direction.")
    if same(found, expected**0.5):
        raise NotYet("that is its root; the squared MMD needs no root.")
    if same(found, 2 * ab - aa - bb):
        raise NotYet("the sign is turned: similarity within counts plus, between minus.")
    if same(found, _of_plain_distance(a, b)):
        raise NotYet("the kernel takes the *squared* distance; torch.cdist gives the distance.")
    if not same(found, expected):
        raise NotYet(f"for the check's samples it gives {found:.4f}; expected {expected:.4f}.")
    return "zero for two equal samples, and larger the less they mix."


def _of_plain_distance(a, b):
    import torch

    aa, bb, ab = (torch.exp(-torch.cdist(x, y) / 2.0).mean() for x, y in ((a, a), (b, b), (a, b)))
    return float(aa + bb - 2 * ab)


def _mmd_with_signs(within, between, power=1.0):
    def mmd(a, b, width):
        aa, bb, ab = _parts(a, b, width)
        return (within * (aa + bb) + between * ab) ** power

    return mmd


def _mmd_of_distance(a, b, width):
    return _of_plain_distance(a, b)


def _mmd_matrix(a, b, width):
    import torch

    return torch.exp(-torch.cdist(a, b).square() / width)


def _mmd_by_loops(a, b, width):
    import numpy as np

    a, b = np.asarray(a), np.asarray(b)

    def mean_kernel(x, y):
        pairs = [(one, two) for one in x for two in y]
        return np.mean([np.exp(-((one - two) ** 2).sum() / width) for one, two in pairs])

    return mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)


def _mmd_in_torch(a, b, width):
    import torch

    both = torch.cat([a, b])
    kernel, n = torch.exp(-torch.cdist(both, both).square() / width), len(a)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def _network():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).eval()


def _check_cautious(answer):
    import torch

    network, pictures = _network(), torch.rand(16, 1, 8, 8, generator=torch.Generator())
    with torch.no_grad():
        target = network[0](pictures).mean((0, 2, 3))
    found = answer(network, pictures)
    if not isinstance(found, torch.nn.Module):
        raise NotYet(f"it gives {type(found).__name__}; expected the adapted network.")
    if network[1].running_mean.any():
        raise NotYet("the network itself was changed; adapt copy.deepcopy(network).")
    shares = {16 / (16 + prior): prior for prior in (0, 3, 0.75, 64, 1)}
    share = float((found[1].running_mean / target).mean())
    if abs(share - 0.25) < 0.01:
        return "a quarter from sixteen pictures, three quarters from the source."
    if share == 0:
        raise NotYet("the statistics are still the source's; call da.adapt_batchnorm.")
    if abs(share - 1) < 0.01:
        raise NotYet("nothing of the source is left; set prior.")
    near = min(shares, key=lambda known: abs(known - share))
    raise NotYet(
        f"{share:.0%} of the statistics come from the sixteen pictures, as with prior="
        f"{shares[near]}; expected a quarter: prior counts pictures, and the target's own count "
        "comes on top."
    )


def _cautious_with(**settings):
    def cautious(network, pictures):
        import copy

        from tl_helpers import domain_adaptation as da

        return da.adapt_batchnorm(copy.deepcopy(network), [pictures], **settings)

    return cautious


def _cautious_by_hand(network, pictures):
    import copy

    import torch

    adapted = copy.deepcopy(network)
    norm = adapted[1]
    with torch.no_grad():
        x = adapted[0](pictures)
        source, spread = norm.running_mean.clone(), norm.running_var.clone()
        mean = x.mean((0, 2, 3)) / 4 + source * 3 / 4
        square = (x.square().mean((0, 2, 3)) + 3 * (spread + source.square())) / 4
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(square - mean.square())
    return adapted


def _cautious_in_place(network, pictures):
    from tl_helpers import domain_adaptation as da

    return da.adapt_batchnorm(network, [pictures], prior=48)


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
            "torch.cdist(x, y) gives all distances between rows; square them.",
            "def mean_kernel(x, y) with torch.exp(...).mean() serves all three terms.",
        ],
        check=_check_mmd_one,
        solution=(
            "def mmd_one(a, b, width):\n"
            "    def mean_kernel(x, y):\n"
            "        return torch.exp(-torch.cdist(x, y).square() / width).mean()\n"
            "\n"
            "    return mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)"
        ),
        wrong=[
            Wrong(lambda: _mmd_with_signs(1, -1), "counts twice"),
            Wrong(lambda: _mmd_with_signs(1, -2, 0.5), "that is its root"),
            Wrong(lambda: _mmd_with_signs(-1, 2), "sign is turned"),
            Wrong(lambda: _mmd_of_distance, "*squared* distance"),
            Wrong(lambda: _mmd_matrix, "take means"),
            Wrong(lambda: lambda a, b, width: (0.1, 0.2), "two things"),
            Wrong(lambda: lambda a, b, width: a.mean() / 0 * 0, "gives nan"),
        ],
        right=[
            lambda: _mmd_with_signs(1, -2),
            lambda: _mmd_by_loops,
            lambda: _mmd_in_torch,
        ],
    ),
    Exercise(
        id="1.4.2",
        kind="modify",
        hints=[
            "da.adapt_batchnorm(model, [pictures], prior=...) weighs the source by pictures.",
            "It changes the model it is given: hand it copy.deepcopy(network).",
        ],
        check=_check_cautious,
        solution=(
            "def cautious(network, pictures):\n"
            "    return da.adapt_batchnorm(copy.deepcopy(network), [pictures], prior=48)"
        ),
        wrong=[
            Wrong(lambda: _cautious_with(), "nothing of the source is left"),
            Wrong(lambda: _cautious_with(prior=3), "as with prior=3"),
            Wrong(lambda: _cautious_with(prior=64), "comes on top"),
            Wrong(lambda: _cautious_in_place, "copy.deepcopy"),
            Wrong(lambda: lambda network, pictures: network, "still the source's"),
        ],
        right=[
            lambda: _cautious_with(prior=48),
            lambda: _cautious_with(prior=48.0),
            lambda: _cautious_by_hand,
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

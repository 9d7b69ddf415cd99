"""Exercise of lesson 00: hints, check, solution, and the answers it is tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong

FEATURES, OLD, NEW = 6, 10, 3


def _pretrained():
    """A network of two layers with the names that timm gives to the parts."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_features = FEATURES
            self.stem = nn.Linear(5, FEATURES)
            self.classifier = nn.Linear(FEATURES, OLD)

        def forward(self, x):
            return self.classifier(self.stem(x))

    return Network()


def _check_new_head(answer):
    import torch

    network = _pretrained()
    stem, old_head = (
        [weight.detach().clone() for weight in part.parameters()]
        for part in (network.stem, network.classifier)
    )
    found = answer(network, NEW)
    if not isinstance(found, torch.nn.Module):
        raise NotYet(f"return the network; yours gave {_kind(found)}.")
    try:
        scores = found(torch.ones(2, 5))
    except RuntimeError as error:
        raise NotYet(
            f"a picture does not get through what you returned ({error}): return the whole "
            "network, with a head that takes `network.num_features` numbers."
        ) from error
    if scores.shape != (2, NEW):
        raise NotYet(
            f"for {NEW} classes it gives {scores.shape[-1]} scores a picture: the new head is "
            "`nn.Linear(network.num_features, classes)`, in place of `network.classifier`."
        )
    training = [weight for weight in found.parameters() if weight.requires_grad]
    if not training:
        raise NotYet("the new head is frozen too: freeze first, and put the head on afterwards.")
    if _hold(training, stem):
        raise NotYet("the old weights would still train: `network.requires_grad_(False)` first.")
    if _hold(found.parameters(), old_head):
        raise NotYet("the new head has to take the features, and not the scores of the old head.")
    if not _hold(found.parameters(), stem):
        raise NotYet("the pretrained weights have changed; freezing leaves them as they are.")
    return "the backbone stays as it is, and the head alone will learn."


def _hold(weights, wanted):
    """Whether any of ``wanted`` is among the weights, by value: a copy of the network will do."""
    import torch

    return any(torch.equal(weight, one) for weight in weights for one in wanted)


def _kind(found):
    return f"a {type(found).__name__}" if found is not None else "None; is a `return` missing?"


def _linear(inputs, classes):
    from torch import nn

    return nn.Linear(inputs, classes)


def _in_place(network, classes):
    network.requires_grad_(False)
    network.classifier = _linear(network.num_features, classes)
    return network


def _weight_by_weight(network, classes):
    for weight in network.parameters():
        weight.requires_grad = False
    network.classifier = _linear(network.classifier.in_features, classes)
    return network


def _in_a_row(network, classes):
    from torch import nn

    return nn.Sequential(network.stem.requires_grad_(False), nn.Linear(FEATURES, classes))


def _copy_with_two_layers(network, classes):
    from copy import deepcopy

    from torch import nn

    network = deepcopy(network).requires_grad_(False)
    layers = nn.Linear(network.num_features, 4), nn.ReLU(), nn.Linear(4, classes)
    network.classifier = nn.Sequential(*layers)
    return network


def _not_frozen(network, classes):
    network.classifier = _linear(network.num_features, classes)
    return network


def _all_frozen(network, classes):
    return _not_frozen(network, classes).requires_grad_(False)


def _old_head(network, classes):
    network.requires_grad_(False)
    network.classifier.requires_grad_(True)
    return network


def _on_top(network, classes):
    from torch import nn

    return nn.Sequential(network.requires_grad_(False), nn.Linear(OLD, classes))


def _forty_two(network, classes):
    network.requires_grad_(False)
    network.classifier = _linear(42, classes)
    return network


def _nothing(network, classes):
    _in_place(network, classes)


def _head_alone(network, classes):
    return network.requires_grad_(False), _linear(network.num_features, classes)


def _erased(network, classes):
    for weight in network.parameters():
        weight.data.zero_()
    return _in_place(network, classes)


EXERCISES = [
    Exercise(
        id="00.1",
        kind="complete",
        hints=[
            "Three lines: freeze, new head, return. In which order?",
            "`network.requires_grad_(False)` freezes all that is there at this moment.",
            "`network.classifier = nn.Linear(network.num_features, classes)` is the new head.",
        ],
        check=_check_new_head,
        solution=(
            "def with_new_head(network, classes):\n"
            "    network.requires_grad_(False)\n"
            "    network.classifier = nn.Linear(network.num_features, classes)\n"
            "    return network"
        ),
        right=[
            lambda: _in_place,
            lambda: _weight_by_weight,
            lambda: _in_a_row,
            lambda: _copy_with_two_layers,
        ],
        wrong=[
            Wrong(lambda: _not_frozen, "the old weights would still train"),
            Wrong(lambda: _all_frozen, "freeze first"),
            Wrong(lambda: _old_head, "gives 10 scores"),
            Wrong(lambda: _on_top, "not the scores of the old head"),
            Wrong(lambda: _forty_two, "does not get through"),
            Wrong(lambda: _nothing, "is a `return` missing?"),
            Wrong(lambda: _head_alone, "gave a tuple"),
            Wrong(lambda: _erased, "have changed"),
        ],
    ),
]

"""Networks that are changed a little, once their head has been fitted as a probe.

A network here is a module with an ``encoder``, a transformer with the names of BERT, and a linear
``head``; called with a list of n texts it gives scores, float (n, classes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tl_helpers.arms.labels import labelled
from tl_helpers.compare.prediction import Prediction
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models import heads
from tl_helpers.techniques import adapters
from tl_helpers.training.runtime import seed_everything

BATCH = 64  # texts that are answered at once
PENALTY = 10.0  # of squared weights of the first head; the best of six on validation messages
PLACES = ("attention.output.dense", "output.dense")  # of bottlenecks: Houlsby et al. 2019, in BERT
WIDTH = 16  # features in the middle of a bottleneck

Way = Callable[[nn.Module], nn.Module]


def bias_only(model: nn.Module) -> nn.Module:
    """The same network, of whose encoder the biases alone train (Ben Zaken et al. 2022)."""
    adapters.bias_only(model.get_submodule("encoder"))
    return model


def bottleneck(model: nn.Module) -> nn.Module:
    """The same network with trainable bottlenecks in its frozen encoder (Houlsby et al. 2019)."""
    adapters.add_bottlenecks(model.get_submodule("encoder"), PLACES, WIDTH)
    return model


def everything(model: nn.Module) -> nn.Module:
    """The same network, of which all trains but its table of embeddings."""
    model.get_submodule("encoder.embeddings").requires_grad_(False)
    return model


@torch.inference_mode()
def answers(model: nn.Module, texts: list[str]) -> Tensor:
    """What a network gives for n texts, in eval mode: float (n, ...), on the CPU."""
    parts = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
    return torch.cat([model.eval()(part).cpu() for part in parts])


def probe_first(model: nn.Module, few: Examples) -> nn.Module:
    """The same network, its head replaced by one that was fitted on the frozen features.

    So that a random head does not bend good features (Kumar et al. 2022).

    Parameters
    ----------
    model : nn.Module
        See the top of this module; changed in place.
    few : Examples
        x list of str, with two classes or more.

    Raises
    ------
    AttributeError
        When the network has no ``head``.
    """
    device = model.get_parameter("head.weight").device
    model.head = nn.Identity()
    found = answers(model, few.texts)
    head = LogisticRegression(C=1 / PENALTY, max_iter=1000).fit(found, few.y)
    solved = heads.layer_of(head)
    model.head = nn.Linear(solved.in_features, solved.out_features, device=device)
    model.head.load_state_dict(solved.state_dict())
    return model


@dataclass(frozen=True)
class Added:
    """A way to change a network, as an arm.

    Attributes
    ----------
    build : callable
        ``build()`` gives a fresh network.
    way : callable
        ``way(network)`` gives the network to train: `bias_only`, or a function of the lesson's.
    train : callable
        ``train(network, few)`` is a loop that trains what has requires_grad as it is walked
        through, as a generator does.
    data : Splits
        x list of str. The labels of ``test`` are never read.
    """

    build: Callable[[], nn.Module]
    way: Way
    train: Callable[[nn.Module, Examples], Iterable]
    data: Splits

    def tuned(self, few: Examples, seed: int) -> nn.Module:
        """The trained network. The seed decides all that is drawn on the way."""
        seed_everything(seed)
        model = self.way(probe_first(self.build(), few))
        for _ in self.train(model, few):
            pass
        return model

    def __call__(self, budget: int, seed: int) -> Prediction:
        """Train on a budget of labels and answer for the test texts.

        Raises
        ------
        ValueError
            For a budget that the classes cannot share.
        """
        model = self.tuned(labelled(self.data.train, budget, seed), seed)
        trainable = sum(tensor.numel() for tensor in adapters.trained(model).values())
        said = answers(model, self.data.test.texts)
        return Prediction(said.argmax(1).numpy(), trainable)

"""VADER, a lexicon with rules, which needs no label: alone, and as one more feature of a probe."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tl_helpers.arms.heads import linear, probe, random_features, tf_idf
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models.backbones import Backbone
from tl_helpers.techniques import features
from tl_helpers.training.runtime import Runtime

SENTIMENT = ["negative", "positive"]  # the classes of which a lexicon of praise and blame knows


def scores(texts: Sequence[str]) -> Tensor:
    """VADER's compound score of each text, -1 (negative) to 1 (positive), float (N,).

    0 where it knows no word. Source: Hutto and Gilbert, ICWSM 2014; the lexicon and the rules are
    those of the package vaderSentiment.
    """
    says = _analyser().polarity_scores
    return torch.tensor([says(text)["compound"] for text in texts])


def vader(data: Splits) -> Arm:
    """Positive is what scores above 0; of what VADER knows no word of, nothing is praise.

    Parameters
    ----------
    data : Splits
        x list of str; classes negative and positive, in this order.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``, the same for all budgets and seeds.

    Raises
    ------
    ValueError
        For other classes: a lexicon of praise and blame has no say about them.
    """
    if data.test.classes != SENTIMENT:
        raise ValueError(
            f"the classes are {data.test.classes}; VADER knows 'negative' and 'positive' alone."
        )
    said = (scores(data.test.texts) > 0).long().numpy()
    return lambda budget, seed: Prediction(said)


def probe_with_vader(load: Callable[..., Backbone], data: Splits, runtime: Runtime) -> Arm:
    """A probe whose features are those of the network and, as one column more, VADER's score.

    Both are of length one at most, so that neither drowns the other.

    Parameters
    ----------
    load : callable
        ``load()`` gives the backbone.
    data : Splits
        x list of str.
    runtime : Runtime

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``, tuned as `probe` is.
    """
    network = load()

    def described(part: Examples) -> Examples:
        x = normalize(features.extract(network, part, runtime).x)
        return replace(part, x=torch.cat([x, scores(part.texts)[:, None]], 1))

    return linear(described(data.train), described(data.test))


def on_texts(load: Callable[..., Backbone], data: Splits, runtime: Runtime) -> dict[str, Arm]:
    """All ways to use labelled texts that train no network, by name.

    Parameters
    ----------
    load : callable
        ``load()`` and ``load(pretrained=False)`` give the backbone.
    data : Splits
        x list of str.
    runtime : Runtime

    Returns
    -------
    dict of str to callable
        "probe", "random features", "TF-IDF"; where the classes are negative and positive,
        "probe + VADER" and "VADER" as well.
    """
    ways = {
        "probe": probe(load, data, runtime),
        "random features": random_features(load, data, runtime),
        "TF-IDF": tf_idf(data),
    }
    if data.test.classes == SENTIMENT:
        ways["probe + VADER"] = probe_with_vader(load, data, runtime)
        ways["VADER"] = vader(data)
    return ways


def controls_on_texts(
    load: Callable[..., Backbone], data: Splits, runtime: Runtime
) -> dict[str, Arm]:
    """Those of `on_texts` that no pretrained network takes part in.

    Parameters
    ----------
    load, data, runtime
        As in `on_texts`.

    Returns
    -------
    dict of str to callable
        "TF-IDF", "random features"; where the classes are negative and positive, "VADER" as well.
    """
    ways = {"TF-IDF": tf_idf(data), "random features": random_features(load, data, runtime)}
    if data.test.classes == SENTIMENT:
        ways["VADER"] = vader(data)
    return ways


@functools.cache
def _analyser():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()

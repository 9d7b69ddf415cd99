"""Linear heads on numbers: features of a frozen network, and the classical descriptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from tl_helpers.arms.labels import TRIES, best, grouped_folds, labelled, untuned
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models.backbones import Backbone
from tl_helpers.techniques import features
from tl_helpers.training.runtime import Runtime

# Wide enough that the best lies inside.
UNIT_PENALTIES = tuple(np.logspace(-4, 3, TRIES).tolist())  # of squared weights, unit length
SCALED_PENALTIES = tuple(np.logspace(-3, 3, TRIES).tolist())  # of squared weights, logistic


def probe(load: Callable[..., Backbone], data: Splits, runtime: Runtime) -> Arm:
    """A linear head on the features of a frozen pretrained network.

    Features are brought to unit length, since a handful of examples cannot standardise hundreds of
    columns. The head is a ridge classifier (Hastie et al., The Elements of Statistical Learning,
    2009, section 3.4), its penalty chosen by cross-validation inside the budget.

    Parameters
    ----------
    load : callable
        ``load()`` gives the backbone, as ``partial(backbones.load, "efficientnet-lite0")``.
    data : Splits
        The head learns from ``train`` and answers for ``test``, whose labels it never sees.
    runtime : Runtime

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (n,). It tries `TRIES` penalties and
        costs milliseconds, once the features are extracted.

    Raises
    ------
    ValueError
        From the arm, for a budget that the classes cannot share.
    """
    return linear(*_featured(load(), data, runtime))


def random_features(load: Callable[..., Backbone], data: Splits, runtime: Runtime) -> Arm:
    """`probe` on the same architecture with random weights: what pretraining has to beat.

    Parameters
    ----------
    load : callable
        ``load(pretrained=False)`` gives the backbone with random weights.
    data, runtime
        As in `probe`, with the same head and as many settings.
    """
    return linear(*_featured(load(pretrained=False), data, runtime))


def linear(pool: Examples, test: Examples, *, scaled: bool = False) -> Arm:
    """A linear head on columns of numbers, its penalty chosen inside the budget.

    Parameters
    ----------
    pool, test : Examples
        x is float (N, D); the labels of ``test`` are not read.
    scaled : bool, default False
        False, for hundreds of features: rows of unit length under a ridge classifier. True, for a
        few dozen descriptors: standardised columns under logistic regression, which makes more of
        them (on surfaces with 640 labels 0.94 against 0.89).

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (n,); it tries `TRIES` penalties.
    """
    from sklearn.preprocessing import normalize

    def rows(examples: Examples) -> np.ndarray:
        x = np.asarray(examples.x, dtype=float)
        return x if scaled else normalize(x)

    head, x = _Logistic() if scaled else _Ridge(), rows(test)

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(pool, budget, seed)
        return _answered(few, rows(few), x, head)

    return arm


def tf_idf(data: Splits) -> Arm:
    """Weighted counts of words and pairs of words under a ridge head, for texts.

    The field's classical rival (Manning et al., Introduction to Information Retrieval, 2008,
    section 6.2). The vocabulary is that of the labelled texts alone.

    Parameters
    ----------
    data : Splits
        x is a list of str.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``; it tries `TRIES` penalties.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(few.texts)
        x, new_x = (words.transform(part.texts) for part in (few, data.test))
        return _answered(few, x, new_x, _Ridge())

    return arm


def texture(data: Splits) -> Arm:
    """Local binary patterns at three scales, and grey values, under logistic regression.

    Source: Ojala et al., Multiresolution gray-scale and rotation invariant texture classification
    with local binary patterns, IEEE TPAMI 2002.

    Parameters
    ----------
    data : Splits
        x is uint8 (N, 1 or 3, H, W); colours are averaged to grey.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``; it tries `TRIES` penalties.
    """
    return _described(data, texture_statistics)


def colour(data: Splits) -> Arm:
    """Mean, spread and an eight-bin histogram of each channel, under logistic regression.

    Parameters
    ----------
    data : Splits
        x is uint8 (N, 3, H, W).
    """
    return _described(data, colour_statistics)


def raw_pixels(data: Splits, side: int = 18) -> Arm:
    """The pictures themselves, averaged down to ``side`` by ``side``, under a ridge head.

    Parameters
    ----------
    data : Splits
        x is uint8 (N, C, H, W).
    side : int, default 18
        Pixels.
    """

    def small(examples: Examples) -> np.ndarray:
        pictures = examples.tensor.float()
        shrunk = torch.nn.functional.interpolate(pictures, (side, side), mode="area")
        rows = shrunk.flatten(1).numpy() / 255 - 0.5
        return 2 * rows / math.sqrt(rows.shape[1])  # at most of length one; brightness stays

    x = small(data.test)

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)
        return _answered(few, small(few), x, _Ridge())

    return arm


def texture_statistics(picture: np.ndarray) -> np.ndarray:
    """Shares of local binary patterns at radius 1, 2 and 4 pixels, and of 16 grey values.

    Parameters
    ----------
    picture : uint8 array (C, H, W)

    Returns
    -------
    float array (54,)
    """
    from skimage.feature import local_binary_pattern

    grey = picture.mean(0).astype(np.uint8)
    counts = []
    for points, radius in ((8, 1), (8, 2), (16, 4)):
        codes = local_binary_pattern(grey, points, radius, "uniform")
        counts.append(np.bincount(codes.astype(int).ravel(), minlength=points + 2))
    counts.append(np.bincount(grey.ravel() // 16, minlength=16))
    return np.concatenate(counts) / grey.size


def colour_statistics(picture: np.ndarray) -> np.ndarray:
    """Mean, spread and shares of eight values of each channel: float array (10 C,)."""
    values = picture.reshape(len(picture), -1)
    shares = [np.bincount(channel // 32, minlength=8) / len(channel) for channel in values]
    return np.concatenate([values.mean(1) / 255, values.std(1) / 255, *shares])


def _featured(network: Backbone, data: Splits, runtime: Runtime) -> list[Examples]:
    parts = (data.train, data.test)
    return [replace(part, x=features.extract(network, part, runtime).x) for part in parts]


def _described(data: Splits, describe: Callable[[np.ndarray], np.ndarray]) -> Arm:
    parts = []
    for part in (data.train, data.test):
        rows = np.stack([describe(picture) for picture in part.tensor.numpy()])
        parts.append(replace(part, x=torch.from_numpy(rows)))
    return linear(*parts, scaled=True)


def log_losses(model, x, y: np.ndarray) -> np.ndarray:
    """Minus the log of the probability that a fitted classifier gives each true label, (n,)."""
    columns = np.searchsorted(model.classes_, y)
    given = model.predict_proba(x)[np.arange(len(y)), columns]
    return -np.log(np.clip(given, 1e-12, 1))


class _Ridge:
    """Least squares on targets of plus and minus one, for rows of about unit length."""

    penalties = UNIT_PENALTIES

    def fit(self, penalty: float, x, y: np.ndarray):
        from sklearn.linear_model import RidgeClassifier

        return RidgeClassifier(alpha=penalty).fit(x, y)

    def losses(self, model, x, y: np.ndarray) -> np.ndarray:
        """1 for a wrong answer. A squared error would go on rewarding scores that are sure enough,
        and with sparse rows, such as words, it ends at an edge of any grid."""
        return (model.predict(x) != y).astype(float)

    def weights(self, model) -> np.ndarray:
        return model.coef_


class _Logistic:
    """Logistic regression on standardised columns."""

    penalties = SCALED_PENALTIES

    def fit(self, penalty: float, x, y: np.ndarray):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        head = LogisticRegression(C=1 / penalty, max_iter=500, tol=1e-3)
        return make_pipeline(StandardScaler(), head).fit(x, y)

    losses = staticmethod(log_losses)

    def weights(self, model) -> np.ndarray:
        return model[-1].coef_


def _losses(head: _Ridge | _Logistic, penalty: float, x, y: np.ndarray, folds) -> np.ndarray:
    """Loss of each labelled row while it is held out."""
    found = np.empty(len(y))
    for kept, judged in folds:
        found[judged] = head.losses(head.fit(penalty, x[kept], y[kept]), x[judged], y[judged])
    return found


def _answered(few: Examples, x, new_x, head: _Ridge | _Logistic) -> Prediction:
    """Fit on the labelled rows, under the penalty that predicts held-out rows best."""
    y, folds = few.y.numpy(), grouped_folds(few)
    if folds is None:
        tuned = untuned(head.penalties)
    else:
        tuned, _ = best(head.penalties, lambda penalty: _losses(head, penalty, x, y, folds))
    model = head.fit(tuned.setting, x, y)
    weights = head.weights(model)
    return Prediction(model.predict(new_x), weights.size + len(weights), tuned)

"""Scores that rank pretrained models for a task without training: LogME, LEEP, H-score.

They cost seconds and are guesses: on small or shifted data their ranking can be wrong. Compare
them with a measured probe before a decision rests on one.
"""

from __future__ import annotations

import math

import numpy as np

from tl_helpers.techniques.probabilities import check_probabilities


def logme(features, labels, *, iterations: int = 100, tolerance: float = 1e-6) -> float:
    """Log of the maximum evidence of a Bayesian linear model on the features; higher is better.

    For each class the one-against-rest indicator y is modelled as F w + noise, with prior
    precision alpha on w and noise precision beta. The evidence p(y | F) is maximised over both
    by MacKay's fixed point, averaged over classes and divided by the number of items.

    Parameters
    ----------
    features : float array, shape (n, d)
    labels : array, shape (n,)
        Classes (integers or strings), or float targets for regression.
    iterations : int, default 100
        Limit of fixed-point steps for each class.
    tolerance : float, default 1e-6
        Relative change of alpha / beta below which the steps stop.

    Returns
    -------
    float
        Log evidence for each item. Comparable between feature sets of the same items only.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or infinity, fewer than two classes, or features that are constant.

    References
    ----------
    You et al., LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML
    2021, Algorithm 1; the fixed point: MacKay, Bayesian Interpolation, 1992.
    """
    features, labels = _check(features, labels)
    if labels.dtype.kind == "f":
        targets = [labels]
    else:
        targets = [(labels == name).astype(float) for name in _classes(labels)]
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    if singular[0] == 0:
        raise ValueError("all features are 0: there is nothing to score. Check the extraction.")
    spectrum = singular**2
    shape = features.shape
    scores = [_evidence(left, spectrum, y, shape, iterations, tolerance) for y in targets]
    return float(np.mean(scores))


def _evidence(left, spectrum, y, shape, iterations, tolerance) -> float:
    """Log evidence per item at the fixed point, from the thin SVD of the features.

    ``left`` is (n, k), ``spectrum`` the k squared singular values, k = min(n, d).
    """
    n, d = shape
    along = (left.T @ y) ** 2  # energy of y in each singular direction
    outside = max(float(y @ y - along.sum()), 0.0)  # part that no weights can reach
    alpha = beta = 1.0
    for _ in range(iterations):
        gamma, weights, residual = _posterior(spectrum, along, outside, alpha / beta)
        ratio = alpha / beta
        # Floors keep a perfect fit (residual 0) and useless features (weights 0) finite.
        alpha, beta = gamma / max(weights, 1e-12), max(n - gamma, 1e-12) / max(residual, 1e-12)
        if abs(alpha / beta - ratio) <= tolerance * ratio:
            break
    _, weights, residual = _posterior(spectrum, along, outside, alpha / beta)
    # log |A| of A = alpha I + beta F'F: d - k directions see the prior alone.
    log_determinant = (d - len(spectrum)) * math.log(alpha) + np.log(alpha + beta * spectrum).sum()
    evidence = d * math.log(alpha) + n * math.log(beta / (2 * math.pi)) - log_determinant
    return float(evidence - beta * residual - alpha * weights) / (2 * n)


def _posterior(spectrum, along, outside, ratio) -> tuple[float, float, float]:
    """Effective number of weights, squared norm of the mean weights, squared residual."""
    gamma = float((spectrum / (spectrum + ratio)).sum())
    weights = float((spectrum * along / (spectrum + ratio) ** 2).sum())
    residual = float((along * (ratio / (spectrum + ratio)) ** 2).sum()) + outside
    return gamma, weights, residual


def leep(source_probabilities, labels) -> float:
    """Log expected empirical prediction: mean log-likelihood of a dummy classifier; at most 0.

    The dummy reads the pretrained network's own classes z and predicts
    p(y | x) = sum over z of p(y | z) p(z | x), with p(y | z) counted on the target data.

    Parameters
    ----------
    source_probabilities : float array, shape (n, z)
        Softmax outputs over the classes that the network was pretrained on.
    labels : int array, shape (n,)
        Target classes, from 0.

    Raises
    ------
    ValueError
        For wrong shapes, rows that are not probabilities, or fewer than two classes.

    References
    ----------
    Nguyen et al., LEEP: A New Measure to Evaluate Transferability of Learned Representations,
    ICML 2020, section 3.
    """
    theta, labels = _check(source_probabilities, labels)
    check_probabilities(theta, np.zeros(len(theta), dtype=int))
    classes = _classes(labels)
    one_hot = (labels[:, None] == classes[None, :]).astype(float)
    joint = one_hot.T @ theta / len(theta)  # (y, z)
    mass = joint.sum(axis=0)
    seen = mass > 0  # a source class that no item touches says nothing
    conditional = joint[:, seen] / mass[seen]
    likelihood = (theta[:, seen] @ conditional.T)[one_hot.astype(bool)]
    return float(np.log(likelihood).mean())


def h_score(features, labels, *, shrinkage: float | None = None) -> float:
    """Between-class variance in the metric of the features' covariance; higher is better.

    H = trace(cov(f)^-1 cov(E[f | y])).

    Parameters
    ----------
    features : float array, shape (n, d)
    labels : array, shape (n,)
    shrinkage : float in [0, 1], optional
        Weight of a multiple of the identity in cov(f). The sample covariance of few items is
        nearly singular, and the plain score (0) then grows with d whatever the features hold;
        by default the weight is that of Ledoit and Wolf, as Ibrahim et al. advise.

    Raises
    ------
    ValueError
        For wrong shapes, NaN or infinity, fewer than two classes, or a shrinkage out of range.

    References
    ----------
    Bao et al., An Information-Theoretic Approach to Transferability in Task Transfer Learning,
    ICIP 2019. Shrinkage: Ibrahim et al., Newer is not always better, 2021 (arXiv 2110.06893);
    Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004.
    """
    features, labels = _check(features, labels)
    classes = _classes(labels)
    if shrinkage is not None and not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage is {shrinkage}; expected a number from 0 to 1, or None.")
    centred = features - features.mean(axis=0)
    if not centred.any():
        raise ValueError("all rows of features are equal: there is nothing to score.")
    n, d = centred.shape
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    variances = singular**2 / n  # eigenvalues of cov(f); the other d - k are 0
    weight = _ledoit_wolf(centred, variances) if shrinkage is None else shrinkage
    shrunk = (1 - weight) * variances + weight * variances.sum() / d
    # Class means lie in the span of the items: their coordinates along its axes are enough, and
    # the inverse of a (d, d) matrix is never formed.
    means = np.stack([left[labels == name].mean(axis=0) for name in classes]) * singular
    shares = np.array([(labels == name).mean() for name in classes])
    between = shares @ means**2 * (1 - weight)
    real = variances > variances[0] * max(n, d) * np.finfo(float).eps  # no rounding of a zero
    return float((between[real] / shrunk[real]).sum())


def _ledoit_wolf(centred: np.ndarray, variances: np.ndarray) -> float:
    """Shrinkage weight that minimises the expected squared error of the covariance.

    ``variances`` are the covariance's k = min(n, d) largest eigenvalues; the others are 0.
    """
    n, d = centred.shape
    energy = (variances**2).sum()
    distance = energy - variances.sum() ** 2 / d  # squared, from the multiple of the identity
    if distance <= 0:
        return 0.0
    # Mean squared distance of the items' own x x' from their mean, without forming each.
    spread = ((centred**2).sum(axis=1) ** 2).sum() / n - energy
    return float(np.clip(spread / n / distance, 0, 1))


def _check(features, labels) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not features.size:
        raise ValueError(
            f"features have shape {features.shape} and labels {labels.shape}; expected (n, d) and "
            "(n,) with the same n, at least 1. Pool maps or tokens to one row an item first."
        )
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise ValueError(f"features row {row} holds NaN or infinity; check how it was extracted.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("labels hold NaN or infinity; drop those items or fill them in.")
    return features, labels


def _classes(labels: np.ndarray) -> np.ndarray:
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"labels hold {len(classes)} class; a score needs at least two.")
    return classes

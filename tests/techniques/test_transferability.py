"""Scores agree with independent computations, and rank informative features first."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

from tl_helpers.techniques import transferability


def problem(n=60, d=8, classes=3, signal=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = rng.normal(size=(classes, d)) * signal
    return centres[labels] + rng.normal(size=(n, d)), labels


def direct_logme(features, labels):
    """Evidence of y ~ N(0, I / beta + F F' / alpha), maximised by a general optimiser."""
    n = len(features)
    gram = features @ features.T

    def negative(log_precisions, y):
        alpha, beta = np.exp(log_precisions)
        covariance = np.eye(n) / beta + gram / alpha
        return -multivariate_normal.logpdf(y, np.zeros(n), covariance)

    best = []
    for name in np.unique(labels):
        y = (labels == name).astype(float)
        starts = [minimize(negative, start, (y,), "Nelder-Mead").fun for start in ((0, 0), (3, 3))]
        best.append(-min(starts) / n)
    return np.mean(best)


@pytest.mark.parametrize(("n", "d"), [(60, 8), (40, 70)])
def test_logme_is_the_maximum_evidence(n, d):
    features, labels = problem(n, d, signal=0.4)
    # The fixed point needs a while where features outnumber items.
    ours = transferability.logme(features, labels, iterations=2000, tolerance=1e-10)
    assert ours == pytest.approx(direct_logme(features, labels), abs=2e-3)


def test_logme_takes_regression_targets_and_string_labels():
    features, labels = problem()
    names = np.array(["oak", "pine", "slate"])[labels]
    assert transferability.logme(features, names) == transferability.logme(features, labels)
    target = features @ np.arange(8.0)
    noise = np.random.default_rng(1).normal(size=60)
    assert transferability.logme(features, target) > transferability.logme(features, noise)


def test_leep_by_hand():
    theta = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    labels = [0, 0, 1]
    given_first = np.array([1.4, 0.1]) / 1.5  # p(y | z = 0)
    given_second = np.array([0.6, 0.9]) / 1.5
    likelihood = [
        0.8 * given_first[0] + 0.2 * given_second[0],
        0.6 * given_first[0] + 0.4 * given_second[0],
        0.1 * given_first[1] + 0.9 * given_second[1],
    ]
    assert transferability.leep(theta, labels) == pytest.approx(np.log(likelihood).mean())


def test_leep_is_zero_when_source_classes_are_the_target_classes():
    assert transferability.leep(np.eye(3)[[0, 1, 2, 0]], [0, 1, 2, 0]) == pytest.approx(0)


def test_h_score_by_hand():
    # Total variance 1.25 and between-class variance 1, in one dimension.
    features = np.array([[-1.5], [-0.5], [0.5], [1.5]])
    assert transferability.h_score(features, [0, 0, 1, 1], shrinkage=0) == pytest.approx(0.8)


@pytest.mark.parametrize("shrinkage", [0.0, 0.2])
@pytest.mark.parametrize(("n", "d"), [(60, 8), (30, 50)])
def test_h_score_is_the_trace_of_its_definition(n, d, shrinkage):
    features, labels = problem(n, d)
    centred = features - features.mean(axis=0)
    covariance = np.cov(centred.T, bias=True)
    between = np.cov(np.stack([centred[labels == y].mean(axis=0) for y in labels]).T, bias=True)
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / d * np.eye(d)
    inverse = np.linalg.pinv(covariance, rcond=1e-12, hermitian=True)
    expected = (1 - shrinkage) * np.trace(inverse @ between)
    found = transferability.h_score(features, labels, shrinkage=shrinkage)
    assert found == pytest.approx(expected, rel=1e-8)


def test_plain_h_score_is_fooled_by_many_features_and_shrinkage_is_not():
    noise = np.random.default_rng(0).normal(size=(40, 200))
    labels = np.arange(40) % 4
    assert transferability.h_score(noise, labels, shrinkage=0) == pytest.approx(3, abs=1e-6)
    assert transferability.h_score(noise, labels) < 1


def test_shrinkage_weight_is_ledoit_and_wolfs():
    features, labels = problem(30, 12)
    _, weight = ledoit_wolf(features)
    assert transferability.h_score(features, labels) == pytest.approx(
        transferability.h_score(features, labels, shrinkage=weight)
    )


@pytest.mark.parametrize("score", [transferability.logme, transferability.h_score])
def test_informative_features_rank_above_noise(score):
    features, labels = problem()
    noise = np.random.default_rng(5).normal(size=features.shape)
    assert score(features, labels) > score(noise, labels)


def test_scores_stay_finite_on_degenerate_features():
    features, labels = problem()
    twice = np.hstack([features, features, np.zeros((60, 3))])
    assert np.isfinite(transferability.logme(twice, labels))
    assert np.isfinite(transferability.h_score(twice, labels, shrinkage=0))
    perfect = np.eye(3)[labels]
    assert np.isfinite(transferability.logme(perfect, labels))


@pytest.mark.parametrize("score", [transferability.logme, transferability.h_score])
@pytest.mark.parametrize(
    ("features", "labels", "reason"),
    [
        (np.ones((3, 2, 2)), [0, 1, 1], "Pool maps"),
        (np.ones((3, 2)), [0, 1], "same n"),
        (np.array([[1.0], [np.nan], [2.0]]), [0, 1, 1], "row 1 holds NaN"),
        (np.arange(3.0)[:, None], [1, 1, 1], "at least two"),
        (np.zeros((3, 2)), [0, 1, 1], "nothing to score"),
    ],
)
def test_bad_input_is_named(score, features, labels, reason):
    with pytest.raises(ValueError, match=reason):
        score(features, labels)


def test_leep_refuses_logits_and_h_score_a_wrong_shrinkage():
    with pytest.raises(ValueError, match="softmax"):
        transferability.leep([[3.0, -1.0], [0.0, 2.0]], [0, 1])
    with pytest.raises(ValueError, match="from 0 to 1"):
        transferability.h_score([[1.0], [2.0]], [0, 1], shrinkage=2)

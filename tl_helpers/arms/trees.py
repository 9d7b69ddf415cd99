"""Gradient boosting, the rival of every network on tables."""

from __future__ import annotations

import numpy as np

from tl_helpers.arms.heads import log_losses
from tl_helpers.arms.labels import TRIES, best, grouped_folds, labelled, untuned
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import Examples, Splits

LEARNING_RATES = tuple(np.geomspace(0.003, 1.0, TRIES).tolist())
ROUNDS = 100


def boosted_trees(data: Splits) -> Arm:
    """Histogram gradient boosting (Friedman 2001; scikit-learn's, after LightGBM).

    Parameters
    ----------
    data : Splits
        x is float (N, D); NaN marks a missing value. The labels of ``test`` are never read.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (n,). It tries `TRIES` learning rates at
        100 rounds, chosen by the log-loss of folds that share no group.

    Raises
    ------
    ValueError
        From the arm, for a budget that the classes cannot share.
    """

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)
        folds = grouped_folds(few, seed)
        if folds is None:
            tuned = untuned(LEARNING_RATES)
        else:
            tuned, _ = best(LEARNING_RATES, lambda rate: _loss(few, folds, rate, seed))
        model = _model(tuned.setting, seed).fit(np.asarray(few.x), few.y.numpy())
        leaves = sum(tree.get_n_leaf_nodes() for trees in model._predictors for tree in trees)
        return Prediction(model.predict(np.asarray(data.test.x)), leaves, tuned)

    return arm


def _model(rate: float, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=rate, max_iter=ROUNDS, min_samples_leaf=5, random_state=seed
    )


def _loss(few: Examples, folds, rate: float, seed: int) -> np.ndarray:
    """Log-loss of each example while it is held out."""
    x, y, losses = np.asarray(few.x), few.y.numpy(), np.empty(len(few))
    for kept, judged in folds:
        model = _model(rate, seed).fit(x[kept], y[kept])
        losses[judged] = log_losses(model, x[judged], y[judged])
    return losses

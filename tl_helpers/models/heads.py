"""Heads: what turns the features of a network into scores of classes."""

from __future__ import annotations

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn


def layer_of(solved: LogisticRegression) -> nn.Linear:
    """The layer of torch that scores as a fitted logistic regression does.

    For two classes scikit-learn keeps one row of weights, the second class against the first. Half
    of it for one class and half against it for the other give the same probabilities under a
    softmax.

    Parameters
    ----------
    solved : LogisticRegression
        Fitted, on features (n, width).

    Returns
    -------
    nn.Linear
        ``width`` to the number of classes, float32, in the order of ``solved.classes_``.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        When it was not fitted.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(solved)
    weight = torch.as_tensor(solved.coef_, dtype=torch.float32)
    bias = torch.as_tensor(solved.intercept_, dtype=torch.float32)
    if len(weight) == 1:
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    # Without the usual random start: whoever draws numbers afterwards draws the same as before.
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], len(weight))
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer

"""What can be checked on predicted probabilities before a measure is taken of them."""

from __future__ import annotations

import numpy as np


def check_probabilities(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays after checking shape, range and that rows sum to 1.

    Raises
    ------
    ValueError
        Naming the first thing that is wrong.
    """
    probabilities, labels = np.asarray(probabilities, dtype=float), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            f"probabilities have shape {probabilities.shape} and labels {labels.shape}; "
            "expected (n, c) and (n,) with n at least 1."
        )
    sums = probabilities.sum(axis=1)
    if not (probabilities >= 0).all() or not np.allclose(sums, 1, atol=1e-3):
        raise ValueError(
            "rows of probabilities must be non-negative and sum to 1; logits need a softmax first."
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have type {labels.dtype}; expected whole numbers.")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"labels reach from {labels.min()} to {labels.max()}; expected 0 to "
            f"{probabilities.shape[1] - 1}, one for each column."
        )
    return probabilities, labels

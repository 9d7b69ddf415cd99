"""Labels that are likely to be wrong, found by what models say that did not learn from them."""

from __future__ import annotations

import numpy as np

from tl_helpers.techniques.probabilities import check_probabilities


def doubtful(probabilities, labels) -> np.ndarray:
    """Confident learning: the places of labels that a model confidently contradicts, worst first.

    A class's bar is the mean probability of that class over the examples that bear its name. An
    example is doubtful when the likeliest class among those over their bars is not its label; the
    worst lie furthest below the class that is named instead.

    Parameters
    ----------
    probabilities : float array, shape (n, classes)
        Of each example, by a model that did not learn from it (out of fold).
    labels : int array, shape (n,)
        As given; each class at least once.

    Returns
    -------
    int array, shape (k,)
        Places in ``labels``, k between 0 and n.

    Raises
    ------
    ValueError
        For rows that are no probabilities, or labels that do not fit.

    Notes
    -----
    Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, JAIR
    2021: thresholds and counts of section 3.1, ranked by normalised margin.
    """
    p, y = check_probabilities(probabilities, labels)
    places, classes = np.arange(len(y)), range(p.shape[1])
    bars = np.array([p[y == k, k].mean() if (y == k).any() else np.inf for k in classes])
    confident = np.where(p >= bars, p, -1.0)
    named = confident.argmax(1)
    wrong = places[(confident.max(1) >= 0) & (named != y)]
    margins = p[wrong, y[wrong]] - p[wrong, named[wrong]]
    return wrong[np.argsort(margins, kind="stable")]

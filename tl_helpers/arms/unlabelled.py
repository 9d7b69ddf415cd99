"""What can be had where nobody has labels: heaps of alike inputs."""

from __future__ import annotations

from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import Examples


def clusters(pool: Examples, test: Examples) -> Arm:
    """As many clusters as there are classes, by k-means, each named as suits it best.

    The clusters come from inputs alone. Their names are the assignment to classes, one to one,
    that makes most of the test items right (Kuhn's Hungarian method, 1955): nobody without labels
    could name them better, so that the score flatters.

    Parameters
    ----------
    pool : Examples
        x float (N, D), clustered; the labels are not read.
    test : Examples
        x float (M, D); the labels serve to name the clusters.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (M,), the same for all budgets.

    Raises
    ------
    ValueError
        From the arm, when the pool has fewer inputs than there are classes.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> pool = Examples(x, torch.zeros(4).long(), list("abcd"), list("abcd"), ["unlabelled"])
    >>> test = Examples(x, torch.tensor([1, 1, 0, 0]), list("efgh"), list("efgh"), ["no", "yes"])
    >>> clusters(pool, test)(2, 0).predicted.tolist()
    [1, 1, 0, 0]
    """

    def arm(budget: int, seed: int) -> Prediction:
        from scipy.optimize import linear_sum_assignment
        from sklearn.cluster import KMeans
        from sklearn.metrics import confusion_matrix

        count = len(test.classes)
        found = KMeans(count, n_init=5, random_state=seed).fit(pool.tensor.numpy())
        heaps = found.predict(test.tensor.numpy())
        right = confusion_matrix(heaps, test.y.numpy(), labels=range(count))
        return Prediction(linear_sum_assignment(-right)[1][heaps])

    return arm

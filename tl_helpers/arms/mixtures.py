"""Tissues by brightness alone: a Gaussian mixture that corrects the bias field, without training.

The field's classical way: Wells et al., Adaptive segmentation of MRI data, IEEE Transactions on
Medical Imaging 1996, and Ashburner and Friston, Unified segmentation, NeuroImage 2005, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from tl_helpers.compare.prediction import Arm, Prediction, Tuned
from tl_helpers.datasets.segmented import Segmented

NEIGHBOURS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)  # pull of the neighbours on a voxel
ITERATIONS = 25
_QUANTILES = (0.05, 0.4, 0.85)  # where the darkest, the middle and the brightest tissue start


def tissues(
    scans: np.ndarray, order: Sequence[int] = (1, 2, 3), neighbours: float = 1.0
) -> np.ndarray:
    """The tissue of each voxel of one subject, from its brightness and that of its neighbours.

    Expectation maximisation over three Gaussians; after each round the smooth field by which the
    scan differs from the tissues' means is divided out (a quadratic in the three directions).

    Parameters
    ----------
    scans : float array (S, H, W)
        0 outside the head.
    order : sequence of int, default (1, 2, 3)
        Labels of the tissues from dark to bright, which whoever set the scanner knows: on T1 fluid,
        grey, white.
    neighbours : float, default 1.0
        How strongly a voxel follows the four beside it (a Potts field in mean-field form); 0 leaves
        it alone.

    Returns
    -------
    int64 array (S, H, W)
        0 outside the head.

    Raises
    ------
    ValueError
        When fewer than a hundred voxels lie inside the head.
    """
    head = scans > 0
    if scans.ndim != 3 or head.sum() < 100:
        raise ValueError(
            f"scans have shape {scans.shape} with {int(head.sum())} voxels above 0; expected "
            "(S, H, W) with a hundred or more inside the head."
        )
    seen, basis = scans[head].astype(float), _quadratic(head)
    means = np.quantile(seen, _QUANTILES)
    spread, weight = np.full(3, seen.std() / 3), np.full(3, 1 / 3)
    field, pull = np.ones_like(seen), np.zeros((3, len(seen)))
    for _ in range(ITERATIONS):
        share = _shares(seen / field, means, spread, weight, neighbours * pull)
        pull = _around(share, head)
        field = _field(seen, share, means, spread, basis)
        means, spread, weight = _gaussians(seen / field, share)
    found = np.zeros(scans.shape, dtype=np.int64)
    brightness = np.argsort(np.argsort(means))  # rank of each Gaussian
    found[head] = np.asarray(order)[brightness[share.argmax(0)]]
    return found


def arm(
    labelled: Callable[[int], Segmented],
    test: Segmented,
    score: Callable[[np.ndarray, np.ndarray], float],
    order: Sequence[int] = (1, 2, 3),
) -> Arm:
    """The mixture as an arm; labels serve only to choose the pull of the neighbours.

    Parameters
    ----------
    labelled : callable
        ``labelled(seed)`` gives the labelled subjects, whose tissues lie from dark to bright.
    test : Segmented
        Its masks are not read.
    score : callable
        ``score(truth, predicted) -> float``, higher being better.
    order : sequence of int, default (1, 2, 3)
        As in `tissues`, for the test subjects.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels uint8 of every pixel; six settings tried.
    """

    def answer(budget: int, seed: int) -> Prediction:
        few = labelled(seed)
        truth = few.y.numpy().ravel()
        reached = [score(truth, _of_all(few, (1, 2, 3), pull)) for pull in NEIGHBOURS]
        best = int(np.argmax(reached))
        # None at all is the grid's natural end: there is no pull below it.
        tuned = Tuned(NEIGHBOURS[best], len(NEIGHBOURS), best == len(NEIGHBOURS) - 1)
        return Prediction(_of_all(test, order, NEIGHBOURS[best]), 0, tuned)

    return answer


def _of_all(data: Segmented, order: Sequence[int], pull: float) -> np.ndarray:
    """The labels of every pixel, subject by subject: uint8 (N * H * W,)."""
    found = np.zeros(data.x.shape, dtype=np.uint8)
    subjects = np.array(data.subjects)
    for name in np.unique(subjects):
        found[subjects == name] = tissues(data.x.numpy()[subjects == name], order, pull)
    return found.ravel()


def _quadratic(head: np.ndarray) -> np.ndarray:
    """Polynomials of degree one and two in the voxels' places, (voxels, 9); no constant."""
    places = np.argwhere(head) / (np.array(head.shape) - 1).clip(min=1) * 2 - 1
    pairs = [places[:, a] * places[:, b] for a in range(3) for b in range(a, 3)]
    columns = np.column_stack([places, *pairs])
    return columns - columns.mean(0)


def _shares(seen, means, spread, weight, pull) -> np.ndarray:
    """Probability of each tissue for each voxel, (3, voxels)."""
    away = (seen - means[:, None]) / spread[:, None]
    logs = np.log(weight / spread)[:, None] - away**2 / 2 + pull
    grown = np.exp(logs - logs.max(0))
    return grown / grown.sum(0)


def _around(share: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Mean share of each tissue among the four neighbours in the slice, (3, voxels)."""
    cross = np.array([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]]) / 4
    found = []
    for one in share:
        whole = np.zeros(head.shape)
        whole[head] = one
        found.append(ndimage.convolve(whole, cross, mode="constant")[head])
    return np.array(found)


def _field(seen, share, means, spread, basis) -> np.ndarray:
    """The smooth factor between the scan and the tissues' means, by weighted least squares."""
    sure = share / spread[:, None] ** 2
    expected = (sure * means[:, None]).sum(0) / sure.sum(0)
    # The logarithm of a dark voxel is unsure: its weight falls with the square of its brightness.
    weight = sure.sum(0) * expected**2
    log_ratio = np.log(np.maximum(seen, 1e-3) / np.maximum(expected, 1e-3)).clip(-1.5, 1.5)
    log_ratio = log_ratio - np.average(log_ratio, weights=weight)
    normal = (basis * weight[:, None]).T @ basis + 1e-6 * weight.sum() * np.eye(basis.shape[1])
    return np.exp(basis @ np.linalg.solve(normal, (basis * weight[:, None]).T @ log_ratio))


def _gaussians(seen, share) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, spreads and weights of the tissues from the shares."""
    total = share.sum(1) + 1e-9
    means = share @ seen / total
    variance = (share * (seen - means[:, None]) ** 2).sum(1) / total
    return means, np.sqrt(variance + (0.02 * seen.std()) ** 2), total / total.sum()

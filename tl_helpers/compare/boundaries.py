"""How far the boundary of a segmented region lies from where it should."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def surface_distance(truth, predicted, label: int, *, spacing: float = 1.0) -> float:
    """Average symmetric surface distance of one class, in the unit of ``spacing``.

    The mean distance from each boundary pixel of the truth to the nearest one of the prediction,
    and back, over all pixels of both boundaries (Heimann et al., Comparison and evaluation of
    methods for liver segmentation, IEEE Transactions on Medical Imaging 2009, section III).

    Parameters
    ----------
    truth, predicted : int array (N, H, W)
        Slices; distances are taken within slices.
    label : int
        The class.
    spacing : float, default 1.0
        Side of a pixel, such as 3.0 millimetres.

    Returns
    -------
    float
        NaN when no slice has the class in both: there is no distance to nothing.

    Raises
    ------
    ValueError
        For shapes that differ or are not (N, H, W).
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 3:
        raise ValueError(
            f"truth has shape {truth.shape} and predicted {predicted.shape}; expected (N, H, W)."
        )
    distances = []
    for mine, theirs in zip(truth == label, predicted == label, strict=True):
        if mine.any() and theirs.any():
            one, other = _edge(mine), _edge(theirs)
            distances += [ndimage.distance_transform_edt(~other)[one]]
            distances += [ndimage.distance_transform_edt(~one)[other]]
    return float(np.concatenate(distances).mean()) * spacing if distances else float("nan")


def _edge(region: np.ndarray) -> np.ndarray:
    """Pixels of the region that have a neighbour outside of it."""
    return region & ~ndimage.binary_erosion(region)

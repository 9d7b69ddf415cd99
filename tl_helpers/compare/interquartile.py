"""Averages of few runs that one lucky run cannot move, and their intervals.

Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice, NeurIPS 2021:
the interquartile mean over runs and tasks, and the bootstrap that draws runs anew task by task.
"""

from __future__ import annotations

import numpy as np

from tl_helpers.compare.metrics import Interval


def interquartile_mean(scores: np.ndarray) -> float:
    """Mean of the middle half of all scores (section 4.3 of the source).

    Parameters
    ----------
    scores : float array, any shape
        As in `scipy.stats.trim_mean` at 0.25, a quarter of them, rounded down, is left out at
        each end.

    Raises
    ------
    ValueError
        Without a score, or with NaN or infinity among them.
    """
    ordered = np.sort(np.asarray(scores, dtype=float), axis=None)
    if not ordered.size or not np.isfinite(ordered).all():
        raise ValueError(f"{ordered.size} scores, not all finite; expected numbers, one at least.")
    out = ordered.size // 4
    return float(ordered[out : ordered.size - out].mean())


def stratified_interval(
    scores: np.ndarray, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """The interquartile mean and its percentile interval over runs drawn anew in each task.

    It says how far other runs on these same tasks would scatter, and nothing about other tasks.

    Parameters
    ----------
    scores : float array, shape (runs, tasks)
    resamples : int, default 1000
    confidence : float, default 0.95
    seed : int, default 0

    Raises
    ------
    ValueError
        For another shape, fewer than two runs, or a confidence outside (0, 1).
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or len(scores) < 2 or not 0 < confidence < 1:
        raise ValueError(
            f"scores have shape {scores.shape} and confidence is {confidence}; expected (runs, "
            "tasks) with two runs or more, and a share such as 0.95."
        )
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(resamples):
        rows = rng.integers(len(scores), size=scores.shape)
        means.append(interquartile_mean(np.take_along_axis(scores, rows, axis=0)))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(interquartile_mean(scores), float(low), float(high))

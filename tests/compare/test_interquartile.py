"""Interquartile means and their intervals, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tl_helpers.compare import interquartile_mean, stratified_interval


@pytest.mark.parametrize("shape", [(1,), (7,), (10, 3), (5, 4)])
def test_it_is_scipys_trimmed_mean(shape):
    scores = np.random.default_rng(0).random(shape)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None))


def test_one_lucky_run_cannot_move_it():
    scores = np.array([0.1, 0.2, 0.2, 0.3])
    assert interquartile_mean([*scores[:3], 100.0]) == interquartile_mean(scores)


def test_runs_are_drawn_within_their_task_alone():
    """Tasks differ much and runs do not: an interval that mixed tasks would be wide."""
    scores = np.tile([0.0, 0.3, 0.6, 0.9], (6, 1))
    assert stratified_interval(scores).width == 0


def test_the_interval_covers_the_mean_and_narrows_with_runs():
    rng = np.random.default_rng(0)
    few, many = (stratified_interval(rng.random((n, 4))) for n in (4, 64))
    assert few.low < few.mean < few.high and many.width < few.width / 2


def test_what_gives_no_mean_or_interval_is_refused():
    for scores in ([], [np.nan]):
        with pytest.raises(ValueError, match="expected numbers"):
            interquartile_mean(scores)
    for scores in (np.zeros(4), np.zeros((1, 4))):
        with pytest.raises(ValueError, match="two runs or more"):
            stratified_interval(scores)

"""Confident learning doubts labels that a model contradicts above the other class's own bar."""

from __future__ import annotations

import numpy as np
import pytest

from tl_helpers.techniques.doubtful_labels import doubtful

# Bars: class 0: (.9 + .8 + .1) / 3 = .6; class 1: (.7 + .9 + .35) / 3 = .65.
P = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.1, 0.9], [0.65, 0.35]])
Y = np.array([0, 0, 0, 1, 1, 1])


def test_doubts_stand_above_the_bar_of_the_class_that_is_named_worst_first():
    assert doubtful(P, Y).tolist() == [2, 5]


def test_a_contradiction_below_the_bar_is_no_doubt():
    p = P.copy()
    p[5] = [0.59, 0.41]  # the bar of class 0 stays at .6
    assert doubtful(p, Y).tolist() == [2]


def test_nothing_is_doubted_where_all_agree():
    assert doubtful(np.eye(3)[[0, 1, 2, 0]], [0, 1, 2, 0]).tolist() == []


def test_a_class_without_labels_has_no_bar_to_pass():
    p = np.array([[0.1, 0.1, 0.8], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    assert doubtful(p, [0, 0, 1]).tolist() == []


def test_spoiled_labels_come_first_among_separable_classes():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 25)
    p = rng.dirichlet(np.ones(4), 100) * 0.3 + 0.7 * np.eye(4)[y]
    spoiled = y.copy()
    spoiled[::10] = (y[::10] + 1) % 4
    assert set(doubtful(p, spoiled)[:10]) == set(range(0, 100, 10))


@pytest.mark.parametrize(
    ("p", "y"), [([[0.5, 0.6]], [0]), ([[0.5, 0.5]], [2]), ([[0.5, 0.5]], [0, 1])]
)
def test_what_is_no_probability_or_label_is_refused(p, y):
    with pytest.raises(ValueError):
        doubtful(p, y)

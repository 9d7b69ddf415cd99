"""Intervals cover what they say they cover, and never pretend to know more than the data."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score

from tl_helpers.compare import metrics


def coverage(make_interval, truth, repeats):
    intervals = [make_interval(seed) for seed in range(repeats)]
    return np.mean([low <= truth <= high for _, low, high in intervals])


def test_t_interval_of_three_seeds_covers_95_percent():
    def interval(seed):
        return metrics.t_interval(np.random.default_rng(seed).normal(0.7, 0.05, 3))

    assert 0.935 < coverage(interval, 0.7, 2000) < 0.965


def test_one_seed_gives_no_interval():
    interval = metrics.t_interval([0.8])
    assert interval.mean == 0.8
    assert math.isinf(interval.low) and math.isinf(interval.high)
    assert not interval.exists and str(interval) == "0.800 (no interval)"


def test_interval_reads_as_mean_and_ends():
    assert str(metrics.Interval(0.5, 0.4, 0.6)) == "0.500 (0.400 to 0.600)"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "0.500 (0.400 to 0.600)"),
        (".2f", "0.50 (0.40 to 0.60)"),
        ("+.1f", "+0.5 (+0.4 to +0.6)"),
        (".0%", "50% (40% to 60%)"),
        (">25", "   0.500 (0.400 to 0.600)"),
    ],
)
def test_interval_takes_a_numbers_format_and_a_texts(spec, text):
    assert format(metrics.Interval(0.5, 0.4, 0.6), spec) == text


def test_an_interval_that_is_none_prints_no_infinity():
    assert f"{metrics.no_interval(0.5):.2f}" == "0.50 (no interval)"


def clustered_experiment(seed):
    """Scores of 12 groups of 10 items; a group's items share their luck."""
    rng = np.random.default_rng(seed)
    luck = np.repeat(rng.normal(0, 0.2, 12), 10)
    return np.repeat(np.arange(12), 10), 0.7 + luck + rng.normal(0, 0.1, 120)


def test_group_resampling_covers_the_truth_where_item_resampling_does_not():
    def interval(seed, by_group):
        groups, value = clustered_experiment(seed)
        units = groups if by_group else np.arange(len(groups))
        draws = metrics.draw_groups(units, resamples=60, seed=seed)
        return draws.interval(value.mean(), [value[items].mean() for items in draws.items])

    assert 0.92 < coverage(lambda seed: interval(seed, True), 0.7, 400) < 0.98
    assert coverage(lambda seed: interval(seed, False), 0.7, 100) < 0.7


def test_groups_are_drawn_whole_and_class_by_class():
    labels = np.repeat([0, 0, 1, 1, 1], 4)
    groups = np.repeat(["a", "b", "c", "d", "e"], 4)
    for items in metrics.draw_groups(groups, labels=labels, resamples=30).items:
        assert set(np.bincount(items, minlength=20).reshape(5, 4).std(axis=1)) == {0.0}
        assert (labels[items] == 0).sum() == 8


def test_a_draw_of_mixed_groups_has_every_class():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    for items in metrics.draw_groups(np.arange(60) // 10, labels=labels, resamples=50).items:
        assert len(np.unique(labels[items])) == 3


def test_bootstrap_matches_the_formula_for_a_proportion():
    truth = np.zeros(400, dtype=int)
    predicted = (np.arange(400) < 100).astype(int)
    draws = metrics.draw_groups(np.arange(400), resamples=1000)
    scores = [accuracy_score(truth[i], predicted[i]) for i in draws.items]
    interval = draws.interval(accuracy_score(truth, predicted), scores)
    exact = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert interval.mean == 0.75
    assert interval.width / 2 == pytest.approx(exact, rel=0.1)


def test_few_groups_widen_to_the_standard_error_of_the_textbook():
    value = np.random.default_rng(3).normal(size=10)
    draws = metrics.draw_groups(np.arange(10), resamples=4000)
    half = draws.half_width([value[items].mean() for items in draws.items])
    assert half == pytest.approx(stats.t.ppf(0.975, 9) * stats.sem(value), rel=0.04)
    assert draws.inflation == pytest.approx(math.sqrt(10 / 9))


def test_each_class_of_groups_loses_a_degree_of_freedom():
    draws = metrics.draw_groups(np.arange(12), labels=np.arange(12) % 3)
    assert draws.freedom == 9 and draws.inflation == pytest.approx(math.sqrt(12 / 9))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: metrics.t_interval([]), "at least one number"),
        (lambda: metrics.t_interval([0.1, float("nan")]), r"values\[1\] is nan"),
        (lambda: metrics.t_interval([1, 2], confidence=95), "such as 0.95"),
        (lambda: metrics.draw_groups(["a", "a", "a"]), "one group"),
        (lambda: metrics.draw_groups([0, 1, 2], labels=[0, 0, 1]), "class 1 has a single"),
        (lambda: metrics.draw_groups([0, 1], labels=[0]), "one each"),
        (lambda: metrics.draw_groups([0, 1], resamples=1), "at least 2"),
        (
            lambda: metrics.draw_groups(np.arange(40) // 2, labels=np.arange(40)),
            "too few groups",
        ),
    ],
)
def test_bad_input_is_named(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()

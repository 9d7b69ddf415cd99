"""Metrics of inspection agree with scikit-learn and with cases that can be counted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tl_helpers.compare import inspection
from tl_helpers.compare.metrics import draw_groups

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [1, 6])
def test_auroc_is_scikit_learns_with_and_without_ties(decimals):
    y, scores = RNG.integers(0, 2, 80), RNG.normal(size=80).round(decimals)
    np.testing.assert_allclose(inspection.auroc(y, scores), roc_auc_score(y, scores))


def test_products_are_judged_by_themselves_and_averaged():
    """Scores of the second product lie a hundred higher, which means nothing."""
    defective, which = np.array([0, 0, 1, 1] * 2), np.repeat([0, 1], 4)
    scores = np.array([0, 1, 2, 3, 101, 102, 100, 103.0])
    truth = inspection.coded(which, defective)
    assert inspection.image_auroc(truth, scores) == pytest.approx((1.0 + 0.5) / 2)


def test_a_product_that_was_drawn_twice_counts_twice():
    truth = inspection.coded([0, 0, 1, 1], [0, 1, 0, 1])
    scores = np.array([0.0, 1.0, 1.0, 0.0])
    drawn = [0, 1, 0, 1, 2, 3]
    assert inspection.image_auroc(truth[drawn], scores[drawn]) == pytest.approx(2 / 3)


def test_coded_labels_are_no_classes_so_that_whole_products_are_resampled():
    truth = inspection.coded(np.repeat(range(12), 4), [0, 1, 0, 1] * 12)
    assert truth.dtype.kind == "f"
    draws = draw_groups(np.repeat(range(12), 4), resamples=20)
    assert all(np.isfinite(inspection.image_auroc(truth[i], truth[i])) for i in draws.items)


class Judged:
    """Test parts of a product."""

    def __init__(self, defective, sizes):
        self.defective, self.sizes = np.array(defective, bool), sizes

    def __len__(self):
        return len(self.defective)


def product(name, defective, sizes=None):
    return SimpleNamespace(name=name, test=Judged(defective, sizes or [""] * len(defective)))


def test_units_are_products_and_with_one_product_its_parts():
    truth, groups = inspection.units([product("a", [0, 1]), product("b", [1, 0, 0])])
    assert truth.tolist() == [0, 1, 3, 2, 2] and groups.tolist() == ["a", "a", "b", "b", "b"]
    truth, groups = inspection.units([product("a", [0, 1, 1])])
    assert truth.tolist() == [0, 1, 1] and truth.dtype.kind == "i"
    assert len(set(groups)) == 3


def test_one_of_twenty_good_parts_may_lie_above_the_threshold():
    good = RNG.permutation(np.arange(20.0))
    assert inspection.threshold(good) == 18
    assert inspection.threshold(good, 0.0) == 19
    assert inspection.threshold(good[good < 10]) == 9, "one of ten would be more than one of twenty"


def test_recall_counts_the_defects_above_the_good_parts_threshold():
    scores = np.array([*range(20), 17.5, 18.5, 19.5, 30.0])
    assert inspection.recall_at(np.repeat([0, 1], [20, 4]), scores) == 0.75


def test_recall_by_size_keeps_all_good_parts_and_one_size():
    some = [product("a", [0, 0, 1, 1, 1], ["", "", "small", "medium", "large"])]
    row = SimpleNamespace(predicted=np.array([0.0, 1.0, 0.5, 2.0, 3.0]))
    report = SimpleNamespace(
        setting=SimpleNamespace(arms=["a", "late"]),
        has=lambda arm, budget: arm == "a",
        cell=lambda arm, budget: {0: row},
    )
    table = inspection.recall_by_size(report, some, 40)
    assert table.index.tolist() == ["a"]
    assert table.loc["a"].tolist() == [0, 1, 1, pytest.approx(2 / 3)]


def test_recall_has_no_column_for_sizes_that_no_one_knows():
    some = [product("a", [0, 0, 1, 1])]
    row = SimpleNamespace(predicted=np.array([0.0, 1.0, 0.5, 2.0]))
    report = SimpleNamespace(
        setting=SimpleNamespace(arms=["a"], headline=("a", 40)),
        has=lambda arm, budget: budget == 40,
        cell=lambda arm, budget: {0: row},
    )
    table = inspection.recall_by_size(report, some)
    assert table.columns.tolist() == ["all"] and table.loc["a", "all"] == 0.5


def test_aupro_is_one_for_perfect_maps_and_low_for_inverted_ones():
    masks = np.zeros((2, 40, 40), bool)
    masks[0, 5:9, 5:9], masks[1, 20:36, 20:36] = True, True
    assert inspection.aupro(masks, masks + 0.0) == pytest.approx(1, abs=0.02)
    assert inspection.aupro(masks, 1.0 - masks) == 0


def test_aupro_counts_each_region_alike_however_large():
    masks = np.zeros((1, 60, 60), bool)
    masks[0, 2:4, 2:4], masks[0, 20:50, 20:50] = True, True
    found_small = np.where(np.arange(60)[None, :, None] < 10, masks, False) + 0.0
    assert inspection.aupro(masks, found_small) == pytest.approx(0.5, abs=0.02)


def test_aupro_at_chance_is_half_of_its_reach():
    masks = np.zeros((4, 50, 50), bool)
    masks[:, 10:30, 10:30] = True
    assert inspection.aupro(masks, RNG.random(masks.shape)) == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: inspection.auroc([1, 1], [0.1, 0.2]), "2 defective and 0 good items"),
        (lambda: inspection.threshold([]), "there are 0 good items"),
        (lambda: inspection.threshold([1.0], 1.0), "a share from 0 to below 1"),
        (lambda: inspection.aupro(np.zeros((1, 4, 4)), np.zeros((1, 4, 4))), "pixels of both"),
        (lambda: inspection.aupro(np.eye(4)[None], np.zeros((1, 4, 5))), "expected one shape"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()

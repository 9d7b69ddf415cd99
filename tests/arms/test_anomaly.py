"""Arms that learn from good parts alone, and the one that learns from defects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from tl_helpers.arms import anomaly, described_parts
from tl_helpers.arms.described_parts import Described
from tl_helpers.simulators.products import Parts, Product

RNG = np.random.default_rng(0)


def made(good=20, bad=20, test=24, places=144, columns=6, strength=8.0, seed=0):
    """Parts of noise; a defect moves one place far away."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(n, places, columns)).astype(np.float16) for n in (good, bad, test)]
    defective = np.arange(test) % 2 == 1
    for part, chosen in ((parts[1], np.ones(bad, bool)), (parts[2], defective)):
        part[np.flatnonzero(chosen), rng.integers(places, size=chosen.sum()), :2] += strength
    return Described(*parts, defective)


DEVELOPMENT, TESTED = [made(seed=1), made(seed=2)], [made(seed=3), made(seed=4), made(seed=5)]
LEARN = {
    "nearest": anomaly.nearest(1.0),
    "one_gaussian": anomaly.one_gaussian,
    "gaussian_each": anomaly.gaussian_each,
}


@pytest.mark.parametrize("learn", LEARN.values(), ids=LEARN)
def test_defects_score_higher_than_good_parts(learn):
    found = anomaly.from_good_parts(learn, DEVELOPMENT, TESTED)(15, 0)
    truth = np.concatenate([one.defective for one in TESTED])
    assert found.predicted.shape == truth.shape
    assert found.predicted[truth].mean() > found.predicted[~truth].mean()
    assert anomaly.auroc(truth, found.predicted) > 0.9


@pytest.mark.parametrize("learn", LEARN.values(), ids=LEARN)
def test_labels_and_defects_of_the_tested_products_are_never_read(learn):
    blind = [
        Described(one.good, np.zeros(0), one.test, np.zeros(len(one.test), bool)) for one in TESTED
    ]
    arms = [anomaly.from_good_parts(learn, DEVELOPMENT, some) for some in (TESTED, blind)]
    np.testing.assert_array_equal(*[arm(10, 0).predicted for arm in arms])


def test_few_places_are_averaged_where_defects_are_small():
    tuned = anomaly.from_good_parts(anomaly.gaussian_each, DEVELOPMENT, TESTED)(15, 0).tuned
    assert tuned.setting in (1, 2) and tuned.tried == len(anomaly.TOPS) and not tuned.edge


def test_nearest_is_the_distance_to_the_nearest_row():
    good, test = RNG.normal(size=(3, 4, 5)), RNG.normal(size=(2, 4, 5))
    found = anomaly.nearest(1.0)(good, np.random.default_rng(0))(test)
    wanted = cdist(test.reshape(-1, 5), good.reshape(-1, 5)).min(1).reshape(2, 4)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_smaller_memory_is_never_nearer():
    good, test = RNG.normal(size=(9, 4, 5)), RNG.normal(size=(2, 4, 5))
    whole, tenth = (anomaly.nearest(k)(good, np.random.default_rng(0))(test) for k in (1.0, 0.1))
    assert (tenth >= whole - 1e-6).all() and (tenth > whole + 1e-3).any()


def test_gaussian_each_is_scipys_mahalanobis_distance_at_every_place():
    good, test = (RNG.normal(size=(n, 3, 4)).astype(np.float32) for n in (12, 5))
    found = anomaly.gaussian_each(good, np.random.default_rng(0))(test)
    for place in range(3):
        covariance = np.cov(good[:, place].T) + anomaly.DEVIATION * np.eye(4)
        mean, inverse = good[:, place].mean(0)[None], np.linalg.inv(covariance)
        wanted = cdist(test[:, place], mean, "mahalanobis", VI=inverse)[:, 0]
        np.testing.assert_allclose(found[:, place], wanted, rtol=1e-3)


def test_one_gaussian_is_scipys_mahalanobis_distance_with_scikit_learns_covariance():
    from sklearn.covariance import LedoitWolf

    good, test = (RNG.normal(size=(n, 3, 4)) @ np.diag([1, 2, 3, 4.0]) for n in (12, 5))
    found = anomaly.one_gaussian(good, np.random.default_rng(0))(test)
    fitted = LedoitWolf().fit(good.reshape(-1, 4))
    mean = good.reshape(-1, 4).mean(0)[None]
    wanted = cdist(test.reshape(-1, 4), mean, "mahalanobis", VI=fitted.precision_)[:, 0]
    np.testing.assert_allclose(found, wanted.reshape(5, 3), rtol=1e-3)


def test_a_larger_budget_contains_the_smaller_one_and_a_seed_draws_anew():
    seen = []

    def learn(good, rng):
        seen.append({row.tobytes() for row in good})
        return lambda test: np.zeros(test.shape[:2])

    for budget, seed in ((5, 0), (10, 0), (5, 1)):
        described_parts.maps_of(learn, TESTED[0], budget, seed)
    assert seen[0] < seen[1] and seen[0] != seen[2]


def test_a_budget_larger_than_the_good_parts_is_refused():
    with pytest.raises(ValueError, match="21 good parts were asked for; there are 20"):
        described_parts.maps_of(anomaly.nearest(), TESTED[0], 21, 0)


@pytest.mark.parametrize("scaled", [anomaly.at_each_place, anomaly.over_all_places])
def test_the_arm_that_learns_from_defects_finds_them_and_spends_half_on_each_kind(scaled):
    arm = anomaly.from_defects(scaled, DEVELOPMENT, TESTED)
    found, truth = arm(20, 0), np.concatenate([one.defective for one in TESTED])
    assert anomaly.auroc(truth, found.predicted) > 0.9
    assert found.trainable == 3 * 7 and found.tuned.tried == len(anomaly.PENALTIES)
    with pytest.raises(ValueError, match="25 parts of each kind were asked for; there are 20 good"):
        arm(50, 0)


def test_maps_that_show_the_defect_have_a_high_aupro_and_unmarked_products_none():
    masks = np.zeros((4, 96, 96), bool)
    masks[1::2, 40:56, 40:56] = True
    test = np.zeros((4, 144, 2), np.float16)
    for row in (5, 6):
        test[1::2, 12 * row + 5 : 12 * row + 7] = 9
    one = Described(np.zeros((5, 144, 2), np.float16), test[:0], test, masks.any((1, 2)))
    ways = {"nearest": (anomaly.nearest(), ([one], [one]))}
    x = torch.zeros(4, 3, 96, 96, dtype=torch.uint8)

    def product(masks):
        parts = Parts(x, masks, ["good", "dent"] * 2, [""] * 4)
        return Product("p", parts, parts, parts)

    assert described_parts.maps_quality(ways, [product(masks)], 5, 0)["nearest"] > 0.9
    assert described_parts.maps_quality(ways, [product(masks & False)], 5, 0) == {}


def test_parts_are_described_once_and_defects_only_where_wanted():
    x = torch.arange(4 * 3 * 4, dtype=torch.uint8).reshape(4, 3, 2, 2)
    parts = Parts(x, np.zeros((4, 2, 2), bool), ["good"] * 4, [""] * 4)
    how = lambda pictures: pictures.flatten(2).transpose(1, 2).float().numpy()  # noqa: E731
    some = [Product("p", parts, parts, parts)]
    (without,) = described_parts.described(how, some)
    (with_them,) = described_parts.described(how, some, defects=True)
    assert without.good.shape == (4, 4, 3) and len(without.bad) == 0 and len(with_them.bad) == 4
    assert with_them.good.dtype == np.float16


def test_growth_falls_as_parts_become_known_and_never_asks_a_part_about_itself():
    learn, rest = (torch.randn(n, 9, 4, generator=torch.manual_seed(n)) for n in (8, 3))
    losses = described_parts.growth(learn, rest)
    assert len(losses) == 7
    assert losses[-1][1] < losses[0][1] and all(inside > 0 for inside, _ in losses)
    wanted = torch.cdist(rest, learn.flatten(0, 1)[None]).amin(-1).mean()
    assert losses[-1][1] == pytest.approx(wanted.item(), rel=1e-4)


def test_a_smaller_bank_is_searched_in_less_time_and_keeps_as_many_rows_as_it_says():
    one = made(good=20)
    table = anomaly.bank_sizes(one.good.astype("f4"), one.test.astype("f4"), one.defective)
    assert table["rows kept"].tolist() == [2880, 288, 29]
    assert table["AUROC"][0] > 0.9
    assert table["ms a part"][2] < table["ms a part"][0]


def test_a_coreset_keeps_the_rare_rows_that_a_random_draw_would_lose():
    rows = np.concatenate([np.zeros((500, 8)), np.eye(8) * 20]) + RNG.normal(size=(508, 8)) * 0.1
    chosen = anomaly.coreset(rows, 10, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 10
    assert set(range(500, 508)) <= set(chosen.tolist())
    assert anomaly.coreset(rows, 508, np.random.default_rng(0)).tolist() == [*range(508)]


def test_the_network_of_the_gpu_profile_has_three_stages_for_one_grid():
    """Lesson 8.1 takes it from the hub; here it is built without weights."""
    import timm

    with torch.device("meta"):
        net = timm.create_model("wide_resnet50_2", features_only=True, out_indices=(1, 2, 3))
        maps = net(torch.zeros(1, 3, 224, 224))
    assert [tuple(one.shape[1:]) for one in maps] == [(256, 56, 56), (512, 28, 28), (1024, 14, 14)]
    assert {"mean", "std"} <= set(net.default_cfg)

"""Arms are equal rivals: the same labels, as many settings, nothing seen of the test set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from tiny_backbone import tiny_backbone

from tl_helpers import arms
from tl_helpers.arms import labels
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models.backbones import Backbone
from tl_helpers.techniques import freezing
from tl_helpers.training import runtime

BUDGET = 24


def _pictures(count: int, seed: int, part: str) -> Examples:
    """Dark and bright noise, two crops of each of ``count`` / 2 photographs."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    pixels = rng.normal(90 + 60 * y[:, None, None, None], 40, (count, 3, 12, 12)).clip(0, 255)
    return Examples(
        torch.tensor(pixels.astype(np.uint8)), torch.tensor(y),
        [f"{part} {i}" for i in range(count)],
        [f"{part} photograph {i // 4}" for i in range(count)],
        ["dark", "bright"],
    )  # fmt: skip


def _texts(count: int, seed: int, part: str) -> Examples:
    rng = np.random.default_rng(seed)
    words = [["good", "fine", "great"], ["bad", "poor", "awful"]]
    y = np.arange(count) % 2
    x = [f"a {rng.choice(words[label])} {rng.choice(['film', 'book', 'phone'])}" for label in y]
    names = [f"{part} {i}" for i in range(count)]
    return Examples(x, torch.tensor(y), names, names, ["good", "bad"])


def _splits(make) -> Splits:
    return Splits(make(80, 0, "train"), make(20, 1, "valid"), make(40, 2, "test"), "a card")


def _table(count: int, seed: int, part: str) -> Examples:
    pictures = _pictures(count, seed, part)
    return replace(pictures, x=pictures.x.float().flatten(2).mean(2))


def load(pretrained: bool = True, seed: int = 0) -> Backbone:
    """One fixed draw stands for pretrained weights."""
    return tiny_backbone(1 if pretrained else 100 + seed)


NAMES = ["probe", "random_features", "fine_tune", "scratch", "tf_idf", "texture", "colour"]
NAMES += ["raw_pixels", "boosted_trees"]


@pytest.fixture(scope="module")
def run():
    return runtime.start("smoke", device="cpu", precision="fp32", threads=1)


def _arm(name: str, data: Splits, run):
    if name in ("probe", "random_features"):
        return getattr(arms, name)(load, data, run)
    if name in ("fine_tune", "scratch"):
        return getattr(arms, name)(load, data, run, steps=12)
    return getattr(arms, name)(data)


def _data(name: str) -> Splits:
    return _splits({"tf_idf": _texts, "boosted_trees": _table}.get(name, _pictures))


@pytest.mark.parametrize("name", NAMES)
def test_an_arm_cannot_see_test_labels(name, run):
    data = _data(name)
    hidden = replace(data, test=replace(data.test, y=torch.zeros_like(data.test.y)))
    seen, unseen = (_arm(name, d, run)(BUDGET, 0).predicted for d in (data, hidden))
    assert np.array_equal(seen, unseen)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_answer_and_learns(name, run):
    data = _data(name)
    arm = _arm(name, data, run)
    first = arm(BUDGET, 3)
    torch.rand(5), np.random.rand(5)  # whatever was drawn in between
    again = arm(BUDGET, 3)
    assert np.array_equal(first.predicted, again.predicted) and first.tuned == again.tuned
    if name not in ("random_features", "scratch", "fine_tune", "texture"):
        assert balanced_accuracy_score(data.test.y, first.predicted) > 0.7


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_tries_as_many_settings(name, run):
    assert _arm(name, _data(name), run)(BUDGET, 0).tuned.tried == arms.TRIES


@pytest.mark.parametrize("name", NAMES)
def test_with_one_label_a_class_nothing_is_tuned(name, run):
    tuned = _arm(name, _data(name), run)(2, 0).tuned
    assert tuned.tried == 0 and not tuned.edge


@pytest.mark.parametrize("name", ["probe", "fine_tune", "tf_idf", "boosted_trees"])
def test_a_budget_that_classes_cannot_share_is_refused(name, run):
    with pytest.raises(ValueError, match="the budget is 5 labels for 2 classes"):
        _arm(name, _data(name), run)(5, 0)


def test_growing_budgets_hold_the_smaller_ones():
    pool = _pictures(80, 0, "train")
    small, large = (set(labels.labelled(pool, budget, 7).ids) for budget in (10, 20))
    assert small < large and len(large) == 20


def test_no_photograph_is_trained_and_judged_on():
    few = labels.labelled(_pictures(80, 0, "train"), 40, 0)
    kept, judged = labels.held_out(few, 0)
    assert not set(kept.groups) & set(judged.groups)
    assert {*kept.ids, *judged.ids} == set(few.ids)
    for kept, judged in labels.grouped_folds(few):
        groups = np.array(few.groups)
        assert not set(groups[kept]) & set(groups[judged])


def test_where_each_class_is_one_photograph_its_crops_are_the_units():
    few = replace(
        labels.labelled(_pictures(80, 0, "train"), 8, 0), groups=["a", "a", "a", "a"] + ["b"] * 4
    )
    kept, judged = labels.held_out(few, 0)
    assert len(kept) + len(judged) == 8 and set(judged.y.tolist()) == {0, 1}


def test_an_optimum_on_an_edge_is_reported():
    items = np.linspace(0.9, 1.1, 20)
    tuned, _ = labels.best([1, 2, 3, 4, 5, 6], lambda setting: items / setting)
    assert tuned == (6, 6, True)
    tuned, _ = labels.best([1, 2, 3, 4, 5, 6], lambda setting: items * abs(setting - 5))
    assert tuned == (5, 6, False)


def test_settings_that_chance_cannot_tell_apart_go_to_the_middle():
    noise = np.random.default_rng(0).normal(size=(7, 12))
    tuned, _ = labels.best(range(6), lambda setting: noise[setting])
    assert tuned.setting in (2, 3) and not tuned.edge


def test_a_rate_that_diverges_is_never_chosen():
    losses = {1: np.full(4, np.inf), 2: np.ones(4), 3: np.array([1, np.nan, 1, 1])}
    assert labels.best([1, 2, 3], losses.__getitem__)[0].setting == 2


def test_kept_statistics_stay_bit_for_bit_and_weights_train():
    network = tiny_backbone().module
    before = {name: value.clone() for name, value in network.state_dict().items()}
    freezing.keep_statistics(network).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.randn(8, 3, 12, 12)).square().sum().backward()
    optimizer.step()
    buffers = dict(network.named_buffers())
    assert buffers and all(torch.equal(before[name], value) for name, value in buffers.items())
    assert not any(torch.equal(before[name], value) for name, value in network.named_parameters())

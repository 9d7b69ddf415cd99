"""Clusters come from inputs alone, and get the names that suit them best."""

import torch

from tl_helpers import arms
from tl_helpers.datasets import Examples


def _examples(y, seed, classes):
    y = torch.tensor(y)
    x = torch.randn(len(y), 2, generator=torch.Generator().manual_seed(seed)) + 20 * y[:, None]
    names = [f"{seed} {n}" for n in range(len(y))]
    return Examples(x, y if len(classes) > 1 else y * 0, names, names, classes)


def test_clear_heaps_are_named_right_without_labels_of_the_pool():
    pool = _examples([0, 1, 2] * 6, 0, ["unlabelled"])
    test = _examples([2, 0, 1, 1, 2, 0], 1, ["a", "b", "c"])
    found = arms.clusters(pool, test)
    assert found(3, 0).predicted.tolist() == found(30, 4).predicted.tolist() == test.y.tolist()
    assert found(3, 0).trainable == 0


def test_names_are_one_to_one_even_where_a_class_is_hardly_tested():
    pool = _examples([0, 1] * 6, 0, ["unlabelled"])
    test = _examples([0, 0, 1], 1, ["a", "b"])
    mixed = Examples(test.x, torch.tensor([0, 0, 0]), test.ids, test.groups, test.classes)
    assert sorted(set(arms.clusters(pool, mixed)(2, 0).predicted.tolist())) == [0, 1]

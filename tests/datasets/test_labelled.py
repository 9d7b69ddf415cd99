"""Every label is in the pool once, and judged once by others that share no group with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.datasets import Examples, Splits, labelled


def _examples(name, groups, y):
    n = len(y)
    x = torch.arange(n)[:, None, None, None].expand(n, 3, 4, 4).byte()
    return Examples(x, torch.tensor(y), [f"{name} {i}" for i in range(n)], groups, ["a", "b"])


def _singles(name, y):
    return _examples(name, [f"{name} {i}" for i in range(len(y))], y)


def test_the_pool_holds_training_and_validation_and_no_test_example():
    train, valid, test = (_singles(name, [0, 1, 0]) for name in ("train", "valid", "test"))
    pool = labelled.together(Splits(train, valid, test, ""))
    assert pool.ids == [*train.ids, *valid.ids] and pool.groups == pool.ids
    assert torch.equal(pool.y, torch.tensor([0, 1, 0] * 2)) and len(pool.x) == 6
    empty = Splits(train, valid.take([]), test, "")
    assert labelled.together(empty) is train


@pytest.mark.parametrize(("per_class", "parts"), [(10, 4), (4, 4), (3, 3), (2, 2)])
def test_each_example_is_judged_once_with_every_class_on_both_sides(per_class, parts):
    some = _singles("a", [0] * per_class + [1] * per_class)
    found = labelled.folds(some, 1)
    assert len(found) == parts
    assert sorted(np.concatenate([judged for _, judged in found])) == list(range(2 * per_class))
    for kept, judged in found:
        assert set(some.y[kept].tolist()) == {0, 1} and not set(kept) & set(judged)


def test_groups_are_never_parted():
    groups = [f"burst {i // 3}" for i in range(24)]
    some = _examples("a", groups, [0] * 12 + [1] * 12)
    for kept, judged in labelled.folds(some):
        assert not {groups[i] for i in kept} & {groups[i] for i in judged}
        assert set(some.y[kept].tolist()) == {0, 1}


def test_a_class_of_one_group_is_refused_by_name():
    some = _examples("a", ["one"] * 4 + ["x", "y", "z", "u"], [1] * 4 + [0] * 4)
    with pytest.raises(ValueError, match="class 'b' has 1 groups"):
        labelled.folds(some)

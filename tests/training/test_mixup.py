"""Mixup: inputs and labels are blended by one and the same weight, drawn as alpha says."""

import random

import pytest
import torch

from tl_helpers.training.mixup import Mixup


def _blended_labels(y_a, y_b, weight, classes: int) -> torch.Tensor:
    one_hot = torch.nn.functional.one_hot
    return weight * one_hot(y_a, classes) + (1 - weight) * one_hot(y_b, classes)


@pytest.mark.parametrize("seed", range(5))
def test_an_input_is_blended_as_its_label_is(seed):
    """Each input is its own label as a vector: the blend of inputs must be that of the labels."""
    torch.manual_seed(seed)
    random.seed(seed)
    labels = torch.randperm(9)
    x, y_a, y_b, weight = Mixup(0.8)(torch.eye(9)[labels], labels)
    assert 0 < weight < 1
    assert torch.equal(y_a, labels)
    assert sorted(y_b.tolist()) == list(range(9))
    assert not torch.equal(y_b, labels)
    assert torch.allclose(x, _blended_labels(y_a, y_b, weight, 9))


def test_pictures_of_bytes_are_blended_by_the_weight_and_rounded():
    random.seed(0)
    torch.manual_seed(0)
    labels = torch.arange(6)
    x, y_a, y_b, weight = Mixup(0.8)((torch.eye(6) * 200).to(torch.uint8), labels)
    assert x.dtype == torch.uint8
    assert torch.equal(x, (200 * _blended_labels(y_a, y_b, weight, 6)).round().to(torch.uint8))


@pytest.mark.parametrize(("alpha", "middle"), [(0.05, 0.03), (1.0, 0.6), (50.0, 1.0)])
def test_weights_spread_as_alpha_says(alpha, middle):
    """Share of weights between 0.2 and 0.8: Beta(0.05) seldom, Beta(1) is even, Beta(50) always."""
    random.seed(0)
    mixup, x, y = Mixup(alpha), torch.zeros(2, 1), torch.zeros(2)
    weights = [mixup(x, y)[3] for _ in range(2000)]
    assert sum(0.2 < weight < 0.8 for weight in weights) / 2000 == pytest.approx(middle, abs=0.05)
    assert sum(weights) / 2000 == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("alpha", [0, -0.2, float("nan")])
def test_an_alpha_that_is_not_positive_is_refused(alpha):
    with pytest.raises(ValueError, match="expected a positive alpha"):
        Mixup(alpha)

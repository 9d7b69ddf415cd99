"""Segmentation: painted batches, a network that learns, a mixture that needs no training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from tl_helpers.arms import mixtures, segmenting
from tl_helpers.compare import boundaries
from tl_helpers.datasets.segmented import Segmented
from tl_helpers.models import segmentation
from tl_helpers.models.segmentation import UNet


@pytest.fixture(scope="module")
def data() -> Segmented:
    """Bright squares in dark frames on black."""
    y = torch.zeros(12, 16, 16, dtype=torch.long)
    y[:, 3:13, 3:13], y[:, 6:10, 6:10] = 1, 2
    x = y / 2 + 0.03 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0)) * (y > 0)
    return Segmented(x, y, [f"s {n // 3}" for n in range(12)], ["outside", "frame", "square"])


def test_a_painted_share_of_the_batch_is_painted_and_the_rest_is_as_it_was(data):
    real, mixed = (next(segmenting.batches(data, 0, share))[0] for share in (0.0, 0.5))
    assert torch.equal(real[4:], mixed[4:])
    assert not torch.isclose(real[:4], mixed[:4]).all(dim=(1, 2, 3)).any()
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        next(segmenting.batches(data, 0, 2.0))


def test_training_learns_and_leaves_frozen_weights_and_statistics_bit_equal(data):
    network = UNet(segmentation.encoder("small"), 3)
    network.encoder.requires_grad_(False)
    before = {key: value.clone() for key, value in network.encoder.state_dict().items()}
    segmenting.train(network, segmenting.batches(data, 0), 80)
    for key, value in network.encoder.state_dict().items():
        assert torch.equal(value, before[key]), key
    said = segmenting.predict(network, data.x)
    assert said.dtype == np.uint8 and (said == data.y.numpy()).mean() > 0.9


def test_equal_seeds_give_equal_networks_and_leave_torchs_generator_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, same, other = (UNet(segmentation.encoder("random", s), 4, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    pairs = [(one.state_dict()[key], same.state_dict()[key]) for key in one.state_dict()]
    assert all(torch.equal(*pair) for pair in pairs)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert one(torch.rand(2, 1, 32, 32)).shape == (2, 4, 32, 32)
    with pytest.raises(ValueError, match="expected one of ImageNet, random, small"):
        segmentation.encoder("resnet")


def test_pretrained_and_random_encoders_differ_in_their_weights_alone():
    ours, theirs = (segmentation.encoder(name).state_dict() for name in ("ImageNet", "random"))
    assert [(k, v.shape) for k, v in ours.items()] == [(k, v.shape) for k, v in theirs.items()]
    assert any(not torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_loss_is_least_for_the_truth(data):
    right = 20.0 * torch.nn.functional.one_hot(data.y, 3).movedim(-1, 1)
    good, bad = segmenting.loss(right, data.y), segmenting.loss(right.roll(1, 1), data.y)
    assert good < 0.01 < bad


def brain(order=(0.2, 0.5, 0.8), field=0.0):
    """Patches of three tissues, anywhere in a round head, under a slow change of brightness."""
    rng = np.random.default_rng(0)
    axis = np.linspace(-1, 1, 40)
    patches = rng.integers(1, 4, (3, 8, 8)).repeat(5, 1).repeat(5, 2)
    labels = np.where(np.hypot(axis[:, None], axis) < 0.95, patches, 0)
    seen = np.array([0.0, *order])[labels] * np.exp(field * axis)
    seen = seen + 0.03 * rng.standard_normal(seen.shape)
    return np.where(labels > 0, seen.clip(0.01), 0), labels


@pytest.mark.parametrize("field", [0.0, 0.4])
def test_the_mixture_finds_tissues_also_under_a_bias_field(field):
    scans, labels = brain(field=field)
    assert (mixtures.tissues(scans) == labels).mean() > 0.95


def test_the_mixture_follows_the_order_that_it_is_told():
    scans, labels = brain(order=(0.9, 0.5, 0.2))
    assert (mixtures.tissues(scans, order=(3, 2, 1)) == labels).mean() > 0.95
    assert (mixtures.tissues(scans) == labels).mean() < 0.7


def test_the_mixture_refuses_a_scan_without_a_head():
    with pytest.raises(ValueError, match="a hundred or more inside the head"):
        mixtures.tissues(np.zeros((2, 8, 8)))


def test_surface_distance_equals_the_distances_between_boundary_pixels():
    truth, said = np.zeros((1, 20, 20), int), np.zeros((1, 20, 20), int)
    truth[0, 4:12, 5:13], said[0, 6:15, 5:11] = 1, 1
    edges = [np.argwhere(boundaries._edge(one[0] == 1)) for one in (truth, said)]
    between = cdist(*edges)
    wanted = np.concatenate([between.min(0), between.min(1)]).mean()
    assert boundaries.surface_distance(truth, said, 1, spacing=3.0) == pytest.approx(3 * wanted)
    assert boundaries.surface_distance(truth, truth, 1) == 0
    assert np.isnan(boundaries.surface_distance(truth, 0 * said, 1))
    with pytest.raises(ValueError, match="expected \\(N, H, W\\)"):
        boundaries.surface_distance(truth[0], said[0], 1)


def _segmented(x: torch.Tensor, y: torch.Tensor) -> Segmented:
    return Segmented(x, y, [str(n) for n in range(len(x))], ["outside", "one", "two"])


def test_the_average_head_says_what_lies_there_most_often_and_reads_the_outline_alone():
    masks = torch.tensor([[[1, 1, 2, 0]], [[1, 2, 2, 0]], [[2, 2, 2, 0]]])
    scans = torch.tensor([[[0.9, 0.2, 0.5, 0.0]]])
    labelled, test = _segmented(torch.ones(3, 1, 4), masks), _segmented(scans, masks[:1])
    said = segmenting.average_head(lambda seed: labelled, test)(3, 0)
    assert said.predicted.tolist() == [1, 2, 2, 0] and said.trainable == 0
    brighter = _segmented(scans * 1.1, masks[:1])
    again = segmenting.average_head(lambda seed: labelled, brighter)(3, 0)
    assert again.predicted.tolist() == said.predicted.tolist()


def test_an_average_head_of_another_size_is_refused():
    labelled = _segmented(torch.ones(1, 2, 2), torch.ones(1, 2, 2, dtype=torch.int64))
    test = _segmented(torch.ones(1, 3, 3), torch.ones(1, 3, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"\(2, 2\) and test scans \(3, 3\); expected one size"):
        segmenting.average_head(lambda seed: labelled, test)(1, 0)

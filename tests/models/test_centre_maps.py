"""Boxes survive being written as a map, and none is read outside of the picture."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.datasets.scenes import Scene
from tl_helpers.models import centre_maps


def scene(*boxes, side=64):
    picture = torch.zeros(3, side, side, dtype=torch.uint8)
    return Scene("one", picture, torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))


def test_points_are_the_centres_of_cells():
    assert centre_maps.points(2, 3, 8)[1, 2].tolist() == [20, 12]


def test_every_box_has_a_cell_even_the_smallest():
    boxes = [[3, 3, 5, 5], [14, 14, 18, 18], [40, 20, 60, 60]]
    found = centre_maps.target(scene(*boxes))
    there = {tuple(box.tolist()) for box in found[1:, found[0] > 0].T}
    assert there == {tuple(map(float, box)) for box in boxes}


def test_only_the_middle_of_a_box_counts():
    found = centre_maps.target(scene([0, 0, 64, 64]))[0]
    assert found.sum() == 4 and found[3:5, 3:5].all()


def test_the_smaller_of_two_boxes_at_one_place_counts():
    found = centre_maps.target(scene([20, 20, 28, 28], [0, 0, 64, 64]))
    assert found[1:, 2, 2].tolist() == [20, 20, 28, 28]
    assert found[1:, 4, 4].tolist() == [0, 0, 64, 64]


def test_a_picture_without_boxes_is_all_empty():
    assert not centre_maps.target(scene()).any()


def test_a_side_that_is_no_multiple_is_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        centre_maps.target(scene(side=60))


def test_outputs_that_say_a_box_give_it_back():
    box = torch.tensor([10.0, 6.0, 40.0, 50.0])
    place = centre_maps.points(8, 8, 8)[3, 2]
    ways = torch.cat([place - box[:2], box[2:] - place]) / centre_maps.REACH
    outputs = torch.zeros(1, 5, 8, 8)
    outputs[0, 1:, 3, 2] = ways.log()
    torch.testing.assert_close(centre_maps.corners(outputs)[0, 3, 2], box)


def test_no_box_is_read_outside_of_the_picture():
    found = centre_maps.corners(
        10 * torch.randn(2, 5, 6, 8, generator=torch.Generator().manual_seed(0))
    )
    assert found.min() >= 0 and found[..., 2].max() <= 64 and found[..., 3].max() <= 48
    assert (found[..., 2:] > found[..., :2]).all()

"""Aerial photographs: boxes where the crowns are, and windows that keep what lies inside."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.datasets import aerial


@pytest.fixture(scope="module")
def small_scene():
    """Numbered pixels with two crowns: one in the middle, one at the edge."""
    numbers = torch.arange(200 * 300).reshape(200, 300)
    picture = torch.stack([numbers % 251, numbers // 251, numbers // 300]).to(torch.uint8)
    boxes = torch.tensor([[120.0, 80, 160, 120], [0, 150, 30, 190]])
    return aerial.Scene("small", picture, boxes)


@pytest.mark.parametrize("name", aerial.SCENES)
def test_boxes_lie_inside_their_photograph_and_have_area(name):
    scene = aerial.scene(name)
    width, height = scene.size
    left, top, right, bottom = scene.boxes.T
    assert scene.picture.dtype == torch.uint8 and scene.picture.shape == (3, height, width)
    assert (left >= 0).all() and (top >= 0).all()
    assert (right <= width).all() and (bottom <= height).all()
    assert (right - left).min() > 5 and (bottom - top).min() > 5


def test_the_photographs_hold_as_many_boxes_as_published():
    counts = {name: len(aerial.scene(name).boxes) for name in aerial.SCENES}
    assert list(counts.values()) == [574, 279, 61, 37]


def test_a_window_keeps_and_cuts_the_boxes_that_lie_mostly_inside(small_scene):
    cut = small_scene.window(130, 70, 230, 170)
    assert cut.boxes.tolist() == [[0, 10, 30, 50]]  # three quarters of the box are inside
    assert torch.equal(cut.picture, small_scene.picture[:, 70:170, 130:230])
    assert len(small_scene.window(150, 70, 250, 170).boxes) == 0  # one quarter is


@pytest.mark.parametrize("edges", [(-1, 0, 10, 10), (0, 0, 301, 10), (5, 5, 5, 10)])
def test_a_window_outside_the_picture_is_refused(small_scene, edges):
    with pytest.raises(ValueError, match="300 by 200 pixels"):
        small_scene.window(*edges)

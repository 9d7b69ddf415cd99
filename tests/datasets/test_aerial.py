"""Aerial photographs: boxes where the crowns are, patches that share no pixel between splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.datasets import aerial

SIDE = 48


@pytest.fixture(scope="module")
def crowns():
    return aerial.crowns(SIDE)


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


def test_half_of_the_patches_are_centred_on_a_crown(crowns):
    for part in (crowns.train, crowns.valid, crowns.test, *aerial.crowns_elsewhere(SIDE).values()):
        assert part.x.shape[1:] == (3, SIDE, SIDE) and part.x.dtype == torch.uint8
        assert part.y.bincount().tolist() == [len(part) // 2] * 2


def _rows_of(part, bottom_of_bands: dict[str, int]) -> set[int]:
    """Rows of the photograph that the patches of a split cover."""
    rows: set[int] = set()
    for name in part.ids:
        y, band = int(name.split()[-1]), name.split(", ")[1].split()[0]
        top = bottom_of_bands[band] + y - SIDE // 2
        rows |= set(range(top, top + SIDE))
    return rows


def test_no_row_of_pixels_is_in_two_splits(crowns):
    height = aerial.scene(aerial.HOME).size[1]
    tops = {band: round(top * height) for band, (top, _) in aerial._BANDS.items()}
    train, valid, test = (_rows_of(p, tops) for p in (crowns.train, crowns.valid, crowns.test))
    assert not train & valid and not train & test and not valid & test
    assert max(test) < height


def test_patches_are_cut_where_their_name_says_and_spots_are_outside_every_box(small_scene):
    part = aerial.crown_patches(small_scene, 40, np.random.default_rng(0))
    assert part.y.tolist() == [0, 1]  # the crown at the edge has no whole patch
    for name, patch, label in zip(part.ids, part.x, part.y, strict=True):
        x, y = (int(number) for number in name.split()[-2:])
        assert torch.equal(patch, small_scene.picture[:, y - 20 : y + 20, x - 20 : x + 20])
        left, top, right, bottom = small_scene.boxes.T
        inside = ((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).any()
        assert bool(inside) == bool(label)


def test_the_same_data_seed_draws_the_same_spots(crowns):
    assert aerial.crowns(SIDE).test.ids == crowns.test.ids
    assert aerial.crowns(SIDE, data_seed=1).test.ids != crowns.test.ids


def test_a_picture_without_crowns_or_without_room_is_refused(small_scene):
    empty = aerial.Scene("empty", small_scene.picture, torch.empty(0, 4))
    with pytest.raises(ValueError, match="empty has no crown"):
        aerial.crown_patches(empty, 40, np.random.default_rng(0))
    full = torch.tensor([[120.0, 80, 160, 120], [0, 0, 300, 200]])
    with pytest.raises(ValueError, match="so full of boxes"):
        aerial.crown_patches(
            aerial.Scene("full", small_scene.picture, full), 40, np.random.default_rng(0)
        )

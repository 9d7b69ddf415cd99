"""Tiles share no pixel, splits share no region, and boxes follow their picture everywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from tl_helpers.datasets import tiles
from tl_helpers.datasets.scenes import Scene

BOX = [[1, 1, 9, 9]]


def numbered(width: int, height: int, boxes=()) -> Scene:
    """A picture in which every pixel is different, so that one can tell where a tile is from."""
    values = torch.arange(width * height).reshape(height, width)
    layers = torch.stack([values % 256, values // 256 % 256, values // 65536])
    return Scene("numbered", layers.to(torch.uint8), torch.tensor(boxes).float().reshape(-1, 4))


def pixels(scenes) -> list[int]:
    """The numbers of all pixels of the scenes."""
    layers = [scene.picture.long().flatten(1) for scene in scenes]
    return torch.cat([a + 256 * b + 65536 * c for a, b, c in layers]).tolist()


def marked(side: int = 64) -> Scene:
    """A black picture with one white box, which the scene's box describes."""
    picture = torch.zeros(3, side, side, dtype=torch.uint8)
    picture[:, 8:24, 32:60] = 255
    return Scene("marked", picture, torch.tensor([[32.0, 8.0, 60.0, 24.0]]))


def bounds(picture: torch.Tensor) -> list[int]:
    """Left, top, right and bottom of what is bright."""
    rows, columns = torch.nonzero(picture[0] > 127, as_tuple=True)
    return [int(n) for n in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]


def test_grid_covers_each_pixel_at_most_once():
    cut = tiles.grid(numbered(100, 70), 32)
    assert len(cut) == 3 * 2
    assert len(set(pixels(cut))) == len(pixels(cut)) == 6 * 32 * 32


def test_boxes_mostly_outside_a_tile_belong_to_its_neighbour():
    left, right = tiles.grid(numbered(64, 32, [[20, 4, 40, 20]]), 32)
    assert left.boxes.tolist() == [[20, 4, 32, 20]]  # 12 of 20 pixels
    assert right.boxes.tolist() == []


def test_tile_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="side is 80; expected 1 to 64 pixels"):
        tiles.grid(numbered(64, 70), 80)


@pytest.mark.parametrize("height", [96, 130, 320, 333])
def test_strips_share_no_pixel_and_come_in_order(height):
    parts = tiles.by_strips(numbered(50, height), 32)
    seen = [pixels(part) for part in parts]
    assert all(max(a) < min(b) for a, b in pairwise(seen))
    assert all(part[0].size[1] % 32 == 0 for part in parts)


def test_low_picture_has_no_strips():
    with pytest.raises(ValueError, match="less than three times 32"):
        tiles.by_strips(numbered(500, 95), 32)


@pytest.mark.parametrize("count", [3, 4, 7, 20])
def test_pictures_are_in_one_part_each_and_no_part_is_empty(count):
    scenes = [numbered(40, 40 + n, BOX) for n in range(count)]
    parts = tiles.by_picture(scenes)
    heights = [scene.size[1] for part in parts for scene in part]
    assert sorted(heights) == [40 + n for n in range(count)]
    assert all(parts)


def test_two_pictures_are_refused_and_one_goes_by_strips():
    with pytest.raises(ValueError, match="needs three"):
        tiles.split([numbered(40, 200 + n, BOX) for n in range(2)], 32)
    assert tiles.split([numbered(40, 200)], 32).test[0].size[0] == 40


def test_small_pictures_are_padded_to_a_tile_with_their_boxes():
    (tile,) = tiles.cut([numbered(20, 30, [[1, 2, 11, 22]])], 32)
    assert tile.size == (32, 32)
    assert tile.boxes.tolist() == [[1, 2, 11, 22]]
    assert not tile.picture[:, 30:].any()
    assert not tile.picture[:, :, 20:].any()


@pytest.mark.parametrize("quarters", range(5))
def test_boxes_turn_with_the_picture(quarters):
    turned = tiles.turned(marked(), quarters)
    assert turned.boxes[0].tolist() == bounds(turned.picture)


def test_four_turns_are_none_and_one_is_to_the_left():
    assert torch.equal(tiles.turned(marked(), 4).picture, marked().picture)
    assert tiles.turned(marked(), 1).boxes[0].tolist() == [8, 4, 24, 32]


@pytest.mark.parametrize("factor", [0.5, 2, 0.75])
def test_boxes_are_resized_with_the_picture(factor):
    resized = tiles.resized(marked(), factor)
    assert resized.size == (round(64 * factor),) * 2
    assert resized.boxes[0].tolist() == pytest.approx(bounds(resized.picture), abs=1)


@pytest.mark.parametrize("factor", [0, -1, 0.001])
def test_resizing_to_nothing_is_refused(factor):
    with pytest.raises(ValueError, match="expected a positive number"):
        tiles.resized(marked(), factor)


def test_mosaic_shows_four_tiles_with_their_boxes():
    empty = numbered(64, 64)
    whole = tiles.mosaic([marked(), empty, empty, marked()])
    assert whole.size == (64, 64)
    assert whole.boxes.tolist() == [[16, 4, 30, 12], [48, 36, 62, 44]]
    assert bounds(whole.picture[:, 32:, 32:]) == pytest.approx([16, 4, 30, 12], abs=1)
    with pytest.raises(ValueError, match="there are 3 tiles"):
        tiles.mosaic([marked()] * 3)


def test_each_tile_of_a_mosaic_keeps_its_own_boxes():
    """A spot of another place in each tile; all four boxes lie on their bright spots."""
    corners = [(0, 0), (32, 0), (0, 32), (40, 40)]
    whole = tiles.mosaic([_spot(left, top) for left, top in corners])
    for (left, top), (right, down) in zip(corners, [(0, 0), (1, 0), (0, 1), (1, 1)], strict=True):
        place = [32 * right + left // 2, 32 * down + top // 2]
        assert [*place, place[0] + 8, place[1] + 8] in whole.boxes.tolist()
    for left, top, right, bottom in whole.boxes.int().tolist():
        assert whole.picture[:, top + 1 : bottom - 1, left + 1 : right - 1].min() > 200
    assert (whole.picture > 200).sum() <= 3 * 4 * 8 * 8


def _spot(left: int, top: int) -> Scene:
    """A dark tile of 64 pixels with one bright square of 16, and its box."""
    picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
    picture[:, top : top + 16, left : left + 16] = 255
    return Scene("spot", picture, torch.tensor([[left, top, left + 16, top + 16]]).float())


def test_pictures_of_tiles_are_one_tensor_of_bytes():
    stacked = tiles.pictures(tiles.grid(numbered(64, 32), 32))
    assert stacked.shape == (2, 3, 32, 32)
    assert stacked.dtype == torch.uint8


@pytest.mark.parametrize("seed", range(5))
def test_copies_under_other_names_are_in_one_part(seed):
    scenes = [numbered(40, 40 + n % 6, BOX) for n in range(18)]
    parts = tiles.by_picture(scenes, seed)
    heights = [{scene.size[1] for scene in part} for part in parts]
    assert sum(map(len, parts)) == 18
    assert sum(map(len, heights)) == len(set.union(*heights)) == 6


@pytest.mark.parametrize("bare", [0, 1, 2, 7])
@pytest.mark.parametrize("seed", range(4))
def test_every_part_has_boxes_however_many_pictures_have_none(bare, seed):
    scenes = [numbered(40, 40 + n, BOX if n >= bare else ()) for n in range(bare + 3)]
    parts = tiles.by_picture(scenes, seed)
    assert all(any(len(scene.boxes) for scene in part) for part in parts)
    heights = [scene.size[1] for part in parts for scene in part]
    assert sorted(heights) == [40 + n for n in range(bare + 3)]


def test_copies_of_two_pictures_are_two_pictures():
    with pytest.raises(
        ValueError, match="there are 6 pictures, 2 that differ and have boxes; .* needs"
    ):
        tiles.split([numbered(40, 200 + n % 2, BOX) for n in range(6)], 32)


@pytest.mark.parametrize("boxes", [[[0, 0, 41, 9]], [[-2, 0, 9, 9]], [[float("nan"), 0, 9, 9]]])
def test_no_scene_has_a_box_outside_its_picture(boxes):
    with pytest.raises(ValueError, match="1 boxes of numbered leave the picture.* 40 by 30"):
        numbered(40, 30, boxes)


@pytest.mark.parametrize("factor", [0.5, 0.37, 1.61])
def test_a_box_over_all_of_an_odd_picture_stays_inside_at_every_scale(factor):
    resized = tiles.resized(numbered(65, 33, [[0, 0, 65, 33]]), factor)
    assert resized.boxes[0].tolist() == pytest.approx([0, 0, *resized.size])


def test_drawn_tiles_differ_by_seed_and_a_larger_budget_holds_the_smaller():
    pool = list("abcdefgh")
    assert set(tiles.drawn(pool, 2, 0)) < set(tiles.drawn(pool, 5, 0))
    assert tiles.drawn(pool, 8, 0) != tiles.drawn(pool, 8, 1)
    assert sorted(tiles.drawn(pool, 8, 1)) == pool

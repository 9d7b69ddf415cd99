"""Blobs are found where they are, at their size and in their colour, and tuned on labels alone."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.arms import blobs
from tl_helpers.datasets.scenes import Scene
from tl_helpers.models import detection

PLACES = [(40, 30, 12), (90, 100, 18)]  # x, y, radius in pixels


def meadow(colour=(0.3, 0.6, 0.3)) -> Scene:
    """Discs of one colour on grey ground."""
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    picture = torch.full((3, 128, 128), 0.4)
    for x, y, radius in PLACES:
        disc = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
        picture = torch.where(disc, torch.tensor(colour)[:, None, None], picture)
    boxes = torch.tensor([[x - r, y - r, x + r, y + r] for x, y, r in PLACES]).float()
    return Scene("meadow", (picture * 255).to(torch.uint8), boxes)


def test_strongest_spots_are_the_discs_and_the_larger_has_the_larger_spread():
    found = blobs.spots(meadow())["green"]
    two = found.strengths.argsort(descending=True)[:2]
    places = {tuple(found.centres[n].round().tolist()): float(found.spreads[n]) for n in two}
    near = {
        min(PLACES, key=lambda p: abs(p[0] - x) + abs(p[1] - y)): (x, y, s)
        for (x, y), s in places.items()
    }
    assert len(near) == 2
    for (x, y, _), (found_x, found_y, _) in near.items():
        assert abs(x - found_x) <= 2
        assert abs(y - found_y) <= 2
    assert near[PLACES[0]][2] < near[PLACES[1]][2]


@pytest.mark.parametrize(
    ("colour", "name"), [((0.3, 0.6, 0.3), "green"), ((0.65, 0.35, 0.2), "yellow")]
)
def test_colour_that_shows_the_discs_is_chosen(colour, name):
    scenes = [meadow(colour)]
    assert blobs.tuned(scenes, [blobs.spots(s) for s in scenes])[0] == name


def test_boxes_are_squares_around_the_centre():
    spot = torch.tensor([[50.0, 20.0]]), torch.tensor([10.0]), torch.tensor([0.4])
    assert blobs.boxed(blobs.Spots(*spot, (128, 64)), 1.5).boxes.tolist() == [[35, 5, 65, 35]]


def test_no_box_leaves_the_picture():
    spot = torch.tensor([[50.0, 20.0]]), torch.tensor([10.0]), torch.tensor([0.4])
    assert blobs.boxed(blobs.Spots(*spot, (60, 32)), 2.5).boxes.tolist() == [[25, 0, 60, 32]]


def test_tile_of_one_colour_gives_detections_that_can_be_counted():
    plain = Scene("plain", torch.full((3, 64, 64), 90, dtype=torch.uint8), torch.zeros(0, 4))
    for found in blobs.spots(plain).values():
        boxes, scores = blobs.boxed(found, 1.4)
        assert boxes.shape == (len(scores), 4)


def test_the_arm_finds_the_discs_of_other_tiles():
    arm, scenes = blobs.arm([meadow()] * 3, [meadow()]), [meadow()]
    metric = detection.AveragePrecision([scene.boxes for scene in scenes])
    assert metric([0], arm(2, 0).predicted) > 0.5

"""Simulated products: good and bad parts from disjoint regions or draws, drawn anew each time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tl_helpers.simulators import assemblies, surfaces
from tl_helpers.simulators.assemblies import Tolerance
from tl_helpers.simulators.products import unmarked

COUNTS = (4, 12, 3, 12)
STILL = Tolerance(*[0.0] * 7)


@pytest.fixture(scope="module")
def drawings():
    found = {}
    for number in range(9):
        drawing = Image.new("RGBA", (72, 72))
        fill = (28 * number, 255 - 28 * number, 40 * (number % 3), 255)
        ImageDraw.Draw(drawing).rectangle((8, 8 + 3 * number, 64, 64), fill)
        found[f"piece {number}"] = drawing
    return found


@pytest.fixture(scope="module")
def product(drawings):
    return assemblies.inspected("design", drawings, COUNTS)


def test_parts_have_the_counts_shapes_and_labels_that_were_asked_for(product):
    assert [len(product.good), len(product.bad), len(product.test)] == [4, 12, 15]
    assert product.good.x.dtype == torch.uint8 and product.good.x.shape == (4, 3, 96, 96)
    assert product.test.defective.tolist() == [False] * 3 + [True] * 12
    assert not product.good.masks.any() and product.good.sizes == [""] * 4


def test_every_kind_of_defect_and_every_size_take_turns_and_are_marked(product):
    assert set(product.bad.kinds) == set(assemblies.KINDS)
    assert product.bad.sizes[:7] == ["small"] * 6 + ["medium"]
    assert product.bad.masks.any((1, 2)).all()


def test_the_same_seed_gives_the_same_parts_and_another_seed_or_name_other_ones(drawings, product):
    again = assemblies.inspected("design", drawings, COUNTS)
    assert torch.equal(again.test.x, product.test.x)
    for name, seed in (("design", 1), ("other", 0)):
        other = assemblies.inspected(name, drawings, COUNTS, seed)
        assert not torch.equal(other.good.x, product.good.x)


def test_no_two_good_parts_are_alike_and_without_tolerance_only_the_noise_differs(
    drawings, product
):
    parts = [*product.good.x, *product.test.x[:3]]
    assert len({part.numpy().tobytes() for part in parts}) == len(parts)
    still = assemblies.inspected("design", drawings, COUNTS, tolerance=STILL).good.x.float()
    assert (still[0] - still[1]).abs().mean() < 2 * 255 * assemblies.NOISE
    free = product.good.x.float()
    assert (free[0] - free[1]).abs().mean() > 2 * (still[0] - still[1]).abs().mean()


@pytest.mark.parametrize("kind", assemblies.PIECE_KINDS)
def test_a_pieces_defect_changes_the_part_inside_its_mask_alone(drawings, kind):
    product = assemblies.inspected("design", drawings, (1, 6, 1, 6), tolerance=STILL)
    good, place = product.good.x[0].float(), product.bad.kinds.index(kind)
    change, mask = (product.bad.x[place].float() - good).abs().amax(0), product.bad.masks[place]
    assert change[mask].mean() > 20
    assert change[~mask].mean() < 3 * 255 * assemblies.NOISE


def test_too_few_drawings_are_refused(drawings):
    few = dict(list(drawings.items())[:7])
    with pytest.raises(ValueError, match="there are 7 drawings; expected eight"):
        assemblies.inspected("design", few, COUNTS)


def test_parts_to_learn_from_and_to_test_on_share_no_pixel_of_a_surface():
    """The left half is dark, the right half is bright."""
    halves = np.repeat([[40, 200]], 150, 0).repeat(150, 1).astype(np.uint8)
    product = surfaces.inspected("halves", Image.fromarray(halves), (5, 3, 5, 3))
    assert product.good.x.float().mean((1, 2, 3)).max() < 80
    assert product.test.x[:5].float().mean((1, 2, 3)).min() > 150


def test_a_surface_has_the_surfaces_defects_and_grey_parts():
    noise = np.random.default_rng(0).integers(80, 120, (100, 240)).astype(np.uint8)
    (product,) = surfaces.materials({"noise": Image.fromarray(noise)}, (2, 6, 2, 3))
    assert product.bad.kinds == ["scratch", "stain", "dent"] * 2
    assert torch.equal(product.good.x[:, 0], product.good.x[:, 2])


def test_a_photograph_that_is_too_small_is_refused_by_name():
    with pytest.raises(ValueError, match="stamp has 60 by 60 pixels; expected at least 80 by 40"):
        surfaces.inspected("stamp", Image.new("L", (60, 60)), COUNTS)


def test_a_readers_product_has_no_marks_and_no_defects_to_learn_from():
    x = torch.zeros(5, 3, 32, 32, dtype=torch.uint8)
    product = unmarked("mine", x, x[:3], ["good", "crack", "good"])
    assert len(product.bad) == 0
    assert product.test.defective.tolist() == [False, True, False]
    assert not product.test.masks.any() and product.test.masks.shape == (3, 32, 32)

"""Synthetic brains: one anatomy bent and painted, alike for every scanner but for the scanner."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.simulators import brains


@pytest.fixture(scope="module")
def tissues() -> torch.Tensor:
    """A ball of white matter in a shell of grey matter in a shell of fluid."""
    axis = torch.linspace(-1, 1, 24)
    away = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    borders = [(0.6, 0.8), (0.35, 0.6), (0.0, 0.35)]
    return torch.stack([((away >= low) & (away < high)).float() for low, high in borders])


def test_equal_seeds_bend_alike_and_others_do_not(tissues):
    one, same, other = (brains.subjects(tissues, 2, 3, seed) for seed in (1, 1, 2))
    assert one.shape == (2, 3, 3, 24, 24)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_without_bending_the_anatomy_is_the_templates(tissues):
    still = brains.subjects(tissues, 1, 1, 0, bend=0.0, turn=0.0)
    middle = 11.5 * (1 + 0.05)  # of the one slice, from -1 to 1
    torch.testing.assert_close(still[0, 0], tissues[:, round(middle)], atol=0.6, rtol=0)
    assert set(brains.labels(still).unique().tolist()) == {0, 1, 2, 3}


def test_t1_and_t2_turn_the_order_of_brightness_round(tissues):
    maps = brains.subjects(tissues, 4, 3, 0)
    labels = brains.labels(maps)
    order = {}
    for name in ("home", "T2"):
        seen = brains.scan(maps, brains.SCANNERS[name], 5)
        order[name] = [seen[labels == label].mean().item() for label in (1, 2, 3)]
    assert order["home"] == sorted(order["home"])
    assert order["T2"] == sorted(order["T2"], reverse=True)


def test_outside_the_head_a_scan_is_black_and_inside_its_top_is_one(tissues):
    maps = brains.subjects(tissues, 2, 3, 0)
    seen = brains.scan(maps, brains.SCANNERS["worn"], 5)
    assert (seen[~brains.inside(maps)] == 0).all()
    for one in seen:
        assert one[one > 0].quantile(0.99).item() == pytest.approx(1)


def test_stronger_noise_and_bias_change_a_scan_more(tissues):
    maps = brains.subjects(tissues, 3, 3, 0)
    plain = brains.Scanner(((0.2, 0.2), (0.5, 0.5), (0.8, 0.8)), (0, 0), (0, 0), (0.01, 0.01))
    clean = brains.scan(maps, plain, 1)
    spread = {}
    for name in ("home", "worn"):
        seen = brains.scan(maps, brains.SCANNERS[name], 1)
        spread[name] = (seen - clean)[brains.inside(maps)].std().item()
    assert spread["worn"] > 1.5 * spread["home"]


def test_masks_alone_can_be_painted(tissues):
    masks = brains.labels(brains.subjects(tissues, 2, 3, 0))
    maps = brains.one_hot(masks, range(1, 4))
    seen = brains.scan(maps, brains.any_scanner(), 3)
    assert seen.shape == masks.shape and torch.isfinite(seen).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: brains.subjects(x[:2], 1, 1, 0), "expected \\(3, D, H, W\\)"),
        (lambda x: brains.subjects(x, 0, 1, 0), "at least 1 of each"),
        (lambda x: brains.scan(x, brains.SCANNERS["home"], 0), "a map for each tissue"),
        (lambda x: brains.Scanner(((0.5, 0.2),)), "do not end before they begin"),
        (lambda x: brains.Scanner(()), "at least one tissue"),
    ],
)
def test_bad_input_is_told_what_was_expected(tissues, call, said):
    with pytest.raises(ValueError, match=said):
        call(tissues)

"""A border of one colour for each table, and the picture inside untouched."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.datasets import Examples
from tl_helpers.datasets.tables import on_tables


@pytest.fixture
def four():
    x = torch.randint(0, 256, (4, 3, 16, 16)).byte()
    return Examples(x, torch.tensor([0, 1, 0, 1]), list("abcd"), list("abcd"), ["x", "y"])


def test_the_border_is_of_one_colour_and_the_inside_as_it_was(four):
    laid = on_tables(four, torch.tensor([0, 1, 2, 0]))
    assert torch.equal(laid.x[:, :, 2:-2, 2:-2], four.x[:, :, 2:-2, 2:-2])
    for edge in (laid.x[:, :, :2], laid.x[:, :, -2:], laid.x[..., :2], laid.x[..., -2:]):
        assert (edge == laid.x[:, :, :1, :1]).all()
    corners = [tuple(one[:, 0, 0].tolist()) for one in laid.x]
    assert corners[0] == corners[3] and len(set(corners)) == 3
    assert laid.ids == four.ids and torch.equal(laid.y, four.y)


def test_a_table_keeps_its_colour_from_call_to_call(four):
    few, more = (on_tables(four, torch.tensor(t)).x[0, :, 0, 0] for t in ([0] * 4, [0, 1, 2, 5]))
    assert torch.equal(few, more)
    assert not torch.equal(few, on_tables(four, torch.tensor([0] * 4), seed=1).x[0, :, 0, 0])


def test_one_table_a_picture_is_wanted(four):
    with pytest.raises(ValueError, match="4 pictures"):
        on_tables(four, torch.tensor([0, 1]))

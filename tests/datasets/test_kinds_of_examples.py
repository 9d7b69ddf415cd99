"""Examples are of numbers or of texts, and say so where the other kind is asked for."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.datasets import Examples


def _two(x) -> Examples:
    return Examples(x, torch.tensor([0, 1]), ["a", "b"], ["a", "b"], ["no", "yes"])


def test_inputs_are_handed_on_as_they_are() -> None:
    pictures, texts = torch.zeros(2, 3, 4, 4), ["one", "two"]
    assert _two(pictures).tensor is pictures
    assert _two(texts).texts is texts


def test_the_other_kind_of_inputs_is_refused_with_what_was_expected() -> None:
    with pytest.raises(TypeError, match="texts; expected pictures"):
        _ = _two(["one", "two"]).tensor
    with pytest.raises(TypeError, match=r"torch\.uint8 numbers; expected texts"):
        _ = _two(torch.zeros(2, 3, dtype=torch.uint8)).texts

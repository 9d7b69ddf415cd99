"""Arms say so when they are given the other kind of inputs."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.arms.inputs import numbers_of, texts_of
from tl_helpers.datasets import Examples


def _two(x) -> Examples:
    return Examples(x, torch.tensor([0, 1]), ["a", "b"], ["a", "b"], ["no", "yes"])


def test_inputs_are_handed_on_as_they_are() -> None:
    pictures, texts = torch.zeros(2, 3, 4, 4), ["one", "two"]
    assert numbers_of(_two(pictures)) is pictures
    assert texts_of(_two(texts)) is texts


def test_the_other_kind_of_inputs_is_refused_with_what_was_expected() -> None:
    with pytest.raises(TypeError, match="texts; expected pictures"):
        numbers_of(_two(["one", "two"]))
    with pytest.raises(TypeError, match=r"torch\.uint8 numbers; expected texts"):
        texts_of(_two(torch.zeros(2, 3, dtype=torch.uint8)))

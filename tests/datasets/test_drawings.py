"""Drawings without labels are none of those that a lesson tests on."""

from __future__ import annotations

import torch

from tl_helpers.datasets import drawings


def test_drawings_to_learn_from_without_labels_are_none_of_the_lessons():
    data, others = drawings.load(), drawings.others()
    assert others.dtype == torch.uint8 and others.shape[1:] == (3, 72, 72) and len(others) > 500
    pictures = {picture.numpy().tobytes() for picture in others}
    for part in (data.train, data.valid, data.test):
        assert not pictures & {picture.numpy().tobytes() for picture in part.x}

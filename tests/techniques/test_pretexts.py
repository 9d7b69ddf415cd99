"""Networks that are pretrained here: the same each time, better than chance, refused when empty."""

from __future__ import annotations

import pytest
import torch

from tl_helpers import runtime
from tl_helpers.datasets import Examples
from tl_helpers.techniques import pretexts


@pytest.fixture(scope="module")
def run():
    return runtime.start("smoke", 0)


def bars(count=40):
    """Upright and lying bars, uint8 (count, 1, 16, 16)."""
    x = torch.zeros(count, 1, 16, 16, dtype=torch.uint8)
    for number in range(count):
        at = 2 + number % 12
        if number % 2:
            x[number, :, at] = 255
        else:
            x[number, :, :, at] = 255
    labels = torch.arange(count) % 2
    names = [str(number) for number in range(count)]
    return Examples(x, labels, names, names, ["upright", "lying"])


def test_what_was_taught_is_known_and_the_same_twice(run):
    settings = {"size": 16, "widths": (4, 8), "epochs": 80}
    one, two = (pretexts.supervised("bars", bars(), run, **settings) for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    assert one.feature_size == 8 and one.categories == ["upright", "lying"]
    assert not one.module.training
    with torch.inference_mode():
        said = one.classifier(one.module(one.preprocess(bars().x))).argmax(1)
    assert (said == bars().y).float().mean() > 0.9


def test_turns_are_learned_without_a_label(run):
    triangle = torch.triu(torch.full((16, 16), 255, dtype=torch.uint8)).expand(33, 1, 16, 16)
    settings = {"size": 16, "widths": (4, 8), "epochs": 20}
    found = pretexts.rotations("turns", triangle, run, **settings)  # a last batch of one is left
    again = pretexts.rotations("turns", triangle, run, **settings)
    assert found.fingerprint() == again.fingerprint() and found.classifier is None
    upright = found.preprocess(triangle[:1])
    with torch.inference_mode():
        rows = torch.cat([found.module(upright.rot90(turn, (2, 3))) for turn in range(4)])
    assert torch.pdist(rows).min() > 0.1


def test_fewer_than_two_pictures_are_refused(run):
    with pytest.raises(ValueError, match="1 pictures to pretrain on; expected two"):
        pretexts.rotations("one", bars(1).x, run)
    with pytest.raises(ValueError, match="0 pictures"):
        pretexts.supervised("none", bars(2).take([]), run)

"""Seven kinds of drawings: one of each family, half to learn from, the same for every call."""

from __future__ import annotations

import torch
from PIL import Image

from tl_helpers import assets
from tl_helpers.datasets import picture_files, seven_kinds
from tl_helpers.datasets.look_alikes import families
from tl_helpers.datasets.vision import emoji_file


def test_each_drawing_is_a_unit_and_no_two_are_look_alikes():
    data = seven_kinds.load()
    names = data.train.ids + data.test.ids
    x = torch.cat([data.train.x, data.test.x])
    assert len(set(families(names, x))) == len(names) == len(set(names))
    assert data.train.groups == data.train.ids and len(data.valid) == 0


def test_every_kind_has_more_than_ten_labels_and_ten_to_test_on():
    data = seven_kinds.load()
    assert data.train.classes == list(seven_kinds.KINDS)
    assert data.train.y.bincount().min() > 10 and data.test.y.bincount().min() >= 10
    assert "290 Twemoji drawings" in data.card and "CC BY 4.0" in data.card


def test_a_seed_draws_the_halves_and_a_size_the_pixels():
    one, same, other = (seven_kinds.load(32, seed) for seed in (0, 0, 1))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert one.train.x.shape[1:] == (3, 32, 32) and one.train.x.dtype == torch.uint8


def test_pixels_are_those_of_a_readers_file():
    data = seven_kinds.load(48)
    file = emoji_file(assets.fetch("twemoji-72"), data.train.ids[0].split()[-1])
    assert (data.train.x[0].numpy() == picture_files.read_square(file, 48)).all()
    assert (picture_files.square_of(Image.open(file), 48) == data.train.x[0].numpy()).all()

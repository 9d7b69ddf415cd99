"""The reader's own parts: read, counted, and every file left out is named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tl_helpers.datasets import part_folders

RNG = np.random.default_rng(0)


def save(path, side=40):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (side, side + 10, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folders(tmp_path):
    good, test = tmp_path / "train", tmp_path / "test"
    for number in range(10):
        save(good / f"{number}.png")
        save(test / "Good" / f"{number}.png", side=30 + number)
        save(test / ("crack" if number < 6 else "dirt") / f"{number}.jpg")
    return good, test


def test_parts_are_read_at_one_size_with_the_folders_names_as_kinds(folders):
    found = part_folders.load(*folders, size=32)
    assert found.good.shape == (10, 3, 32, 32) and found.test.shape == (20, 3, 32, 32)
    assert found.kinds.count("good") == 10 and found.kinds.count("crack") == 6
    assert found.left_out == []
    assert "10 good parts to learn from; to test on: 6 crack, 4 dirt, 10 good" in str(found)


def test_whatever_cannot_be_used_is_left_out_by_name_with_the_reason(folders):
    good, test = folders
    (good / "broken.png").write_bytes(b"no picture")
    (good / "empty.jpg").touch()
    (test / "notes.txt").write_text("hello")
    save(test / "loose.png")
    (test / "crack" / "twin.png").write_bytes((good / "3.png").read_bytes())
    found = part_folders.load(good, test)
    reasons = dict(found.left_out)
    assert set(reasons) == {"broken.png", "empty.jpg", "notes.txt", "loose.png", "crack/twin.png"}
    assert "empty file" in reasons["empty.jpg"] and "not a picture" in reasons["notes.txt"]
    assert "beside the folders" in reasons["loose.png"]
    assert "the same picture as 3.png" in reasons["crack/twin.png"]
    assert all(name in str(found) for name in reasons)


def test_too_few_parts_are_refused_with_the_counts_and_what_was_left_out(folders):
    good, test = folders
    (good / "3.png").write_bytes(b"")
    with pytest.raises(ValueError, match="9 readable good parts") as caught:
        part_folders.load(good, test)
    assert "3.png: an empty file" in str(caught.value)


def test_a_test_folder_without_good_parts_is_refused(folders):
    good, test = folders
    (test / "Good").rename(test / "fine")
    with pytest.raises(ValueError, match="0 good and 20 defective ones"):
        part_folders.load(good, test)


def test_a_folder_that_is_not_there_is_named(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        part_folders.load(tmp_path / "nowhere", folders[1])


def test_pictures_of_sixteen_bits_are_scaled_and_the_reader_is_told(folders):
    good, test = folders
    deep = RNG.integers(0, 2**16, (30, 30)).astype(np.uint16)
    Image.fromarray(deep).save(good / "deep.png")
    found = part_folders.load(good, test)
    assert len(found.good) == 11
    assert "Pictures of more than 8 bits, scaled to 8 bits all alike: 1." in str(found)

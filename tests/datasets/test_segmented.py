"""Slices with masks: whole subjects stay together; a reader's files are used or named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers.datasets import mask_folders
from tl_helpers.datasets.segmented import Segmented


def example(count: int = 6, slices: int = 3) -> Segmented:
    x = torch.rand(count, slices, 8, 8)
    return Segmented.stacked(x, (x > 0.5).long(), ["outside", "inside"], "subject")


def test_no_subject_is_on_two_sides_of_a_split():
    data = example()
    for seed in range(20):
        sides = [set(part.subjects) for part in data.split(2, 1, seed)]
        assert [len(side) for side in sides] == [2, 1, 3]
        assert set().union(*sides) == set(data.subjects)


def test_every_pixel_is_counted_for_its_subject():
    data = example(3, 2)
    numbers = data.pixels().reshape(6, 64)
    assert (numbers == numbers[:, :1]).all()
    assert numbers[:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_what_does_not_fit_together_is_refused():
    x = torch.zeros(2, 4, 4)
    with pytest.raises(ValueError, match="expected \\(N, H, W\\) twice"):
        Segmented(x, torch.zeros(2, 4, 5, dtype=torch.long), ["a", "b"], ["no", "yes"])
    with pytest.raises(ValueError, match="labels run from 0 to 2"):
        Segmented(x, torch.full((2, 4, 4), 2).tril(), ["a", "b"], ["no", "yes"])
    with pytest.raises(ValueError, match="so that some are left"):
        example(3).split(2, 1, 0)


def picture(path, values):
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Four subjects as pictures, one as a volume, and every fault that we know."""
    import nibabel

    rng = np.random.default_rng(0)
    square = np.zeros((20, 30))
    square[5:15, 8:20] = 255
    for name in ("p1_a", "p2_a", "p3_a", "p3_b"):
        picture(tmp_path / f"{name}.png", rng.integers(0, 255, (20, 30)))
        picture(tmp_path / f"{name}_mask.png", square)
    volume, mask = rng.random((16, 16, 6)), np.zeros((16, 16, 6))
    mask[4:9, 4:9, 1:5] = 255
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "p4_t1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "p4_t1_mask.nii.gz")
    picture(tmp_path / "alone_x.png", square)
    picture(tmp_path / "empty_x.png", rng.integers(0, 255, (20, 30)))
    picture(tmp_path / "empty_x_mask.png", 0 * square)
    picture(tmp_path / "size_x.png", rng.integers(0, 255, (20, 31)))
    picture(tmp_path / "size_x_mask.png", square)
    (tmp_path / "broken_x.png").write_bytes(b"not a picture")
    picture(tmp_path / "broken_x_mask.png", square)
    (tmp_path / "notes.txt").write_text("hello")
    return tmp_path


def test_pictures_and_volumes_become_slices_and_faults_are_named(folder, capsys):
    data = mask_folders.read(folder, 32, 2)
    said = capsys.readouterr().out
    assert sorted(set(data.subjects)) == ["p1", "p2", "p3", "p4"]
    assert data.subjects.count("p3") == 2 and data.subjects.count("p4") == 2
    assert data.x.shape[1:] == (32, 32) and data.y.max() == 1
    for name, reason in {
        "alone_x": "1 scans and 0 masks",
        "empty_x": "the mask is empty",
        "size_x": "the mask",
        "broken_x": "cannot be read",
        "notes.txt": "not of a kind",
    }.items():
        line = next(line for line in said.splitlines() if name in line)
        assert reason in line


def test_a_mask_lies_where_its_scan_does(tmp_path):
    for name in ("a_1", "b_1", "c_1"):
        bright = np.zeros((20, 30))
        bright[3:9, 20:28] = 200
        picture(tmp_path / f"{name}.png", bright + 10)
        picture(tmp_path / f"{name}_mask.png", bright)
    data = mask_folders.read(tmp_path, 60, 1)
    inside = data.x[data.y == 1].mean() - data.x[data.y == 0].mean()
    assert inside > 0.8


def test_too_few_subjects_are_refused_with_what_is_wanted(folder):
    for name in ("p1_a", "p2_a", "p3_a", "p3_b"):
        (folder / f"{name}_mask.png").unlink()
    with pytest.raises(ValueError, match="has 1 usable subjects; expected 3 or more"):
        mask_folders.read(folder)
    with pytest.raises(ValueError, match="there is no folder"):
        mask_folders.read(folder / "none")

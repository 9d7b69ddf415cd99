"""A reader's folder of pictures with boxes: VOC and COCO say the same, the unusable is named."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers.datasets import box_folders, tiles

BOXES = {"a": [[5, 6, 25, 36]], "b": [[0, 0, 10, 10], [30, 20, 40, 30]], "c": []}


_SEEDS = itertools.count()


def picture(path, width=60, height=40):
    """A picture unlike all others."""
    rng = np.random.default_rng(next(_SEEDS))
    values = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def voc_file(path, boxes):
    """Boxes as Pascal VOC counts them: from 1, the last pixel included."""
    objects = "".join(
        f"<object><name>tree</name><bndbox><xmin>{a + 1}</xmin><ymin>{b + 1}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in boxes
    )
    path.write_text(f"<annotation>{objects}</annotation>")


def coco_file(path, boxes_of, **more):
    images = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(boxes_of)]
    annotations = [
        {"image_id": n, "category_id": 1, "bbox": [a, b, c - a, d - b]}
        for n, boxes in enumerate(boxes_of.values())
        for a, b, c, d in boxes
    ]
    annotations += more.pop("annotations", [])
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


@pytest.fixture
def voc(tmp_path):
    folder = tmp_path / "voc"
    folder.mkdir()
    for name, boxes in BOXES.items():
        picture(folder / f"{name}.png")
        voc_file(folder / f"{name}.xml", boxes)
    return folder


@pytest.fixture
def coco(tmp_path):
    folder = tmp_path / "coco"
    folder.mkdir()
    for name in BOXES:
        picture(folder / f"{name}.png")
    coco_file(folder / "boxes.json", BOXES)
    return folder


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_both_formats_give_the_same_boxes(kind, request, capsys):
    scenes = box_folders.read_folder(request.getfixturevalue(kind))
    assert {scene.name: scene.boxes.tolist() for scene in scenes} == BOXES
    assert all(scene.picture.shape == (3, 40, 60) for scene in scenes)
    assert all(scene.picture.dtype == torch.uint8 for scene in scenes)
    assert capsys.readouterr().out == ""


def test_damaged_picture_is_left_out_and_named(voc, capsys):
    (voc / "a.png").write_bytes(b"not a picture")
    assert [scene.name for scene in box_folders.read_folder(voc)] == ["b", "c"]
    assert "left out: a.png" in capsys.readouterr().out


def test_damaged_boxes_are_left_out_with_their_picture(voc, capsys):
    (voc / "a.xml").write_text("<annotation>")
    assert [scene.name for scene in box_folders.read_folder(voc)] == ["b", "c"]
    assert "not readable as XML" in capsys.readouterr().out


def test_picture_without_an_entry_is_not_a_picture_without_objects(coco, capsys):
    picture(coco / "new.png")
    assert [scene.name for scene in box_folders.read_folder(coco)] == ["a", "b", "c"]
    assert "new.png (no boxes are given for it)" in capsys.readouterr().out


def test_boxes_are_cut_at_the_picture_and_those_outside_are_counted(coco, capsys):
    coco_file(coco / "boxes.json", {"a": [[50, 30, 70, 60], [80, 10, 90, 20]], "b": [], "c": []})
    first = box_folders.read_folder(coco)[0]
    assert first.boxes.tolist() == [[50, 30, 60, 40]]
    assert "left out: 1 of 2 boxes of a.png" in capsys.readouterr().out


def test_box_that_is_no_number_is_left_out(coco, capsys):
    odd = {"image_id": 0, "category_id": 1, "bbox": [float("nan"), 1, 5, 5]}
    coco_file(coco / "boxes.json", BOXES, annotations=[odd])
    assert box_folders.read_folder(coco)[0].boxes.tolist() == BOXES["a"]
    assert "1 of 2 boxes" in capsys.readouterr().out


def test_crowds_are_left_out(coco):
    crowd = {"image_id": 2, "category_id": 1, "bbox": [0, 0, 40, 30], "iscrowd": 1}
    coco_file(coco / "boxes.json", BOXES, annotations=[crowd])
    assert len(box_folders.read_folder(coco)[2].boxes) == 0


@pytest.mark.parametrize(
    "content",
    ["not json", "[]", '{"images": []}', '{"images": [], "annotations": {"image_id": 1}}'],
)
def test_file_that_is_not_coco_says_what_one_holds(coco, content):
    (coco / "boxes.json").write_text(content)
    with pytest.raises(ValueError, match=r"boxes\.json is not a COCO file .* expected images"):
        box_folders.read_folder(coco)


def test_what_cannot_work_is_refused_with_what_was_expected(tmp_path, voc, coco):
    with pytest.raises(ValueError, match="there is no folder"):
        box_folders.read_folder(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="holds no picture"):
        box_folders.read_folder(empty)
    picture(empty / "a.png")
    with pytest.raises(ValueError, match="holds no boxes"):
        box_folders.read_folder(empty)
    coco_file(coco / "second.json", BOXES)
    with pytest.raises(ValueError, match=r"2 COCO files, boxes.json, second.json; expected one"):
        box_folders.read_folder(coco)
    for file in voc.glob("*.xml"):
        voc_file(file, [])
    with pytest.raises(ValueError, match="none of the 3 pictures"):
        box_folders.read_folder(voc)


def test_grey_and_transparent_pictures_have_three_channels(voc):
    Image.new("L", (60, 40)).save(voc / "a.png")
    Image.new("RGBA", (60, 40)).save(voc / "b.png")
    assert all(len(scene.picture) == 3 for scene in box_folders.read_folder(voc))


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_folder_is_divided_by_picture_and_cut_into_tiles(kind, request):
    folder = request.getfixturevalue(kind)
    picture(folder / "d.png")
    more = BOXES | {"d": [[1, 1, 9, 9]]}
    if kind == "coco":
        coco_file(folder / "boxes.json", more)
    else:
        voc_file(folder / "d.xml", more["d"])
    split = tiles.split(box_folders.read_folder(folder), 16)
    assert sorted(scene.name for part in split for scene in part) == ["a", "b", "c", "d"]
    cut = [tile for part in split for tile in tiles.cut(part, 16)]
    assert len(cut) == 4 * 3 * 2
    assert any(len(tile.boxes) for tile in cut)
    assert all(((tile.boxes >= 0) & (tile.boxes <= 16)).all() for tile in cut)


def test_no_other_program_opens_a_picture_whatever_its_name(voc, capsys):
    Image.new("RGB", (20, 20)).save(voc / "d.eps")
    (voc / "d.eps").rename(voc / "d.png")
    voc_file(voc / "d.xml", [[1, 1, 9, 9]])
    assert [scene.name for scene in box_folders.read_folder(voc)] == ["a", "b", "c"]
    assert "left out: d.png (no picture inside" in capsys.readouterr().out


def test_a_picture_that_is_a_bomb_is_left_out(voc, capsys, monkeypatch):
    picture(voc / "d.png", width=200, height=200)
    voc_file(voc / "d.xml", [[1, 1, 9, 9]])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # twice that is an error to Pillow
    assert [scene.name for scene in box_folders.read_folder(voc)] == ["a", "b", "c"]
    assert "left out: d.png (more than 167 million pixels" in capsys.readouterr().out

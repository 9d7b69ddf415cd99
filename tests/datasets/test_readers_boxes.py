"""Boxes from people's own files lie where they were drawn, or are left out and named."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from tl_helpers.datasets import box_folders

WIDE, HIGH = (80, 60), (60, 80)
BOX = (
    "<object><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def save(path, size=WIDE, orientation=1, seed=0):
    """A picture of this size as stored, dark but for a bright block at 10 20 30 40 as seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turned = orientation > 4
    seen = np.random.default_rng(seed).integers(0, 60, (*(size if turned else size[::-1]), 3))
    seen[20:40, 10:30] = 250
    picture = Image.fromarray(seen.astype(np.uint8))
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    (picture if back is None else picture.transpose(back)).save(path, exif=exif)


def coco(folder, images, boxes, name="boxes.json"):
    """``images`` are (file_name, size or None); ``boxes`` are (number of the image, bbox)."""
    content = {
        "images": [
            {"id": n, "file_name": file, **({"width": s[0], "height": s[1]} if s else {})}
            for n, (file, s) in enumerate(images)
        ],
        "annotations": [{"image_id": n, "bbox": box} for n, box in boxes],
    }
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def voc(path, *boxes, size=None, filename="", root="annotation"):
    path.parent.mkdir(parents=True, exist_ok=True)
    about = f"<filename>{filename}</filename>" if filename else ""
    if size:
        about += f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    path.write_text(f"<{root}>{about}{''.join(BOX.format(*box) for box in boxes)}</{root}>")


def read(folder):
    return {scene.name: scene.boxes.tolist() for scene in box_folders.read_folder(folder)}


def bright(scene):
    """Mean brightness inside the first box and in the whole picture."""
    left, top, right, bottom = scene.boxes[0].round().int().tolist()
    return float(scene.picture[:, top:bottom, left:right].float().mean())


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_stated_size_says_whether_boxes_belong_to_the_turned_picture(
    tmp_path, suffix, orientation
):
    """Seen by a viewer, the block is at 10 20 30 40; as stored, where the turn has put it."""
    save(tmp_path / f"a.{suffix}", orientation=orientation)
    seen, stored = HIGH if orientation == 6 else WIDE, WIDE
    raw = {1: [10, 20, 20, 20], 3: [50, 20, 20, 20], 6: [20, 30, 20, 20]}[orientation]
    coco(tmp_path, [(f"a.{suffix}", stored)], [(0, raw)])
    (scene,) = box_folders.read_folder(tmp_path)
    assert scene.size == stored
    assert bright(scene) > 200
    if seen != stored:
        coco(tmp_path, [(f"a.{suffix}", seen)], [(0, [10, 20, 20, 20])])
        (scene,) = box_folders.read_folder(tmp_path)
        assert scene.size == seen
        assert bright(scene) > 200


def test_voc_states_its_size_as_well(tmp_path):
    save(tmp_path / "a.jpg", orientation=6)
    voc(tmp_path / "a.xml", (11, 21, 30, 40), size=HIGH)
    (scene,) = box_folders.read_folder(tmp_path)
    assert (scene.size, scene.boxes.tolist()) == (HIGH, [[10, 20, 30, 40]])
    assert bright(scene) > 200


def test_where_size_tells_no_turn_boxes_are_taken_as_stored_and_it_is_said(tmp_path, capsys):
    save(tmp_path / "a.jpg", orientation=3)
    coco(tmp_path, [("a.jpg", WIDE)], [(0, [50, 20, 20, 20])])
    assert bright(box_folders.read_folder(tmp_path)[0]) > 200
    assert "the turn of a.jpg by EXIF" in capsys.readouterr().out


def test_without_a_size_boxes_that_only_the_turned_picture_holds_belong_to_it(tmp_path):
    save(tmp_path / "a.jpg", orientation=6)
    coco(tmp_path, [("a.jpg", None)], [(0, [10, 20, 20, 20]), (0, [10, 60, 20, 20])])
    assert box_folders.read_folder(tmp_path)[0].size == HIGH


@pytest.mark.parametrize("stated", [(160, 120), (40, 30), (4000, 3000), (27, 20), (8, 6)])
def test_boxes_are_scaled_with_a_picture_that_was_scaled_since(tmp_path, stated):
    save(tmp_path / "a.png")
    box = [10 * stated[0] / 80, 20 * stated[1] / 60, 20 * stated[0] / 80, 20 * stated[1] / 60]
    coco(tmp_path, [("a.png", stated)], [(0, box)])
    assert read(tmp_path)["a"][0] == pytest.approx([10, 20, 30, 40], abs=0.01)


def test_turned_and_scaled_at_once_are_both_undone(tmp_path):
    save(tmp_path / "a.jpg", orientation=6)
    voc(tmp_path / "a.xml", (21, 41, 60, 80), size=(120, 160))
    (scene,) = box_folders.read_folder(tmp_path)
    assert (scene.size, scene.boxes.tolist()) == (HIGH, [[10, 20, 30, 40]])


@pytest.mark.parametrize("stated", [WIDE, None, (1, 1)])
def test_boxes_between_nought_and_one_are_shares(tmp_path, stated):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", seed=1)
    images = [("a.png", stated), ("b.png", stated)]
    coco(tmp_path, images, [(0, [0.125, 0.5, 0.25, 0.25]), (1, [0, 0, 1, 1])])
    assert read(tmp_path) == {"a": [[10, 30, 30, 45]], "b": [[0, 0, 80, 60]]}


def test_shares_are_shares_in_voc_too(tmp_path):
    save(tmp_path / "a.png")
    voc(tmp_path / "a.xml", (0.125, 0.5, 0.375, 0.75), size=WIDE)
    assert read(tmp_path) == {"a": [[10, 30, 30, 45]]}


def test_one_pixel_in_the_corner_is_no_share_among_boxes_in_pixels(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", seed=1)
    coco(tmp_path, [("a.png", None), ("b.png", None)], [(0, [9, 9, 9, 9]), (1, [0, 0, 1, 1])])
    assert read(tmp_path)["b"] == [[0, 0, 1, 1]]


@pytest.mark.parametrize("stated", [(100, 60), (60, 80), (1920, 1200)])
def test_boxes_of_another_picture_cost_that_picture_and_both_sizes_are_named(
    tmp_path, capsys, stated
):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", seed=1)
    images = [("a.png", stated), ("b.png", WIDE)]
    coco(tmp_path, images, [(0, [9, 9, 9, 9]), (1, [9, 9, 9, 9])])
    assert list(read(tmp_path)) == ["b"]
    wanted = f"a.png (its boxes are for a picture of {stated[0]} by {stated[1]} pixels, and it has"
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize("size", [(0, 0), ("n/a", None), (float("nan"), 60), (-80, -60)])
def test_a_size_that_is_none_counts_as_not_stated(tmp_path, size):
    save(tmp_path / "a.png")
    coco(tmp_path, [("a.png", size)], [(0, [9, 9, 9, 9])])
    assert read(tmp_path) == {"a": [[9, 9, 18, 18]]}


SPELLINGS = {
    "folders of another machine": ("a.png", r"C:\Users\me\pictures\a.png"),
    "backslashes": ("job/a.png", r"job\a.png"),
    "a folder too few": ("job/a.png", "a.png"),
    "a dot in front": ("job/a.png", "./job/a.png"),
    "capitals": ("A.PNG", "a.png"),
    "escaped": ("a b#1.png", "a%20b%231.png"),
    "escaped on disk": ("a%20b.png", "a b.png"),
    "accents apart": ("café.png", unicodedata.normalize("NFD", "café.png")),
    "accents apart on disk": (unicodedata.normalize("NFD", "café.png"), "café.png"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_picture_is_found_however_its_name_is_written(tmp_path, spelling):
    stored, written = SPELLINGS[spelling]
    save(tmp_path / stored)
    coco(tmp_path, [(written, WIDE)], [(0, [9, 9, 9, 9])])
    assert list(read(tmp_path).values()) == [[[9, 9, 18, 18]]]


def test_an_exact_name_goes_before_one_that_is_only_alike(tmp_path):
    for number, name in enumerate(["1.png", "job/1.png", "A.png", "a.png"]):
        save(tmp_path / name, seed=number)
    names = ["1.png", "job/1.png", "A.png", "a.png", "old/1.png"]
    coco(tmp_path, [(n, WIDE) for n in names], [(n, [n, 9, 9, 9]) for n in range(5)])
    found = read(tmp_path)
    assert {name: boxes[0][0] for name, boxes in found.items()} == {
        **{"1": 0, "job/1": 1},
        **{"A": 2, "a": 3},
    }


def test_boxes_of_a_folder_that_is_not_here_go_to_no_other_picture(tmp_path, capsys):
    save(tmp_path / "job2" / "1.png")
    save(tmp_path / "job2" / "2.png", seed=1)
    images = [("job1/1.png", WIDE), ("job2/2.png", WIDE)]
    coco(tmp_path, images, [(0, [9, 9, 9, 9]), (1, [9, 9, 9, 9])])
    assert list(read(tmp_path)) == ["job2/2"]
    printed = capsys.readouterr().out
    assert "job2/1.png (no boxes are given for it)" in printed
    assert "1 pictures of boxes.json that are not here, such as job1/1.png" in printed


def test_two_entries_for_one_picture_are_named_and_not_mixed(tmp_path, capsys):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png", seed=1)
    images = [("job1/1.png", WIDE), ("job2/1.png", WIDE), ("2.png", WIDE)]
    coco(tmp_path, images, [(n, [9, 9, 9, 9]) for n in range(3)])
    assert list(read(tmp_path)) == ["2"]
    wanted = "left out: 1.png (two entries may be of it, job1/1.png and job2/1.png)"
    assert wanted in capsys.readouterr().out


def test_one_annotation_beside_two_pictures_of_its_name_counts_for_the_one_it_states(
    tmp_path, capsys
):
    for number, name in enumerate(["a.jpg", "a.png", "b.jpg", "b.png"]):
        save(tmp_path / name, seed=number)
    voc(tmp_path / "a.xml", (9, 9, 18, 18))
    voc(tmp_path / "b.xml", (9, 9, 18, 18), filename="B.png")
    assert read(tmp_path) == {"b": [[8, 8, 18, 18]]}
    assert "left out: a.jpg (a.jpg and a.png share one entry)" in capsys.readouterr().out


def test_voc_files_match_whatever_their_capitals_and_folders(tmp_path):
    save(tmp_path / "IMG_1.JPG")
    voc(tmp_path / "img_1.XML", (9, 9, 18, 18))
    save(tmp_path / "day" / "1.png", seed=1)
    voc(tmp_path / "day" / "1.xml", (10, 10, 18, 18))
    assert read(tmp_path) == {"IMG_1": [[8, 8, 18, 18]], "day/1": [[9, 9, 18, 18]]}


BAD_ROWS = {
    "an orphan": {"image_id": 9, "bbox": [1, 1, 9, 9]},
    "a polygon alone": {"image_id": 0, "segmentation": [[1, 1, 9, 9, 1, 9]]},
    "no row at all": None,
    "three numbers": {"image_id": 0, "bbox": [1, 1, 9]},
    "digits as one text": {"image_id": 0, "bbox": "1199"},
    "infinite": {"image_id": 0, "bbox": [1, 1, float("inf"), 9]},
    "no number": {"image_id": 0, "bbox": [1, float("nan"), 9, 9]},
    "turned round": {"image_id": 0, "bbox": [50, 50, -20, -20]},
    "no picture's": {"bbox": [1, 1, 9, 9]},
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_one_bad_row_costs_that_row(tmp_path, capsys, row):
    save(tmp_path / "a.png")
    coco(tmp_path, [("a.png", WIDE)], [(0, [9, 9, 9, 9])])
    content = json.loads((tmp_path / "boxes.json").read_text())
    content["annotations"].append(BAD_ROWS[row])
    content["images"] += [None, {"id": 5}, {"file_name": "b.png"}]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    assert read(tmp_path) == {"a": [[9, 9, 18, 18]]}
    printed = capsys.readouterr().out
    assert "annotation 2" in printed or "1 of 2 boxes of a.png" in printed
    assert "picture 2 (expected an id and a file_name) of boxes.json" in printed


def test_one_bad_box_costs_that_box_in_voc(tmp_path, capsys):
    save(tmp_path / "a.png")
    voc(
        tmp_path / "a.xml", (50, 50, 9, 9), ("left", 9, 18, 18), ("nan", 9, 18, 18), (10, 9, 18, 18)
    )
    assert read(tmp_path) == {"a": [[9, 8, 18, 18]]}
    assert "3 of 4 boxes of a.png" in capsys.readouterr().out


def test_a_picture_all_of_whose_boxes_are_bad_is_not_one_without_objects(tmp_path, capsys):
    for number, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", seed=number)
    voc(tmp_path / "a.xml", (50, 50, 9, 9))
    voc(tmp_path / "b.xml", (9, 9, 18, 18))
    voc(tmp_path / "c.xml")
    assert read(tmp_path) == {"b": [[8, 8, 18, 18]], "c": []}
    assert "a.png (none of its boxes can be used, 1 in all" in capsys.readouterr().out


@pytest.mark.parametrize("turn", [str, float, lambda id: f" {id} "])
def test_ids_may_be_text_or_numbers(tmp_path, turn):
    save(tmp_path / "a.png")
    content = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "annotations": [{"image_id": turn(7), "bbox": [9, 9, 9, 9], "iscrowd": "0"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert read(tmp_path) == {"a": [[9, 9, 18, 18]]}


def test_one_id_for_two_pictures_costs_both_and_is_named(tmp_path, capsys):
    for number, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", seed=number)
    images = [{"id": n, "file_name": f} for n, f in ((1, "a.png"), ("1", "b.png"), (2, "c.png"))]
    rows = [{"image_id": n, "bbox": [9, 9, 9, 9]} for n in (1, 2)]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": rows}))
    assert list(read(tmp_path)) == ["c"]
    assert "a.png has its id, 1, too" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_encoding_of_json_is_read(tmp_path, encoding):
    save(tmp_path / "ä.png")
    coco(tmp_path, [("ä.png", WIDE)], [(0, [9, 9, 9, 9])])
    text = (tmp_path / "boxes.json").read_text(encoding="utf-8")
    (tmp_path / "boxes.json").write_text(text, encoding=encoding)
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize("name", ["._boxes.json", "settings.json", "notes.xml"])
def test_a_stray_file_is_passed_over(tmp_path, name):
    save(tmp_path / "a.png")
    coco(tmp_path, [("a.png", WIDE)], [(0, [9, 9, 9, 9])])
    (tmp_path / name).write_bytes(b'{"scale": 1}')
    assert read(tmp_path) == {"a": [[9, 9, 18, 18]]}


def test_settings_beside_voc_files_are_passed_over(tmp_path):
    save(tmp_path / "a.png")
    voc(tmp_path / "a.xml", (9, 9, 18, 18))
    (tmp_path / "settings.json").write_text("{}")
    assert len(read(tmp_path)) == 1


NOT_VOC = {
    "a namespace": '<annotation xmlns="urn:other">' + BOX.format(9, 9, 18, 18) + "</annotation>",
    "objects in a namespace": '<annotation xmlns:o="urn:other"><filename>a.png</filename>'
    + BOX.format(9, 9, 18, 18).replace("object>", "o:object>") + "</annotation>",
    "CVAT": '<annotations><image name="a.png"><box xtl="9" ytl="9" xbr="18" ybr="18"/></image>'
    "</annotations>",
    "boxes without objects": "<annotation><bndbox><xmin>9</xmin></bndbox></annotation>",
    "other capitals": "<annotation>" + BOX.format(9, 9, 18, 18).replace("object", "Object")
    + "</annotation>",
    "LabelMe": "<annotation><object><polygon><pt><x>9</x><y>9</y></pt></polygon></object>"
    "</annotation>",
    "a web page": "<html><body>Sign in</body></html>",
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_VOC)
def test_what_is_not_understood_is_named_and_never_background(tmp_path, capsys, kind):
    for number, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", seed=number)
    (tmp_path / "a.xml").write_text(NOT_VOC[kind])
    voc(tmp_path / "b.xml", (9, 9, 18, 18))
    (tmp_path / "c.xml").write_text("<annotation><weather>sunny</weather></annotation>")
    assert read(tmp_path) == {"b": [[8, 8, 18, 18]], "c": []}
    assert "left out: a.png (" in capsys.readouterr().out


def test_pictures_with_equal_stems_keep_names_of_their_own(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg", seed=1)
    images = [("a.png", WIDE), ("a.jpg", WIDE)]
    coco(tmp_path, images, [(0, [9, 9, 9, 9]), (1, [10, 9, 9, 9])])
    assert sorted(read(tmp_path)) == ["a.jpg", "a.png"]


def test_deep_pictures_look_as_they_do_in_a_folder_of_classes(tmp_path, capsys):
    ramp = np.linspace(0, 1, 80 * 60, dtype=np.float32).reshape(60, 80)
    Image.fromarray((ramp * 65535).astype(np.uint16)).save(tmp_path / "a.png")
    Image.fromarray((ramp * 65535 / 16).astype(np.uint16)).save(tmp_path / "b.png")
    Image.fromarray(ramp).save(tmp_path / "c.tif")
    coco(tmp_path, [(n, WIDE) for n in ("a.png", "b.png", "c.tif")], [(0, [9, 9, 9, 9])])
    means = [float(s.picture.float().mean()) for s in box_folders.read_folder(tmp_path)]
    assert means == pytest.approx([127.5, 8, 127.5], abs=0.5)
    assert "Pictures of more than 8 bits, scaled to 8 bits all alike: 3." in capsys.readouterr().out

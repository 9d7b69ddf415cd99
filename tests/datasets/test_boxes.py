"""Pascal VOC files give boxes in pixels from the corner, or an error that names the box."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.datasets.boxes import read_voc

BOX = "<object><name> tree </name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>" \
      "<ymax>{}</ymax></bndbox></object>"  # fmt: skip


def voc(tmp_path, *objects: str):
    """A VOC file with these objects."""
    file = tmp_path / "picture.xml"
    file.write_text(f"<annotation>{''.join(objects)}</annotation>")
    return file


def test_pixels_are_counted_from_nought_and_the_last_is_included(tmp_path):
    boxes, names = read_voc(voc(tmp_path, BOX.format(1, 1, 400, 300), BOX.format(11, 21, 15, 22)))
    assert boxes.tolist() == [[0, 0, 400, 300], [10, 20, 15, 22]]
    assert boxes.dtype == torch.float32
    assert names == ["tree", "tree"]


def test_tools_that_count_from_nought_lose_nothing_at_the_edge(tmp_path):
    assert read_voc(voc(tmp_path, BOX.format(0, 0, 40, 30)))[0].tolist() == [[0, 0, 40, 30]]


def test_object_without_a_name_is_an_object(tmp_path):
    nameless = BOX.format(1, 1, 2, 2).replace("<name> tree </name>", "")
    assert read_voc(voc(tmp_path, nameless))[1] == ["object"]


def test_file_without_objects_has_no_boxes(tmp_path):
    boxes, names = read_voc(voc(tmp_path))
    assert boxes.shape == (0, 4)
    assert names == []


@pytest.mark.parametrize("corners", [(5, 1, 4, 9), (1, 9, 9, 8), (0, 0, 0, 9)])
def test_box_without_area_is_refused_by_number_and_file(tmp_path, corners):
    with pytest.raises(ValueError, match=r"Box 2 of picture\.xml runs from .*: no area"):
        read_voc(voc(tmp_path, BOX.format(1, 1, 9, 9), BOX.format(*corners)))


@pytest.mark.parametrize("broken", [BOX.format(1, "wide", 3, 4), "<object><name>a</name></object>"])
def test_box_without_four_numbers_says_what_was_expected(tmp_path, broken):
    with pytest.raises(ValueError, match="expected numbers in bndbox/xmin, ymin, xmax and ymax"):
        read_voc(voc(tmp_path, broken))


def test_file_that_is_not_xml_is_named(tmp_path):
    file = tmp_path / "picture.xml"
    file.write_text("left,top\n1,2\n")
    with pytest.raises(ValueError, match=r"picture\.xml is not readable as XML"):
        read_voc(file)

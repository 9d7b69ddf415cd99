"""The map of the course shows every lesson that is there, and names a line it cannot read."""

import pytest

from tl_helpers.kit import course_map, lessons
from tl_helpers.kit.lessons import Lesson

HEAD = "# Curriculum\n\n| id | about |\n|---|---|\n"
ROWS = "| 1 | Basics |\n| 1.1 | counting |\n| 1.2 | sums |\n| 10 | Speech |\n| 10.1 | words |\n"


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a curriculum of some rows, which lies where the notebooks are."""
    monkeypatch.setenv("TL_NOTEBOOKS", str(tmp_path))
    return lambda rows: _read(tmp_path, rows)


def _read(tmp_path, rows):
    (tmp_path / course_map.FILE).write_text(HEAD + rows)
    return course_map.read()


def _lesson(tmp_path, id, track):
    return Lesson(id, "How many?", tmp_path / track / "01_how_many.ipynb", track)


def test_a_lesson_that_is_there_is_linked_by_its_title_and_the_others_are_to_come(read, tmp_path):
    about = read(ROWS)
    found = [_lesson(tmp_path, "00", ""), _lesson(tmp_path, "1.1", "01_basics")]
    lines = course_map.block(about, found).splitlines()
    assert (lines[0], lines[-1]) == course_map.MARKERS
    assert lines[3:-1] == [
        "| 1 Basics | [1.1 How many?](01_basics/01_how_many.ipynb) · *to come:* sums |",
        "| 10 Speech | *to come:* words |",
    ]


def test_a_lesson_without_a_line_is_named(read, tmp_path):
    strange = _lesson(tmp_path, "1.9", "01_basics")
    with pytest.raises(ValueError, match=r"no line for lesson 1\.9"):
        course_map.block(read(ROWS), [strange])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("| 2 Basics |", "'| 2 Basics |' is not"),
        ("| 1.1 | again |", "1.1 stands twice"),
        ("| 2.1 | lost |", "2.1 stands in track 10"),
    ],
)
def test_a_wrong_line_is_named(read, row, reason):
    with pytest.raises(ValueError, match="curriculum.md") as caught:
        read(f"{ROWS}{row}\n")
    assert reason in str(caught.value)


def test_the_course_has_all_its_tracks_and_a_line_for_every_lesson():
    about = course_map.read()
    assert [id for id in about if "." not in id] == [str(number) for number in range(1, 12)]
    drawn = course_map.block(about, lessons.find())
    assert all(f"[{lesson.id} " in drawn for lesson in lessons.find() if lesson.track)

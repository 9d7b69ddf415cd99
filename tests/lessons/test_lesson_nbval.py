"""Every lesson as committed, as a learner runs it: nbval at profile laptop, offline, one thread.

Each cell runs, each stub says "not attempted", each claim holds and says what the reader sees, and
falls when the comparison is sabotaged.
"""

import nbformat
import pytest
import tiny_kit
from committed import card_complaints, complaints

from tl_helpers.kit import lessons

LESSONS = [lesson.id for lesson in lessons.find()]
SECONDS = 600  # a lesson takes a minute or two; this ends one that hangs


def test_there_are_lessons_to_validate():
    assert LESSONS


@pytest.mark.parametrize("id", LESSONS)
def test_committed_lesson_does_what_its_reader_sees(id, tmp_path):
    assert complaints(lessons.get(id), tmp_path, SECONDS) == []


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_NOTEBOOKS", str(tiny_kit.build(tmp_path)))
    return lessons.get("1.1")


def rewrite(lesson, old, new):
    notebook = nbformat.read(lesson.path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, lesson.path)


def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_sound_lesson_has_no_complaint(tiny, tmp_path):
    assert complaints(tiny, out(tmp_path), 60) == []


def test_claim_that_says_something_else_than_committed_is_noticed(tiny, tmp_path):
    rewrite(tiny, "claims: done", "claims: undone")
    (said,) = complaints(tiny, out(tmp_path), 60)
    assert "claims: undone" in said


def test_cell_that_fails_is_noticed(tiny, tmp_path):
    rewrite(tiny, "data = [1, 2, 6]", "data = [1, 2, 6]; 1 / 0")
    assert any("ZeroDivisionError" in text for text in complaints(tiny, out(tmp_path), 60))


def test_lesson_that_hangs_is_ended(tiny, tmp_path):
    rewrite(tiny, "data = [1, 2, 6]", "import time; time.sleep(99)")
    assert complaints(tiny, out(tmp_path), 5) == ["it took longer than 5 s"]


def test_lesson_without_cells_is_noticed(tiny, tmp_path):
    notebook = nbformat.read(tiny.path, as_version=4)
    notebook.cells = notebook.cells[:1]
    nbformat.write(notebook, tiny.path)
    assert "0 of 0 cells ran" in complaints(tiny, out(tmp_path), 60)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"claims": [{"text": "a", "holds": False}]}, "a: False"),
        ({"claims": [{"text": "a", "holds": None}]}, "a: None"),
        ({"claims": []}, "it makes no claim"),
        ({"sabotage": {"swap": [], "permute": []}}, "no claim fell on a sabotaged report"),
        ({"sabotage": None}, "no claim fell on a sabotaged report"),
        ({"stale": True}, "recorded rows do not belong to the present code or assets"),
        ({"checks": [{"id": "1", "state": "passed"}]}, "the stub of 1 says passed"),
    ],
)
def test_scorecard_that_breaks_a_promise_is_noticed(change, complaint):
    good = {
        "claims": [{"text": "a", "holds": True}],
        "sabotage": {"swap": ["a"], "permute": []},
        "stale": False,
        "checks": [{"id": "1", "state": "not attempted"}],
    }
    assert card_complaints(good) == []
    assert card_complaints({**good, **change}) == [complaint]

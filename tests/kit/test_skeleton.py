"""``tl new`` writes a lesson that keeps the rules a new lesson can keep, and runs at once."""

import shutil

import anatomy
import anatomy_parts
import pytest
import tiny_kit
from anatomy import Page
from answering import (
    few_reasons,
    right_answer_complaints,
    stub_state,
    wrong_answer_complaints,
)

from tl_helpers import exercises
from tl_helpers.assets import paths
from tl_helpers.kit import course_map, lessons, running, skeleton
from tl_helpers.kit.lessons import LessonError


@pytest.fixture
def new(tmp_path, monkeypatch):
    curriculum = paths.notebooks_dir() / course_map.FILE
    shutil.copy(curriculum, tiny_kit.build(tmp_path))
    monkeypatch.setenv("TL_NOTEBOOKS", str(tmp_path / "notebooks"))
    monkeypatch.setenv("TL_WORK", str(tmp_path / "work"))
    skeleton.create("2.3", "Does this skeleton run, and why should it?")
    return lessons.get("2.3")


def test_new_lesson_lands_in_its_track(new):
    assert new.path.parts[-2:] == ("02_vision", "03_does_this_skeleton_run_and.ipynb")
    assert new.title == "Does this skeleton run, and why should it?"
    assert "{{" not in new.path.read_text() + new.exercises_file.read_text()


def test_a_track_without_a_folder_gets_its_name_from_the_curriculum(new):
    notebook, _ = skeleton.create("5.9", "Which?")
    assert notebook.parent.name == "05_sim_to_real"


def test_existing_folder_of_a_track_is_used(new):
    notebook, sheet = skeleton.create("1.7", "Where?")
    assert notebook.parent.name == "01_basics" and sheet.parent.parent == notebook.parent


def test_new_lesson_runs_and_passes_its_own_checks(new, tmp_path):
    settings = running.Settings(threads=1)
    result = running.run("2.3", "smoke", solutions=True, out=tmp_path / "out", settings=settings)
    assert result.problems == []
    assert [check["state"] for check in result.checks] == ["passed"] * 3


def test_new_exercises_refuse_wrong_answers_and_know_their_stubs(new):
    for exercise in exercises.load(new.exercises_file):
        assert wrong_answer_complaints(exercise) == []
        assert right_answer_complaints(exercise) + few_reasons(exercise) == []
        assert stub_state(new, exercise) == "not attempted"


def test_new_lesson_has_every_part_in_its_place(new, tmp_path):
    settings = running.Settings(threads=1)
    result = running.run("2.3", "smoke", solutions=False, out=tmp_path / "out", settings=settings)
    executed = lessons.read(result.notebook)
    page = Page("2.3", executed, {}, ["complete", "modify", "investigate"])
    # What its author has to write: the words. What publishing adds: header and counts.
    broken = {rule.__name__ for rule in anatomy_parts.RULES if rule(page)}
    assert broken == {"words_outweigh_code"}
    for rule in (anatomy.exercises_answer_back, anatomy.code_cells_are_short):
        assert rule(page) == []


def test_a_lesson_without_a_title_can_be_named_later(new):
    notebook, sheet = skeleton.create("1.7")
    assert notebook.name == "07_untitled.ipynb" and sheet.name == "07_untitled.py"
    assert lessons.get("1.7").title.startswith("Untitled:")


def test_a_title_may_hold_quotes_and_accents(new):
    skeleton.create("1.8", 'Ist "größer" \\ besser?')
    assert lessons.get("1.8").title == 'Ist "größer" \\ besser?'


@pytest.mark.parametrize(
    ("id", "title", "reason"),
    [
        ("2", "Why?", "expected TRACK.LESSON"),
        ("44.1", "Why?", "there is no track 44"),
        ("1.1", "Why?", "is there already"),
        ("3.1", "?!", "no word"),
    ],
)
def test_wrong_use_writes_nothing(new, id, title, reason):
    before = sorted(paths.notebooks_dir().rglob("*"))
    with pytest.raises(LessonError, match=reason):
        skeleton.create(id, title)
    assert sorted(paths.notebooks_dir().rglob("*")) == before

"""Every exercise tells a wrong answer from a right one, and says why it is wrong."""

from __future__ import annotations

import ast

import pytest
import tiny_kit

from tl_helpers import exercises
from tl_helpers.exercises.checking import Exercise, NotYet, Wrong
from tl_helpers.kit import lessons

LESSONS = lessons.find()
EXERCISES = {e.id: e for file in exercises.files().values() for e in exercises.load(file)}


def wrong_answer_complaints(exercise: Exercise) -> list[str]:
    """Wrong answers that the check does not refuse with the stated reason."""
    found = [] if len(exercise.wrong) >= 2 else ["fewer than two wrong answers"]
    for number, wrong in enumerate(exercise.wrong, 1):
        context = (wrong.context or exercise.context)()
        state, reason = exercises.judge(exercise, wrong.value(), context)
        if state != "not yet" or wrong.reason_contains not in reason:
            found.append(f"wrong answer {number} gets {state}: {reason}")
    return found


def stub_state(lesson: lessons.Lesson, exercise: Exercise) -> str:
    """State that the stub in the notebook gets, checked as the notebook checks it."""
    notebook = lessons.read(lesson.path)
    stubs = lessons.tagged(notebook, "exercise")
    (stub,) = [cell for cell in stubs if cell.metadata["exercise"] == exercise.id]
    context = exercise.context()
    namespace = dict(context)
    exec(stub.source, namespace)
    answer = eval(_answer_expression(notebook, exercise.id), namespace)
    return exercises.judge(exercise, answer, context)[0]


def _answer_expression(notebook, id: str) -> str:
    """What the notebook's call of check passes as the answer to this exercise."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and f'check("{id}"' in cell.source:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("check"):
                    return ast.unparse(node.args[1])
    raise AssertionError(f'no cell calls check("{id}", ...)')


def test_there_are_exercises():
    assert EXERCISES


@pytest.mark.parametrize("id", EXERCISES)
def test_wrong_answers_get_the_reason_that_helps(id):
    assert wrong_answer_complaints(EXERCISES[id]) == []


@pytest.mark.parametrize("id", EXERCISES)
def test_stub_in_the_notebook_is_not_attempted(id):
    lesson = lessons.get(id.rpartition(".")[0])
    assert stub_state(lesson, EXERCISES[id]) == "not attempted"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_stubs_and_exercises_match_one_to_one(lesson):
    file = lesson.exercises_file
    lessons.inject_solutions(
        lessons.read(lesson.path), exercises.load(file) if file.is_file() else []
    )


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_NOTEBOOKS", str(tiny_kit.build(tmp_path)))
    return {exercise.id: exercise for exercise in exercises.load(exercises.files()["1.1"])}


def test_sound_exercises_have_no_complaint(tiny):
    assert [wrong_answer_complaints(exercise) for exercise in tiny.values()] == [[], []]
    states = {stub_state(lessons.get("1.1"), exercise) for exercise in tiny.values()}
    assert states == {"not attempted"}


def test_check_that_accepts_a_wrong_answer_is_noticed():
    lenient = Exercise(
        "1.1.1",
        "modify",
        ["h"],
        lambda answer: "fine",
        "x = 1",
        [Wrong(3, "too large"), Wrong(4, "too large")],
    )
    assert len(wrong_answer_complaints(lenient)) == 2


def test_reason_that_says_something_else_is_noticed():
    def check(answer):
        raise NotYet("wrong")

    terse = Exercise("1.1.1", "modify", ["h"], check, "x = 1", [Wrong(3, "too large")])
    assert len(wrong_answer_complaints(terse)) == 2  # and a second wrong answer is missing

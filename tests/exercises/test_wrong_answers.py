"""Every exercise tells a wrong answer from a right one, and says why it is wrong."""

from __future__ import annotations

import pytest
import tiny_kit
from answering import (
    few_reasons,
    right_answer_complaints,
    stub_state,
    wrong_answer_complaints,
)

from tl_helpers import exercises
from tl_helpers.exercises.checking import Exercise, NotYet, Wrong
from tl_helpers.kit import lessons

LESSONS = lessons.find()
EXERCISES = {e.id: e for file in exercises.files().values() for e in exercises.load(file)}


# Exercises that are not yet tested on the right answer in three forms. The list only shrinks.
FORMS_MISSING = {f"{lesson}.{number}" for lesson in ("00", "1.1", "1.2") for number in (1, 2, 3)}


def test_there_are_exercises():
    assert EXERCISES


@pytest.mark.parametrize("id", EXERCISES)
def test_wrong_answers_get_the_reason_that_helps(id):
    assert wrong_answer_complaints(EXERCISES[id]) == []


@pytest.mark.parametrize("id", EXERCISES)
def test_right_answers_pass_in_every_form_and_wrong_ones_have_three_reasons(id):
    exercise = EXERCISES[id]
    complaints = right_answer_complaints(exercise) + few_reasons(exercise)
    if id in FORMS_MISSING:
        assert complaints, f"{id} is tested on three forms now: take it off FORMS_MISSING"
    else:
        assert complaints == []


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


def test_refused_form_of_the_right_answer_is_noticed():
    def check(answer):
        if not isinstance(answer, int):
            raise NotYet("write a whole number")
        return "fine"

    strict = Exercise("1.1.1", "modify", ["h"], check, "x = 3", right=[3, 3.0, lambda: [3]])
    assert len(right_answer_complaints(strict)) == 2
    assert right_answer_complaints(Exercise("1.1.1", "modify", ["h"], check, "x = 3", right=[3]))

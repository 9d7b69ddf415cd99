"""Exercises that answer back: `check`, `hint` and `solution`.

A lesson's exercises are one Python file beside it, ``solutions/NAME_OF_THE_NOTEBOOK.py``, with a
list ``EXERCISES`` of `Exercise`. The notebook holds the stub; the file holds the hints, the check,
the solution and the wrong answers that the check is tested on.
"""

from __future__ import annotations

import re
import textwrap
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tl_helpers.assets import paths
from tl_helpers.exercises import progress
from tl_helpers.exercises.answers import (
    NAN,
    NotAttempted,
    NotYet,
    complaint,
    describe,
    prepare,
    returned,
    returned_none,
)

PASSED, NOT_YET, NOT_ATTEMPTED, ERROR = "passed", "not yet", "not attempted", "error"
KINDS = ("complete", "modify", "investigate")
WIDTH = 100  # characters of a printed line


class State(str):
    """Outcome of `check`: an ordinary string that a notebook does not echo as the cell's value."""

    def _ipython_display_(self) -> None:
        """Show nothing: `check` has printed the outcome with its reason already."""


@dataclass(frozen=True)
class Wrong:
    """A plausible wrong answer, kept to test that the check refuses it and says why.

    Attributes
    ----------
    answer : object
        The wrong answer. A callable is called without arguments and its result is the answer, so
        that nothing heavy is built at import; for a function exercise, return the wrong function.
    reason_contains : str
        Words that the printed reason must contain.
    context : callable, optional
        Returns the keyword arguments given to the check, in place of the exercise's ``context``.
    """

    answer: Any
    reason_contains: str
    context: Callable[[], dict] | None = None

    def value(self) -> Any:
        """The wrong answer itself."""
        return self.answer() if callable(self.answer) else self.answer


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    Attributes
    ----------
    id : str
        Lesson id, a dot and a number: ``"1.1.2"`` is the second exercise of lesson 1.1.
    kind : {"complete", "modify", "investigate"}
    hints : list of str
        From a nudge to nearly the answer.
    check : callable
        ``check(answer, **context) -> str``: returns a sentence that explains why the answer is
        right, or raises `NotYet` with the reason why it is not.
    solution : str
        Code that replaces the whole stub cell.
    wrong : list of Wrong
        At least three, for three different reasons.
    right : list
        The right answer in at least three forms (a Python number, a numpy array, a tensor; a loop
        and a vectorised function); a callable is called without arguments, as for `Wrong`.
    context : callable
        Returns small stand-ins for the keyword arguments that the notebook gives to the check:
        the tests use them.

    Raises
    ------
    ValueError
        For another kind, or without a hint.
    """

    id: str
    kind: str
    hints: list[str]
    check: Callable[..., str]
    solution: str
    wrong: list[Wrong] = field(default_factory=list)
    context: Callable[[], dict] = dict
    right: list = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"exercise {self.id}: kind is {self.kind!r}; use one of {KINDS}.")
        if not self.hints:
            raise ValueError(f"exercise {self.id} has no hint; write at least one.")


def lesson_id(path: Path) -> str:
    """Id that a notebook's or exercises file's place gives: ``01_x/02_y.ipynb`` is ``"1.2"``.

    Raises
    ------
    ValueError
        When the file's or the folder's name does not start with two digits and an underscore.
    """
    folder = path.parent.parent if path.parent.name == "solutions" else path.parent
    number, track = (re.match(r"(\d\d)_", part) for part in (path.name, folder.name))
    if number is None:
        raise ValueError(f"{path.name}: a lesson's file starts with two digits, as in 01_name.")
    if track is None:
        return number[1]
    return f"{int(track[1])}.{int(number[1])}"


def load(path: Path) -> list[Exercise]:
    """Exercises of one file, in order.

    Raises
    ------
    ValueError
        When the file has no list ``EXERCISES``, an id twice, or an id of another lesson.
    """
    module = types.ModuleType(f"exercises of {path.stem}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    exercises = getattr(module, "EXERCISES", None)
    if not isinstance(exercises, list):
        raise ValueError(f"{path.name} defines no list named EXERCISES.")
    ids = [exercise.id for exercise in exercises]
    if len(set(ids)) < len(ids):
        raise ValueError(f"{path.name} has an exercise id twice: {', '.join(ids)}.")
    lesson = lesson_id(path)
    if strangers := [id for id in ids if id.rpartition(".")[0] != lesson]:
        raise ValueError(f"{path.name} is lesson {lesson} but holds {', '.join(strangers)}.")
    return exercises


def files(root: Path | None = None) -> dict[str, Path]:
    """Exercises file of every lesson that has one, by lesson id.

    Raises
    ------
    ValueError
        When a file's name gives no lesson; see `lesson_id`.
    """
    root = root or paths.notebooks_dir()
    found = [*root.glob("solutions/[0-9][0-9]_*.py"), *root.glob("*/solutions/[0-9][0-9]_*.py")]
    return {lesson_id(path): path for path in sorted(found)}


def find(exercise_id: str, root: Path | None = None) -> Exercise:
    """The exercise with this id.

    Raises
    ------
    KeyError
        When there is none; the message lists the ids that exist.
    ValueError
        When the lesson's file is not as `load` expects it, or a file's name gives no lesson.
    """
    by_lesson = files(root)
    lesson = exercise_id.rpartition(".")[0]
    if lesson in by_lesson:
        known = {exercise.id: exercise for exercise in load(by_lesson[lesson])}
        if exercise_id in known:
            return known[exercise_id]
        ids = ", ".join(known)
        raise KeyError(f"there is no exercise {exercise_id!r}; this lesson has {ids}.")
    every = [exercise.id for path in by_lesson.values() for exercise in load(path)]
    raise KeyError(f"there is no exercise {exercise_id!r}; there are {', '.join(every) or 'none'}.")


_checked: dict[str, str] = {}  # latest state of each exercise checked in this process
_hints: dict[str, int] = {}  # hints shown in this process


def check(exercise_id: str, answer: Any, **context: Any) -> str:
    """Check an answer, print the outcome with its reason, and remember it. Never raises.

    Parameters
    ----------
    exercise_id : str
        For example ``"1.1.2"``.
    answer : object
        What the exercise asks for. ``None``, ``...`` and a function whose body is still a
        placeholder count as not attempted.
    **context
        Objects of the notebook that the check compares with.

    Returns
    -------
    str
        ``"passed"``, ``"not yet"``, ``"not attempted"`` or ``"error"`` (the id is unknown, or the
        check itself failed on this answer).
    """
    exercise_id = str(exercise_id)
    state, reason = outcome(exercise_id, answer, context)
    _checked[exercise_id] = state
    note = _save(exercise_id, state=state, **({"passed": True} if state == PASSED else {}))
    _say(f"{exercise_id} {state}: {reason}{note}")
    return State(state)


def outcome(exercise_id: str, answer: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    """State and reason of an answer, without printing or remembering. Never raises."""
    try:
        exercise = find(exercise_id)
    except Exception as error:
        return ERROR, _why_not_found(error)
    return judge(exercise, answer, context)


def hint(exercise_id: str) -> None:
    """Print the next hint; after the last one, the last again. Never raises."""
    exercise = _found(exercise_id)
    if exercise is None:
        return
    number = min(_hints.get(exercise_id, 0) + 1, len(exercise.hints))
    _hints[exercise_id] = number
    _say(f"Hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}")
    if number == len(exercise.hints):
        _say(f'That is the last hint; solution("{exercise_id}") shows one way to do it.')
    _save(exercise_id, hints=number)


def solution(exercise_id: str) -> None:
    """Print code that solves the exercise, and note that it was seen. Never raises."""
    exercise = _found(exercise_id)
    if exercise is None:
        return
    print(exercise.solution.strip("\n"))
    _save(exercise_id, solution_seen=True)


def results() -> list[dict[str, str]]:
    """Latest state of each exercise checked in this process: ``[{"id", "state"}, ...]``."""
    return [{"id": id, "state": state} for id, state in _checked.items()]


def _found(exercise_id: str) -> Exercise | None:
    try:
        return find(exercise_id)
    except Exception as error:
        print(f"{exercise_id} {ERROR}: {_why_not_found(error)}")
        return None


def _why_not_found(error: Exception) -> str:
    if isinstance(error, KeyError):
        return error.args[0]
    return f"the exercises file cannot be read ({describe(error)})."


def judge(exercise: Exercise, answer: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    """State and reason of an answer to a given exercise. Never raises."""
    prepared = None
    try:
        prepared = prepare(answer)
        said = exercise.check(prepared, **context) or "well done."
        from tl_helpers.exercises.comparing import is_nan  # numpy, which `tl list` does without

        # Whatever a check compares, a NaN is no right answer.
        return (NOT_YET, NAN) if any(map(is_nan, [answer, *returned(prepared)])) else (PASSED, said)
    except NotAttempted:
        advice = "replace the placeholder above, run that cell, then this one"
        return NOT_ATTEMPTED, f'{advice}. hint("{exercise.id}") helps.'
    except NotYet as reason:
        found = complaint(reason, prepared) if returned_none(prepared) else None
        return NOT_YET, found or str(reason)
    except (Exception, SystemExit) as error:
        if found := complaint(error, prepared):
            return NOT_YET, found
        last = (returned(prepared) or [answer])[-1]
        kind = f"an answer of type {type(last).__name__}"
        return ERROR, f"the check cannot read {kind} ({describe(error)})."


def _say(text: str) -> None:
    """Print in lines that fit JupyterLab on a laptop, which breaks longer ones within words."""
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False))


def _save(exercise_id: str, **changes: object) -> str:
    """Record the changes; what cannot be saved is said, and does not stop the lesson."""
    try:
        progress.update(exercise_id, **changes)
    except Exception as error:
        return f" (Progress was not saved: {type(error).__name__}.)"
    return ""

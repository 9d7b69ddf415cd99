"""Parameters of a lesson as a person types them: ``-p name=value``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from tl_helpers.kit import lessons
from tl_helpers.kit.lessons import Lesson, LessonError

_PLACES = ("folder", "file", "path", "dir", "directory")  # last words of names that are paths
_WORDS = {"true": True, "false": False}


def named(text: str) -> tuple[str, str]:
    """``"rate=0.1"`` as name and value, both as text.

    Raises
    ------
    LessonError
        When there is no ``=``, or for profile and seed, which have options of their own.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise LessonError(f"-p {text}: expected NAME=VALUE, for example -p budget=10.")
    if name == "profile":
        raise LessonError(f"-p {text}: use --profile instead, with smoke, laptop or gpu.")
    if name == "seed":
        raise LessonError(f"-p {text}: use --seed {value} instead.")
    return name, value


def typed(lesson: Lesson, given: dict[str, str]) -> dict[str, Any]:
    """Values of the types that the lesson's parameters have.

    Where the default is text, the value is the text that was typed, whatever it looks like: 2024,
    none, quotes and spaces. A parameter whose name ends in ``folder``, ``file``, ``path`` or
    ``dir`` is a path, and starts where the person stands and not where the lesson runs. Other
    values are Python literals; what is none stays text, for `lessons.check_parameters` to refuse.

    Raises
    ------
    LessonError
        For a path that leads nowhere.
    """
    defaults = lessons.parameters(lessons.read(lesson.path)) if given else {}
    return {name: _value(name, text, defaults.get(name)) for name, text in given.items()}


def _value(name: str, text: str, default: object) -> Any:
    if isinstance(default, str):
        return _placed(name, text) if text and name.split("_")[-1] in _PLACES else text
    if isinstance(default, bool) and text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _placed(name: str, text: str) -> str:
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise LessonError(
            f"-p {name}={text}: there is no such file or folder, seen from {Path.cwd()}. Expected "
            "one that exists; a name with spaces needs quotes around the whole NAME=VALUE."
        )
    return str(path)

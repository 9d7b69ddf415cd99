"""``tl new``: a lesson that runs from the first minute, to be rewritten section by section.

Its template is a notebook with marks such as ``{{ID}}`` in it.
"""

from __future__ import annotations

import argparse
import json
import re
from importlib import resources
from pathlib import Path

from tl_helpers.assets import files, paths
from tl_helpers.kit import course_map, lessons
from tl_helpers.kit.lessons import LessonError

_UNTITLED = "Untitled: which question does this lesson answer?"
_LONGEST_NAME = 5  # words of the title that the file's name takes


def create(id: str, title: str | None = None) -> list[Path]:
    """Write a new lesson's notebook and its exercises.

    Parameters
    ----------
    id : str
        ``TRACK.LESSON`` such as ``"2.1"``.
    title : str, optional
        The question that the lesson answers. Without one the files are called "untitled": give
        both a name, and the notebook its title, when the question is found.

    Returns
    -------
    list of Path
        The notebook and the exercises file.

    Raises
    ------
    LessonError
        When the id has another form, belongs to no track, or is taken.
    ValueError
        When a line of curriculum.md, which names the tracks, cannot be read.
    """
    import nbformat

    name = _file_name(id, title or "untitled")
    title = title or _UNTITLED
    if id in [lesson.id for lesson in lessons.find()]:
        raise LessonError(f"lesson {id} is there already; `tl list` shows all.")
    notebook = paths.notebooks_dir() / _track(id) / f"{name}.ipynb"
    sheet = notebook.parent / "solutions" / f"{name}.py"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(sheet, _filled("exercises.py.txt", id, title))
    page = nbformat.reads(_filled("lesson.ipynb", id, title), as_version=4)
    files.write_text(notebook, nbformat.writes(page) + "\n")
    return [notebook, sheet]


def new(args: argparse.Namespace) -> None:
    """``tl new``: make a lesson's files and name them.

    Raises
    ------
    LessonError
        As `create` does.
    """
    for path in create(args.id, args.title):
        print(f"made {path.relative_to(paths.notebooks_dir()).as_posix()}")
    print(f"`tl run {args.id} --profile smoke --solutions` runs it.")


def _file_name(id: str, title: str) -> str:
    if not re.fullmatch(r"[1-9]\d?\.[1-9]\d?", id):
        raise LessonError(f"id is {id!r}; expected TRACK.LESSON, such as 2.1.")
    words = re.findall(r"[a-z0-9]+", title.lower())[:_LONGEST_NAME]
    if not words:
        raise LessonError("the title has no word in it; give the question that it answers.")
    return f"{int(id.partition('.')[2]):02}_{'_'.join(words)}"


def _track(id: str) -> str:
    """Folder of the id's track: the one that is there, else after its name in the curriculum."""
    number = id.partition(".")[0]
    for folder in sorted(paths.notebooks_dir().glob(f"{int(number):02}_*")):
        return folder.name
    about = course_map.read()
    if number not in about:
        tracks = ", ".join(track for track in about if "." not in track)
        raise LessonError(f"there is no track {number}; there are {tracks}.")
    return f"{int(number):02}_{'_'.join(re.findall('[a-z]+', about[number].lower()))}"


def _filled(name: str, id: str, title: str) -> str:
    from tl_helpers.kit.publish import SETUP_CELL

    text = resources.files("tl_helpers.kit").joinpath("templates", name).read_text(encoding="utf-8")
    for mark, value in {"{{ID}}": id, "{{TITLE}}": title, "# {{SETUP}}": SETUP_CELL}.items():
        text = text.replace(mark, json.dumps(value, ensure_ascii=False)[1:-1])
    return text

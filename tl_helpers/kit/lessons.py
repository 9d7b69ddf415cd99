"""Find lessons and read their notebooks: parameters, exercises, index.

Nothing heavy is imported here: `find` reads file names and one small index, so that ``tl list``
answers at once. nbformat is imported when a notebook is read.
"""

from __future__ import annotations

import ast
import copy
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_helpers.assets import paths
from tl_helpers.exercises.checking import Exercise, lesson_id

if TYPE_CHECKING:
    from nbformat import NotebookNode


class LessonError(ValueError):
    """A lesson, or a parameter of one, that does not exist or cannot be used."""


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course.

    Attributes
    ----------
    id : str
        ``"1.2"``, or ``"00"`` for the lesson outside the tracks.
    title : str
    path : Path
    track : str
        Folder name such as ``"01_foundations"``; empty outside the tracks.
    assets : tuple of str
        Names in the catalogue that the lesson fetches.
    recorded : dict
        The lesson's entry in ``index.json``: measured minutes, memory, claims and gain; empty
        before the first recorded run.
    """

    id: str
    title: str
    path: Path
    track: str = ""
    assets: tuple[str, ...] = ()
    recorded: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def exercises_file(self) -> Path:
        """Where the lesson's exercises are, if it has any."""
        return self.path.parent / "solutions" / f"{self.path.stem}.py"


def find() -> list[Lesson]:
    """All lessons, in the order of the course.

    Titles and measurements come from ``index.json``; a notebook that the index does not know yet
    is read itself.

    Raises
    ------
    LessonError
        When a notebook that the index does not know cannot be read.
    """
    root, index = paths.notebooks_dir(), read_index()
    found = [*root.glob("[0-9][0-9]_*.ipynb"), *root.glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb")]
    found = [path for path in found if path.stem.count(".") == 0]  # my copy.new.ipynb is none
    found.sort(key=lambda path: [int(part) for part in lesson_id(path).split(".")])
    return [_lesson(path, index.get(lesson_id(path), {})) for path in found]


def get(id: str) -> Lesson:
    """The lesson with this id.

    Raises
    ------
    LessonError
        When there is none; the message names those that exist.
    """
    every = find()
    for lesson in every:
        if lesson.id == id:
            return lesson
    known = ", ".join(lesson.id for lesson in every) or "none"
    raise LessonError(f"there is no lesson {id!r}; the lessons are {known}.")


def read_index() -> dict[str, dict[str, Any]]:
    """Entries of ``index.json`` by lesson id; empty when it has not been made or is damaged.

    The index is derived from the notebooks and runs, so that nothing is lost without it.
    """
    try:
        content = json.loads((paths.notebooks_dir() / "index.json").read_text("utf-8"))
        entries = content["lessons"] if isinstance(content, dict) else content
        return {entry["id"]: entry for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _lesson(path: Path, entry: dict[str, Any]) -> Lesson:
    track = path.parent.name if path.parent != paths.notebooks_dir() else ""
    title, assets = entry.get("title"), entry.get("assets")
    if title is None or assets is None:
        notebook = read(path)
        title = _title(notebook) or path.stem
        assets = notebook.metadata.get("tl", {}).get("assets", [])
    return Lesson(lesson_id(path), title, path, track, tuple(assets), entry)


def read(path: Path) -> NotebookNode:
    """A notebook in the current format.

    Raises
    ------
    LessonError
        When the file is not a notebook.
    """
    with without_module("rfc3987_syntax"):
        import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        raise LessonError(f"{path.name} is not a readable notebook: {error}") from error


@contextmanager
def without_module(name: str) -> Iterator[None]:
    """Imports inside go without module ``name``, unless it is loaded already.

    nbformat imports jsonschema, which tries optional checkers of formats at once. That of
    international addresses compiles its grammar for a second, and a notebook holds none to check.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # its import fails, as if it were not installed
    try:
        yield
    finally:
        del sys.modules[name]


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        for line in cell.source.splitlines():
            if cell.cell_type == "markdown" and line.startswith("# "):
                return line[2:].strip()
    return ""


def claims_held(claims: dict[str, Any] | None) -> str | None:
    """An index entry's claims in a few words: "8 of 8, at 10 seeds: 79 of 80".

    The first two numbers are of the run that the committed notebook shows, the others of the
    recorded seeds, where there are any.
    """
    if not claims:
        return None
    words = f"{claims['held']} of {claims['total']}"
    if not claims.get("seeds"):
        return words
    return f"{words}, at {claims['seeds']} seeds: {claims['held_at_seeds']} of {claims['of']}"


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    """Cells that carry this tag, in order."""
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def parameters(notebook: NotebookNode) -> dict[str, Any]:
    """Names and default values in the cell tagged "parameters": literals only.

    Raises
    ------
    LessonError
        When a value there is not a literal.
    """
    found: dict[str, Any] = {}
    for cell in tagged(notebook, "parameters"):
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                name = statement.targets[0].id
                try:
                    found[name] = ast.literal_eval(statement.value)
                except ValueError as error:
                    message = f"parameter {name} is not a literal; compute it in the next cell."
                    raise LessonError(message) from error
    return found


def check_parameters(lesson: Lesson, given: dict[str, Any]) -> None:
    """Refuse what the lesson does not have, or a value of another type than its default.

    Raises
    ------
    LessonError
        Naming the parameters that the lesson has.
    """
    known = parameters(read(lesson.path))
    if strangers := sorted(set(given) - set(known)):
        has = ", ".join(f"{name} = {value!r}" for name, value in known.items()) or "none"
        names = ", ".join(strangers)
        raise LessonError(f"lesson {lesson.id} has no parameter {names}; it has {has}.")
    for name, value in given.items():
        default = known[name]
        same = type(value) is type(default) or (type(default) is float and type(value) is int)
        if default is not None and not same:
            raise LessonError(
                f"lesson {lesson.id}: {name} is {value!r}, a {type(value).__name__}; expected a "
                f"{type(default).__name__} such as its default {default!r}."
            )


def inject_solutions(notebook: NotebookNode, exercises: list[Exercise]) -> NotebookNode:
    """Copy of the notebook in which each exercise's stub cell is replaced by its solution.

    Raises
    ------
    LessonError
        When a stub names an exercise that the file does not have, or an exercise has no stub.
    """
    notebook = copy.deepcopy(notebook)
    by_id = {exercise.id: exercise for exercise in exercises}
    stubs = {cell.metadata.get("exercise"): cell for cell in tagged(notebook, "exercise")}
    if set(stubs) != set(by_id):
        odd = ", ".join(sorted(map(str, set(stubs) ^ set(by_id))))
        raise LessonError(f"the notebook's exercise cells and its exercises differ in: {odd}.")
    for id, cell in stubs.items():
        cell.source = by_id[id].solution.strip("\n")
    return notebook

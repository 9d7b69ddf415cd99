"""``tl new``: a lesson that runs from the first minute, to be rewritten section by section.

The template is Markdown whose fenced Python blocks become code cells; the words after
```` ```python ```` are the cell's tags, and ``exercise=ID`` marks an exercise's stub. A line
``<!-- cell TAG -->`` begins a Markdown cell with this tag.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from tl_helpers.assets import files, paths
from tl_helpers.kit import lessons
from tl_helpers.kit.lessons import LessonError

if TYPE_CHECKING:
    from nbformat import NotebookNode

TRACKS = (
    "foundations",
    "vision",
    "language",
    "speech_and_audio",
    "sim_to_real",
    "healthcare",
    "finance",
    "manufacturing",
    "when_transfer_fails",
    "frontiers",
    "your_own_project",
)
_BLOCK = re.compile(r"^```python *(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_PROSE = re.compile(r"^<!-- cell (\S+) -->\n", re.MULTILINE)
_UNTITLED = "Untitled: which question does this lesson answer?"
_LONGEST_NAME = 5  # words of the title that the file's name takes


def create(id: str, title: str | None = None, root: Path | None = None) -> list[Path]:
    """Write a new lesson's notebook and its exercises.

    Parameters
    ----------
    id : str
        ``TRACK.LESSON`` such as ``"2.1"``.
    title : str, optional
        The question that the lesson answers. Without one the files are called "untitled": give
        both a name, and the notebook its title, when the question is found.
    root : Path, optional
        Folder of the notebooks; by default `paths.notebooks_dir()`.

    Returns
    -------
    list of Path
        The notebook and the exercises file.

    Raises
    ------
    LessonError
        When the id has another form, belongs to no track, or is taken.
    """
    import nbformat

    root = root or paths.notebooks_dir()
    name = _file_name(id, title or "untitled")
    title = title or _UNTITLED
    if id in [lesson.id for lesson in lessons.find(root)]:
        raise LessonError(f"lesson {id} is there already; `tl list` shows all.")
    notebook = root / _track(id, root) / f"{name}.ipynb"
    sheet = notebook.parent / "solutions" / f"{name}.py"
    sheet.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(sheet, _filled("exercises.py.txt", id, title))
    page = to_notebook(_filled("lesson.md", id, title), id)
    files.write_text(notebook, nbformat.writes(page) + "\n")
    return [notebook, sheet]


def to_notebook(text: str, id: str) -> NotebookNode:
    """Notebook of a lesson written as Markdown with fenced Python blocks."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = []
    parts = _BLOCK.split(text)  # prose, words of the fence, code, prose, ...
    for start in range(0, len(parts), 3):
        cells += [new_markdown_cell(text, metadata=tags) for text, tags in _prose(parts[start])]
        if start + 2 < len(parts):
            cells.append(
                new_code_cell(parts[start + 2].rstrip(), metadata=_marks(parts[start + 1]))
            )
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:02}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "tl": {"id": id, "assets": []}}
    return new_notebook(cells=cells, metadata=metadata)


def _prose(text: str) -> list[tuple[str, dict]]:
    """Markdown cells of the text between two code cells, with their metadata."""
    first, *tagged = _PROSE.split(text)
    pairs: list[tuple[str, dict]] = [(first, {})]
    pairs += [(tagged[n + 1], {"tags": [tagged[n]]}) for n in range(0, len(tagged), 2)]
    return [(prose.strip(), metadata) for prose, metadata in pairs if prose.strip()]


def _marks(words: str) -> dict:
    """Cell metadata of the words after the fence."""
    metadata: dict = {}
    for word in words.split():
        tag, _, value = word.partition("=")
        metadata.setdefault("tags", []).append(tag)
        if value:
            metadata[tag] = value
    return metadata


def _file_name(id: str, title: str) -> str:
    if not re.fullmatch(r"[1-9]\d?\.[1-9]\d?", id):
        raise LessonError(f"id is {id!r}; expected TRACK.LESSON, such as 2.1.")
    words = re.findall(r"[a-z0-9]+", title.lower())[:_LONGEST_NAME]
    if not words:
        raise LessonError("the title has no word in it; give the question that it answers.")
    return f"{int(id.partition('.')[2]):02}_{'_'.join(words)}"


def _track(id: str, root: Path) -> str:
    """Folder of the id's track: the one that is there, else the course's name for it."""
    number = int(id.partition(".")[0])
    for folder in sorted(root.glob(f"{number:02}_*")):
        return folder.name
    if number > len(TRACKS):
        raise LessonError(f"there is no track {number}; they go from 1 to {len(TRACKS)}.")
    return f"{number:02}_{TRACKS[number - 1]}"


def _filled(name: str, id: str, title: str) -> str:
    from tl_helpers.kit.publish import SETUP_CELL

    text = resources.files("tl_helpers.kit").joinpath("templates", name).read_text(encoding="utf-8")
    for mark, value in {"ID": id, "TITLE": title, "SETUP": SETUP_CELL}.items():
        text = text.replace("{{" + mark + "}}", value)
    return text

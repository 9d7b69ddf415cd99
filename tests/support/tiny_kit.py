"""A course of two tiny lessons, real notebooks with real exercises, that the tests run."""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

EXERCISES = '''"""Exercises of the tiny lesson."""

from tl_helpers.exercises.checking import Exercise, NotYet, Wrong


def _check_count(answer, data):
    if answer == len(data) + 1:
        raise NotYet("that counts one too many: range starts at zero")
    if answer != len(data):
        raise NotYet(f"expected a count of {len(data)} rows")
    return "len counts the rows."


def _check_mean(answer, data):
    if answer([1, 2]) == 1:
        raise NotYet("whole-number division loses the rest")
    if answer(data) != sum(data) / len(data):
        raise NotYet("the mean divides the sum by the count")
    return "sum over count."


def _mean_by_floor():
    return lambda values: sum(values) // len(values)


EXERCISES = [
    Exercise(
        id="1.1.1",
        kind="investigate",
        hints=["Which function counts?", "It is len."],
        check=_check_count,
        solution="rows = len(data)",
        wrong=[Wrong(4, "one too many"), Wrong(lambda: 17, "expected a count")],
        context=lambda: {"data": [1, 2, 6]},
    ),
    Exercise(
        id="1.1.2",
        kind="complete",
        hints=["Sum, then divide."],
        check=_check_mean,
        solution="def mean(values):\\n    return sum(values) / len(values)",
        wrong=[
            Wrong(_mean_by_floor, "loses the rest"),
            Wrong(lambda: sum, "divides the sum"),
            Wrong(lambda: lambda values: values.mean(), "AttributeError"),
        ],
        context=lambda: {"data": [1, 2, 6]},
    ),
]
'''

CLAIM = """import os, sys
from pathlib import Path
from tl_helpers import exercises
holds = None if profile == "smoke" else seed < 5
card = {"lesson": "1.1", "profile": profile, "seed": seed, "stale": False,
        "claims": [{"task": "main", "text": "the seed is small", "holds": holds}],
        "sabotage": {"swap": ["the seed is small"]}, "checks": exercises.results(),
        "versions": {"torch": "2"}}
Path(os.environ["TL_OUT"], "1.1.json").write_text(json.dumps(card))
print("not evaluated" if holds is None else "holds" if holds else "does not hold", "at", sys.prefix)
"""


def build(root: Path) -> Path:
    """Write the course under ``root`` and return its folder of notebooks."""
    track = root / "notebooks" / "01_basics"
    (track / "solutions").mkdir(parents=True)
    (track / "solutions" / "01_counting.py").write_text(EXERCISES)
    nbformat.write(counting(), track / "01_counting.ipynb")
    nbformat.write(
        new_notebook(
            cells=[
                new_markdown_cell("# Where to start?"),
                code('profile = "laptop"\nseed = 0', "parameters"),
                code("print('welcome')", count=2),
            ],
            metadata=metadata("00"),
        ),
        root / "notebooks" / "00_start.ipynb",
    )
    return root / "notebooks"


def counting():
    """The lesson 1.1 with two exercises and a claim."""
    cells = [
        new_markdown_cell("# How many rows are there?"),
        code("import json", "setup"),
        code('profile = "laptop"\nseed = 0\nrate = 0.5\nword = "surface"', "parameters"),
        code("data = [1, 2, 6]\nassert word != 'boom', 'the word went boom'"),
        code("from tl_helpers.exercises.checking import check, hint, solution"),
        code("rows = ...", "exercise", exercise="1.1.1"),
        code('check("1.1.1", rows, data=data)'),
        code("def mean(values):\n    ...", "exercise", exercise="1.1.2"),
        code('check("1.1.2", mean, data=data)'),
        code(CLAIM),
        code('print("claims: done")', "nbval-check-output", output="claims: done\n"),
    ]
    for number, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    return new_notebook(cells=cells, metadata=metadata("1.1"))


def code(source, tag=None, *, exercise=None, output=None, count=1):
    """Code cell with a tag, and with stored output where given."""
    extra = {"tags": [tag]} if tag else {}
    if exercise:
        extra["exercise"] = exercise
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)] if output else []
    return new_code_cell(source, metadata=extra, outputs=outputs, execution_count=count)


def metadata(lesson_id):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"kernelspec": kernel, "tl": {"id": lesson_id, "assets": ["mnist-5k"]}}


def write_index(notebooks: Path) -> None:
    """An index of recorded runs, as the publisher writes it."""
    lesson = {
        "id": "1.1",
        "title": "How many rows are there?",
        "path": "01_basics/01_counting.ipynb",
        "track": "01_basics",
        "assets": ["mnist-5k"],
    }
    (notebooks / "index.json").write_text(json.dumps({"lessons": [lesson]}))


def add(notebooks: Path, name: str, source: str) -> str:
    """Add a lesson with one code cell to the track and return its id."""
    cells = [
        new_markdown_cell(f"# What does {name} do?"),
        code('profile = "laptop"\nseed = 0', "parameters"),
        code(source),
    ]
    lesson_id = f"1.{int(name[:2])}"
    notebook = new_notebook(cells=cells, metadata=metadata(lesson_id))
    nbformat.write(notebook, notebooks / "01_basics" / f"{name}.ipynb")
    return lesson_id

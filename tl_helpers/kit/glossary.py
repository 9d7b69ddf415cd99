"""The course's terms: one file, shown in lesson 00 between two markers."""

from __future__ import annotations

import re
from typing import NamedTuple

from tl_helpers.assets import paths

FILE = "glossary.md"
MARKERS = ("<!-- glossary -->", "<!-- /glossary -->")
_ROW = re.compile(r"^\| *([^|]+?) *\| *([^|]+?) *\| *(\d+(?:\.\d+)?) *\|$", re.MULTILINE)


class Term(NamedTuple):
    """One term, what it means in a sentence, and the lesson that introduces it."""

    name: str
    meaning: str
    lesson: str


def read() -> list[Term]:
    """Terms of ``glossary.md`` in the folder of the notebooks, in the file's order.

    Raises
    ------
    ValueError
        When a line below the table's head is not ``| term | meaning | lesson |``, or a term stands
        twice.
    """
    text = (paths.notebooks_dir() / FILE).read_text(encoding="utf-8")
    terms = [Term(*match.groups()) for match in _ROW.finditer(text)]
    rows = text.partition("|---|---|---|\n")[2].splitlines()
    odd = [line for line in rows if not _ROW.match(line)]
    keys = [key(term.name) for term in terms]
    twice = [term.name for term in terms if keys.count(key(term.name)) > 1]
    if odd or twice:
        what = f"the line {odd[0]!r} is not" if odd else f"{twice[0]!r} stands twice; expected"
        raise ValueError(f"{FILE}: {what} one `| term | meaning | lesson |` a term.")
    return terms


def key(name: str) -> str:
    """A term without capitals and plural, to look it up by."""
    name = " ".join(name.lower().split())
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def block(terms: list[Term]) -> str:
    """The terms from A to Z as a Markdown table, markers included."""
    rows = [
        f"| {term.name} | {term.meaning} | {term.lesson} |"
        for term in sorted(terms, key=lambda term: term.name.lower())
    ]
    return "\n".join([MARKERS[0], "| term | means | lesson |", "|---|---|---|", *rows, MARKERS[1]])

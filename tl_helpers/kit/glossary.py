"""The course's terms: one file, shown in lesson 00 between two markers."""

from __future__ import annotations

from typing import NamedTuple

from tl_helpers.kit.pages import rows

FILE = "glossary.md"
MARKERS = ("<!-- glossary -->", "<!-- /glossary -->")


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
    terms = [Term(*row) for row in rows(FILE, "term | meaning | lesson")]
    keys = [key(term.name) for term in terms]
    if twice := [term.name for term in terms if keys.count(key(term.name)) > 1]:
        raise ValueError(f"{FILE}: {twice[0]!r} stands twice; expected one line a term.")
    return terms


def key(name: str) -> str:
    """A term without capitals and plural, to look it up by."""
    name = " ".join(name.lower().split())
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def block(terms: list[Term]) -> str:
    """The terms from A to Z as a Markdown table, markers included."""
    lines = [
        f"| {term.name} | {term.meaning} | {term.lesson} |"
        for term in sorted(terms, key=lambda term: term.name.lower())
    ]
    return "\n".join([MARKERS[0], "| term | means | lesson |", "|---|---|---|", *lines, MARKERS[1]])

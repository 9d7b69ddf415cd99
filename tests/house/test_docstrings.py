"""Whoever calls a public name can read which errors it raises: its docstring names each of them.

What a function raises is read from the code: its own ``raise`` statements and those of functions of
its module that it calls, without what a ``try`` around them catches.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from raised import Module

PACKAGE = Path(__file__).resolve().parents[2] / "tl_helpers"

# What cannot happen, as the reader of code cannot see: the condition before the call rules it out.
NEVER = {
    "arms.lexicon.on_texts": "calls what needs two sentiments only where there are two",
    "arms.lexicon.controls_on_texts": "as on_texts",
    "compare.measurements.Measurements.edges": "asks only for cells that have rows",
    "compare.measurements.Measurements.table": "asks only for cells that have rows",
}


def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def _public(name: str) -> bool:
    return not any(p.startswith("_") and p != "__init__" for p in name.split("."))


def named_errors(docstring: str) -> set[str]:
    """Names that stand on lines of their own in a docstring's section ``Raises``.

    >>> sorted(named_errors("Do.\\n\\nRaises\\n------\\nOSError, KeyError\\n    When."))
    ['KeyError', 'OSError']
    """
    section = re.search(r"^Raises\n-+\n(.*?)(?=\n\S[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    heads = re.findall(r"^[A-Za-z][\w., ]*$", section[1], re.M) if section else []
    return {name.strip().split(".")[-1] for head in heads for name in head.split(",")}


def unsaid(path: Path) -> dict[str, str]:
    """What public functions, methods and classes of a file raise and do not name, by thing."""
    found = {}
    for thing in Module(path.read_text(encoding="utf-8")).things():
        if missing := thing.raises - named_errors(thing.docstring):
            found[thing.name] = ", ".join(sorted(missing))
    return found


@pytest.mark.parametrize("name", [n for n in _modules() if _public(n)])
def test_docstrings_name_the_errors(name):
    found = unsaid(_modules()[name]).items()
    silent = [f"{n} raises {e}" for n, e in found if f"{name}.{n}" not in NEVER]
    assert not silent, f"{name}: say in a section Raises when " + "; ".join(silent)


def test_the_list_is_no_longer_than_needed():
    modules = _modules()
    silent = {f"{name}.{thing}" for name in modules for thing in unsaid(modules[name])}
    assert NEVER.keys() <= silent, "NEVER names what is not there, or says its errors"


EXAMPLE = '''
class Odd(ValueError):
    pass

def says(x):
    """Do.

    Raises
    ------
    ValueError
        For a negative number.
    """
    _check(x)

def caught(x):
    """Do."""
    try:
        _check(x)
    except (ValueError, OSError):
        return None

def deeper(x):
    """Do."""
    return _deep(x)

def again(x):
    """Do."""
    try:
        _check(x)
    except Exception:
        raise

class Box:
    """A box.

    Raises
    ------
    TypeError
        For a lid of another size.
    """

    def __init__(self, x):
        raise TypeError("lid")

    def open(self):
        """Open it."""
        self._look()

    def _look(self):
        raise LookupError("empty")

    @property
    def _hidden(self):
        raise KeyError

    def retry(self):
        """Wait for a lid."""
        with contextlib.suppress(LookupError):
            self._look()

    def forward(self):
        """Not here."""
        raise NotImplementedError

def _check(x):
    if x < 0:
        raise ValueError("negative")

def _deep(x):
    raise _error(x)

def _error(x) -> Odd:
    return Odd(x)
'''


def test_the_reader_sees_what_a_function_raises(tmp_path):
    things = {thing.name: set(thing.raises) for thing in Module(EXAMPLE).things() if thing.raises}
    assert things == {
        "says": {"ValueError"},
        "deeper": {"Odd"},
        "again": {"ValueError"},
        "Box": {"TypeError"},
        "Box.open": {"LookupError"},
    }
    file = tmp_path / "example.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    assert unsaid(file) == {"deeper": "Odd", "again": "ValueError", "Box.open": "LookupError"}

"""Whose a definition is: Python's and the libraries', or ours, in notebooks and in this package."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import types
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# These rooms decide no result: files are verified by their own hashes, the others look on.
_OUTSIDE = frozenset({"assets", "exercises", "plots", "kit"})
_FOLDERS = ("stdlib", "platstdlib", "purelib", "platlib")


def is_outside(file: str | None) -> bool:
    """Whether a file lies in a room of this package that decides no result."""
    path = Path(file or "")
    return _PACKAGE in path.parents and path.relative_to(_PACKAGE).parts[0] in _OUTSIDE


@lru_cache(maxsize=4096)
def in_library(file: str) -> bool:
    """Whether a file belongs to Python or to an installed library; this package is none."""
    path = Path(file)
    if _PACKAGE in path.parents:
        return False
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return True
    folders = {Path(sysconfig.get_path(name)).resolve() for name in _FOLDERS}
    return not folders.isdisjoint(path.resolve().parents)


def is_library(module: types.ModuleType | str | None) -> bool:
    """Whether a loaded module, or the one of this name, is a library's."""
    name = getattr(module, "__name__", module)
    found = sys.modules.get(module) if isinstance(module, str) else module
    if found is None or name == "__main__":
        return False
    return _in_library(getattr(found, "__file__", None), getattr(found, "__path__", ()))


@lru_cache(maxsize=256)
def imports_library(name: str) -> bool:
    """Whether ``import name`` loads a library; False for what is ours or cannot be found."""
    first = name.partition(".")[0]
    if first in sys.modules:
        return is_library(first)
    spec = importlib.util.find_spec(first)
    return spec is not None and _in_library(_file_of(spec), spec.submodule_search_locations or ())


def _file_of(spec: ModuleSpec) -> str | None:
    return spec.origin if spec.has_location else None


def _in_library(file: str | None, places) -> bool:
    if file is None:  # compiled into Python; or a package without __init__, which has places
        places = list(places)
        return not places or in_library(places[0])
    return in_library(file)

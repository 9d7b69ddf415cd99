"""Doors of the rooms: a package hands on names of its modules, and imports them when asked.

PEP 562. Nothing but the standard library: on Colab and in a bundle the package is opened before
what it needs is installed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def door(
    package: str, names: Mapping[str, Sequence[str]], modules: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : dict of str to sequence of str
        What each module of the package hands on.
    modules : sequence of str
        Modules that are handed on themselves.

    Examples
    --------
    ``__getattr__, __dir__, __all__ = door(__name__, {"loop": ["fit"]}, ["logs"])``
    """
    homes: dict[str, str | None] = {name: module for module, some in names.items() for name in some}
    homes |= {module: None for module in modules}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        found = importlib.import_module(f"{package}.{home or name}")
        if home:
            found = getattr(found, name)
            setattr(sys.modules[package], name, found)
        return found

    return find, lambda: sorted(homes), sorted(homes)

"""What a value counts as in a fingerprint: literals, containers, paths, and other objects.

`describe` takes one value apart; `compare.evidence` walks on from there. Arrays are in
`sketches.py`, the objects of torch, scikit-learn and others in `library_values.py`.
"""

from __future__ import annotations

import enum
import re
import sysconfig
import tempfile
import types
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePath

import numpy as np

from tl_helpers.assets import paths
from tl_helpers.compare import library_values
from tl_helpers.compare.sketches import Exact, Node, Part, Rounded, Token, array, digest

_PLAIN = (int, float, complex, bool, type(None), type(...), type(NotImplemented), range)
_MAPPINGS = ("builtins", "collections")
_NOT_READ = ("<scratch>", "<out>", "<cache>", "<library>")
_MOST = (10_000, 2**30)  # files and bytes of a folder


def describe(value: object) -> Token | Node:
    """What stands for a value: one token, or its kind and its parts.

    Raises
    ------
    ValueError
        When the value has a state that nothing can read, as open files and locks have.
    """
    if type(value) in _PLAIN:
        return f"{type(value).__name__} {value!r}"
    for fits, taken_apart in _DESCRIBERS:
        if fits(value):
            return taken_apart(value)
    return library_values.describe(value) or _object(value)


def place(text: str) -> str:
    """A text, without the folder (kit, cache, libraries, scratch) that it begins with."""
    if not Path(text[:300]).is_absolute():
        return text
    for folder, name in _folders():
        if text == folder or text.startswith((folder + "/", folder + "\\")):
            rest = text[len(folder) :].replace("\\", "/")
            return f"<{name}>{re.sub('^/[^/]*', '', rest) if name == 'scratch' else rest}"
    return text


def _folders() -> list[tuple[str, str]]:
    """Folders that another machine or run has elsewhere; the innermost first."""
    found = {"cache": paths.cache_dir(), "kit": paths.kit_root(), "out": paths.out_dir()}
    named = [(str(Path(folder).resolve()), name) for name, folder in found.items()]
    named += [(sysconfig.get_path(kind), "library") for kind in ("stdlib", "purelib", "platlib")]
    return sorted([*named, (tempfile.gettempdir(), "scratch")], key=lambda one: -len(one[0]))


def _text(value: str) -> str:
    return f"str {place(value)!r}"


def _raw(value: bytes | bytearray | memoryview) -> str:
    return f"{type(value).__name__} {digest(bytes(value))}"


def _path(value: PurePath) -> Token | Node:
    """A path by its text and by what lies there.

    Files of scratch folders come and go while an arm runs; libraries count by version, and assets
    by their own hashes.
    """
    text = place(value.as_posix())
    parts: list[Part] = [("text", text)]
    if isinstance(value, Path) and not text.startswith(_NOT_READ):
        if value.is_file():
            parts.append(("content", Exact(digest(value.read_bytes()))))
        elif value.is_dir():
            parts.append(("content", Exact(_folder(value))))
    return Node("path", parts)


def _folder(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    if len(files) > _MOST[0] or size > _MOST[1]:
        raise ValueError(
            f"the folder {folder.name} holds {len(files)} files of {size / 1e6:.0f} MB, too much "
            "to count. Give the arm the path of the folder that it reads, or what it read there."
        )
    return digest(*(digest(f.relative_to(folder).as_posix(), f.read_bytes()) for f in files))


def _mapping(value: Mapping) -> Node:
    """A dict in its order, which a loop over it sees."""
    parts: list[Part] = []
    for key, inner in value.items():
        parts += [("key", key), (f"[{key!r:.60}]", inner)]
    if default := getattr(value, "default_factory", None):
        parts.append(("default", default))
    return Node(type(value).__name__, parts)


def _sequence(value: Iterable) -> Node:
    return Node(type(value).__name__, [(f"[{index}]", item) for index, item in enumerate(value)])


def _slice(value: slice) -> Node:
    return Node("slice", [(key, getattr(value, key)) for key in ("start", "stop", "step")])


def _args(value: types.UnionType) -> list[Part]:
    return [("type", one) for one in value.__args__]


def _enum(value: enum.Enum) -> Node:
    return Node(f"member {value.name}", [("class", type(value)), ("value", value.value)])


def _stated(value) -> Node:
    """A data set, or any object that says itself what it holds."""
    said = Exact(digest(value.fingerprint()))
    return Node("stated", [("class", type(value)), ("fingerprint", said)])


def _states(value: object) -> bool:
    """Whether an object has a fingerprint, and holds no floats, which that would take exactly."""
    return callable(getattr(value, "fingerprint", None)) and not _holds_floats(value)


def _holds_floats(value: object) -> bool:
    if library_values.is_float(value):
        return True
    inside = getattr(value, "__dict__", {}).values() if hasattr(value, "fingerprint") else ()
    return any(map(_holds_floats, inside))


def _object(value: object) -> Token | Node:
    """Any other object, by the state from which the pickle protocol would rebuild it."""
    try:
        reduced = value.__reduce_ex__(2)
    except Exception as error:
        raise ValueError(
            f"it is a {type(value).__module__}.{type(value).__qualname__}, whose state cannot be "
            f"read ({error}). Make it inside the arm, or give its class a method fingerprint()."
        ) from error
    if isinstance(reduced, str):
        return f"{type(value).__name__} {reduced}"
    maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    fields = state if isinstance(state, tuple) else (state,)
    named = [item for field in fields if isinstance(field, dict) for item in field.items()]
    kept = [(key, inner) for key, inner in named if not _is_cache(type(value), key)]
    other = [(f"state {n}", f) for n, f in enumerate(fields) if not isinstance(f, dict | None)]
    inside = [("items", list(items or ())), ("pairs", list(pairs or ()))]
    parts = [("class", type(value)), *other, *sorted(kept, key=lambda item: str(item[0]))]
    if maker is not type(value) and getattr(maker, "__module__", "") != "copyreg":
        parts.append(("maker", maker))
    parts += [(f"argument {n}", a) for n, a in enumerate(arguments) if a is not type(value)]
    return Node("object", [*parts, *(part for part in inside if part[1])])


def _is_cache(cls: type, key: str) -> bool:
    return any(isinstance(vars(base).get(key), cached_property) for base in cls.__mro__)


_DESCRIBERS = [
    (lambda value: isinstance(value, Exact | Rounded | Node), lambda value: value),
    (lambda value: isinstance(value, enum.Enum), _enum),
    (lambda value: type(value) is str, _text),
    (lambda value: type(value) in (bytes, bytearray, memoryview), _raw),
    (lambda value: type(value) in (list, tuple, set, frozenset), _sequence),
    (lambda value: isinstance(value, Mapping) and type(value).__module__ in _MAPPINGS, _mapping),
    (lambda value: isinstance(value, np.ndarray), array),
    (lambda value: isinstance(value, np.generic), lambda value: array(np.asarray(value), "number")),
    (lambda value: isinstance(value, PurePath), _path),
    (lambda value: type(value) is slice, _slice),
    (lambda value: type(value) is types.UnionType, lambda value: Node("union", _args(value))),
    (lambda value: type(value) is re.Pattern, lambda value: f"{value.pattern!r} {value.flags}"),
    (_states, _stated),
]

"""A hash of the code that decides an arm's result, blind to comments and docstrings.

Followed are the functions and classes of the notebook that the arm names, the literal values
that they read (globals, closures, defaults), and the modules of tl_helpers below the comparison,
with the modules that those import. Libraries are recorded by version elsewhere; data and weights
by the catalogue's own hashes.
"""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGE = __name__.rpartition(".")[0]

# What these modules hold cannot change a result: they measure, draw, or find verified files.
_OUTSIDE = {
    *("paths", "assets", "catalogue", "conversions"),  # every file is verified by its own hash
    *("code_hash", "studies", "report", "compare", "plots", "widgets"),
    *("exercises", "answers", "progress", "lessons", "kernels", "cleaning", "colab"),
    *("publish", "doctor", "cli", "__main__"),
}
_LITERALS = (int, float, complex, str, bytes, bool, type(None))


def of(arm: Callable) -> str:
    """SHA-256 of the code and literals that ``arm`` reaches.

    Parameters
    ----------
    arm : callable
        A function of a notebook or of a file, a lambda, a `functools.partial`, a bound method
        or an object with ``__call__``.

    Raises
    ------
    ValueError
        When the source of a reached function cannot be read, as for one made with ``exec``.
    """
    pieces: dict[str, str] = {}
    _visit("arm", arm, pieces, set())
    text = "\n".join(f"{name}\t{piece}" for name, piece in sorted(pieces.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _visit(name: str, value: object, pieces: dict[str, str], seen: set[int]) -> None:
    """Add to ``pieces`` what ``value`` contributes, under ``name``."""
    if isinstance(value, _LITERALS):
        pieces[name] = repr(value)
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, types.ModuleType):
        _visit_module(value.__name__, pieces)
    elif isinstance(value, types.FunctionType):
        _visit_function(name, value, pieces, seen)
    elif isinstance(value, type):
        _visit_class(value, pieces, seen)
    else:
        for part, inner in _parts(value):
            _visit(f"{name}.{part}", inner, pieces, seen)


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """What stands inside a container, a partial, a bound method or another object."""
    if isinstance(value, dict):
        for key in value:
            yield f"[{key!r}]", value[key]
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((f"{{{item}}}", item) for item in sorted(map(repr, value)))
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield from (("func", value.__func__), ("self", value.__self__))
    elif hasattr(value, "__wrapped__"):  # functools.cache and other wrappers
        yield "wrapped", value.__wrapped__
    else:  # an instance: its class decides what it does; its state is data, not code
        yield "class", type(value)


def _visit_function(name, function, pieces, seen) -> None:
    if _is_ours(function.__module__):
        _visit_module(function.__module__, pieces)
        return
    if not _is_local(function):
        return
    path = f"{function.__module__}.{function.__qualname__}"
    text, imports = _syntax_of(function)
    pieces[f"{name}={path}"] = text
    _visit(f"{path}.defaults", function.__defaults__ or (), pieces, seen)
    _visit(f"{path}.kwdefaults", function.__kwdefaults__ or {}, pieces, seen)
    closure = inspect.getclosurevars(function).nonlocals
    for variable, inner in closure.items():
        _visit(f"{name}.closure.{variable}", inner, pieces, seen)
    for variable in _global_names(function.__code__):
        if variable in function.__globals__:
            _visit(variable, function.__globals__[variable], pieces, seen)
    for imported in imports:
        _visit_module(imported, pieces)


def _visit_class(cls: type, pieces: dict[str, str], seen: set[int]) -> None:
    for base in cls.__mro__:
        if base.__module__ == "builtins":
            continue
        if _is_ours(base.__module__):
            _visit_module(base.__module__, pieces)
            continue
        for attribute, member in vars(base).items():
            inner = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            if isinstance(inner, types.FunctionType) and _is_local(inner):
                _visit(f"{base.__qualname__}.{attribute}", inner, pieces, seen)
            elif isinstance(inner, _LITERALS) and not attribute.startswith("__"):
                pieces[f"{base.__qualname__}.{attribute}"] = repr(inner)


def _visit_module(name: str, pieces: dict[str, str]) -> None:
    """Add a module of tl_helpers and, transitively, those of the package that it imports."""
    tail = name.removeprefix(f"{PACKAGE}.")
    if not name.startswith(f"{PACKAGE}.") or tail.split(".")[0] in _OUTSIDE or name in pieces:
        return
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # a function of a module (`training.fit`), not a module
        return
    if spec is None or not spec.origin:
        return
    source = Path(spec.origin).read_text(encoding="utf-8")
    is_package = spec.submodule_search_locations is not None
    pieces[name], imports = _module_syntax(source, name, is_package)
    for imported in imports:
        _visit_module(imported, pieces)


# A lesson hashes the same sources for each of its arms and tasks; parsing them is what takes time.
@functools.lru_cache(maxsize=256)
def _module_syntax(source: str, name: str, is_package: bool) -> tuple[str, tuple[str, ...]]:
    """A module's normal form, and the names of what it imports."""
    tree = ast.parse(source)
    return _normal(tree), tuple(_imports(tree, name, is_package))


def _imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")
            kept = len(parents) - node.level + is_package
            base = ".".join(parents[:kept]) if node.level else ""
            base = ".".join(filter(None, (base, node.module)))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _global_names(code: types.CodeType) -> Iterator[str]:
    """Global names that a function and the functions inside it read (attributes left out)."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def _syntax_of(function: types.FunctionType) -> tuple[str, tuple[str, ...]]:
    """Normal form and imports of a function, from the file or notebook cell that defines it."""
    try:
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"the source of {function.__qualname__} cannot be read, so that its recorded results "
            "could not be told from stale ones. Define it in a notebook cell or a file."
        ) from error
    wanted = ast.Lambda if function.__name__ == "<lambda>" else ast.FunctionDef
    first = function.__code__.co_firstlineno
    return _function_syntax("".join(lines), wanted, first, function.__module__)


@functools.lru_cache(maxsize=1024)
def _function_syntax(
    source: str, wanted: type[ast.AST], first: int, module: str
) -> tuple[str, tuple[str, ...]]:
    # Two lambdas on one line count together: a change to either makes both stale.
    nodes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, wanted) and _first_line(node) == first
    ]
    text = "".join(map(_normal, nodes))
    return text, tuple(name for node in nodes for name in _imports(node, module, False))


def _first_line(node: ast.AST) -> int:
    return min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])


def _normal(tree: ast.AST) -> str:
    """Syntax without docstrings, comments, layout and line numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            node.body = node.body[1:] if has_docstring else node.body
    return _dump(tree)


def _dump(part: object) -> str:
    """The tree as text that is the same in every version of Python; `ast.dump` is not."""
    if isinstance(part, list):
        return f"[{', '.join(map(_dump, part))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    fields = (f"{key}={_dump(value)}" for key, value in ast.iter_fields(part) if value != [])
    return f"{type(part).__name__}({', '.join(fields)})"


def _is_ours(module: str | None) -> bool:
    return (module or "").startswith(f"{PACKAGE}.")


def _is_local(function: types.FunctionType) -> bool:
    """Whether a function was written here: in the notebook, or outside of installed libraries."""
    if function.__module__ == "__main__":
        return True
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if not file:
        return False
    library = Path(inspect.__file__).resolve().parent
    path = Path(file).resolve()
    return "site-packages" not in path.parts and library not in path.parents

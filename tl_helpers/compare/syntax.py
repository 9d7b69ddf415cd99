"""What a function says, apart from words: its syntax, the names that it reads, its imports.

Left out are docstrings, comments, layout, bare strings, ``pass``, and text that only people read:
messages of ``raise``, ``assert``, ``warn`` and ``print`` (an argument that is no text stays:
``raise Found(best)`` hands on a result). So is where a definition lives: ``features.extract`` and
``extract`` are one thing when ``features`` is a module of ours.
"""

from __future__ import annotations

import ast
import dis
import functools
import linecache
import types
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tl_helpers.compare.libraries import imports_library

Chain = tuple[str, ...]
Place = tuple[int, int]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_READING = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_TOLD = frozenset({"print", "warn"})


@dataclass(frozen=True)
class Import:
    """An import inside a function: ``name`` becomes ``module``, or ``attribute`` of it."""

    name: str
    module: str
    attribute: str | None
    level: int
    optional: bool  # inside `try: ... except ImportError`


@dataclass(frozen=True)
class Syntax:
    """A function's source in normal form: `reads` holds the attributes read of each name."""

    nodes: tuple[ast.AST, ...]
    reads: dict[str, frozenset[Chain]]
    imports: tuple[Import, ...]

    def text(self, modules: frozenset[Chain]) -> str:
        """The normal form, with names that stand for ``modules`` of ours left out."""
        return "".join(_dump(node, modules) for node in self.nodes)


@functools.lru_cache(maxsize=4096)
def global_names(code: types.CodeType) -> frozenset[str]:
    """Global names that a function and the functions inside it read."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in _READING}
    inner = (global_names(part) for part in code.co_consts if isinstance(part, types.CodeType))
    return frozenset(found.union(*inner))


def syntax_of(function: types.FunctionType) -> Syntax:
    """Normal form of a function, from the file or notebook cell that defines it.

    Raises
    ------
    ValueError
        When its source cannot be read, as for one made with ``exec``.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename, function.__globals__))
    found = _syntax(source, code.co_firstlineno, code.co_name, _place(code))
    if not found.nodes:
        raise ValueError(
            f"the source of {function.__qualname__} cannot be read, so that its recorded results "
            "could not be told from stale ones. Define it in a notebook cell or a file."
        )
    return found


def _place(code: types.CodeType) -> Place | None:
    """Line and column of an expression in the body: it tells the lambdas of one line apart."""
    known = [
        (line, column)
        for line, _, column, end in code.co_positions()
        if line and column is not None and end
    ]
    return min(known, default=None)


@functools.lru_cache(maxsize=4096)
def _syntax(source: str, first: int, name: str, place: Place | None) -> Syntax:
    nodes = tuple(node for node in _definitions(source).get(first, ()) if _called(node) == name)
    if name == "<lambda>" and place:
        around = [one for one in nodes if isinstance(one, ast.Lambda) and _holds(one.body, place)]
        nodes = tuple(sorted(around, key=lambda node: node.col_offset)[-1:])  # the innermost
    reads: dict[str, set[Chain]] = defaultdict(set)
    for node in nodes:
        for base, chain in _reads(node):
            reads[base].add(chain)
    found = {base: frozenset(chains) for base, chains in reads.items()}
    return Syntax(nodes, found, tuple(i for node in nodes for i in _imports(node, False)))


@functools.lru_cache(maxsize=256)
def _definitions(source: str) -> dict[int, list[Definition]]:
    """Functions of a file in normal form, by their first line."""
    found: dict[int, list[Definition]] = defaultdict(list)
    for node in ast.walk(_WithoutWords().visit(ast.parse(source))):
        if isinstance(node, Definition):
            lines = [item.lineno for item in getattr(node, "decorator_list", [])]
            found[min([node.lineno, *lines])].append(node)
    return found


def _holds(node: ast.expr, place: Place) -> bool:
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return start <= place < end


def _called(node: ast.AST) -> str:
    return getattr(node, "name", "<lambda>")


class _WithoutWords(ast.NodeTransformer):
    """Drops what the docstring of this module lists."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        said = node.value
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            return None
        if isinstance(said, ast.Call) and _last_name(said.func) in _TOLD:
            _drop_text(said)
        return self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            _drop_text(node.exc)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None if node.msg is None or _is_text(node.msg) else node.msg
        return self.generic_visit(node)


def _last_name(called: ast.expr) -> str | None:
    return getattr(called, "attr", getattr(called, "id", None))


def _drop_text(call: ast.Call) -> None:
    call.args = [argument for argument in call.args if not _is_text(argument)]
    call.keywords = [keyword for keyword in call.keywords if not _is_text(keyword.value)]


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _is_text(node.func.value)  # "...".format(...), ", ".join(...)
    return isinstance(node, ast.JoinedStr)


def _chain(node: ast.AST) -> tuple[str, Chain] | None:
    """``a.b.c`` as ("a", ("b", "c")); None for anything but attributes of a name."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(attributes))) if isinstance(node, ast.Name) else None


def _reads(node: ast.AST) -> Iterator[tuple[str, Chain]]:
    """Names that are read, each with the attributes taken of it.

    A name that is only written to (``latest.model = model``, ``seen[key] = value``) decides no
    result and is left out.
    """
    if isinstance(node, ast.AugAssign) and (found := _chain(node.target)):
        yield found
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        inner = _chain(node.value)
        if inner and inner[1]:
            yield inner
        if isinstance(node, ast.Subscript):
            yield from _reads(node.slice)
        if inner is None:
            yield from _reads(node.value)
    elif found := _chain(node):
        yield found
    else:
        for child in ast.iter_child_nodes(node):
            yield from _reads(child)


def _imports(node: ast.AST, optional: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            yield Import(alias.asname or first, alias.name, None, 0, optional)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            name = alias.asname or alias.name
            yield Import(name, node.module or "", alias.name, node.level, optional)
    for child in ast.iter_child_nodes(node):
        guarded = isinstance(node, ast.Try) and child in node.body and _catches_import(node)
        yield from _imports(child, optional or guarded)


def _catches_import(node: ast.Try) -> bool:
    names = {"ImportError", "ModuleNotFoundError"}
    caught = (n for h in node.handlers if h.type for n in ast.walk(h.type))
    return any(isinstance(n, ast.Name) and n.id in names for n in caught)


def _dump(part: object, modules: frozenset[Chain]) -> str:
    """The tree as text that is the same in every version of Python; `ast.dump` is not."""
    if isinstance(part, list):
        return f"[{', '.join(filter(None, (_dump(item, modules) for item in part)))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    if isinstance(part, ast.Import | ast.ImportFrom) and _imports_ours(part):
        return ""  # what it brings counts by content
    if isinstance(part, ast.Attribute) and (found := _chain(part.value)):
        base, chain = found
        if (base, *chain) in modules:
            return f"Name(id={part.attr!r}, ctx={_dump(part.ctx, modules)})"
    fields = (
        f"{key}={_dump(value, modules)}"
        for key, value in ast.iter_fields(part)
        if value not in ([], None) and key not in ("kind", "type_comment")
    )
    return f"{type(part).__name__}({', '.join(fields)})"


def _imports_ours(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or not imports_library(node.module)
    return not any(imports_library(alias.name) for alias in node.names)

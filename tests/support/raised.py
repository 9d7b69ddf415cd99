"""Which exceptions a public function raises, read from its module without running anything."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef
MAKERS = ("__init__", "__post_init__")
LEVELS = 4  # how far functions that call functions are followed
ABSTRACT = "NotImplementedError"


@dataclass(frozen=True)
class Thing:
    """A public function, class or method: where it stands, its words, and what it raises.

    A class raises what its ``__init__`` and ``__post_init__`` raise.
    """

    name: str
    docstring: str
    raises: frozenset[str]


class Module:
    """The functions and classes of one file, and what each of them raises."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {node.name: node for node in self.tree.body if isinstance(node, Function)}

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def imported(self) -> dict[str, Module]:
        """Names from other modules of the package, each with its module."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tl_helpers."):
                file = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
                if file.is_file():
                    module = Module(file.read_text(encoding="utf-8"))
                    found |= {item.asname or item.name: module for item in node.names}
        return found

    def things(self) -> Iterator[Thing]:
        """Public functions, classes and methods, in the order of the file."""
        for node in self.tree.body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                yield self._thing(node.name, [node], None)
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from self._class_things(node)

    def _class_things(self, node: ast.ClassDef) -> Iterator[Thing]:
        own = methods(node)
        makers = [own[name] for name in MAKERS if name in own]
        yield self._thing(node.name, makers, node, ast.get_docstring(node) or "")
        for name, method in own.items():
            if not name.startswith("_"):
                yield self._thing(f"{node.name}.{name}", [method], node)

    def _thing(
        self, name: str, bodies: list[Function], owner: ast.ClassDef | None, words: str = ""
    ) -> Thing:
        raised = {error for body in bodies for error in self.raised(body, owner)} - {ABSTRACT}
        said = [words, *(ast.get_docstring(body) or "" for body in bodies)]
        return Thing(name, "\n\n".join(said).strip(), frozenset(raised))

    def raised(self, node: Function, owner: ast.ClassDef | None, levels: int = LEVELS) -> set[str]:
        """Names of the exceptions that leave a function."""
        found: set[str] = set()
        for statement in node.body:
            found |= self._from(statement, owner, levels)
        return found

    def _from(self, node: ast.AST, owner: ast.ClassDef | None, levels: int) -> set[str]:
        """What one piece of code raises, with all inside it that runs when it runs."""
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            return set()  # runs elsewhere, if at all
        if isinstance(node, ast.Try):
            return self._from_try(node, owner, levels)
        inner = set().union(*(self._from(n, owner, levels) for n in ast.iter_child_nodes(node)))
        if isinstance(node, ast.With):
            return {e for e in inner if not any(self._catches(e, c) for c in suppressed(node))}
        if isinstance(node, ast.Raise) and node.exc is not None:
            return inner | self._made(node.exc)
        if isinstance(node, ast.Call) and levels:
            return inner | self._from_call(node, owner, levels - 1)
        return inner

    def _from_try(self, node: ast.Try, owner: ast.ClassDef | None, levels: int) -> set[str]:
        def all_of(statements: list[ast.stmt]) -> set[str]:
            return set().union(*(self._from(s, owner, levels) for s in statements))

        caught = [kind for handler in node.handlers for kind in swallowed(handler)]
        tried = {e for e in all_of(node.body) if not any(self._catches(e, kind) for kind in caught)}
        handled = [statement for handler in node.handlers for statement in handler.body]
        return tried | all_of([*handled, *node.orelse, *node.finalbody])

    def _from_call(self, call: ast.Call, owner: ast.ClassDef | None, levels: int) -> set[str]:
        """What a function of this module raises, or making an object of a private class."""
        name = called_here(call.func)
        if isinstance(call.func, ast.Attribute):
            method = self._method(owner, name) if owner else None
            return self.raised(method, owner, levels) if method else set()
        if name in self.functions:
            return self.raised(self.functions[name], None, levels)
        # A public class is made of values that the function itself has put together.
        made = self.classes.get(name) if name.startswith("_") else None
        makers = [m for m in map(methods(made).get, MAKERS) if m] if made else []
        return set().union(*(self.raised(maker, made, levels) for maker in makers))

    def _method(self, owner: ast.ClassDef, name: str) -> Function | None:
        if name in methods(owner):
            return methods(owner)[name]
        bases = [self.classes.get(last_name(base)) for base in owner.bases]
        return next((found for base in bases if base and (found := self._method(base, name))), None)

    def _made(self, expression: ast.expr) -> set[str]:
        """The class of a raised expression: named, made, or promised by the function called."""
        name = last_name(expression.func if isinstance(expression, ast.Call) else expression)
        if name in self.functions:
            returns = self.functions[name].returns
            return {last_name(returns)} if returns is not None else {name}
        return {name} if name.lstrip("_")[:1].isupper() else set()  # a variable raises again

    def _catches(self, error: str, kind: str) -> bool:
        """Whether ``except kind`` catches an ``error``, as far as this file and Python say."""
        if kind in (error, "Exception", "BaseException"):
            return True
        if made := self.classes.get(error):
            return any(self._catches(last_name(base), kind) for base in made.bases)
        if error in self.imported:
            return self.imported[error]._catches(error, kind)
        classes = [getattr(builtins, name, None) for name in (error, kind)]
        return None not in classes and issubclass(*classes)


def methods(node: ast.ClassDef) -> dict[str, Function]:
    """The functions of a class's body by name."""
    return {inner.name: inner for inner in node.body if isinstance(inner, Function)}


def called_here(called: ast.expr) -> str:
    """``helper`` of ``helper(...)``, ``self.helper(...)`` or ``cls.helper(...)``."""
    if isinstance(called, ast.Attribute):
        mine = isinstance(called.value, ast.Name) and called.value.id in ("self", "cls")
        return called.attr if mine else ""
    return called.id if isinstance(called, ast.Name) else ""


def last_name(node: ast.expr) -> str:
    """``JSONDecodeError`` of ``json.JSONDecodeError``; nothing for what is no name."""
    return getattr(node, "attr", getattr(node, "id", ""))


def swallowed(handler: ast.ExceptHandler) -> list[str]:
    """The classes that a handler catches and does not pass on as they are."""
    if any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler)):
        return []
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [last_name(kind) if kind is not None else "BaseException" for kind in kinds]


def suppressed(node: ast.With) -> list[str]:
    """The classes that ``with contextlib.suppress(...)`` keeps in."""
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return [last_name(a) for c in calls if last_name(c.func) == "suppress" for a in c.args]

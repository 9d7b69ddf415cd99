"""Functions, classes and modules taken apart: what each says, and what it reaches.

`describe` gives the syntax of a function and the values of the names that it reads; of a class its
bases, members and fields. Definitions of libraries count by name.
"""

from __future__ import annotations

import builtins
import enum
import functools
import importlib
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeGuard

from tl_helpers.compare import syntax
from tl_helpers.compare.libraries import imports_library, in_library, is_library, is_outside
from tl_helpers.compare.sketches import Node, Part, Token, digest
from tl_helpers.compare.syntax import Chain, Import

_Unnamed = types.WrapperDescriptorType | types.MethodDescriptorType | types.MethodWrapperType

_ABSENT = Node("absent", [])
_UNSEEN = ("eval", "exec", "__import__", "globals")
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_ORDERS = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__hash__")
_DATACLASS_MAKES = (*_ORDERS, "__init__", "__repr__", "__setattr__", "__delattr__", "__replace__")


class _Wrapper(Protocol):
    """What `functools.update_wrapper` has marked."""

    __wrapped__: object


def describe(value: object) -> Token | Node | None:
    """Definitions and what wraps them; None for other values."""
    for kind, taken_apart in _DEFINITIONS:
        if isinstance(value, kind):
            return taken_apart(value)
    if _is_wrapper(value):
        return Node(f"wrapper {type(value).__name__}", [("wrapped", value.__wrapped__)])
    return None


def _is_wrapper(value: object) -> TypeGuard[_Wrapper]:
    return hasattr(type(value), "__wrapped__") or "__wrapped__" in getattr(value, "__dict__", ())


def is_definition(value: object) -> bool:
    """Whether a value is a function or class, which counts once however often it is met."""
    return isinstance(value, type | types.FunctionType)


def _module(module: types.ModuleType) -> Token | Node:
    """A module that is handed on whole counts with all that it defines."""
    if is_library(module):
        return f"library {module.__name__}"
    if is_outside(getattr(module, "__file__", None)):
        return f"outside {module.__name__.rpartition('.')[2]}"
    return Node("module", sorted(_defined_in(module), key=_name))


def _name(part: Part) -> str:
    return part[0]


def _defined_in(module: types.ModuleType) -> Iterator[Part]:
    for name, value in vars(module).items():
        home = getattr(value, "__module__", module.__name__)
        is_own = not isinstance(value, types.ModuleType) and home == module.__name__
        if is_own and not name.startswith("__"):
            yield name, value


def _function(function: types.FunctionType) -> Token | Node:
    if _is_of_library(function):
        return _library_function(function)
    if is_outside(function.__code__.co_filename):
        return f"outside {function.__qualname__}"
    said = syntax.syntax_of(function)
    if ("import_module",) in said.reads.get("importlib", ()):
        raise ValueError(f"{function.__qualname__} calls import_module; write an import.")
    closure = _closure(function)
    scope = _globals(function) | closure | _imported(function, said.imports)
    modules: set[Chain] = set()
    parts: list[Part] = []
    for name, chains in said.reads.items():
        label = f"closure {name!r}" if name in closure else name
        if name in scope:
            parts += _followed((name, label), scope[name], chains, modules)
    text = said.text(frozenset(modules))  # known only now: names of modules do not count
    own = [("defaults", function.__defaults__), ("keyword-only", _sorted(function.__kwdefaults__))]
    own += _sorted(vars(function)).items()
    return Node(f"function {digest(text)}", [*own, *sorted(parts, key=_name)])


def _is_of_library(value: object) -> bool:
    """Whether a library defined a function or class, or the class of an object."""
    if isinstance(value, types.FunctionType):
        file = value.__code__.co_filename
        return is_library(value.__module__) if file.startswith("<") else in_library(file)
    return is_library((value if isinstance(value, type) else type(value)).__module__)


def _sorted(named: Mapping | None) -> dict:
    return {key: named[key] for key in sorted(named)} if named else {}


def _globals(function: types.FunctionType) -> dict[str, object]:
    found = {}
    for name in syntax.global_names(function.__code__):
        if name in function.__globals__:
            found[name] = function.__globals__[name]
        elif name in _UNSEEN:
            raise ValueError(f"{function.__qualname__} calls {name}, which cannot be followed.")
        elif not hasattr(builtins, name):
            found[name] = _ABSENT
    return found


def _closure(function: types.FunctionType) -> dict[str, object]:
    names, cells = function.__code__.co_freevars, function.__closure__ or ()
    return {name: _content(cell) for name, cell in zip(names, cells, strict=True)}


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return _ABSENT


def _imported(function: types.FunctionType, imports: tuple[Import, ...]) -> dict[str, object]:
    """What imports inside a function bring, libraries left out."""
    return {
        item.name: _import(function, item)
        for item in imports
        if item.level or not imports_library(item.module)
    }


def _import(function: types.FunctionType, item: Import) -> object:
    package = function.__globals__.get("__package__") or ""
    name = "." * item.level + item.module
    try:
        module = importlib.import_module(name, package)
        if item.attribute is None:
            named = item.name == item.module.partition(".")[0]
            return importlib.import_module(item.name) if named else module
        if not hasattr(module, item.attribute):
            importlib.import_module(f"{module.__name__}.{item.attribute}")
        return getattr(module, item.attribute)
    except ImportError as error:
        if item.optional:
            return _ABSENT
        raise ValueError(
            f"{function.__qualname__} imports {name or item.attribute}, which cannot be resolved "
            f"({error}). Install it, or take the import out."
        ) from error


def _followed(
    names: tuple[str, str], value: object, chains: frozenset[Chain], modules: set[Chain]
) -> Iterator[Part]:
    """A value, or what is taken of a module of ours; ``modules`` collects names of such."""
    name, label = names
    if not _is_our_module(value):
        yield label, value
        return
    way: Chain
    for chain in chains:
        taken, called, way = value, label, (name,)
        for attribute in chain:
            if not _is_our_module(taken):
                break
            modules.add(way)
            if not hasattr(taken, attribute):
                raise ValueError(f"{'.'.join((*way, attribute))} cannot be resolved.")
            taken, called, way = getattr(taken, attribute), attribute, (*way, attribute)
        yield called, taken


def _is_our_module(value: object) -> bool:
    return isinstance(value, types.ModuleType) and not is_library(value)


def _library_function(function: types.FunctionType) -> Token | Node:
    """A library's function by name; a decorator of a library with what it holds of ours."""
    if registry := getattr(function, "registry", None):  # functools.singledispatch
        return Node("dispatch", [(cls.__name__, registry[cls]) for cls in registry])
    held = _closure(function)
    if all(map(_is_of_library, held.values())):
        return f"library {_library(function.__module__)}.{function.__qualname__}"
    return Node(f"decorator {function.__code__.co_name}", list(held.items()))


def _library(module: str | None) -> str:
    """The first part of a name: libraries move their definitions about."""
    return (module or "").partition(".")[0]


def _class(cls: type) -> Token | Node:
    if is_library(cls.__module__):
        return f"library {_library(cls.__module__)}.{cls.__qualname__}"
    parts: list[Part] = [
        (f"base {base.__name__}", base) for base in cls.__bases__ if base is not object
    ]
    if issubclass(cls, enum.Enum):
        parts += [(f"member {name}", one.value) for name, one in cls.__members__.items()]
    for key, field in getattr(cls, "__dataclass_fields__", {}).items():
        settings = (field.default, field.default_factory, field.init, field.kw_only)
        parts.append((f"field {key}", settings))
    parts.append(("metaclass", type(cls)))
    return Node(f"class {cls.__name__}", [*parts, *sorted(_members(cls), key=_name)])


def _members(cls: type) -> Iterator[Part]:
    for name, member in vars(cls).items():
        is_code = isinstance(member, types.FunctionType | staticmethod | classmethod | property)
        if name.startswith("__") and name.endswith("__") and not is_code:
            continue
        if isinstance(member, _DESCRIPTORS) or name == "_abc_impl" or _is_made(cls, name):
            continue
        if issubclass(cls, enum.Enum) and not is_code:
            continue
        yield name, member


def _is_made(cls: type, name: str) -> bool:
    """Whether `dataclasses` or `collections.namedtuple` wrote a method."""
    made = hasattr(cls, "__dataclass_fields__") and name in _DATACLASS_MAKES
    made |= hasattr(cls, "_field_defaults") and name == "__new__"
    code = getattr(vars(cls)[name], "__code__", None)
    return made and (not code or code.co_filename.startswith("<") or in_library(code.co_filename))


def _builtin(function: types.BuiltinFunctionType) -> Token | Node:
    owner = function.__self__
    if owner is None or isinstance(owner, types.ModuleType | type):
        return f"library {_library(function.__module__)}.{function.__qualname__}"
    return Node(f"method {function.__name__}", [("self", owner)])


def _method(method: types.MethodType) -> Node:
    return Node("method", [("function", method.__func__), ("self", method.__self__)])


def _partial(partial: functools.partial) -> Node:
    keywords = list(_sorted(partial.keywords).items())
    return Node("partial", [("function", partial.func), ("arguments", partial.args), *keywords])


def _wrapper(wrapper: staticmethod | classmethod | functools.cached_property) -> Node:
    function = wrapper.func if isinstance(wrapper, functools.cached_property) else wrapper.__func__
    return Node(type(wrapper).__name__, [("function", function)])


def _property(made: property) -> Node:
    return Node("property", [(key, getattr(made, key)) for key in ("fget", "fset", "fdel")])


def _unnamed(value: _Unnamed) -> str:
    return f"library {value.__qualname__}"


_DEFINITIONS: list[tuple[type | types.UnionType, Callable]] = [
    (types.ModuleType, _module),
    (type, _class),
    (types.FunctionType, _function),
    (types.MethodType, _method),
    (types.BuiltinFunctionType, _builtin),
    (functools.partial, _partial),
    (property, _property),
    (staticmethod | classmethod | functools.cached_property, _wrapper),
    (_Unnamed, _unnamed),
]

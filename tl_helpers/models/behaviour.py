"""What a network computes, as a hash: its structure, settings, weights, hooks and own code.

Equal weights are not equal answers. Another activation, stride or epsilon, the scale of an adapter,
a hook, a buffer that no file keeps: all of them change what comes out, and none is in the state
dict. So every attribute of every part is read, down to values that have bytes.

Code of installed libraries stands for itself by name and version. Other functions and classes, such
as those of a notebook, are read: their instructions, constants, defaults and the variables that
they close over or look up.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import pickle
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
# What every module has, and what decides whether it trains: neither changes an answer in eval mode.
_NO_SETTINGS = {*vars(nn.Module()), "train"}
_LIBRARIES = tuple(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib"))


class NoFingerprint(TypeError):
    """A part of a network whose behaviour cannot be read, such as an open file or a generator."""


def fingerprint(*values: object) -> str:
    """SHA-256 over everything that decides what ``values`` compute.

    Parameters
    ----------
    *values : nn.Module, callable, tensor, array, plain value, or containers of them
        Modules as they answer in eval mode: train mode and ``requires_grad`` do not count.

    Returns
    -------
    str
        64 hexadecimal digits, the same in another process.

    Raises
    ------
    NoFingerprint
        Naming the first value that cannot be read.
    """
    reader = _Reader()
    for value in values:
        reader.read(value)
    return reader.digest.hexdigest()


class _Reader:
    """Walks through values once; one that is met again is told by its number."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.met: dict[int, tuple[int, object]] = {}  # keeps the values, so that no id is reused

    def read(self, value: object) -> None:
        if type(value) in _PLAIN:
            self.say(type(value).__name__, repr(value))
            return
        if id(value) in self.met:
            self.say("again", self.met[id(value)][0])
            return
        self.met[id(value)] = (len(self.met), value)
        for kind, way in _WAYS.items():
            if isinstance(value, kind):
                way(self, value)
                return
        self.object(value)

    def say(self, *words: object) -> None:
        self.digest.update(f"{words}\n".encode())

    def all(self, values: Iterable[object]) -> None:
        for value in values:
            self.read(value)

    def pairs(self, values: Mapping) -> None:
        plain = {k: v for k, v in values.items() if type(k) in _PLAIN and type(v) in _PLAIN}
        self.say("pairs", len(values), plain)  # in one go: a vocabulary has ten thousands
        for key, value in values.items():
            if key not in plain:
                self.read(key)
                self.read(value)

    def items(self, values: list | tuple) -> None:
        plain = all(type(value) in _PLAIN for value in values)
        self.say(type(values).__qualname__, len(values), values if plain else "")
        if not plain:
            self.all(values)

    def set(self, values: set | frozenset) -> None:
        self.say("set", sorted(fingerprint(value) for value in values))

    def tensor(self, tensor: Tensor) -> None:
        self.say("tensor", tuple(tensor.shape), tensor.dtype)
        try:
            # Flat first: the layout of convolutions, which training may change, has no part in it.
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            self.digest.update(flat.view(torch.uint8).numpy().data)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            raise NoFingerprint(f"a tensor of layout {tensor.layout} on {tensor.device}") from error

    def array(self, array: np.ndarray) -> None:
        self.say("array", array.shape, array.dtype.str)
        if array.dtype.hasobject:
            self.all(array.reshape(-1).tolist())
        else:
            self.digest.update(np.ascontiguousarray(array).tobytes())

    def module(self, module: nn.Module) -> None:
        self.read(type(module))
        own = vars(module)
        settings = {name: own[name] for name in sorted(own.keys() - _NO_SETTINGS)}
        hooks = [*module._forward_pre_hooks.values(), "then", *module._forward_hooks.values()]
        self.pairs({**settings, **module._parameters, **module._buffers, **module._modules})
        self.items(hooks)

    def type(self, kind: type) -> None:
        self.say("class", kind.__module__, kind.__qualname__, _version(kind.__module__))
        if _is_library(kind.__module__):
            return
        self.all(kind.__bases__)
        for name, member in sorted(vars(kind).items()):
            function = getattr(member, "__func__", member)  # of class and static methods
            parts = [member.fget, member.fset] if isinstance(member, property) else [function]
            described = isinstance(member, types.MemberDescriptorType | types.GetSetDescriptorType)
            written = isinstance(function, types.FunctionType)
            if not described and (written or not name.startswith(("__", "_abc_"))):
                self.say(name)
                self.all(parts)

    def function(self, function: types.FunctionType) -> None:
        self.say("function", function.__module__, function.__qualname__)
        self.say(_version(function.__module__))
        if _is_library(function.__module__):
            return
        self.code(function.__code__)
        self.all([function.__defaults__, function.__kwdefaults__])
        for cell in function.__closure__ or ():
            self.read(cell.cell_contents if cell != types.CellType() else None)
        for name in sorted(_globals_of(function.__code__)):
            if name in function.__globals__:
                self.say(name)
                self.read(function.__globals__[name])

    def code(self, code: types.CodeType) -> None:
        self.say("code", code.co_code, code.co_names, code.co_varnames)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self.code(constant)
            else:
                self.read(constant)

    def method(self, method: types.MethodType) -> None:
        self.all([method.__func__, method.__self__])

    def python_module(self, module: types.ModuleType) -> None:
        self.say("module", module.__name__, _version(module.__name__))
        source = getattr(module, "__file__", None)
        if source and not _is_library(module.__name__):
            self.digest.update(Path(source).read_bytes())

    def object(self, value: object) -> None:
        """What pickle would keep of any other object: how it is made, and its state."""
        kind = type(value)
        try:
            kept = value.__reduce_ex__(4)
        except (TypeError, ValueError, AttributeError, RuntimeError, pickle.PickleError) as error:
            raise NoFingerprint(f"a {kind.__module__}.{kind.__qualname__}") from error
        self.say("object", kind.__module__, kind.__qualname__)
        if isinstance(kept, str):  # the name of a global
            self.say(kept, _version(kind.__module__))
            return
        for part in kept:
            self.read(list(part) if isinstance(part, Iterator) else part)


# In this order: a module of torch is also an object, a bool array also an array.
_WAYS: dict[type | types.UnionType, Callable[..., None]] = {
    Tensor: _Reader.tensor,
    nn.Module: _Reader.module,
    np.ndarray: _Reader.array,
    list | tuple: _Reader.items,
    dict | types.MappingProxyType: _Reader.pairs,
    set | frozenset: _Reader.set,
    type: _Reader.type,
    types.FunctionType: _Reader.function,
    types.MethodType: _Reader.method,
    types.ModuleType: _Reader.python_module,
}


@functools.cache
def _is_library(module: str | None) -> bool:
    """Whether a module is Python's or an installed package's, and not of the person's own code."""
    top = (module or "__main__").partition(".")[0]
    found = sys.modules.get(top)
    places = [getattr(found, "__file__", None) or "", *getattr(found, "__path__", [])]
    files = [Path(place) for place in places if place]
    if not files:
        return top != "__main__"  # built into Python
    return any(file.is_relative_to(home) for file in files for home in _LIBRARIES)


def _version(module: str | None) -> str:
    top = sys.modules.get((module or "").partition(".")[0])
    return str(getattr(top, "__version__", ""))


def _globals_of(code: types.CodeType) -> set[str]:
    """Names that a function and those inside it look up in its module."""
    found = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return found.union(*map(_globals_of, inner))

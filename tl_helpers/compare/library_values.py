"""What objects of torch, scikit-learn, pandas and transformers count as in a fingerprint.

Their private state differs from version to version, so that each is taken by what it computes
with: weights and settings, parameters and what was learnt, columns, a vocabulary.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from tl_helpers.compare.libraries import is_library
from tl_helpers.compare.sketches import Exact, Node, Part, Token, array, digest

if TYPE_CHECKING:
    import torch

_PLAIN = (int, float, complex, bool, str, type(None))


def describe(value: object) -> Token | Node | None:
    """What stands for an object of a library; None for any that is not known here."""
    for module, name, taken_apart in _DESCRIBERS:
        if _is_a(value, module, name):
            return taken_apart(value)
    return None


def is_float(value: object) -> bool:
    """Whether a value is an array of floats, or a network, whose weights are such."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc"
    if _is_tensor(value):
        return value.is_floating_point() or value.is_complex()
    return _is_a(value, "torch.nn", "Module")


def _is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    return _is_a(value, "torch", "Tensor")


def _is_a(value: object, module: str, name: str) -> bool:
    """``isinstance``, without importing a library that nobody uses."""
    cls = getattr(sys.modules.get(module), name, None)
    return cls is not None and isinstance(value, cls)


def _tensor(value) -> Token | Node:
    import torch

    grad, data = value.requires_grad, value.detach()
    if data.is_meta:
        return f"tensor {data.dtype} {tuple(data.shape)} without values"
    data = (data.to_dense() if data.layout is not torch.strided else data).cpu()
    data = data.resolve_conj().resolve_neg()
    name = f"tensor {data.dtype}{' with gradient' * grad}"
    if data.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        data = data.float()
    return array(data.numpy(), name)


def _module(value) -> Node:
    """A network: its class, settings, hooks and own weights, then its parts.

    Part by part, since other values may hold some of them too: each weight is read once.
    """
    import torch

    own = [*value.named_parameters(recurse=False), *value.named_buffers(recurse=False)]
    floats = [tensor for _, tensor in own if tensor.is_floating_point() and not tensor.is_meta]
    parts = [("class", type(value)), *_settings(value)]
    parts += [(name, _tensor(t)) for name, t in own if not t.is_floating_point() or t.is_meta]
    if floats:
        flat = torch.cat([tensor.detach().cpu().float().reshape(-1) for tensor in floats])
        parts.append(("weights", array(flat.numpy(), "weights")))
    label = (f"{name} {tuple(t.shape)} {t.dtype} {t.requires_grad}" for name, t in own)
    return Node("network " + digest(*label), [*parts, *value.named_children()])


def _settings(module) -> Iterable[Part]:
    """What a module computes with beside its weights.

    Of a library's modules plain public settings: the rest differs from version to version.
    """
    library = is_library(type(module).__module__)
    for key, inner in sorted(vars(module).items()):
        if key in ("_forward_hooks", "_forward_pre_hooks"):
            yield from ((key, hook) for hook in inner.values())
        elif not key.startswith("_") and (_is_setting(inner) or not library):
            yield key, inner


def _is_setting(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_setting, value))
    return isinstance(value, (*_PLAIN, types.FunctionType))


def _estimator(value) -> Node:
    """A scikit-learn estimator: parameters that are not the default, and what it has learnt."""
    given = value.get_params(deep=False)
    known = inspect.signature(type(value).__init__).parameters
    chosen = {
        key: inner
        for key, inner in given.items()
        if key not in known or type(inner) not in _PLAIN or inner != known[key].default
    }
    learnt = {key: vars(value)[key] for key in vars(value) if key not in given}
    return Node("estimator", [("class", type(value)), *sorted((chosen | learnt).items())])


def _frame(value) -> Node:
    columns = [(f"column {name!r:.60}", value[name]) for name in value.columns.unique()]
    return Node("table", [("columns", list(value.columns)), ("index", value.index), *columns])


def _series(value) -> Node:
    parts = [("name", value.name), ("values", value.to_numpy())]
    if hasattr(value, "index"):
        parts.append(("index", value.index))
    return Node(f"column {value.dtype!r}", parts)


def _index(value) -> Node:
    return Node("index", [("names", list(value.names)), ("values", value.to_numpy())])


def _tokenizer(value) -> Node:
    """A tokenizer without padding and truncation, which each call of it sets anew."""
    backend = getattr(value, "backend_tokenizer", None)
    # Padding and truncation come first in the file, and then "added_tokens".
    text = backend.to_str().partition('"added_tokens"')[2] if backend else None
    rules = text or json.dumps(value.get_vocab())
    sides = {key: getattr(value, key, None) for key in ("padding_side", "truncation_side")}
    return Node("tokenizer", [("rules", Exact(digest(rules))), *sides.items()])


def _generator(value) -> Exact:
    return Exact(digest(value.get_state().numpy().tobytes()))


def _token(value: object) -> str:
    return f"{type(value).__name__} {value}"


_DESCRIBERS: list[tuple[str, str, Callable]] = [
    ("torch", "Tensor", _tensor),
    ("torch.nn", "Module", _module),
    ("torch", "Generator", _generator),
    ("torch", "device", lambda value: "device"),  # hardware is what a tolerance is for
    ("torch", "dtype", _token),
    ("torch", "memory_format", _token),
    ("torch", "layout", _token),
    ("sklearn.base", "BaseEstimator", _estimator),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pandas", "Index", _index),
    ("transformers", "PreTrainedTokenizerBase", _tokenizer),
]

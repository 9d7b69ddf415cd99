"""The stages of a network, in order, with what each holds: read from the module itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import nn

FEWEST, MOST = 6, 14  # boxes that a diagram aims at, and that it can hold
FROZEN, TRAINED, PARTLY, NEW = "frozen", "trained", "partly frozen", "new"


class Stage(NamedTuple):
    """One box of a diagram."""

    name: str
    parameters: int
    trained: int
    state: str


def read(model, head: nn.Module | None, new: Iterable[str]) -> list[Stage]:
    """Stages of a network in the order of its modules, each parameter counted once.

    Parameters
    ----------
    model : nn.Module or Backbone
        A Backbone brings its own stages.
    head : nn.Module, optional
        A new head that stands beside ``model``.
    new : iterable of str
        Names of stages, or of modules that hold them, whose weights are not pretrained.

    Raises
    ------
    ValueError
        When a name in ``new`` fits no stage, or nothing holds a parameter.
    """
    parts = dict(model.stages) if hasattr(model, "stages") else _opened(model, set(new))
    if head is not None:
        parts["head"] = head
        new = {*new, "head"}
    if strange := [name for name in new if not any(_under(part, name) for part in parts)]:
        raise ValueError(f"no stage is called {strange[0]!r}; the stages are {', '.join(parts)}.")
    fresh = {part for part in parts if any(_under(part, name) for name in new)}
    whole = getattr(model, "module", model)
    rows = _beside(whole, parts) + _counted(_with_norms(parts), fresh)
    if not rows:
        raise ValueError("the network holds no parameter to draw.")
    return _grouped(rows) if len(rows) > MOST else rows


def _under(part: str, name: str) -> bool:
    return part == name or part.startswith(f"{name}.")


def _beside(whole: nn.Module, parts: Mapping[str, nn.Module]) -> list[Stage]:
    """A stage for parameters that no module of ``parts`` holds, such as a table of positions."""
    held = {id(p) for part in parts.values() for p in part.parameters()}
    rest = {name: p for name, p in whole.named_parameters() if id(p) not in held}
    if not rest:
        return []
    names = [name.split(".")[-1] for name in rest]
    text = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
    return [_stage(text, rest.values())]


def _counted(parts: Mapping[str, list[nn.Module]], fresh: set[str]) -> list[Stage]:
    seen: set[int] = set()
    rows = []
    for name, modules in parts.items():
        own = {id(p): p for m in modules for p in m.parameters() if id(p) not in seen}
        seen |= set(own)
        if own:
            row = _stage(_short(name, modules[0]), own.values())
            rows.append(row._replace(state=NEW) if name in fresh else row)
    return rows


def _stage(name: str, parameters: Iterable[nn.Parameter]) -> Stage:
    parameters = list(parameters)
    whole = sum(p.numel() for p in parameters)
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    state = FROZEN if not trained else TRAINED if trained == whole else PARTLY
    return Stage(name, whole, trained, state)


def _short(name: str, part: nn.Module) -> str:
    """A name to read: ``blocks.3`` is "blocks 3", a bare number says its kind."""
    words = name.split(".")
    if len(words) == 1 and name.isdigit():
        return f"{name}: {type(part).__name__}"
    return " ".join(words[-2:] if words[-1].isdigit() else words[-1:])


def _opened(model: nn.Module, new: set[str]) -> dict[str, nn.Module]:
    """Children with parameters, the largest container opened until there are boxes enough."""
    whole = sum(p.numel() for p in model.parameters())
    parts = _children("", model) or {type(model).__name__: model}
    while sum(not _is_norm(part) for part in parts.values()) < FEWEST:
        name = _to_open({name: part for name, part in parts.items() if name not in new}, whole)
        if name is None:
            break
        inside = _children(name, parts[name])
        pairs = [inside.items() if n == name else [(n, part)] for n, part in parts.items()]
        parts = dict(pair for some in pairs for pair in some)
    return parts


def _to_open(parts: Mapping[str, nn.Module], whole: int) -> str | None:
    """The largest list of blocks; else a container of one with most of the parameters."""
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    many = [name for name, part in parts.items() if len(_children(name, part)) > 1]
    blocks = [name for name in many if _is_list(parts[name]) and sizes[name] > whole / 10]
    if blocks:
        return max(blocks, key=sizes.__getitem__)
    large = [name for name in many if sizes[name] > 0.6 * whole and _holds_list(parts[name])]
    return max(large, key=sizes.__getitem__) if large else None


def _is_list(part: nn.Module) -> bool:
    """Whether the module, or the one that it only wraps, is a list of blocks."""
    while not isinstance(part, nn.Sequential | nn.ModuleList):
        children = [child for child in part.children() if _holds(child)]
        if len(children) != 1 or list(part.parameters(recurse=False)):
            return False
        part = children[0]
    return True


def _holds_list(part: nn.Module) -> bool:
    return any(isinstance(inner, nn.Sequential | nn.ModuleList) for inner in part.modules())


def _is_norm(part: nn.Module) -> bool:
    return "norm" in type(part).__name__.lower()


def _children(name: str, part: nn.Module) -> dict[str, nn.Module]:
    """Children with parameters by dotted name; a wrapper of one is looked through."""
    children = {f"{name}.{n}".strip("."): c for n, c in part.named_children() if _holds(c)}
    if len(children) == 1 and not list(part.parameters(recurse=False)):
        ((inner, only),) = children.items()
        if list(only.children()):
            return _children(inner, only)
    return children


def _with_norms(parts: Mapping[str, nn.Module]) -> dict[str, list[nn.Module]]:
    """A normalisation is drawn with the single layer before it."""
    joined: dict[str, list[nn.Module]] = {}
    for name, part in parts.items():
        before = list(joined.values())[-1] if joined else []
        if before and _is_norm(part) and not list(before[0].children()):
            before.append(part)
        else:
            joined[name] = [part]
    return joined


def _holds(part: nn.Module) -> bool:
    return next(part.parameters(), None) is not None


def _grouped(rows: list[Stage]) -> list[Stage]:
    """Neighbours of one state in groups, so that a deep network fits one diagram."""
    size = -(-len(rows) // (MOST - 4))
    groups: list[list[Stage]] = []
    for row in rows:
        last = groups[-1] if groups else []
        same = last and last[0].state == row.state and _stem(last[0]) == _stem(row)
        if same and len(last) < size:
            last.append(row)
        else:
            groups.append([row])
    return [_one(group) for group in groups]


def _stem(row: Stage) -> str:
    return row.name.rstrip("0123456789")


def _one(group: list[Stage]) -> Stage:
    first, last = group[0], group[-1]
    number = last.name.removeprefix(_stem(last))
    name = first.name if len(group) == 1 else f"{first.name} to {number}"
    whole, trained = sum(row.parameters for row in group), sum(row.trained for row in group)
    return Stage(name, whole, trained, first.state)

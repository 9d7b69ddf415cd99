"""Freeze a network or a stage of it, batch-norm statistics and dropout included.

``requires_grad=False`` alone does not freeze a network: ``model.train()`` lets its batch-norm
layers replace the pretrained statistics and its dropout drop features. Here freezing is a
property of each module, so it survives every later call of ``.train()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class _StayInEval:
    """Stands in for ``module.train`` while the module is frozen.

    An attribute of the instance hides the method of the class, and every ancestor's ``train``
    calls its children's. A plain object (not a closure) can be copied and pickled with the module.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.was_training = module.training
        self.required_grad = {
            name: parameter.requires_grad for name, parameter in _own_parameters(module)
        }

    def __call__(self, mode: bool = True) -> nn.Module:
        self.module.training = False
        for child in self.module.children():  # a stage unfrozen below still follows `mode`
            child.train(mode)
        return self.module


def freeze(module: nn.Module) -> nn.Module:
    """Stop all training in ``module``: its weights, its batch-norm statistics, its dropout.

    Sets ``requires_grad`` to False and keeps the module and its submodules in eval mode whatever
    ``.train()`` is later called on them or on a module that holds them. ``state_dict`` and the
    eval-mode forward pass do not change. Modules added later inside are not frozen.

    Parameters
    ----------
    module : nn.Module
        A network or one of its stages. Freezing twice is the same as once.

    Returns
    -------
    nn.Module
        The same module.

    Notes
    -----
    A ``BatchNorm(track_running_stats=False)`` normalises with the batch even in eval mode.
    """
    fresh = [part for part in module.modules() if not is_frozen(part)]
    marks = [_StayInEval(part) for part in fresh]  # all flags first: weights may be shared
    for part, mark in zip(fresh, marks, strict=True):
        vars(part)["train"] = mark
        part.training = False
        for _, parameter in _own_parameters(part):
            parameter.requires_grad_(False)
            parameter.grad = None  # an optimizer would still follow a gradient left behind
    return module


def keep_statistics(module: nn.Module) -> nn.Module:
    """Hold the running statistics of every batch-norm layer; all weights train as before.

    With a few dozen examples the statistics of small batches replace those of millions of
    pictures. Kept, they stay bit for bit, whatever ``.train()`` is later called.

    Parameters
    ----------
    module : nn.Module
        A network with or without batch-norm.

    Returns
    -------
    nn.Module
        The same module.
    """
    for layer in module.modules():
        if isinstance(layer, _BatchNorm) and not is_frozen(layer):
            flags = [parameter.requires_grad for parameter in layer.parameters(recurse=False)]
            freeze(layer)
            for parameter, flag in zip(layer.parameters(recurse=False), flags, strict=True):
                parameter.requires_grad_(flag)
    return module


def unfreeze(module: nn.Module) -> nn.Module:
    """Undo `freeze` on ``module``, which may be one stage of a larger frozen network.

    ``requires_grad`` and the train or eval mode become what they were before `freeze`; a part that
    was never frozen is left as it is.

    Returns
    -------
    nn.Module
        The same module.
    """
    for part in module.modules():
        if is_frozen(part):
            mark: _StayInEval = vars(part).pop("train")  # uncovers the method of the class
            part.training = mark.was_training
            for name, parameter in _own_parameters(part):
                parameter.requires_grad_(mark.required_grad.get(name, True))
    return module


def is_frozen(module: nn.Module) -> bool:
    """Whether `freeze` holds for this very module; its parts may differ."""
    return isinstance(vars(module).get("train"), _StayInEval)


def frozen_stages(stages: Mapping[str, nn.Module]) -> list[str]:
    """Names of the stages that are frozen throughout; takes ``backbone.stages``."""
    return [name for name, stage in stages.items() if all(map(is_frozen, stage.modules()))]


@dataclass(frozen=True)
class StageRow:
    """Parameter counts of one stage; ``mode`` is "frozen", "partly frozen" or "trains"."""

    name: str
    trainable: int
    frozen: int
    mode: str


@dataclass(frozen=True)
class Report:
    """What trains in a network; print it for a table. Counts are numbers of scalar weights."""

    rows: tuple[StageRow, ...]
    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        """Trainable and frozen together."""
        return self.trainable + self.frozen

    def __str__(self) -> str:
        share = self.trainable / self.total if self.total else 0.0
        width = max(5, *(len(row.name) for row in self.rows)) if self.rows else 5
        lines = [f"{'stage':<{width}}  {'trainable':>12}  {'frozen':>12}  state"]
        lines += [
            f"{row.name:<{width}}  {row.trainable:>12,}  {row.frozen:>12,}  {row.mode}"
            for row in self.rows
        ]
        lines.append(
            f"{'total':<{width}}  {self.trainable:>12,}  {self.frozen:>12,}  {share:.1%} trains"
        )
        return "\n".join(lines)

    __repr__ = __str__


def trainable_report(module: nn.Module, stages: Mapping[str, nn.Module] | None = None) -> Report:
    """Count what trains and what is frozen, stage by stage.

    Parameters
    ----------
    module : nn.Module
    stages : mapping of name to nn.Module, optional
        Rows of the table, such as ``backbone.stages``; by default the direct children. Weights
        outside them are counted in a row "(rest)"; shared weights count once, where first met.

    Returns
    -------
    Report
        With ``.trainable``, ``.frozen``, ``.total`` and ``.rows``.
    """
    stages = dict(module.named_children()) if stages is None else stages
    seen: set[int] = set()
    rows = [_row(name, stage.parameters(), list(stage.modules()), seen)
            for name, stage in stages.items()]  # fmt: skip
    rest = _row("(rest)", module.parameters(), [], seen)
    if rest.trainable or rest.frozen:
        rows.append(rest)
    return Report(tuple(rows), sum(r.trainable for r in rows), sum(r.frozen for r in rows))


def _row(
    name: str, parameters: Iterable[nn.Parameter], parts: list[nn.Module], seen: set[int]
) -> StageRow:
    new = [parameter for parameter in parameters if id(parameter) not in seen]
    seen.update(id(parameter) for parameter in new)
    trainable = sum(p.numel() for p in new if p.requires_grad)
    frozen = sum(p.numel() for p in new if not p.requires_grad)
    held = [is_frozen(part) for part in parts]
    if frozen == 0 and not any(held):
        mode = "trains"
    else:
        mode = "frozen" if trainable == 0 and all(held) else "partly frozen"
    if parts and trainable == 0 and frozen > 0 and not any(held):
        mode = "weights fixed, batch-norm and dropout are not"
    return StageRow(name, trainable, frozen, mode)


def _own_parameters(module: nn.Module) -> Iterable[tuple[str, nn.Parameter]]:
    return module.named_parameters(recurse=False)

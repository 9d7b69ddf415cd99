"""What is asked of a run: numbers, schedule, optimizer. Checked before it starts or continues."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from tl_helpers.training import checkpoints
from tl_helpers.training.runtime import check_whole

_COURSE = 1024  # steps of a schedule that are compared when a run continues
_GROUPS, _AFTER = "number of parameter groups", "learning rate after"


def check_numbers(**settings: float | None) -> None:
    """Check that settings such as ``epochs`` are positive; None means not used.

    Raises
    ------
    ValueError
        Naming the setting. All but ``clip`` must be whole numbers.
    """
    for name, value in settings.items():
        if value is not None and name != "clip":
            check_whole(name, value)
        elif value is not None and not value > 0:
            raise ValueError(f"{name} is {value!r}; expected a positive number.")


def check_schedule(optimizer, scheduler, scheduler_per: str, validated: bool) -> None:
    """Check that a schedule belongs to the optimizer and gets what it needs.

    Raises
    ------
    ValueError
        Naming what does not fit.
    """
    if scheduler_per not in ("epoch", "step"):
        raise ValueError(f"scheduler_per is {scheduler_per!r}; expected 'epoch' or 'step'.")
    if scheduler is None:
        return
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError("The scheduler belongs to another optimizer; make it from this one.")
    if isinstance(scheduler, ReduceLROnPlateau) and scheduler_per == "step":
        raise ValueError("ReduceLROnPlateau needs a loss of an epoch; use scheduler_per='epoch'.")
    if isinstance(scheduler, ReduceLROnPlateau) and scheduler.mode == "max" and not validated:
        raise ValueError("ReduceLROnPlateau(mode='max') needs valid=... to take the metric from.")


def check_plan(valid, patience, folder, every, resume) -> None:
    """Check that early stopping and checkpoints have what they need.

    Raises
    ------
    ValueError
        Naming what is missing; and for an earlier run's checkpoint that would be overwritten.
    """
    if patience is not None and valid is None:
        raise ValueError("patience needs valid=..., the set that early stopping looks at.")
    if folder is None and (every is not None or resume):
        raise ValueError("checkpoint_every and resume need checkpoint_dir=..., the folder.")
    if folder is not None and not resume and checkpoints.latest(folder) is not None:
        raise ValueError(
            f"checkpoint_dir {folder} holds a checkpoint of an earlier run. Pass resume=True to "
            "continue it, or choose another folder."
        )


def check_length(scheduler, steps: int) -> None:
    """Rehearse a schedule over the steps to come.

    Raises
    ------
    ValueError
        When it ends before they do: it fails, its rate is negative, or stays at zero for more than
        the last step, or a cosine rises again.
    """
    if steps < 1 or not _can_be_rehearsed(scheduler):
        return
    name, told = type(scheduler).__name__, f"and {steps} steps of it are to come"
    cure = "Make it for all steps of the run: those of an epoch times the epochs."
    twin = _twin(scheduler)
    try:
        rates = list(_rates(twin, steps))
    except (ValueError, LookupError, ArithmeticError) as error:
        raise ValueError(f"The {name} is too short, {told}: {error}. {cure}") from error
    if any(rate < 0 for step in rates for rate in step):
        raise ValueError(f"The {name} makes the learning rate negative, {told}. {cure}")
    if steps > 1 and max(map(max, rates)) > 0 and not any(rates[-1] + rates[-2]):
        idle = next(i for i in range(steps) if not any(map(any, rates[i:])))
        raise ValueError(
            f"The {name} is too short, {told}: the learning rate is 0 after {idle} of them. {cure}"
        )
    for part in _parts(twin):
        length = getattr(part, "T_max", None)
        if length is not None and part.last_epoch - 1 > length:
            raise ValueError(
                f"The {name} is too short, {told}: its T_max is {length}, after which a cosine "
                f"makes the learning rate rise again. {cure}"
            )


def asked(optimizer: torch.optim.Optimizer, scheduler) -> dict[str, object]:
    """Everything that a person asks of an optimizer and a schedule, by name.

    Between two runs from the beginning it is equal when they were asked for the same.
    """
    state = None if scheduler is None else scheduler.state_dict()
    told = settings_in(optimizer.param_groups, state)
    if _can_be_rehearsed(scheduler):
        told |= _course(scheduler)
    return told


def settings_in(groups: Sequence[Mapping], schedule: Mapping | None) -> dict[str, object]:
    """Settings of parameter groups, and the state of a schedule, by name."""
    told: dict[str, object] = {_GROUPS: len(groups)}
    for number, group in enumerate(groups):
        where = f" of group {number}" if len(groups) > 1 else ""
        told |= {f"{name}{where}": _plain(value) for name, value in group.items()
                 if name not in ("params", "param_names")}  # fmt: skip
        told[f"number of tensors{where}"] = len(group["params"])
    told |= {f"scheduler's {name}": _plain(value) for name, value in (schedule or {}).items()}
    return told


def differences(saved: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What differs between two sets of settings, in words; the course only if nothing else does."""
    other = [name for name in {**saved, **now} if saved.get(name) != now.get(name)]
    settings = [name for name in other if not name.startswith(_AFTER)]
    course = [name for name in other if name in saved and name in now]  # as far as both go
    if _GROUPS in settings:
        settings = [_GROUPS]
    return [f"{name} was {saved.get(name)}, is {now.get(name)}" for name in settings or course]


def _can_be_rehearsed(scheduler) -> bool:
    return isinstance(scheduler, LRScheduler) and not isinstance(scheduler, ReduceLROnPlateau)


def _twin(scheduler: LRScheduler) -> LRScheduler:
    """A copy of a schedule, on an optimizer that has its settings and no weights."""
    real, stand_in = scheduler.optimizer, torch.optim.SGD([torch.zeros(1)], 0.0)
    own = [{k: v for k, v in group.items() if k != "params"} for group in real.param_groups]
    stand_in.param_groups = [{**copy.deepcopy(group), "params": []} for group in own]
    return copy.deepcopy(scheduler, {id(real): stand_in})


def _rates(twin: LRScheduler, steps: int) -> Iterator[list[float]]:
    """Rates of all groups in each of the steps to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the stand-in makes no steps
        for _ in range(steps):
            yield [float(group["lr"]) for group in twin.optimizer.param_groups]
            twin.step()


def _course(scheduler: LRScheduler) -> dict[str, object]:
    """Rates after 1, 2, 4, … steps, which tell of functions that no state holds."""
    told: dict[str, object] = {}
    try:
        for step, rates in enumerate(_rates(_twin(scheduler), _COURSE)):
            if step & (step - 1) == 0:
                told[f"{_AFTER} {step} steps"] = rates
    except (ValueError, LookupError, ArithmeticError):
        return told  # here it ends
    return told


def _parts(scheduler) -> list:
    """A schedule and those that it is made of."""
    inner = getattr(scheduler, "_schedulers", [])
    return [scheduler, *(part for one in inner for part in _parts(one))]


def _plain(value: object) -> object:
    """A setting as it can be compared and saved."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

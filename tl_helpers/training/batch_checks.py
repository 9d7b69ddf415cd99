"""What small and divided batches do to a model that looks at a whole batch, as batch-norm does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from tl_helpers.training import processes
from tl_helpers.training.batches import Batches, TensorBatches
from tl_helpers.training.checkpoints import rng_state, set_rng_state
from tl_helpers.training.inputs import Inputs, map_inputs
from tl_helpers.training.runtime import Runtime


def check_smallest_batch(model: nn.Module, batches: Batches, runtime: Runtime) -> None:
    """See to it that no batch is too small for the model: batch-norm cannot train on one example.

    Where this package cuts the batches, a last one of a single example joins the one before it.

    Raises
    ------
    ValueError
        When the model refuses one example and takes two, and a loader or the batch size gives it
        one; with sizes that do not.
    """
    count = processes.count()
    parts = [max(1, size // count) for size in batches.sizes()]
    if 1 not in parts or not _refuses_one(model, batches, runtime):
        return
    if isinstance(batches, TensorBatches) and count == 1:
        batches.join_last = batches.batch_size > 1 and batches.examples > 1
        if batches.join_last:
            return
    raise ValueError(
        f"train has a batch of one example{' for a process' if count > 1 else ''}, and this model "
        "cannot train on one: batch-norm needs two. Expected another batch_size"
        f"{_fitting(batches.examples, batches.batch_size, count)}, drop_last=True in the loader, "
        "or batch-norm that is frozen (freezing.freeze)."
    )


def _fitting(examples: int | None, size: int | None, count: int) -> str:
    """The nearest batch size that leaves nobody a single example, in words."""
    if not size or not examples or examples < 2 * count:
        return ""
    wanted = [n for n in range(2 * count, examples + 1) if not 0 < examples % n < 2 * count]
    return f", such as {min(wanted, key=lambda n: abs(n - size))}"


def _refuses_one(model: nn.Module, batches: Batches, runtime: Runtime) -> bool:
    """Whether the model trains on two examples and not on one; nothing is left changed."""
    with undisturbed(model, batches), torch.no_grad(), runtime.autocast():
        x, _ = batches.peek(1)
        model.train()
        return not _runs(model, x) and _runs(model, map_inputs(x, lambda t: torch.cat([t, t])))


def _runs(model: nn.Module, x: Inputs) -> bool:
    try:
        model(x)
    except ValueError:  # what torch's normalisations raise
        return False
    return True


def check_divided(model: nn.Module, batches: Batches, runtime: Runtime) -> None:
    """Look for what trains differently where several processes divide each batch.

    Raises
    ------
    ValueError
        For a model wrapped in ``DistributedDataParallel``, and for synchronised batch-norm when
        the last batch is too small to give every process an example.

    Warns
    -----
    UserWarning
        For other batch-norm that trains, with what to write instead; on the first process.
    """
    count = processes.count()
    if count == 1:
        return
    if isinstance(model, DistributedDataParallel):
        raise ValueError(
            "The model is a DistributedDataParallel, and fit adds up the gradients of all "
            "processes by itself. Expected the plain model: model.module."
        )
    norms = {name: module for name, module in model.named_modules()
             if isinstance(module, _BatchNorm) and _obeys_train(module)}  # fmt: skip
    alone = [name for name, m in norms.items() if not isinstance(m, nn.SyncBatchNorm)]
    smallest = min(batches.sizes(), default=count)
    if len(alone) < len(norms) and smallest < count:
        raise ValueError(
            f"The smallest batch has {smallest} examples for {count} processes, and "
            "synchronised batch-norm needs one in each. Choose another batch_size."
        )
    if not alone or processes.rank() > 0:
        return
    cure = "synchronise them: model = nn.SyncBatchNorm.convert_sync_batchnorm(model)"
    if runtime.device.type == "cpu":
        cure = "torch synchronises them on GPUs only; on CPUs freeze them (freezing.freeze)"
    warnings.warn(
        f"Each process normalises its own part of a batch in {len(alone)} batch-norm layers "
        f"({first_names(alone)}), so the model trains differently from one process. Before making "
        f"the optimizer, {cure}, or use nn.GroupNorm.",
        stacklevel=3,
    )


def _obeys_train(module: nn.Module) -> bool:
    """Whether ``train()`` reaches the module; frozen ones stay in eval."""
    before = module.training
    obeys = module.train().training
    module.train(before)
    return obeys


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode, and each of its modules back in its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def undisturbed(model: nn.Module, batches: Batches) -> Iterator[None]:
    """`eval_mode` that leaves buffers and generators, too, as if nobody had looked."""
    before = rng_state(batches.generators)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        with eval_mode(model):
            yield
    finally:
        set_rng_state(before, batches.generators)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def first_names(names: Sequence[str]) -> str:
    """At most three of them, in words."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")

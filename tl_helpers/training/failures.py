"""What fails in the middle of training, said in words that help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tl_helpers.training.losses import NonFiniteLoss
from tl_helpers.training.run_state import RunState


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU's, or the processor's, memory is used up."""
    words = ("DefaultCPUAllocator", "MPS backend out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


@contextmanager
def explained(run: RunState) -> Iterator[None]:
    """Turn an interrupt into a history, and failures into errors that say what to do.

    Raises
    ------
    NonFiniteLoss
        With advice; the best weights so far are back in the model.
    torch.OutOfMemoryError
        Saying what uses less.
    """
    try:
        yield
    except KeyboardInterrupt:
        run.history.stopped = "interrupted"
    except NonFiniteLoss as error:
        run.restore_best()
        raise NonFiniteLoss(f"{error} {_advice(run)}") from None
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise torch.OutOfMemoryError(_memory_advice(run)) from error


def _advice(run: RunState) -> str:
    lr = max(float(group["lr"]) for group in run.step.optimizer.param_groups)
    text = (
        f"Usual causes: a learning rate that is too high (now {lr:g}), inputs that are not scaled, "
        "fp16 overflow. Try a tenth of it, clip=1.0, or precision='fp32'."
    )
    if (path := run.newest()) is not None:
        text += f" The last good checkpoint is kept in {path}."
    if run.best is not None:
        return f"{text} The model holds the weights of epoch {run.history.best_epoch}, the best."
    return f"{text} The weights of the model are spoilt: build it again."


def _memory_advice(run: RunState) -> str:
    runtime, accumulate = run.step.runtime, run.step.accumulate
    size = run.batches.batch_size or 1
    text = (
        f"Out of memory on {runtime.device} with batch_size={size}, accumulate={accumulate}, "
        f"precision={runtime.precision}."
    )
    if size > 1:
        text += (
            f" Use batch_size={size // 2} with accumulate={accumulate * 2}: the same gradient in "
            "about half the memory."
        )
    if runtime.precision == "fp32":
        text += " Or precision='bf16' (fp16 on an older GPU), which halves the activations."
    return text + " A frozen stage needs no memory for its gradients."

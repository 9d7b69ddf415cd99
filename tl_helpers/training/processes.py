"""Several processes that train one model: what they tell one another beside gradients.

``accelerate launch`` and torchrun start one script several times and say so in the environment
variable WORLD_SIZE. Hugging Face Accelerate joins them and chooses device and transport (NCCL for
GPUs, gloo for CPUs); gradients travel by torch's ``DistributedDataParallel``: see `shared_step`.
In one process every function here returns at once what it got, and nothing is imported.

Our own is what these two lack: an error of the first process raised on all, a comparison of what
they are about to do, and words for a connection that broke. Every function that exchanges
something is called by all processes, in the same order.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from accelerate import PartialState
    from torch import Tensor, nn

T = TypeVar("T")


class ProcessLost(ConnectionError):
    """Another process of the run ended or does not answer."""


def count() -> int:
    """How many processes a launcher says that it has started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def rank() -> int:
    """Number of this process; the first is 0."""
    return 0 if count() == 1 else joined().process_index


@functools.cache
def joined(cpu: bool = False) -> PartialState:
    """Accelerate's view of this process; the first call joins the others, ``cpu`` without GPUs."""
    # Imported later, as making an optimizer does, it keeps the connection as a default argument
    # beyond the end of Python, where gloo's threads then abort the process.
    import torch.distributed.nn.functional
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    without = cpu or parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    state = PartialState(cpu=without)
    atexit.register(state.destroy_process_group)
    return state


def device_of_this_process(device: str) -> str:
    """A torch device's name: under several processes "auto" and "cuda" are a GPU of its own.

    Raises
    ------
    ValueError
        For one numbered device under several processes.
    """
    if count() == 1:
        return device
    if ":" in device:
        raise ValueError(
            f"device is {device!r} for each of {count()} processes; expected 'auto', which "
            "gives every process a GPU of its own, or 'cpu'."
        )
    return str(joined(device == "cpu").device)


def part(batch: Tensor) -> Tensor:
    """This process's part of a batch of positions; parts differ by at most one."""
    return batch.tensor_split(count())[rank()]


def broadcast(value: T) -> T:
    """The first process's ``value``.

    Raises
    ------
    ProcessLost
        When another process ended.
    """
    if count() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    with connected():
        return broadcast_object_list([value])[0]


def gather(value: T) -> list[T]:
    """Every process's ``value``, in the order of their ranks.

    Raises
    ------
    ProcessLost
        When another process ended.
    """
    if count() == 1:
        return [value]
    from accelerate.utils import gather_object

    with connected():
        return gather_object([value])


def on_first(action: Callable[[], object]) -> None:
    """Run ``action`` on the first process, wait for it, and raise its exception everywhere.

    Raises
    ------
    ProcessLost
        When another process ended.
    """
    error = None
    if rank() == 0:
        try:
            action()
        except Exception as failure:
            if count() == 1:
                raise
            error = failure
    error = broadcast(error)
    if error is not None:
        raise error


def share_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers: those of batch-norm differ after a step.

    Raises
    ------
    ProcessLost
        When another process ended.
    """
    if count() > 1:
        buffers = list(model.buffers())
        first = broadcast([buffer.cpu() for buffer in buffers])
        for buffer, value in zip(buffers, first, strict=True):
            buffer.detach().copy_(value)


def check_same(facts: Mapping[str, object]) -> None:
    """Compare what must not differ between processes.

    Raises
    ------
    ValueError
        Naming the first fact that differs; on every process.
    ProcessLost
        When another process ended.
    """
    told = gather(facts)
    for name in facts:
        found = [one[name] for one in told]
        if any(other != found[0] for other in found):
            raise ValueError(
                f"The {count()} processes differ in {name}: {', '.join(map(str, found))}. "
                "Expected the same script, data, settings and disk for all; draw random "
                "subsets after runtime.start, which seeds every process alike."
            )


@contextmanager
def connected() -> Iterator[None]:
    """Say in words that a connection broke; the transports name sockets and source lines.

    Raises
    ------
    ProcessLost
        In place of the transport's error.
    """
    try:
        yield
    except RuntimeError as error:
        from torch.distributed import DistError

        if not isinstance(error, DistError) and "gloo" not in str(error):
            raise
        raise ProcessLost(
            "Another process of this run ended or stopped answering. Look for its own error in "
            "the output; without one it was killed, often for lack of memory. A run that has a "
            "checkpoint_dir continues with resume=True."
        ) from error

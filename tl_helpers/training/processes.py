"""Several processes that train one model: each takes its part of every batch.

``accelerate launch`` and torchrun start one script several times and say so in the environment
variable WORLD_SIZE. There, `current` joins the processes through Hugging Face Accelerate, which
chooses the device and the transport (NCCL for GPUs, gloo for CPUs). Everywhere else it is
`OneProcess`, for which nothing is to be done and nothing is imported.

The gradient is summed here and not by ``DistributedDataParallel``, which takes the mean of the
processes' means: wrong as soon as their parts differ in size, as in the last batch of an epoch.
"""

# ruff: noqa: D102 (OneProcess says what the methods of SeveralProcesses do)
from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")


class ProcessLost(ConnectionError):
    """Another process of the run ended or does not answer."""


class OneProcess:
    """The usual case: this process is the first and the only one."""

    rank = 0
    count = 1

    def shares(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        """This process's part of each batch of positions; parts differ by at most one."""
        return batches

    def broadcast(self, value: T) -> T:
        """The first process's ``value``."""
        return value

    def gather(self, value: T) -> list[T]:
        """Every process's ``value``, in the order of their ranks."""
        return [value]

    def on_first(self, action: Callable[[], object]) -> None:
        """Run ``action`` on the first process, wait for it, and raise its exception everywhere."""
        action()

    def average_gradients(self, parameters: Sequence[nn.Parameter], weight: float, unit: int):
        """Make each gradient the weighted mean over the examples of all processes.

        Parameters
        ----------
        parameters : sequence of nn.Parameter
            With gradients of this process's ``weighted sum of losses / unit``, or none.
        weight : float
            Of this process's examples in the loss: their number, unless labels count unequally.
        unit : int
            The same number on all processes.
        """

    def mean_losses(self, losses: Tensor, sizes: list[int]) -> tuple[Tensor, list[int]]:
        """Mean loss and size of whole batches, from those of each process's parts.

        Parameters
        ----------
        losses : Tensor (B,)
        sizes : list of int, length B
        """
        return losses, sizes

    def share_model(self, model: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's buffers: those of batch-norm differ after a step."""

    def check_same(self, facts: Mapping[str, object]) -> None:
        """Compare what must not differ between processes.

        Raises
        ------
        ValueError
            Naming the first fact that differs; on every process.
        """


class SeveralProcesses(OneProcess):
    """One of several processes; each method is called by all of them, in the same order.

    Parameters
    ----------
    cpu : bool
        Train on the CPU although there may be GPUs.
    """

    def __init__(self, cpu: bool) -> None:
        # Imported later, as making an optimizer does, it keeps the connection as a default argument
        # beyond the end of Python, where gloo's threads then abort the process.
        import torch.distributed.nn.functional  # noqa: F401
        from accelerate import PartialState

        self.state = PartialState(cpu=cpu)
        self.rank, self.count = self.state.process_index, self.state.num_processes
        atexit.register(self.state.destroy_process_group)

    def shares(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        return (batch.tensor_split(self.count)[self.rank] for batch in batches)

    def broadcast(self, value: T) -> T:
        from torch.distributed import broadcast_object_list

        box = [value]
        with _connected():
            broadcast_object_list(box)
        return box[0]

    def gather(self, value: T) -> list[T]:
        from torch.distributed import all_gather_object

        found: list = [None] * self.count
        with _connected():
            all_gather_object(found, value)
        return found

    def on_first(self, action: Callable[[], object]) -> None:
        error = None
        if self.rank == 0:
            try:
                action()
            except Exception as failure:
                error = failure
        error = self.broadcast(error)
        if error is not None:
            raise error

    def average_gradients(
        self, parameters: Sequence[nn.Parameter], weight: float, unit: int
    ) -> None:
        import torch

        trained = [p for p in parameters if p.requires_grad]
        without = [p.grad is None for p in trained]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        counts = [weight, *(not lacks for lacks in without)]
        counts = torch.tensor(counts, dtype=torch.float32, device=trained[0].device)
        flat = torch.cat([*(g.flatten() for g in gradients), counts])  # one message a step
        self._sum(flat)
        *sums, counts = flat.split([g.numel() for g in gradients] + [len(counts)])
        torch._foreach_mul_(sums, unit / counts[0])
        for parameter, gradient, total in zip(trained, gradients, sums, strict=True):
            parameter.grad = gradient.copy_(total.view(gradient.shape))
        if any(without):  # a weight that no process used has no gradient, as in one process
            for parameter, users in zip(trained, counts[1:].tolist(), strict=True):
                parameter.grad = parameter.grad if users else None

    def mean_losses(self, losses: Tensor, sizes: list[int]) -> tuple[Tensor, list[int]]:
        import torch

        weights = torch.tensor(sizes, dtype=torch.float64, device=losses.device)
        totals = torch.stack([losses * weights, weights])
        self._sum(totals)
        return totals[0] / totals[1], [int(size) for size in totals[1].tolist()]

    def share_model(self, model: nn.Module) -> None:
        self._copy_first([*model.parameters(), *model.buffers()])

    def share_buffers(self, model: nn.Module) -> None:
        self._copy_first(model.buffers())

    def _copy_first(self, tensors: Iterable[Tensor]) -> None:
        import torch

        for tensor in tensors:
            if tensor.numel():
                values = tensor.detach().contiguous()
                with _connected():  # as bytes, which every transport takes
                    torch.distributed.broadcast(values.flatten().view(torch.uint8), src=0)
                tensor.detach().copy_(values)

    def check_same(self, facts: Mapping[str, object]) -> None:
        told = self.gather(facts)
        for name in facts:
            found = [one[name] for one in told]
            if any(other != found[0] for other in found):
                raise ValueError(
                    f"The {self.count} processes differ in {name}: {', '.join(map(str, found))}. "
                    "Expected the same script, data, settings and disk for all; draw random "
                    "subsets after runtime.start, which seeds every process alike."
                )

    def _sum(self, values: Tensor) -> None:
        import torch

        with _connected():
            torch.distributed.all_reduce(values)


_ALONE = OneProcess()


def world_size() -> int:
    """How many processes a launcher says that it has started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def current(device: str = "auto") -> OneProcess:
    """The processes of this run; the first call joins them, on the kind of ``device``."""
    return _ALONE if world_size() == 1 else _joined(_on_cpu(device))


@functools.cache
def _joined(cpu: bool) -> SeveralProcesses:
    return SeveralProcesses(cpu)


def device_of_this_process(device: str) -> str:
    """A torch device's name: under several processes "auto" and "cuda" are a GPU of its own.

    Raises
    ------
    ValueError
        For one numbered device under several processes.
    """
    if world_size() == 1:
        return device
    if ":" in device:
        raise ValueError(
            f"device is {device!r} for each of {world_size()} processes; expected 'auto', which "
            "gives every process a GPU of its own, or 'cpu'."
        )
    return str(current(device).state.device)


def _on_cpu(device: str) -> bool:
    import torch

    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    return device == "cpu" or asked or not torch.cuda.is_available()


@contextmanager
def _connected() -> Iterator[None]:
    """Say in words that a connection broke; the transports name sockets and source lines."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost(
            "Another process of this run ended or stopped answering. Look for its own error in "
            "the output; without one it was killed, often for lack of memory. A run that has a "
            "checkpoint_dir continues with resume=True."
        ) from error

"""Device, precision, threads and seeds: everything that a lesson fixes before it starts.

torch is imported inside the functions, so that the command line can use this module at once.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_helpers.training import processes

if TYPE_CHECKING:
    import torch

PROFILES = ("smoke", "laptop", "gpu")
PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Runtime:
    """Choices that hold for one run of a lesson; made by `start`.

    Attributes
    ----------
    profile : {"smoke", "laptop", "gpu"}
    seed : int
    device : torch.device
    precision : {"fp32", "bf16", "fp16"}
        Type of the matrix products under `autocast`; weights stay float32.
    threads : int
        CPU threads of one torch operation.
    channels_last : bool
        Whether convolutional models and image batches use the NHWC memory layout.
    deterministic : bool
        Whether torch refuses operations that may differ from run to run.
    """

    profile: str
    seed: int
    device: torch.device
    precision: str
    threads: int
    channels_last: bool
    deterministic: bool = False

    def fingerprint(self) -> str:
        """The profile: what of a runtime decides whether a recorded result stands for a new one.

        Hardware and precision are what its tolerance is for; an arm's seed is its argument.
        """
        return self.profile

    def generator(self, offset: int = 0) -> torch.Generator:
        """CPU generator seeded with ``seed + offset``: for shuffles and for drawing subsets."""
        import torch

        return torch.Generator().manual_seed(self.seed + offset)

    def autocast(self):
        """Context in which matrix products run in `precision` (a null context for fp32)."""
        import torch

        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, _torch_dtype(self.precision))

    def scaler(self) -> torch.amp.GradScaler:
        """Loss scaler; enabled only for fp16, whose smallest gradients would vanish."""
        import torch

        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    def memory_format(self) -> torch.memory_format:
        """Layout for image tensors and convolutional models."""
        import torch

        return torch.channels_last if self.channels_last else torch.contiguous_format

    def __str__(self) -> str:
        where = self.device.type
        if where == "cpu":
            where += f" with {self.threads} thread" + "s" * (self.threads != 1)
        text = f"profile {self.profile}, {where}, {self.precision}, seed {self.seed}"
        count = processes.count()
        return text if count == 1 else f"{text}, {count} processes"


def start(
    profile: str = "laptop",
    seed: int = 0,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    deterministic: bool = False,
) -> Runtime:
    """Seed every generator, choose the device and precision, and say so in one line.

    Under ``accelerate launch`` or torchrun the processes meet here, and the first one prints.

    Parameters
    ----------
    profile : {"smoke", "laptop", "gpu"}
        Sizes a lesson runs at. "gpu" without a GPU is an error.
    seed : int
        Non-negative; seeds Python, numpy and torch.
    device : str
        "auto" takes CUDA, then MPS, then the CPU; or a torch device such as "cuda:1". Each of
        several processes takes a GPU of its own.
    precision : {"auto", "fp32", "bf16", "fp16"}
        "auto" takes bf16 where the hardware is fast at it (CUDA from Ampere on, CPUs with AMX),
        fp16 on older CUDA GPUs, fp32 elsewhere.
    threads : int, optional
        CPU threads; by default what torch or ``OMP_NUM_THREADS`` says, which launchers set to
        each process's part of the processor.
    deterministic : bool
        Ask torch for deterministic algorithms; some operations are slower, a few refuse.

    Raises
    ------
    ValueError
        For an unknown profile, precision or device, a negative seed, or no threads.
    """
    import torch

    _check_choice("profile", profile, PROFILES)
    _check_choice("precision", precision, ("auto", *PRECISIONS))
    check_whole("seed", seed, least=0)
    chosen = _device(processes.device_of_this_process(device))
    if profile == "gpu" and chosen.type == "cpu":
        raise ValueError(
            "profile 'gpu' needs a CUDA or MPS device and none was found; run profile 'laptop' "
            "here, or open the lesson on Colab with a GPU runtime."
        )
    if threads is not None:
        check_whole("threads", threads)
        torch.set_num_threads(threads)
    if deterministic:  # cuBLAS is so only with a workspace of fixed size
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if deterministic or torch.are_deterministic_algorithms_enabled():  # the call costs a second
        torch.use_deterministic_algorithms(deterministic)
    seed_everything(seed)
    runtime = Runtime(
        profile,
        seed,
        chosen,
        best_precision(chosen) if precision == "auto" else precision,
        torch.get_num_threads(),
        channels_last=chosen.type in ("cuda", "cpu"),
        deterministic=deterministic,
    )
    if processes.rank() == 0:
        print(runtime)
    return runtime


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (all devices) with the same number."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextlib.contextmanager
def own_randomness() -> Iterator[None]:
    """Let each of several processes draw its own dropout, augmentation and mixup.

    The first one draws on as if it were alone; afterwards all draw the same numbers again.
    """
    import torch

    if processes.count() == 1:
        yield
        return
    seed = processes.broadcast(torch.initial_seed()) % 2**32
    if processes.rank() > 0:
        seed_everything(seed + processes.rank())
    try:
        yield
    finally:
        seed_everything(seed + processes.count())


def release_memory() -> None:
    """Give memory of deleted models and tensors back to the system, between parts of a lesson."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim_memory()


def trim_memory() -> None:
    """Give freed blocks back to the system without looking for more, which is quicker.

    glibc otherwise keeps them for later, and a small container counts them.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # not glibc: nothing to trim
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def has_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether oneDNN may use this processor's AMX tiles, the fast bf16 path of CPUs.

    ``ONEDNN_MAX_CPU_ISA`` set to anything below AMX turns them off, and is honoured.
    AMX exists on x86 servers, in practice under Linux, which lists it in ``cpuinfo``.
    """
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    allowed = cap in ("DEFAULT", "ALL") or "AMX" in cap
    return allowed and cpuinfo.is_file() and "amx_bf16" in cpuinfo.read_text()


def best_precision(device: torch.device) -> str:
    """Fastest precision that trains well on ``device``: "bf16", "fp16" or "fp32"."""
    import torch

    if device.type == "cuda":
        # Tensor cores take bf16 from compute capability 8 on, and fp16 from 7 on.
        major, _ = torch.cuda.get_device_capability(device)
        return "bf16" if major >= 8 else "fp16" if major == 7 else "fp32"
    return "bf16" if device.type == "cpu" and has_amx() else "fp32"


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0]}); "
            "use 'auto', 'cpu', or a CUDA or MPS device that torch finds."
        ) from error
    return chosen


def _torch_dtype(precision: str) -> torch.dtype:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}; expected one of {', '.join(allowed)}.")


def check_whole(what: str, value: object, least: int = 1) -> None:
    """Check a setting that counts something.

    Raises
    ------
    ValueError
        Naming it, for anything but a whole number of at least ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{what} is {value!r}; expected a whole number of at least {least}.")

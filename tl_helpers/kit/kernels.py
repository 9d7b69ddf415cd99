"""Kernels of this very interpreter, with their memory watched and their time limited."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from tl_helpers.training.memory import MemoryPeak


class Watch:
    """What one kernel may use, and what it used.

    Parameters
    ----------
    variables : mapping of str to str
        Environment variables of the kernel, over those of this process.
    seconds : float
        The kernel is killed after this long.
    log : Path
        File for what the kernel's process itself says, past the notebook.

    Attributes
    ----------
    peak_mib : float
        Peak anonymous memory of the kernel and its children, MiB.
    timed_out : bool
        Whether the kernel was killed because its time was up.
    """

    def __init__(self, variables: Mapping[str, str], seconds: float, log: Path) -> None:
        self.variables = dict(variables)
        self.seconds = seconds
        self.log = log
        self.peak_mib = 0.0
        self.timed_out = False
        self._memory: MemoryPeak | None = None

    def begin(self, pid: int) -> None:
        """Watch the kernel with this process id."""
        self._memory = MemoryPeak(pid, interval=0.1)
        self._memory.__enter__()
        self._clock = threading.Timer(self.seconds, self._out_of_time, [pid])
        self._clock.daemon = True
        self._clock.start()

    def finish(self) -> None:
        """Stop watching; also right when the kernel never started."""
        if self._memory is not None:
            self._clock.cancel()
            self._memory.__exit__(None, None, None)
            self.peak_mib = self._memory.mib

    def _out_of_time(self, pid: int) -> None:
        self.timed_out = True
        end_process_tree(pid)


def manager_class(watch: Watch) -> type[AsyncKernelManager]:
    """Kernel manager for nbclient whose kernels run `sys.executable` under ``watch``.

    Registered kernels do not count: a user-wide "python3" kernel would otherwise win over the
    environment that runs the lesson.
    """

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(**get_kernel_dict(), env=watch.variables)  # argv: sys.executable

    class WatchedKernelManager(AsyncKernelManager):
        def __init__(self, **options: object) -> None:
            super().__init__(**options)
            self.kernel_spec_manager = ThisInterpreter(parent=self)
            if self.has_trait("transport_encryption"):  # since jupyter_client 8.9
                self.transport_encryption = "auto"

        async def start_kernel(self, **options: object) -> None:  # type: ignore[override]
            with watch.log.open("wb") as log:
                await super().start_kernel(**{**options, "stdout": log, "stderr": log})
            watch.begin(self.provisioner.pid)  # type: ignore[union-attr]  # of a local process

    return WatchedKernelManager


def end_process_tree(pid: int) -> None:
    """Kill a process and all its descendants; those that have ended already are no error."""
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)

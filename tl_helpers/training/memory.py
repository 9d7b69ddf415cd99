"""Peak memory of a process and its children, as a container counts it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self


class MemoryPeak:
    """Peak anonymous memory of a process and its children, sampled every 50 ms.

    Anonymous memory (RssAnon) is what a container's limit counts for good: mapped weight files
    can be dropped and read again. Where the system does not report it, the resident set size is
    used, which is larger.

    Examples
    --------
    >>> with MemoryPeak() as peak:
    ...     pass
    >>> peak.mib >= 0
    True
    """

    def __init__(self, pid: int | None = None, interval: float = 0.05) -> None:
        self.pid = pid or os.getpid()
        self.interval = interval
        self.mib = 0.0
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        ending = False
        while not ending:  # once more at the end: what a short block holds is seen
            ending = self._stop.wait(self.interval)
            self.mib = max(self.mib, anonymous_mib(self.pid))


def anonymous_mib(pid: int) -> float:
    """Anonymous memory of process ``pid`` and its children now, in MiB; 0 when it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_anonymous_bytes(member) for member in family) / 2**20


def _anonymous_bytes(process) -> int:
    import psutil

    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        try:
            return process.memory_info().rss
        except psutil.NoSuchProcess:
            return 0

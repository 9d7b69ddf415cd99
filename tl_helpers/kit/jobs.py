"""Run several lessons at once, one process each, and leave nothing behind on Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path

from tl_helpers.kit import running
from tl_helpers.kit.running import RunResult, Settings


@dataclass(frozen=True)
class Job:
    """One lesson to run: the arguments of `running.run`."""

    id: str
    profile: str
    seed: int
    solutions: bool
    out: Path
    settings: Settings

    @property
    def key(self) -> tuple[str, int]:
        """Lesson and seed: what tells the jobs of one call apart."""
        return self.id, self.seed


def run_all(jobs: list[Job], side_by_side: int, report: Callable[..., None]) -> list[RunResult]:
    """Run the jobs, at most ``side_by_side`` at a time.

    Parameters
    ----------
    jobs : list of Job
        No two of one lesson and seed, nor of one lesson with one folder.
    side_by_side : int
        Number of processes.
    report : callable
        ``report(job, done=, total=)`` after each code cell, ``report(job, result=)`` at the end.

    Returns
    -------
    list of RunResult
        In the order of ``jobs``. What goes wrong in a lesson's process is a problem in its result.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, when the running lessons have ended and left nothing behind.
    """
    context = multiprocessing.get_context("spawn")  # a fork would share torch's and zmq's threads
    messages = context.Queue()
    by_key = {job.key: job for job in jobs}
    waiting = list(jobs)
    busy: dict[tuple, BaseProcess] = {}
    results: dict[tuple, RunResult] = {}
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    try:
        while waiting or busy:
            while waiting and len(busy) < side_by_side:
                job = waiting.pop(0)
                busy[job.key] = _start(context, job, messages)
            for key, content in _received(messages, busy):
                report(by_key[key], **content)
                if "result" in content:
                    results[key] = content["result"]
                    busy.pop(key).join()
    finally:
        for key, process in busy.items():
            _end(process, by_key[key])
        signal.signal(signal.SIGTERM, former)
    return [results[job.key] for job in jobs]


def _start(context: SpawnContext, job: Job, messages: Queue) -> BaseProcess:
    process = context.Process(target=_work, args=(job, messages), name=f"lesson {job.id}")
    process.start()
    return process


def _received(messages: Queue, busy: dict[tuple, BaseProcess]) -> Iterator[tuple[tuple, dict]]:
    """Next message, or a result for each process that ended without sending one."""
    try:
        yield messages.get(timeout=0.2)
        return
    except queue.Empty:
        pass
    for (id, seed), process in list(busy.items()):
        if process.exitcode not in (None, 0):
            text = f"its process ended with status {process.exitcode} and no result."
            yield (id, seed), {"result": RunResult(id, "", seed, False, problems=[text])}


def _end(process: BaseProcess, job: Job) -> None:
    """Stop an unfinished run with its kernel, and remove its scratch folder."""
    from tl_helpers.kit.kernels import end_process_tree

    if process.pid is not None:  # it was started
        end_process_tree(process.pid)
    process.join()
    for scratch in job.out.glob(f".{job.id}-*"):
        shutil.rmtree(scratch, ignore_errors=True)


def _work(job: Job, messages: Queue) -> None:
    """In the child: run the lesson, send its progress and its result."""
    if hasattr(os, "setsid"):
        os.setsid()  # the terminal's Ctrl-C goes to the parent alone, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def on_cell(done: int, total: int) -> None:
        messages.put((job.key, {"done": done, "total": total}))

    settings = replace(job.settings, on_cell=on_cell)
    try:
        result = running.run(
            job.id, job.profile, job.seed, solutions=job.solutions, out=job.out, settings=settings
        )
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        result = RunResult(job.id, job.profile, job.seed, job.solutions, problems=[text])
    messages.put((job.key, {"result": result}))


def _end_with_parent() -> None:
    """When the parent is killed, end this process and its kernel rather than run on unseen."""
    from tl_helpers.kit.kernels import end_process_tree

    parent = multiprocessing.parent_process()
    if parent is None:
        return  # not a child: nobody's end concerns it
    parent.join()
    end_process_tree(os.getpid())

"""Processes that hold one side of a comparison each, ready and warm, and run it when asked.

A library that is imported can change torch's speed for all others in its process, so each side
has its own. It waits, and costs nothing, while the others have their turn.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

TESTS = Path(__file__).resolve().parent.parent


class Worker:
    """One such process.

    Parameters
    ----------
    side : str
        ``"module:function"``. The function is called once, with ``arguments``, and returns what
        each call of the worker runs. Arguments and results pass as JSON.
    *arguments : JSON values
    **variables : str
        Environment variables over those of this process.
    """

    def __init__(self, side: str, *arguments: object, **variables: str) -> None:
        self.side = side
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.workers", side, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, "PYTHONPATH": _search_path(), **variables},
        )
        self._ready = False

    def __call__(self, *arguments: object) -> object:
        """Run it and wait for the result.

        Raises
        ------
        RuntimeError
            With what the process said, when it has failed.
        """
        self.wait()
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def wait(self) -> None:
        """Until the process has imported and built what it needs."""
        if not self._ready:
            self._answer()
            self._ready = True

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> object:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            raise RuntimeError(f"{self.side} failed:\n{self._said.read()[-2000:]}")
        return json.loads(line)


def _search_path() -> str:
    """This package first: a worker may start in any folder."""
    return os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))


def serve(side: str, arguments: list) -> None:
    """In the process: build, say so, then answer each line of standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    module, _, function = side.partition(":")
    run = getattr(importlib.import_module(module), function)(*arguments)
    print("null", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]))

"""What the learner has passed so far: one small JSON file that survives crashes.

The file is ``.progress.json`` in `paths.work_dir`, hidden so that the learner's folder shows only
lessons. It is replaced in one step under a lock, so that two notebooks that check at the same time
lose nothing, and a damaged file is set aside.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from tl_helpers.assets import files, paths

VERSION = 1
FILE = ".progress.json"
_FORMER = "progress.json"  # its name up to version 0.1.0


def path() -> Path:
    """File that holds the learner's progress."""
    return paths.work_dir() / FILE


def load(work: Path | None = None) -> dict[str, dict]:
    """Record of every exercise tried so far.

    Parameters
    ----------
    work : Path, optional
        A learner's folder; `paths.work_dir` by default.

    Returns
    -------
    dict of str to dict
        Exercise id to ``{"state", "passed", "hints", "solution_seen"}``: the latest state, whether
        it ever passed, the number of hints read, and whether the solution was shown. Empty when
        there is no file, or when the file is not one of ours (`update` then sets it aside).
    """
    work = work or paths.work_dir()
    for name in (FILE, _FORMER):
        with contextlib.suppress(OSError, ValueError):
            return _read(work / name)
    return {}


def update(exercise_id: str, **changes: object) -> None:
    """Merge ``changes`` into the record of one exercise and save, all or nothing.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    from filelock import FileLock

    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(target) + ".lock", timeout=10):
        if not target.exists():
            with contextlib.suppress(FileNotFoundError):
                os.replace(target.with_name(_FORMER), target)
        try:
            exercises = _read(target)
        except FileNotFoundError:
            exercises = {}
        except ValueError:
            _set_aside(target)
            exercises = {}
        exercises[exercise_id] = {**exercises.get(exercise_id, {}), **changes}
        content = {"version": VERSION, "exercises": exercises}
        files.write_text(target, json.dumps(content, indent=1, sort_keys=True) + "\n")


def _read(source: Path) -> dict[str, dict]:
    content = json.loads(source.read_text(encoding="utf-8"))
    exercises = content.get("exercises") if isinstance(content, dict) else None
    if not isinstance(exercises, dict) or not all(isinstance(e, dict) for e in exercises.values()):
        raise ValueError(f"{source.name} does not hold a record of exercises")
    return exercises


def _set_aside(target: Path) -> None:
    """Rename a damaged file to the first free ``.progress.damaged-N.json``."""
    number = 1
    while (aside := target.with_name(f"{target.stem}.damaged-{number}.json")).exists():
        number += 1
    os.replace(target, aside)

"""Working copies: learners edit these, so that a new version of the course overwrites nothing."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tl_helpers.assets import files, paths
from tl_helpers.kit import lessons

LIVE_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Copy:
    """A learner's copy of a lesson, and what to tell them about it (empty when nothing)."""

    path: Path
    note: str = ""


def working_copy(id: str) -> Copy:
    """Make or bring up to date the learner's copy of a lesson in ``my_work``.

    A copy whose cells are as they were handed out follows the course. A copy with edits is left
    alone; when the lesson has changed since, the new version is put beside it, once, as
    ``NAME.new.ipynb``. Outputs are no edits.

    Raises
    ------
    LessonError
        For an unknown lesson.
    """
    lesson = lessons.get(id)
    copy = _place(lesson)
    handed_out = _read_ledger()
    current = _fingerprint(lesson.path)
    former = handed_out.get(id)
    if copy.is_file():
        if former == current:
            return Copy(copy)
        if former is None or _fingerprint(copy) not in (former, current):
            return _put_beside(lesson, copy, current)
    note = "" if former in (None, current) else f"{copy.name}: brought to the course's new version."
    _hand_out(lesson, copy, current)
    return Copy(copy, note)


def reset(id: str) -> Copy:
    """Give the learner a fresh copy; an edited one is kept beside it as ``NAME.old-N.ipynb``.

    Raises
    ------
    LessonError
        For an unknown lesson.
    """
    lesson = lessons.get(id)
    copy = _place(lesson)
    current = _fingerprint(lesson.path)
    note = f"{copy.name}: fresh copy."
    if copy.is_file() and _fingerprint(copy) != current:
        kept = _first_free(copy)
        os.replace(copy, kept)
        note = f"{copy.name}: fresh copy; yours is kept as {kept.name}."
    _hand_out(lesson, copy, current)
    return Copy(copy, note)


def renew(args: argparse.Namespace) -> None:
    """``tl reset``: a fresh copy, and say where the former one is.

    Raises
    ------
    LessonError
        For an unknown lesson.
    """
    print(reset(args.id).note)


def show_pictures_for_dead_views() -> list[Path]:
    """Take out live views whose kernel is gone, where a picture of the same thing is saved too.

    A slider lives in the kernel that made it. Without that kernel JupyterLab shows the words "model
    not found" in its place, although the notebook holds its picture.

    Returns
    -------
    list of Path
        Copies that were changed. None when a server is running on them: its kernels may live.
    """
    copies = sorted(paths.work_dir().rglob("*.ipynb"))
    without = {copy: text for copy in copies if (text := _without_views(copy)) is not None}
    if not without or _is_served(paths.work_dir()):
        return []
    for copy, text in without.items():
        files.write_text(copy, text)
    return list(without)


def _without_views(path: Path) -> str | None:
    """The notebook with pictures in place of live views; None when there are none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        shown = [output["data"] for output in outputs if "image/png" in output.get("data", ())]
        views = [data.pop(LIVE_VIEW) for data in shown if LIVE_VIEW in data]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a damaged copy is for the learner to see
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n" if views else None


def _is_served(folder: Path) -> bool:
    from jupyter_server.serverapp import list_running_servers

    folder = folder.resolve()
    return any(Path(server["root_dir"]).resolve() == folder for server in list_running_servers())


def _place(lesson: lessons.Lesson) -> Path:
    return paths.work_dir() / lesson.path.relative_to(paths.notebooks_dir())


def _put_beside(lesson: lessons.Lesson, copy: Path, current: str) -> Copy:
    fresh = copy.with_name(f"{copy.stem}.new.ipynb")
    if fresh.is_file() and _fingerprint(fresh) != current:
        os.replace(fresh, _first_free(fresh))
    _hand_out(lesson, fresh, current)
    return Copy(
        copy,
        f"{copy.name} has your edits and was left alone; the lesson has changed, and its new "
        f"version is beside it as {fresh.name}.",
    )


def _first_free(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.stem}.old-{number}.ipynb")).exists():
        number += 1
    return kept


def _hand_out(lesson: lessons.Lesson, copy: Path, current: str) -> None:
    with files.replacing(copy) as part:
        shutil.copyfile(lesson.path, part)
    _write_ledger(lesson.id, current)


def _fingerprint(path: Path) -> str:
    """Digest of the cells' kinds and sources; of the raw bytes when it is not a notebook."""
    raw = path.read_bytes()
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(raw)["cells"]]
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(raw).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _ledger() -> Path:
    return paths.work_dir() / ".handed_out.json"


def _read_ledger() -> dict[str, str]:
    """Fingerprint of the version handed out, by lesson; unreadable means that all are edited."""
    try:
        content = json.loads(_ledger().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_ledger(id: str, fingerprint: str) -> None:
    content = {**_read_ledger(), id: fingerprint}
    files.write_text(_ledger(), json.dumps(content, indent=1, sort_keys=True) + "\n")

"""The one way to write a file so that a reader sees the old content or the new, never a part."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new file beside ``target`` to write into; it takes the place of ``target`` at the end.

    Parameters
    ----------
    target : Path
        File to make or replace; its folder is made when missing.

    Yields
    ------
    Path
        An empty file in the same folder, which a failure removes; what stood before then stays.

    Raises
    ------
    OSError
        When the folder cannot be written or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        sync(scratch)
        scratch.chmod(0o644)  # mkstemp makes it private, which surprises on shared folders
        os.replace(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with newlines as they are; see `replacing`."""
    with replacing(target) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


def write_json(target: Path, content: object) -> None:
    """Write JSON with an indent of one; ValueError for NaN and infinity; see `replacing`."""
    write_text(target, json.dumps(content, indent=1, allow_nan=False) + "\n")


def sync(path: Path) -> None:
    """Have the system put a file, or a folder's list of names, on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle on a folder's list
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Is a folder of files what the catalogue says? Hashes, and a stamp that remembers the answer."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase, translate
from pathlib import Path

from tl_helpers.assets import files
from tl_helpers.assets.entries import Asset, Member

STAMP = ".verified.json"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the lines ``sha256  name`` of some files, sorted, each ended by a newline."""
    lines = sorted(f"{file_sha256(path)}  {path.name}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def member_files(folder: Path, member: Member) -> list[Path]:
    """Files of a member that are in a folder, sorted; empty when it is not there."""
    name = member.file_name
    if member.is_pattern:
        return sorted(p for p in folder.iterdir() if fnmatchcase(p.name, name))
    path = folder / name
    return [path] if path.is_file() else []


def fault(folder: Path, members: Iterable[Member]) -> str | None:
    """Say what is wrong with the files of some members, after hashing every byte.

    Returns
    -------
    str or None
        The first fault; None when all files are as recorded.
    """
    for member in members:
        files = member_files(folder, member)
        if not files:
            return f"{member.file_name} is missing"
        found = tree_digest(files) if member.is_pattern else file_sha256(files[0])
        if found != member.sha256:
            return (
                f"{member.file_name} is damaged or another version: its SHA-256 is "
                f"{found[:12]}..., expected {member.sha256[:12]}..."
            )
    return None


def asset_digest(asset: Asset) -> str:
    """SHA-256 of the content that the catalogue promises: file names and their hashes."""
    lines = sorted(f"{member.sha256}  {member.file_name}\n" for member in asset.stored)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _stamp(folder: Path, asset: Asset) -> dict:
    """Size and time of each file of the asset: one look at the whole folder."""
    names = [(member.file_name, member.is_pattern) for member in asset.stored]
    ours = re.compile("|".join(translate(n) if p else f"{re.escape(n)}\\Z" for n, p in names))
    with os.scandir(folder) as found:
        stats = {entry.name: entry.stat() for entry in found if ours.match(entry.name)}
    files = {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}
    return {"content": asset_digest(asset), "files": files}


def write_stamp(folder: Path, asset: Asset) -> None:
    """Remember sizes and times of files just verified, so that the next load need not hash.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    files.write_text(folder / STAMP, json.dumps(_stamp(folder, asset)))


def stamp_holds(folder: Path, asset: Asset) -> bool:
    """Whether no file changed (size, time of change) since it was verified for this entry."""
    try:
        recorded = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return recorded == _stamp(folder, asset)
    except (OSError, ValueError):
        # No stamp, or half a one: the files are then hashed, which settles it.
        return False

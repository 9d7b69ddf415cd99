"""Taking named members, and nothing else, out of a wheel, an sdist or an archive inside one."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from tl_helpers.assets.entries import INSIDE, AssetError, Parcel, check_member_path
from tl_helpers.assets.integrity import file_sha256

Tick = Callable[[int], None]
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
LARGEST = 4 << 30  # bytes that an archive may unpack to
_CHUNK = 1 << 20
_MARGIN = 16 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
)


class _Entry(NamedTuple):
    path: str
    size: int
    plain: bool  # a file with content of its own: no link, no device
    open: Callable[[], IO[bytes]]


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start what the disk cannot hold.

    Raises
    ------
    OSError
        With errno ENOSPC when fewer than `needed` bytes (and 16 MB to spare) are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _MARGIN:
        text = f"{(needed + _MARGIN) / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free"
        raise OSError(errno.ENOSPC, text)


def write(stream: IO[bytes], path: Path, tick: Tick | None = None) -> None:
    """Copy a stream into a new file and have the system put it on the disk."""
    with path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            file.write(chunk)
            if tick is not None:
                tick(file.tell())
        file.flush()
        os.fsync(file.fileno())


def unpack(archive: Path, parcel: Parcel, target: Path) -> None:
    """Take a parcel's members, and nothing else, out of its archive into one flat folder.

    Parameters
    ----------
    archive : Path
        A zip file (wheels are) or a tar file compressed with gzip.
    parcel : Parcel
        Where it records a hash of the archive, that is compared before the archive is opened.
    target : Path
        An existing empty folder.

    Raises
    ------
    AssetError
        When the archive is damaged, is not the one recorded, lacks a member, would unpack to more
        than `LARGEST`, or a member is a link or its path leaves the folder.
    OSError
        When the files do not fit on the disk.
    """
    if parcel.sha256 is not None and (found := file_sha256(archive)) != parcel.sha256:
        raise AssetError(
            f"{archive.name} is damaged or another version: its SHA-256 is {found[:12]}..., "
            f"expected {parcel.sha256[:12]}..."
        )
    try:
        with archive.open("rb") as file:
            _take(file, [member.path for member in parcel.members], target)
    except _DAMAGED as error:
        raise AssetError(f"the archive is damaged or cut short ({error})") from error


def contents(archive: Path) -> list[int]:
    """Bytes of each file in an archive, unpacked; an archive inside it counts as it is.

    Raises
    ------
    AssetError
        For an archive whose files are larger than `LARGEST` together.
    """
    with archive.open("rb") as file, _opened(file) as entries:
        return [entry.size for entry in entries]


def _take(file: IO[bytes], paths: Sequence[str], target: Path) -> None:
    """Write the members at these paths; what lies in an inner archive is taken out of that."""
    inner: dict[str, list[str]] = {}
    with _opened(file) as entries:
        chosen = []
        for path in paths:
            outer, inside, rest = path.partition(INSIDE)
            if inside:
                inner.setdefault(outer, []).append(rest)
            else:
                chosen += _select(entries, path)
        require_space(target, sum(entry.size for entry in chosen))
        for entry in chosen:
            with entry.open() as stream:
                write(stream, target / PurePosixPath(entry.path).name)
        for outer, rests in inner.items():
            with _select(entries, outer)[0].open() as stream:
                _take(stream, rests, target)


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[list[_Entry]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield _bounded(_zip_entries(archive))
    else:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            yield _bounded(_tar_entries(archive))


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in archive.infolist():
        if not info.is_dir():
            plain = not stat.S_ISLNK(info.external_attr >> 16)
            yield _Entry(info.filename, info.file_size, plain, partial(archive.open, info))


def _tar_entries(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for info in archive:
        if not info.isdir():
            # Of files alone it gives a stream, and others are refused before they are opened.
            opened = cast("Callable[[], IO[bytes]]", partial(archive.extractfile, info))
            yield _Entry(info.name, info.size, info.isreg(), opened)


def _bounded(entries: Iterator[_Entry]) -> list[_Entry]:
    """All entries; a tar file has to be decompressed to list it, so a bomb is met here."""
    listed, size = [], 0
    for entry in entries:
        size += entry.size
        if size > LARGEST:
            raise AssetError(f"the archive unpacks to more than {LARGEST / 1e6:.0f} MB: refused")
        listed.append(entry)
    return listed


def _select(entries: Sequence[_Entry], path: str) -> list[_Entry]:
    folder = PurePosixPath(path).parent
    chosen: dict[str, _Entry] = {}
    for entry in entries:
        if not fnmatchcase(entry.path, path):
            continue
        check_member_path(entry.path)
        if not entry.plain:
            raise AssetError(
                f"{entry.path} is a symbolic link, or no plain file, in the archive: refused"
            )
        if entry.path in chosen:
            raise AssetError(f"the archive holds {entry.path} twice: refused")
        if PurePosixPath(entry.path).parent == folder:
            chosen[entry.path] = entry
    if not chosen:
        raise AssetError(f"the archive has no member {path}")
    return list(chosen.values())

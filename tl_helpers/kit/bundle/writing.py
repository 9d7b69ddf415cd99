"""Writing a bundle: all that a room without internet needs, in one folder.

    wheels/        every package for each kind of computer, pip and the course among them
    parcels/       the wheels and sdists that carry weights and data, as they were published
    start.py       `tl_helpers.offline`: installs from the folder and opens the course
    README.txt     for the person who is handed the folder
    bundle.json    what belongs to which computer, and the SHA-256 of every file; written last

A bundle that was broken off lacks bundle.json and continues where it was. Writing again into a
bundle brings it up to date, adds kinds of computers, and replaces damaged files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from importlib import resources, util
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tl_helpers import __version__
from tl_helpers.assets import files, paths
from tl_helpers.assets.archives import contents, require_space
from tl_helpers.assets.entries import Asset, read_catalogue
from tl_helpers.assets.integrity import file_sha256
from tl_helpers.assets.origins import pip_answer
from tl_helpers.kit import lab
from tl_helpers.kit.bundle import offline
from tl_helpers.kit.bundle.parcels import collect as collect_parcels
from tl_helpers.kit.bundle.targets import Target
from tl_helpers.kit.bundle.wheelhouse import (
    BundleError,
    Wheelhouse,
    collect,
    metadata,
    oldest_python,
)
from tl_helpers.kit.lessons import LessonError

_TEXTS = {offline.START, "README.txt", offline.MANIFEST, offline.UNFINISHED}
_OURS = {"wheels", "parcels", *_TEXTS}
_CUDA = ("wheels/nvidia_", "wheels/cuda_", "wheels/triton-")
_BLOCK = 4096  # bytes: files take whole blocks on a disk
_WHEELS_AT_LEAST = 300 << 20  # bytes: macOS, the smallest, took this much in version 0.1.0


def bundle(args: argparse.Namespace) -> None:
    """``tl bundle``: write one and say what it takes.

    Raises
    ------
    LessonError
        For a kind of computer or a track that is unknown.
    BundleError, OSError
        As `write` does.
    """
    platform, _, python = offline.this_computer().rpartition("-")
    pairs = product(args.platform or [platform], args.python or [python])
    try:
        targets = [Target(*pair) for pair in pairs]
    except ValueError as error:
        raise LessonError(str(error)) from error
    names = lab.wanted_assets([], everything=False, track=args.track)
    print(report(write(Path(args.dir).resolve(), targets, names, args.passed_on)))


def write(
    folder: Path,
    targets: Sequence[Target],
    assets: Sequence[str],
    pip_options: Sequence[str] = (),
    root: Path | None = None,
) -> dict:
    """Write a bundle, or bring one up to date.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or one that holds a bundle, whole or broken off.
    targets : sequence of Target
        Kinds of computers; those that the bundle has already are kept and brought up to date.
    assets : sequence of str
        Names of the weights and data to carry, added to those that the bundle has.
    pip_options : sequence of str
        Passed on to ``pip download``, such as ``--extra-index-url``.
    root : Path, optional
        Checkout of the course; `paths.kit_root` by default.

    Returns
    -------
    dict
        The manifest: ``targets``, ``assets``, ``parcels`` and ``files`` with sizes and hashes.

    Raises
    ------
    BundleError
        When the folder holds other things, the course is no checkout, a package cannot be had,
        or a parcel's content is not what the catalogue says.
    OSError
        When the disk is full.
    """
    root = _checkout(root or paths.kit_root())
    former = _claim(folder)
    kinds = dict.fromkeys([*(Target(*n.rsplit("-", 1)) for n in former["targets"]), *targets])
    wanted = [asset for asset in read_catalogue() if asset.name in {*assets, *former["assets"]}]
    there = sum(wheel.stat().st_size for wheel in folder.glob("*/*.whl"))
    require_space(folder, _WHEELS_AT_LEAST + sum(asset.bytes for asset in wanted) - there)
    kit = _build_kit(root, folder / "wheels", pip_options)
    wheels = {
        target: _collect_wheels(root, kit, Wheelhouse(folder / "wheels", target, pip_options))
        for target in kinds
    }
    houses = [Wheelhouse(folder / "parcels", target, pip_options) for target in kinds]
    found = collect_parcels(wanted, houses)
    return _finish(folder, wheels, sorted(found), wanted)


def _checkout(root: Path) -> Path:
    if not (root / "pyproject.toml").is_file():
        raise BundleError(
            "a bundle is written from a checkout of the course, which holds the tested versions. "
            "Clone its repository and run `make setup` there."
        )
    return root


def _claim(folder: Path) -> dict:
    """Take the folder; the manifest that it had, with damaged files thrown away."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    if there - _OURS or (there and not there & {offline.MANIFEST, offline.UNFINISHED}):
        some = ", ".join(sorted(there - _OURS or there)[:3])
        raise BundleError(
            f"{folder} holds other things ({some}). Name a new or an empty folder, or one with a "
            "bundle in it."
        )
    former = _former(folder)
    text = "This bundle is not complete. Run the same `tl bundle` again: what is here stays.\n"
    (folder / offline.UNFINISHED).write_text(text, encoding="utf-8")
    for old in folder.glob("wheels/tl_helpers-*.whl"):
        old.unlink()  # built anew
    for name in ("wheels", "parcels"):
        (folder / name).mkdir(exist_ok=True)
        for wheel in (folder / name).glob("*.whl"):
            if not _whole(wheel, former["files"].get(f"{name}/{wheel.name}")):
                print(f"{wheel.name} was damaged and is downloaded again.")
                wheel.unlink()
    return former


def _former(folder: Path) -> dict:
    """The manifest of a bundle that is written again; an empty one where none can be read."""
    with contextlib.suppress(OSError, ValueError):
        former = json.loads((folder / offline.MANIFEST).read_text(encoding="utf-8"))
        if former["format"] == offline.FORMAT:
            return former
    return {"targets": {}, "assets": [], "files": {}}


def _whole(wheel: Path, recorded: dict | None) -> bool:
    """Whether a wheel has its recorded hash; of one not recorded, whether its own sums hold."""
    if recorded is not None:
        return file_sha256(wheel) == recorded["sha256"]
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError):
        return False


def _build_kit(root: Path, wheels: Path, pip_options: Sequence[str]) -> Path:
    """Build the wheel of the course, lessons included, from the checkout."""
    command = [sys.executable, "-P", "-m", "pip", "wheel", "--no-deps", "--quiet"]
    if util.find_spec("hatchling"):
        command.append("--no-build-isolation")
    with tempfile.TemporaryDirectory(dir=wheels) as part:
        command += ["--disable-pip-version-check", "--wheel-dir", part, *pip_options, str(root)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise BundleError(f"the course's own wheel was not built: {pip_answer(done.stderr)}")
        (built,) = Path(part).iterdir()
        return built.replace(wheels / built.name)


def _pins(root: Path, target: Target) -> dict[str, SpecifierSet]:
    """Tested versions that apply to a target, by canonical name."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(p.name): p.specifier for p in pins if target.holds(p.marker)}


def _collect_wheels(root: Path, kit: Path, house: Wheelhouse) -> list[Path]:
    wanted = [*(metadata(kit).requires_dist or []), Requirement("pip")]
    return [kit, *collect(wanted, _pins(root, house.target), house)]


def _finish(
    folder: Path, wheels: dict[Target, list[Path]], parcels: list[Path], assets: list[Asset]
) -> dict:
    """Throw away what nothing needs any more, write the texts, and the manifest last."""
    needed = {*parcels, *(path for found in wheels.values() for path in found)}
    for path in [*folder.glob("wheels/*"), *folder.glob("parcels/*")]:
        if path not in needed:
            path.unlink() if path.is_file() else shutil.rmtree(path)
    manifest = {
        "format": offline.FORMAT,
        "course": __version__,
        "targets": {target.name: _entry(folder, target, found) for target, found in wheels.items()},
        "assets": [asset.name for asset in assets],
        "asset_bytes": _unpacked(parcels),
        "parcels": _names(folder, parcels),
    }
    texts = [folder / offline.START, folder / "README.txt"]
    shutil.copyfile(offline.__file__, texts[0])
    files.write_text(texts[1], readme(manifest, assets))
    every = sorted([*needed, *texts])
    manifest["files"] = {
        name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for name, path in zip(_names(folder, every), every, strict=True)
    }
    files.write_json(folder / offline.MANIFEST, manifest)
    os.unlink(folder / offline.UNFINISHED)
    return manifest


def _entry(folder: Path, target: Target, wheels: list[Path]) -> dict:
    return {
        "wheels": _names(folder, wheels),
        "installed_bytes": _unpacked(wheels),
        "oldest_python": oldest_python(wheels, target),
    }


def _names(folder: Path, paths: Iterable[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def _unpacked(packages: Iterable[Path]) -> int:
    """Bytes that the files of some wheels or sdists take on a disk."""
    sizes = [size for package in packages for size in contents(package)]
    return sum(-(-size // _BLOCK) * _BLOCK for size in sizes)


def report(manifest: dict) -> str:
    """What a bundle takes, and how the Linux part can be made smaller."""
    size = {name: entry["bytes"] for name, entry in manifest["files"].items()}
    found = {
        target: sum(size[name] for name in entry["wheels"])
        for target, entry in manifest["targets"].items()
    }
    found["weights and data"] = sum(size[name] for name in manifest["parcels"])
    found["all files"] = sum(size.values())
    lines = [f"{name}: {total / 1e6:.0f} MB" for name, total in found.items()]
    cuda = sum(total for name, total in size.items() if name.startswith(_CUDA))
    if cuda:
        lines.append(
            f"{cuda / 1e6:.0f} MB of this are CUDA's libraries, without which PyTorch's usual "
            "build for Linux does not start, GPU or not. For its small CPU build, write into a new "
            "folder with `-- --extra-index-url` and the address of PyTorch's CPU index."
        )
    return "\n".join(lines)


def readme(manifest: dict, assets: Iterable[Asset]) -> str:
    """Text for the person who is handed the folder."""
    needed = max(target["installed_bytes"] for target in manifest["targets"].values())
    template = resources.files("tl_helpers.kit").joinpath("templates", "bundle_readme.txt")
    return template.read_text(encoding="utf-8").format(
        targets=", ".join(sorted(manifest["targets"])),
        gigabytes=f"{(needed + manifest['asset_bytes']) / 1e9:.1f}",
        licences="\n".join(
            f"  {asset.name}, in {asset.parcel.package} {asset.parcel.version}:\n"
            f"    {asset.content_licence}\n    {asset.licence_url}"
            for asset in assets
        ),
    )

"""Collecting every wheel that some requirements need on another kind of computer.

Each round downloads the packages that the last one asked for, without their requirements, reads
those from the wheels themselves, and judges their conditions for the target. What is in the
folder already is not downloaded again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from tl_helpers.assets.origins import pip_answer
from tl_helpers.kit.bundle.targets import Target

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_AT_ONCE = 8  # packages of one pip call: an interrupted bundle loses no more than these


class BundleError(RuntimeError):
    """A bundle cannot be written; the text says why and what to do."""


@dataclass(frozen=True)
class Wheelhouse:
    """A folder of wheels for one target, and how pip fills it.

    Attributes
    ----------
    folder : Path
        Existing folder; wheels for other targets may lie there too.
    target : Target
    pip_options : sequence of str
        Passed on to ``pip download``, such as ``--extra-index-url``.
    """

    folder: Path
    target: Target
    pip_options: Sequence[str] = ()

    def find(self, name: str, specifier: SpecifierSet) -> Path | None:
        """Newest, best fitting wheel of a package in the folder; None when none fits."""
        fitting = []
        for path in self.folder.glob("*.whl"):
            try:
                package, version, _, tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            ranks = [self.target.ranks[tag] for tag in tags if tag in self.target.ranks]
            if package == name and ranks and specifier.contains(version, prereleases=True):
                fitting.append((version, -min(ranks), path))
        return max(fitting)[-1] if fitting else None

    def provide(self, wanted: Mapping[str, SpecifierSet]) -> dict[str, Path]:
        """One wheel for each package, downloaded where it is not in the folder.

        Raises
        ------
        BundleError
            When pip cannot bring one of them.
        OSError
            When the disk is full.
        """
        missing = [name for name in wanted if not self.find(name, wanted[name])]
        for start in range(0, len(missing), _AT_ONCE):
            names = missing[start : start + _AT_ONCE]
            print(f"{self.target.name}: {', '.join(names)}", flush=True)
            self._download([f"{name}{wanted[name]}" for name in names])
        found = {n: path for n, asked in wanted.items() if (path := self.find(n, asked))}
        if lacking := ", ".join(wanted.keys() - found):
            raise BundleError(f"pip brought no wheel of {lacking} that fits {self.target.name}.")
        return found

    def _download(self, requirements: list[str]) -> None:
        """Let pip download into a folder beside, then move: a wheel in the folder is whole."""
        part = self.folder / ".part"
        shutil.rmtree(part, ignore_errors=True)
        command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-input"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--dest", str(part)]
        command += [*self.target.pip_options, *self.pip_options, *requirements]
        output = None if sys.stdout.isatty() else subprocess.DEVNULL
        try:
            done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                _refuse(done.stderr, requirements, self)
            for wheel in part.iterdir():
                os.replace(wheel, self.folder / wheel.name)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _refuse(log: str, requirements: list[str], house: Wheelhouse) -> None:
    if "No space left on device" in log or "quota exceeded" in log:
        text = (
            f"the disk, or that of temporary files, is full while {', '.join(requirements)} are "
            f"downloaded for {house.target.name}. A platform takes 0.3 GB and Linux with CUDA 3.2 "
            "GB, weights and data not counted. Free some and run the same command again: what is "
            "there stays"
        )
        raise OSError(errno.ENOSPC, text)
    raise BundleError(
        f"pip could not bring all of {', '.join(requirements)} for {house.target.name}: "
        f"{pip_answer(log)}\nWhat you can do: check the network and pip's settings, name another "
        "index after `--`, and run the same command again: what is there stays."
    )


def metadata(wheel: Path) -> Metadata:
    """Read what a wheel states: its version, what it needs, the Pythons that it runs on.

    Raises
    ------
    BundleError
        When the file is no whole wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [n for n in archive.namelist() if _METADATA.fullmatch(n)]
            return Metadata.from_email(archive.read(name), validate=False)
    except (zipfile.BadZipFile, ValueError) as error:
        raise BundleError(
            f"{wheel} is no whole wheel ({error}): delete it and run again."
        ) from error


def collect(
    wanted: Iterable[Requirement], pins: Mapping[str, SpecifierSet], house: Wheelhouse
) -> list[Path]:
    """Bring the wheels of some requirements and of all that they need in turn.

    Parameters
    ----------
    wanted : iterable of Requirement
        Those whose condition does not hold on the target are left out.
    pins : mapping of str to SpecifierSet
        The version of a package, by canonical name; others are chosen by what is asked of them.
    house : Wheelhouse
        Where the wheels go.

    Returns
    -------
    list of Path
        The wheels, sorted; together they need nothing else.

    Raises
    ------
    BundleError
        When a package cannot be had, or its pin contradicts what another one asks for.
    OSError
        When the disk is full.
    """
    specifiers: dict[str, SpecifierSet] = {}
    wheels: dict[str, Path] = {}
    expanded: set[tuple[str, str]] = set()
    level = [each for each in wanted if house.target.holds(each.marker)]
    while level:
        for each in level:
            name = canonicalize_name(each.name)
            specifiers[name] = specifiers.get(name, SpecifierSet()) & each.specifier
        new = sorted(specifiers.keys() - wheels.keys())
        wheels |= house.provide({name: pins.get(name) or specifiers[name] for name in new})
        asked = {(canonicalize_name(e.name), extra) for e in level for extra in {"", *e.extras}}
        level = [
            requirement
            for name, extra in sorted(asked - expanded)
            for requirement in metadata(wheels[name]).requires_dist or []
            if house.target.holds(requirement.marker, extra)
        ]
        expanded |= asked
    _check(specifiers, wheels)
    return sorted(wheels.values())


def _check(specifiers: Mapping[str, SpecifierSet], wheels: Mapping[str, Path]) -> None:
    for name, wheel in wheels.items():
        version = metadata(wheel).version
        if not specifiers[name].contains(version, prereleases=True):
            raise BundleError(
                f"{name} {version} was chosen, but {specifiers[name]} is asked for. Pin a version "
                "that fits in constraints.txt."
            )


def oldest_python(wheels: Iterable[Path], target: Target) -> str:
    """First release of the target's Python on which all of some wheels run, such as "3.11.5".

    Raises
    ------
    BundleError
        When there is none.
    """
    stated = [metadata(wheel).requires_python or SpecifierSet() for wheel in wheels]
    for release in target.releases:
        if all(pythons.contains(release) for pythons in stated):
            return release
    raise BundleError(f"no release of Python {target.python} runs all of the pinned packages.")

"""The list of assets: what ``data/catalogue.toml`` says, checked as it is read."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tl_helpers.assets.paths import kit_root

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
INSIDE = "!/"  # between an archive inside a parcel and a path in it, as in addresses of Java's jars
_KINDS = ("wheel", "sdist")
_FIELDS = ("kind", "title", "bytes", "content_licence", "licence_url", "citation", "lessons")


class AssetError(RuntimeError):
    """An asset is missing, damaged, refused or out of reach; the text says what to do."""


@dataclass(frozen=True)
class Member:
    """A file to take out of a parcel, or all files that match a pattern in one of its folders.

    Attributes
    ----------
    path : str
        Path inside the parcel, with ``/``; its last part may be a pattern such as ``*.png``. What
        lies in an archive inside the parcel is named as ``folder/inner.tar.gz!/folder/file.txt``.
    sha256 : str
        Hash of the file; of a pattern, `integrity.tree_digest` of the matching files.
    """

    path: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Last part of the path: the name (or pattern) that the file has in the cache."""
        return PurePosixPath(self.path).name

    @property
    def is_pattern(self) -> bool:
        """Whether the member stands for all files that match."""
        return "*" in self.file_name


@dataclass(frozen=True)
class Parcel:
    """A package on a Python package index that carries the asset.

    Attributes
    ----------
    package, version : str
    members : tuple of Member
    kind : {"wheel", "sdist"}
    sha256 : str or None
        Hash of the sdist, compared before it is opened. A wheel has none: some are built for
        each platform, around the same members.
    platform : str or None
        Tag of the platform whose wheel is downloaded on every machine, since a wheel opens
        anywhere; None where one wheel serves all.
    """

    package: str
    version: str
    members: tuple[Member, ...]
    kind: str = "wheel"
    sha256: str | None = None
    platform: str | None = None


@dataclass(frozen=True)
class Hub:
    """The asset's home on the model hub; without `files` it is named but never fetched from."""

    repo: str
    revision: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Convert:
    """A change of format after download: `converting.CONVERSIONS` holds the function.

    Attributes
    ----------
    function, source, target, sha256 : str
    beside : tuple of Member
        What the function writes into the same folder besides, such as settings. It may take the
        place of a file that the parcel brought.
    """

    function: str
    source: str
    target: str
    sha256: str
    beside: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Asset:
    """One entry of the catalogue.

    Attributes
    ----------
    name : str
        Name by which lessons fetch it, and its folder in the cache.
    kind : {"weights", "data"}
    title : str
    parcel : Parcel
    hub : Hub or None
    convert : Convert or None
    bytes : int
        Size of the download, in bytes.
    content_licence : str
        Licence of the weights or the data themselves; starts with "unknown:" where nobody says.
    licence_url : str
    citation : str
    lessons : tuple of str
        Ids of the lessons that need it.
    """

    name: str
    kind: str
    title: str
    parcel: Parcel
    hub: Hub | None
    convert: Convert | None
    bytes: int
    content_licence: str
    licence_url: str
    citation: str
    lessons: tuple[str, ...]

    @property
    def stored(self) -> tuple[Member, ...]:
        """What the cache holds: the parcel's members, a converted one under its new name."""
        if self.convert is None:
            return self.parcel.members
        made = (Member(self.convert.target, self.convert.sha256), *self.convert.beside)
        gone = {self.convert.source, *(member.file_name for member in made)}
        return (*(m for m in self.parcel.members if m.file_name not in gone), *made)

    @property
    def redistributable(self) -> bool:
        """Whether the licence is known, so that a mirror may hold a copy."""
        return not self.content_licence.startswith("unknown")


def catalogue_path() -> Path:
    """File that lists the assets: ``$TL_CATALOGUE``, else ``data/catalogue.toml`` of the kit."""
    return Path(os.environ.get("TL_CATALOGUE") or kit_root() / "data" / "catalogue.toml")


def check_member_path(path: str) -> None:
    """Refuse a path that could leave the folder it is unpacked into.

    Raises
    ------
    AssetError
        For an absolute path, a drive letter, a backslash, a NUL or a part ``..``.
    """
    parts = path.split("/")
    if not path or ".." in parts or "" in parts or any(c in path for c in "\\:\0"):
        raise AssetError(
            f"The member path {path!r} leaves the folder it would be unpacked into. Expected a "
            "relative path with '/' between its parts and no '..'. Nothing was written."
        )


def _hash(value: object, where: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise AssetError(f"{where}: sha256 is {value!r}; expected 64 digits 0-9, a-f.")
    return value


def _member(entry: dict, where: str) -> Member:
    check_member_path(entry["path"])
    return Member(entry["path"], _hash(entry["sha256"], f"{where}, member {entry['path']}"))


def _parcel(entry: dict, where: str) -> Parcel:
    members = tuple(_member(member, where) for member in entry["members"])
    names = [member.file_name for member in members]
    if not names or len(set(names)) < len(names):
        raise AssetError(f"{where}: members need different file names, got {names}.")
    kind = entry.get("kind", "wheel")
    if kind not in _KINDS:
        raise AssetError(f"{where}: parcel.kind is {kind!r}; expected {' or '.join(_KINDS)}.")
    sha256 = _hash(entry["sha256"], f"{where}, sdist") if kind == "sdist" else None
    return Parcel(entry["package"], entry["version"], members, kind, sha256, entry.get("platform"))


def _hub(entry: dict | None, parcel: Parcel, where: str) -> Hub | None:
    if entry is None:
        return None
    hub = Hub(entry["repo"], entry["revision"], tuple(entry["files"]))
    for path in hub.files:
        check_member_path(path)
    names = sorted(PurePosixPath(path).name for path in hub.files)
    if names and names != sorted(member.file_name for member in parcel.members):
        raise AssetError(
            f"{where}: hub.files are {names}; expected the same file names as the parcel's "
            "members, since every origin has to give the same bytes. Leave it empty otherwise."
        )
    return hub


def _convert(entry: dict | None, parcel: Parcel, where: str) -> Convert | None:
    if entry is None:
        return None
    beside = tuple(_member(member, f"{where}, convert") for member in entry.get("beside", ()))
    sha256 = _hash(entry["sha256"], f"{where}, convert")
    convert = Convert(**{**entry, "sha256": sha256, "beside": beside})
    check_member_path(convert.target)
    if convert.source not in [member.file_name for member in parcel.members]:
        raise AssetError(f"{where}: convert.source {convert.source!r} is no member's file name.")
    return convert


def _asset(entry: dict, file: Path) -> Asset:
    name = entry.get("name", "")
    where = f"{file.name}, asset {name!r}"
    if not _NAME.fullmatch(name):
        raise AssetError(f"{where}: expected a name of a-z, 0-9, '.', '_' and '-'.")
    try:
        parcel = _parcel(entry["parcel"], where)
        fields = {field: entry[field] for field in _FIELDS}
        fields["lessons"] = tuple(fields["lessons"])
        hub = _hub(entry.get("hub"), parcel, where)
        convert = _convert(entry.get("convert"), parcel, where)
    except (KeyError, TypeError) as error:
        raise AssetError(f"{where}: the field {error} is missing or not as expected.") from error
    return Asset(name=name, parcel=parcel, hub=hub, convert=convert, **fields)


def read_catalogue(path: Path | None = None) -> list[Asset]:
    """Read and check a catalogue; once in a process, and again when the file has changed.

    Parameters
    ----------
    path : Path, optional
        A TOML file; `catalogue_path` by default.

    Returns
    -------
    list of Asset
        In the file's order.

    Raises
    ------
    AssetError
        When the file cannot be read, or an entry lacks a field, repeats a name, carries a hash
        that is none, or names a member path that leaves the cache.
    """
    path = path or catalogue_path()
    try:
        about = path.stat()
        return list(_read(path, about.st_size, about.st_mtime_ns))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AssetError(f"The list of assets {path} cannot be read: {error}") from error


@lru_cache(maxsize=4)
def _read(path: Path, size: int, changed: int) -> tuple[Asset, ...]:
    """The assets of a file of this size, last changed then."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("asset", [])
    assets = tuple(_asset(entry, path) for entry in entries)
    names = [asset.name for asset in assets]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise AssetError(f"{path.name} lists {', '.join(repeated)} more than once.")
    return assets

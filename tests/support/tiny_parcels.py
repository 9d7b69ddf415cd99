"""Small real wheels, and a catalogue that lists what is in them, for the tests of assets."""

import gzip
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tl_helpers import assets
from tl_helpers.assets import integrity

WORDS = b"one two three\n" * 2000
NUMBERS = bytes(range(256)) * 300
FETCH = "from tl_helpers import assets; assets.fetch('tiny')"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def build_wheel(
    folder: Path, files: dict[str, bytes], version="1.0", link=None, needs=None
) -> Path:
    """Write the wheel tiny_parcel with some files, a symbolic link `link`, a package it needs."""
    info = f"tiny_parcel-{version}.dist-info"
    written = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny_parcel\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    wheel = folder / f"tiny_parcel-{version}-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in written.items():
            archive.writestr(path, content)
        if link is not None:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/hostname")
    return wheel


def tar_gz(files: dict[str, bytes], links=()) -> bytes:
    """A tar file compressed with gzip: content by path, then links as (path, type, where to)."""
    with io.BytesIO() as buffer:
        with gzip.open(buffer, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for path, kind, where in links:
                info = tarfile.TarInfo(path)
                info.type, info.linkname = kind, where
                archive.addfile(info)
        return buffer.getvalue()


def build_sdist(folder: Path, files: dict[str, bytes], links=()) -> Path:
    """Write the sdist of tiny_parcel, with a setup.py that fails loudly if it is ever run."""
    setup = {"tiny_parcel-1.0/setup.py": b"open('setup_ran', 'w'); raise SystemExit('setup ran')"}
    sdist = folder / "tiny_parcel-1.0.tar.gz"
    sdist.write_bytes(tar_gz({**setup, **files}, links))
    return sdist


def sdist_entry(sdist: Path, members: dict[str, str], **more) -> str:
    """As `entry`, of an asset that this sdist carries."""
    kind = f'[asset.parcel]\nkind = "sdist"\nsha256 = "{sha256(sdist.read_bytes())}"'
    return entry(members, **more).replace("[asset.parcel]", kind)


def entry(members: dict[str, str], name="tiny", size=1000, licence="CC0-1.0", more="") -> str:
    """One asset of a catalogue: member path to hash; `more` is TOML text to append."""
    listed = ", ".join(f'{{path = "{path}", sha256 = "{h}"}}' for path, h in members.items())
    return f"""
[[asset]]
name = "{name}"
kind = "data"
title = "A tiny parcel"
bytes = {size}
content_licence = "{licence}"
licence_url = "https://creativecommons.org/publicdomain/zero/1.0/"
citation = "none"
lessons = ["1.1"]
[asset.parcel]
package = "tiny_parcel"
version = "1.0"
members = [{listed}]
{more}
"""


GOOD_FILES = {"tiny_parcel/data/words.txt": WORDS, "tiny_parcel/data/numbers.bin": NUMBERS}
GOOD_MEMBERS = {path: sha256(content) for path, content in GOOD_FILES.items()}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder of wheels that pip alone looks into, a catalogue and a cache, all empty."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TL_CATALOGUE", str(tmp_path / "catalogue.toml"))
    monkeypatch.setenv("TL_ORIGINS", "parcel")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("TL_OFFLINE", "TL_MIRROR", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "catalogue.toml").write_text(entry(GOOD_MEMBERS))
    return tmp_path


def left_in_cache(shop) -> list[str]:
    """What is in the cache besides the locks."""
    found = (shop / "cache").rglob("*")
    return sorted(p.name for p in found if p.is_file() and p.suffix != ".lock")


def assert_right(shop):
    place = shop / "cache" / "assets" / "tiny"
    assert (place / "words.txt").read_bytes() == WORDS
    assert (place / "numbers.bin").read_bytes() == NUMBERS
    assert left_in_cache(shop) == [integrity.STAMP, "numbers.bin", "words.txt"]


def start(code=FETCH, **options) -> subprocess.Popen:
    root = Path(assets.__file__).parents[1]
    options = {"cwd": root, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, "-c", code], **options)

"""A cached asset is whole and right, or there is a clear error: whatever a parcel or a file holds.

Each test runs the real pip on wheels that it builds; pip is told to look nowhere else.
"""

import os
import zipfile
from pathlib import Path

import pytest
from tiny_parcels import (
    GOOD_FILES,
    NUMBERS,
    WORDS,
    assert_right,
    build_wheel,
    entry,
    left_in_cache,
    sha256,
)

from tl_helpers import assets
from tl_helpers.assets.store import AssetError


def test_named_members_and_nothing_else_land_in_the_cache(shop):
    build_wheel(shop / "wheels", {**GOOD_FILES, "tiny_parcel/__init__.py": b"raise SystemExit"})
    place = assets.fetch("tiny")
    assert place == shop / "cache" / "assets" / "tiny"
    assert_right(shop)
    assert assets.status(assets.catalogue()[0]) == "present"
    assets.verify("tiny")


def test_what_a_parcel_depends_on_is_not_downloaded(shop):
    build_wheel(shop / "wheels", GOOD_FILES, needs="a_package_that_nobody_has")
    assets.fetch("tiny")
    assert_right(shop)


def test_cached_asset_needs_no_origin(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES).rename(shop / "tiny.zip")
    with pytest.raises(AssetError):
        assets.fetch("tiny")
    (shop / "tiny.zip").rename(shop / "wheels" / "tiny_parcel-1.0-py3-none-any.whl")
    assets.fetch("tiny")
    (shop / "wheels" / "tiny_parcel-1.0-py3-none-any.whl").unlink()
    monkeypatch.setenv("TL_OFFLINE", "1")
    assets.fetch("tiny")
    assert_right(shop)


def test_pattern_member_is_held_to_the_digest_of_all_its_files(shop):
    pictures = {f"tiny_parcel/pictures/{i}.png": bytes([i] * 50) for i in range(5)}
    lines = sorted(f"{sha256(c)}  {Path(p).name}\n" for p, c in pictures.items())
    digest = sha256("".join(lines).encode())
    (shop / "catalogue.toml").write_text(entry({"tiny_parcel/pictures/*.png": digest}))
    inner = {"tiny_parcel/pictures/more/9.png": b"not of this folder"}
    wheel = build_wheel(shop / "wheels", {**pictures, **inner})
    assert sorted(p.name for p in assets.fetch("tiny").glob("*.png")) == [
        f"{i}.png" for i in range(5)
    ]
    (shop / "cache" / "assets" / "tiny" / "3.png").unlink()
    wheel.unlink()
    with pytest.raises(AssetError, match=r"\*\.png is damaged"):
        assets.fetch("tiny")


def test_flipped_byte_in_the_parcel_is_refused(shop):
    flipped = bytearray(WORDS)
    flipped[1000] ^= 1
    build_wheel(shop / "wheels", {**GOOD_FILES, "tiny_parcel/data/words.txt": bytes(flipped)})
    with pytest.raises(AssetError, match=r"words\.txt is damaged or another version"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_flipped_byte_in_the_compressed_stream_is_refused(shop):
    wheel = build_wheel(shop / "wheels", GOOD_FILES)
    with zipfile.ZipFile(wheel) as archive:
        info = archive.getinfo("tiny_parcel/data/numbers.bin")
        middle = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    content = bytearray(wheel.read_bytes())
    content[middle] ^= 1
    wheel.write_bytes(bytes(content))
    with pytest.raises(AssetError, match="damaged"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_flipped_byte_in_the_cache_is_found_and_replaced(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES)
    cached = assets.fetch("tiny") / "numbers.bin"
    content = bytearray(NUMBERS)
    content[5] ^= 1
    cached.write_bytes(bytes(content))
    assert assets.status(assets.catalogue()[0]) == "changed"
    with pytest.raises(AssetError, match=r"numbers\.bin is damaged"):
        assets.verify("tiny")
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError, match="TL_OFFLINE is set"):
        assets.fetch("tiny")
    monkeypatch.delenv("TL_OFFLINE")
    assets.fetch("tiny")
    assert_right(shop)


def test_touched_but_unchanged_file_is_kept(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES)
    os.utime(assets.fetch("tiny") / "words.txt", (1, 1))
    monkeypatch.setenv("TL_OFFLINE", "1")
    assets.fetch("tiny")
    assert assets.status(assets.catalogue()[0]) == "present"


@pytest.mark.parametrize("kept", [0.4, 0.97])
def test_truncated_parcel_is_refused(shop, kept):
    wheel = build_wheel(shop / "wheels", GOOD_FILES)
    content = wheel.read_bytes()
    wheel.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(AssetError, match=r"parcel tiny_parcel==1\.0: "):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_truncated_file_in_the_cache_is_replaced(shop):
    build_wheel(shop / "wheels", GOOD_FILES)
    (assets.fetch("tiny") / "words.txt").write_bytes(WORDS[:500])
    assets.fetch("tiny")
    assert_right(shop)


@pytest.mark.parametrize("path", ["../../evil.txt", "/tmp/evil.txt", "C:/evil.txt", "a\\\\..\\\\b"])
def test_catalogue_member_that_escapes_is_refused(shop, path):
    (shop / "catalogue.toml").write_text(entry({path: sha256(WORDS)}))
    with pytest.raises(AssetError, match="leaves the folder"):
        assets.fetch("tiny")


def test_archive_member_that_escapes_is_refused(shop):
    members = {"tiny_parcel/data/*.txt": sha256(WORDS)}
    (shop / "catalogue.toml").write_text(entry(members))
    build_wheel(shop / "wheels", {**GOOD_FILES, "tiny_parcel/data/../../../evil.txt": b"evil"})
    with pytest.raises(AssetError, match="leaves the folder"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []
    assert not list(shop.rglob("evil.txt"))


def test_symbolic_link_in_the_archive_is_refused(shop):
    files = {"tiny_parcel/data/numbers.bin": NUMBERS}
    build_wheel(shop / "wheels", files, link="tiny_parcel/data/words.txt")
    with pytest.raises(AssetError, match="symbolic link"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_archive_without_the_member_is_refused(shop):
    build_wheel(shop / "wheels", {"tiny_parcel/data/words.txt": WORDS})
    with pytest.raises(AssetError, match=r"no member tiny_parcel/data/numbers\.bin"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_wrong_version_is_refused(shop):
    build_wheel(shop / "wheels", GOOD_FILES, version="2.0")
    with pytest.raises(AssetError, match=r"No matching distribution found for tiny_parcel==1\.0"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_other_content_under_the_same_version_is_refused(shop):
    build_wheel(shop / "wheels", {path: b"something else" for path in GOOD_FILES})
    with pytest.raises(AssetError, match="another version"):
        assets.fetch("tiny")

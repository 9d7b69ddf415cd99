"""What the cache holds is verified once, again when it changed, and never taken for another."""

import os

import pytest
from tiny_parcels import GOOD_FILES, GOOD_MEMBERS, WORDS, build_wheel, entry, left_in_cache, sha256

from tl_helpers import assets
from tl_helpers.assets import archives, integrity, origins, paths, watching
from tl_helpers.assets.store import AssetError

PICTURES = {f"tiny_parcel/pictures/{i}.png": bytes([i] * 50) for i in range(12)}
LINES = sorted(f"{sha256(c)}  {p.rpartition('/')[2]}\n" for p, c in PICTURES.items())
PATTERN = {"tiny_parcel/pictures/*.png": sha256("".join(LINES).encode())}


@pytest.fixture
def mirror(shop, monkeypatch):
    """The shop with a mirror in a folder, which serves the wheel without pip."""
    (shop / "mirror").mkdir()
    monkeypatch.setenv("TL_MIRROR", str(shop / "mirror"))
    monkeypatch.setenv("TL_ORIGINS", "mirror")
    stock(shop, "tiny", {**GOOD_FILES, **PICTURES})
    return shop


def stock(shop, name: str, files: dict[str, bytes]) -> None:
    build_wheel(shop / "wheels", files).rename(shop / "mirror" / f"{name}.zip")


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Names of the files that were hashed, in their order."""
    names, whole = [], integrity.file_sha256
    monkeypatch.setattr(
        integrity, "file_sha256", lambda path: (names.append(path.name), whole(path))[1]
    )
    return names


@pytest.mark.parametrize("members", [GOOD_MEMBERS, PATTERN], ids=["files", "a pattern"])
def test_a_verified_asset_is_not_hashed_again(mirror, hashed, members):
    (mirror / "catalogue.toml").write_text(entry(members))
    assets.fetch("tiny")
    assert hashed
    hashed.clear()
    assets.fetch("tiny")
    assert hashed == []
    assert assets.status(assets.catalogue()[0]) == "present"


def test_a_file_of_another_time_is_hashed_again(mirror, hashed):
    cached = assets.fetch("tiny") / "words.txt"
    before = cached.stat()
    cached.write_bytes(WORDS[::-1])  # as long as it was
    os.utime(cached, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    hashed.clear()
    assert assets.fetch("tiny") == cached.parent
    assert "words.txt" in hashed
    assert cached.read_bytes() == WORDS


def test_a_file_of_another_size_is_hashed_again(mirror):
    cached = assets.fetch("tiny") / "words.txt"
    before = cached.stat()
    cached.write_bytes(WORDS[:-1])
    os.utime(cached, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert assets.fetch("tiny") == cached.parent
    assert cached.read_bytes() == WORDS


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_file_more_or_less_of_a_pattern_is_noticed(mirror, change):
    (mirror / "catalogue.toml").write_text(entry(PATTERN))
    place = assets.fetch("tiny")
    if change == "added":
        (place / "99.png").write_bytes(b"not of the set")
    else:
        (place / "3.png").unlink()
    assert assets.status(assets.catalogue()[0]) == "changed"
    with pytest.raises(AssetError, match=r"\*\.png is damaged"):
        assets.verify("tiny")
    assets.fetch("tiny")
    assert sorted(path.name for path in place.glob("*.png")) == sorted(
        f"{i}.png" for i in range(12)
    )


def test_a_file_that_is_missing_is_named(mirror, monkeypatch):
    (assets.fetch("tiny") / "words.txt").unlink()
    with pytest.raises(AssetError, match=r"words\.txt is missing"):
        assets.verify("tiny")
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError, match=r"words\.txt is missing"):
        assets.fetch("tiny")


def test_the_same_files_are_verified_anew_for_another_entry(mirror):
    """The catalogue now promises other content under the same file names."""
    assets.fetch("tiny")
    words = {**GOOD_MEMBERS, "tiny_parcel/data/words.txt": sha256(WORDS.upper())}
    (mirror / "catalogue.toml").write_text(entry(words))
    assert assets.status(assets.catalogue()[0]) == "changed"
    with pytest.raises(AssetError, match=r"words\.txt is damaged or another version"):
        assets.verify("tiny")
    stock(mirror, "tiny", {**GOOD_FILES, "tiny_parcel/data/words.txt": WORDS.upper()})
    assert (assets.fetch("tiny") / "words.txt").read_bytes() == WORDS.upper()


def test_what_is_not_there_is_absent(mirror):
    assert assets.status(assets.catalogue()[0]) == "absent"
    with pytest.raises(AssetError, match="not in the cache"):
        assets.verify("tiny")


def test_only_the_named_origins_are_asked(mirror, monkeypatch):
    build_wheel(mirror / "wheels", GOOD_FILES)  # pip would find it
    monkeypatch.delenv("TL_MIRROR")
    with pytest.raises(AssetError, match="mirror: none set") as caught:
        assets.fetch("tiny")
    assert "parcel tiny_parcel" not in str(caught.value)


def test_the_size_is_said_before_a_download_to_whoever_watches(mirror, monkeypatch, capsys):
    monkeypatch.setattr(watching, "wanted", lambda: True)
    assets.fetch("tiny")
    first = capsys.readouterr().out
    assets.fetch("tiny")
    assert "0 MB to fetch" in first and capsys.readouterr().out == ""


def test_several_are_fetched_once_each_and_damaged_ones_again(mirror, capsys):
    stock(mirror, "other", GOOD_FILES)
    (mirror / "catalogue.toml").write_text(entry(GOOD_MEMBERS) + entry(GOOD_MEMBERS, name="other"))
    (assets.fetch("tiny") / "words.txt").write_bytes(b"damaged")
    found = assets.fetch_many(["tiny", "other", "tiny"])
    assert list(found) == ["tiny", "other"]
    assert all((place / "words.txt").read_bytes() == WORDS for place in found.values())
    assert capsys.readouterr().out.count("tiny: ") == 1


def test_the_bar_of_a_list_ends_at_the_size_of_all(mirror, monkeypatch):
    bars, make = [], watching.bar
    monkeypatch.setattr(watching, "bar", lambda **how: (bars.append(make(**how)), bars[-1])[1])
    stock(mirror, "other", GOOD_FILES)
    (mirror / "catalogue.toml").write_text(
        entry(GOOD_MEMBERS) + entry(GOOD_MEMBERS, name="other", size=500)
    )
    assets.fetch_many(["tiny", "other"])
    assert [(bar.n, bar.total) for bar in bars] == [(1500, 1500)]


def test_every_failure_of_a_list_is_told(mirror):
    names = ("one", "two")
    (mirror / "catalogue.toml").write_text("".join(entry(GOOD_MEMBERS, name=n) for n in names))
    with pytest.raises(AssetError) as caught:
        assets.fetch_many(names)
    assert all(f"Could not fetch {name!r}" in str(caught.value) for name in names)
    with pytest.raises(AssetError, match="Could not fetch 'one'"):
        assets.fetch_many(["one"])


def test_space_is_asked_for_with_some_to_spare(tmp_path, monkeypatch):
    free = 100 << 20
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    archives.require_space(tmp_path, free - (16 << 20))
    with pytest.raises(OSError, match="105 MB needed, 105 MB free"):
        archives.require_space(tmp_path, free - (16 << 20) + 1)


def test_the_cache_and_the_scorecards_go_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "c"))
    monkeypatch.setenv("TL_OUT", str(tmp_path / "o"))
    assert paths.cache_dir() == tmp_path / "c"
    assert paths.out_dir() == tmp_path / "o"
    for name in ("TL_CACHE", "TL_OUT"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    monkeypatch.setenv("TL_WORK", str(tmp_path / "w"))
    assert paths.cache_dir() == tmp_path / "x" / "tl_helpers"
    assert paths.out_dir() == tmp_path / "w" / "scorecards"


def test_a_download_under_another_name_is_refused(tmp_path):
    parcel = assets.catalogue()[0].parcel
    other = tmp_path / "another_parcel-1.0-py3-none-any.whl"
    other.touch()
    with pytest.raises(AssetError, match=r"pip brought .*another_parcel.*expected one wheel"):
        origins._only_wheel(tmp_path, parcel)
    expected = tmp_path / f"{parcel.package}-{parcel.version}-py3-none-any.whl"
    other.rename(expected)
    assert origins._only_wheel(tmp_path, parcel) == expected


def test_every_file_of_an_asset_is_on_the_disk_before_it_counts(mirror, monkeypatch):
    sizes, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (sizes.append(os.fstat(handle).st_size), fsync(handle))
    )
    assets.fetch("tiny")
    assert {len(content) for content in GOOD_FILES.values()} <= set(sizes)


def test_a_mirror_archive_is_thrown_away_with_all_that_it_brought(mirror):
    stock(mirror, "tiny", {**GOOD_FILES, "tiny_parcel/data/words.txt": b"other"})
    with pytest.raises(AssetError, match="another version"):
        assets.fetch("tiny")
    assert left_in_cache(mirror) == []

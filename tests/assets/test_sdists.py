"""What an sdist carries gets into the cache as from a wheel, and nothing of the sdist is run."""

import base64
import os
import tarfile
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tiny_parcels import (
    NUMBERS,
    WORDS,
    assert_right,
    build_sdist,
    entry,
    left_in_cache,
    sdist_entry,
    sha256,
    start,
    tar_gz,
)

from tl_helpers import assets
from tl_helpers.assets import archives, sdists
from tl_helpers.assets.store import AssetError

TOP = "tiny_parcel-1.0"
INNER = f"{TOP}/more/data.tar.gz"
MEMBERS = {
    f"{TOP}/words.txt": sha256(WORDS),
    f"{INNER}!/data/numbers.bin": sha256(NUMBERS),
}
FILES = {
    f"{TOP}/words.txt": WORDS,
    INNER: tar_gz({"data/numbers.bin": NUMBERS, "data/other.txt": b"not asked for"}),
}


def shelve(shop, files=FILES, members=MEMBERS, links=()) -> Path:
    """Put an sdist where pip looks, and list its members in the catalogue."""
    sdist = build_sdist(shop / "wheels", files, links)
    (shop / "catalogue.toml").write_text(sdist_entry(sdist, members))
    return sdist


def refuses(shop, complaint):
    with pytest.raises(AssetError, match=complaint):
        assets.fetch("tiny")
    assert left_in_cache(shop) == []


def test_members_land_in_the_cache_and_no_code_of_the_sdist_runs(shop, monkeypatch):
    shelve(shop)
    monkeypatch.chdir(shop)
    assets.fetch("tiny")
    assert_right(shop)
    assert not list(shop.rglob("setup_ran"))


def test_sdist_that_is_a_zip_file_serves_as_well(shop):
    sdist = shop / "wheels" / "tiny_parcel-1.0.zip"
    with zipfile.ZipFile(sdist, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in FILES.items():
            archive.writestr(path, content)
    (shop / "catalogue.toml").write_text(sdist_entry(sdist, MEMBERS))
    assets.fetch("tiny")
    assert_right(shop)


def test_cached_asset_needs_no_sdist(shop, monkeypatch):
    sdist = shelve(shop)
    assets.fetch("tiny")
    sdist.unlink()
    monkeypatch.setenv("TL_OFFLINE", "1")
    assets.fetch("tiny")
    assets.verify("tiny")


def test_pattern_inside_the_inner_archive_takes_all_that_match(shop):
    files = {f"data/{i}.txt": bytes([i] * 9) for i in range(3)}
    digest = sha256("".join(sorted(f"{sha256(c)}  {p[5:]}\n" for p, c in files.items())).encode())
    inner = tar_gz({**files, "data/deeper/9.txt": b"not of this folder"})
    shelve(shop, {INNER: inner}, {f"{INNER}!/data/*.txt": digest})
    assert sorted(p.name for p in assets.fetch("tiny").glob("*.txt")) == [
        "0.txt",
        "1.txt",
        "2.txt",
    ]


def test_sdist_with_another_hash_is_never_opened(shop):
    sdist = shelve(shop)
    sdist.write_bytes(tar_gz({**FILES, f"{TOP}/README": b"another"}))
    refuses(shop, r"\(sdist\): .*wheels: Hash mismatch for ")


def test_other_places_are_asked_when_one_has_another_sdist(shop, monkeypatch):
    shelve(shop)
    (shop / "bad").mkdir()
    build_sdist(shop / "bad", {f"{TOP}/words.txt": b"another"})
    places = [shop / "none", shop / "bad", shop / "wheels"]
    monkeypatch.setenv("PIP_FIND_LINKS", " ".join(map(str, places)))
    assets.fetch("tiny")
    assert_right(shop)


def test_member_with_another_hash_is_refused(shop):
    shelve(shop, {**FILES, f"{TOP}/words.txt": b"other words"})
    refuses(shop, r"words\.txt is damaged or another version")


def test_sdist_without_the_member_is_refused(shop):
    shelve(shop, {f"{TOP}/words.txt": WORDS})
    refuses(shop, r"no member tiny_parcel-1\.0/more/data\.tar\.gz")
    shelve(shop, {**FILES, INNER: tar_gz({"data/other.txt": b""})})
    refuses(shop, r"no member data/numbers\.bin")


@pytest.mark.parametrize("cut", [30, 400, -20])
def test_inner_archive_that_is_cut_short_is_refused(shop, cut):
    shelve(shop, {**FILES, INNER: FILES[INNER][:cut]})
    refuses(shop, "damaged or cut short")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("where", ["/etc/hostname", "../../etc/hostname", "data/secret"])
def test_links_and_devices_are_refused_wherever_they_lead(shop, kind, where):
    inner = tar_gz({"data/secret": b"secret"}, [("data/numbers.bin", kind, where)])
    shelve(shop, {**FILES, INNER: inner})
    refuses(shop, "is a symbolic link, or no plain file")


@pytest.mark.parametrize("path", ["data/../../../evil.txt", "data/./../evil.txt"])
def test_path_that_leaves_the_folder_is_refused(shop, path):
    shelve(shop, {INNER: tar_gz({path: b"evil"})}, {f"{INNER}!/data/*.txt": sha256(b"evil")})
    refuses(shop, "leaves the folder")
    assert not list(shop.rglob("evil.txt"))


def test_member_that_is_there_twice_is_refused(shop):
    inner = tar_gz({"data/numbers.bin": NUMBERS}, [("data/numbers.bin", tarfile.REGTYPE, "")])
    shelve(shop, {**FILES, INNER: inner})
    refuses(shop, r"holds data/numbers\.bin twice")


def test_archive_that_unpacks_to_too_much_is_refused(shop, monkeypatch):
    bomb = tar_gz({"data/numbers.bin": bytes(3_000_000)})
    assert len(bomb) < 10_000
    shelve(shop, {**FILES, INNER: bomb})
    monkeypatch.setattr(archives, "LARGEST", 2_000_000)
    refuses(shop, "unpacks to more than 2 MB")


def test_mirror_serves_the_sdist_itself_and_no_other(shop, monkeypatch):
    sdist = shelve(shop)
    (shop / "mirror").mkdir()
    monkeypatch.setenv("TL_MIRROR", str(shop / "mirror"))
    monkeypatch.setenv("TL_ORIGINS", "mirror")
    (shop / "mirror" / "tiny.zip").write_bytes(tar_gz({**FILES, f"{TOP}/README": b"another"}))
    refuses(shop, r"mirror\.zip is damaged or another version")
    sdist.rename(shop / "mirror" / "tiny.zip")
    assets.fetch("tiny")
    assert_right(shop)


class _Index(BaseHTTPRequestHandler):
    """A package index behind a name and a password, which sends its visitors on once."""

    sdist = b""
    half_way = None

    def do_GET(self):
        wanted = base64.b64encode(b"reader:pass-word").decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            return self._answer(401, b"")
        if self.path == "/simple/tiny-parcel/":
            return self._answer(302, b"", Location="/moved/")
        if self.path == "/moved/":
            link = f'<a href="/files/{TOP}.tar.gz#sha256={sha256(self.sdist)}">sdist</a>'.encode()
            return self._answer(200, link, **{"Content-Type": "text/html"})
        half = len(self.sdist) // 2 if self.half_way else 0
        self._answer(200, self.sdist[:half], len(self.sdist))
        if half:
            self.wfile.flush()
            self.half_way.set()
            time.sleep(60)
        self.wfile.write(self.sdist[half:])

    def _answer(self, status, content, size=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if size is None else size))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def index_of(sdist: Path, monkeypatch, password="pass-word", half_way=None):
    """Serve an sdist as its only index, and tell pip."""
    _Index.sdist, _Index.half_way = sdist.read_bytes(), half_way
    with ThreadingHTTPServer(("127.0.0.1", 0), _Index) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://reader:{password}@127.0.0.1:{server.server_port}/simple"
        monkeypatch.setenv("PIP_INDEX_URL", address)
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        yield
        server.shutdown()


def test_index_with_a_password_is_asked_as_pip_would(shop, monkeypatch):
    with index_of(shelve(shop), monkeypatch):
        assets.fetch("tiny")
    assert_right(shop)


def test_refusal_of_an_index_is_told_without_the_password(shop, monkeypatch, capfd):
    complaint = pytest.raises(AssetError, match=r"no sdist of this version.*401")
    with index_of(shelve(shop), monkeypatch, password="wrong-one"), complaint as caught:
        assets.fetch("tiny")
    assert "wrong-one" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_index_out_of_reach_is_named(shop, monkeypatch):
    shelve(shop)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop / "none"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    refuses(shop, r"none: .*non-existing path.*; http://127\.0\.0\.1:9/simple: .*refused")


def test_no_place_to_ask_is_said(shop, monkeypatch):
    shelve(shop)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    refuses(shop, "pip is told to ask no index, and of no find-links")


def test_missing_file_of_certificates_is_said(shop, monkeypatch):
    shelve(shop)
    monkeypatch.setenv("PIP_CERT", str(shop / "none.pem"))
    refuses(shop, "pip's settings cannot be used: .*No such file")


def test_settings_are_those_of_pip_download(shop, monkeypatch):
    config = shop / "pip.conf"
    config.write_text(
        "[global]\nproxy = http://first\ntimeout = 7\nfind-links =\n    one\n    two\n"
        "[download]\nproxy = http://second\ntimeout = 8\n[install]\nproxy = http://other\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_TIMEOUT", "9")
    monkeypatch.delenv("PIP_FIND_LINKS")
    settings = sdists.pip_settings()
    assert settings["proxy"] == "http://second"
    assert settings["timeout"] == "9"
    assert settings["find-links"].split() == ["one", "two"]


def test_kill_in_mid_download_leaves_no_asset_and_the_next_run_makes_it(shop, monkeypatch):
    half_way = threading.Event()
    with index_of(shelve(shop), monkeypatch, half_way=half_way):
        process = start(env=dict(os.environ))
        assert half_way.wait(timeout=60)
        process.kill()
        process.communicate(timeout=60)
    assert not (shop / "cache" / "assets" / "tiny").exists()
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assets.fetch("tiny")
    assert_right(shop)


def test_interrupted_list_continues_with_the_next(shop):
    sdist = shelve(shop)
    missing = sdist_entry(sdist, {f"{TOP}/none.txt": sha256(b"")}, name="broken")
    good = (shop / "catalogue.toml").read_text()
    (shop / "catalogue.toml").write_text(missing + good)
    with pytest.raises(AssetError, match="Could not fetch 'broken'"):
        assets.fetch_many(["broken", "tiny"], progress=False)
    assert_right(shop)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (entry(MEMBERS).replace('package = "', 'kind = "egg"\npackage = "'), "wheel or sdist"),
        (entry(MEMBERS).replace('package = "', 'kind = "sdist"\npackage = "'), "'sha256'"),
        (entry({f"{INNER}!/../numbers.bin": "0" * 64}), "leaves the folder"),
    ],
)
def test_entry_of_an_sdist_that_is_not_sound_is_refused(shop, text, complaint):
    (shop / "catalogue.toml").write_text(text)
    with pytest.raises(AssetError, match=complaint):
        assets.catalogue()

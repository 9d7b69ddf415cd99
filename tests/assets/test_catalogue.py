"""Every asset of the course is described in full, and a catalogue that is not sound is refused."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_parcels import GOOD_MEMBERS, entry

from tl_helpers import assets
from tl_helpers.assets.converting import CONVERSIONS
from tl_helpers.assets.entries import read_catalogue
from tl_helpers.assets.paths import kit_root
from tl_helpers.assets.store import AssetError

HUB = '[asset.hub]\nrepo = "a/b"\nrevision = "r"\nfiles = ["{}", "{}"]'
CONVERT = (
    '[asset.convert]\nfunction = "f"\nsource = "{}"\ntarget = "{}"\nsha256 = "' + "0" * 64 + '"'
)
# Known licences by their names; others by what they ask for, or that nothing is known.
_TERMS = r"Apache-2\.0|MIT|BSD-|CC-BY|CC0|Notice to keep \(|unknown: .{20}"
SHIPPED = read_catalogue(kit_root() / "data" / "catalogue.toml")


@pytest.mark.parametrize("asset", SHIPPED, ids=lambda asset: asset.name)
def test_every_shipped_asset_is_described_in_full(asset):
    assert asset.kind in ("weights", "data")
    assert asset.title and asset.citation
    assert asset.licence_url.startswith("https://")
    assert re.match(_TERMS, asset.content_licence)
    assert 1_000 < asset.bytes < 500_000_000
    assert asset.lessons and all(re.fullmatch(r"\d+(\.\d+)?", i) for i in asset.lessons)
    assert all(re.fullmatch("[0-9a-f]{64}", m.sha256) for m in asset.stored)
    assert asset.convert is None or asset.convert.function in CONVERSIONS


def test_weights_are_stored_as_safetensors():
    for asset in SHIPPED:
        names = [member.file_name for member in asset.stored]
        assert not [n for n in names if n.endswith((".pth", ".pt", ".bin", ".pkl", ".pickle"))]
        assert (asset.kind == "weights") == any(n.endswith(".safetensors") for n in names)


def test_hub_revision_is_a_commit_wherever_files_are_fetched_from_it():
    for asset in SHIPPED:
        if asset.hub is not None and asset.hub.files:
            assert re.fullmatch("[0-9a-f]{40}", asset.hub.revision)


def test_needed_lists_what_the_named_lessons_use(monkeypatch):
    monkeypatch.delenv("TL_CATALOGUE", raising=False)
    assert assets.needed(["00"]) == ["efficientnet-lite0", "twemoji-72"]
    assert assets.needed() == [asset.name for asset in SHIPPED if asset.lessons]
    assert assets.needed(["99.9"]) == assets.needed([]) == []


def test_fingerprint_follows_the_content_and_nothing_else(shop):
    def fingerprint(text):
        (shop / "catalogue.toml").write_text(text)
        return assets.fingerprint("tiny")

    first = fingerprint(entry(GOOD_MEMBERS))
    assert fingerprint(entry(GOOD_MEMBERS, licence="MIT")) == first
    turned = dict(reversed(GOOD_MEMBERS.items()))
    assert fingerprint(entry(turned)) == first
    one, other = GOOD_MEMBERS
    other_content = {one: GOOD_MEMBERS[other], other: GOOD_MEMBERS[one]}
    more = {**GOOD_MEMBERS, "more.txt": "0" * 64}
    assert len({first, fingerprint(entry(more)), fingerprint(entry(other_content))}) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (entry(GOOD_MEMBERS) * 2, "lists tiny more than once"),
        (entry(GOOD_MEMBERS, name="../tiny"), "expected a name of a-z"),
        (entry({"a/b.txt": "12ab"}), "expected 64 digits"),
        (entry({"a/x.txt": "0" * 64, "b/x.txt": "1" * 64}), "different file names"),
        (entry(GOOD_MEMBERS).replace("citation", "quotation"), "'citation' is missing"),
        (entry({}), "different file names"),
        (
            entry(GOOD_MEMBERS, more='[asset.hub]\nrepo = "a/b"\nrevision = "r"\nfiles = ["x"]'),
            "the same bytes",
        ),
        (
            entry(GOOD_MEMBERS, more=HUB.format("words.txt", "numbers.txt")),
            "the same bytes",
        ),
        (entry(GOOD_MEMBERS, more=HUB.format("words.txt", "../numbers.bin")), "leaves the folder"),
        (entry({"a/b.txt": "0" * 65}), "expected 64 digits"),
        (entry({"": "0" * 64}), "leaves the folder"),
        (entry({"a//b.txt": "0" * 64}), "leaves the folder"),
        (entry(GOOD_MEMBERS, more=CONVERT.format("none.txt", "a")), "is no member's file name"),
        (entry(GOOD_MEMBERS, more=CONVERT.format("words.txt", "../a")), "leaves the folder"),
        ("[[asset]\n", "cannot be read"),
    ],
)
def test_catalogue_that_is_not_sound_is_refused(shop, text, complaint):
    (shop / "catalogue.toml").write_text(text)
    with pytest.raises(AssetError, match=complaint):
        assets.catalogue()


def test_catalogue_is_read_once_and_again_when_it_has_changed(shop, monkeypatch):
    read = []
    whole = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **how: (read.append(path.name), whole(path, **how))[1]
    )
    assert assets.catalogue() == assets.catalogue()
    assert read.count("catalogue.toml") == 1
    assets.catalogue().clear()  # a caller's own list
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, name="another", size=2000))
    assert [asset.name for asset in assets.catalogue()] == ["another"]
    changed = (shop / "catalogue.toml").stat().st_mtime_ns
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS, name="third"))
    os.utime(shop / "catalogue.toml", ns=(changed, changed))
    assert [asset.name for asset in assets.catalogue()] == ["third"]
    (shop / "catalogue.toml").write_text("[[asset]\n")
    for _ in range(2):
        with pytest.raises(AssetError, match="cannot be read"):
            assets.catalogue()


def test_missing_catalogue_is_named(shop):
    (shop / "catalogue.toml").unlink()
    with pytest.raises(AssetError, match=r"catalogue\.toml cannot be read"):
        assets.catalogue()


def test_looking_at_assets_imports_nothing_heavy(shop):
    code = (
        "import sys; from tl_helpers import assets; assets.status(assets.catalogue()[0]); "
        "print([m for m in ('torch', 'numpy', 'timm', 'huggingface_hub') if m in sys.modules])"
    )
    (shop / "catalogue.toml").write_text(entry(GOOD_MEMBERS))
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=kit_root(), check=True
    )
    assert found.stdout == "[]\n"

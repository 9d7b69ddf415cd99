"""A conversion keeps every number, and its bytes depend on nothing else."""

import hashlib

import pytest
import torch
from safetensors import safe_open
from tiny_parcels import GOOD_FILES, GOOD_MEMBERS, NUMBERS, WORDS, build_wheel, entry, left_in_cache

from tl_helpers import assets
from tl_helpers.assets.converting import CONVERSIONS
from tl_helpers.assets.store import AssetError
from tl_helpers.assets.tensor_files import write_safetensors

LITE = sorted(name for name in CONVERSIONS if name.startswith("efficientnet_lite"))


def _tensors():
    return {
        "weight": torch.arange(15.0).reshape(3, 5) / 7,
        "turned": torch.arange(8.0).reshape(4, 2).t(),
        "half": torch.arange(6).to(torch.bfloat16),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }


def test_safetensors_library_reads_back_every_tensor(tmp_path):
    write_safetensors(_tensors(), tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert set(file.keys()) == set(_tensors())
        for name, tensor in _tensors().items():
            assert file.get_tensor(name).dtype == tensor.dtype
            assert torch.equal(file.get_tensor(name), tensor)


def test_same_tensors_give_the_same_bytes(tmp_path):
    hashes = set()
    for name in ("a", "b"):
        write_safetensors(_tensors(), tmp_path / name)
        hashes.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert hashes == {"81aa3a67dff53facaa80d41667ae529bef5874ba7d08811064904d94e38b716f"}


def test_type_without_a_safetensors_name_is_refused_before_writing(tmp_path):
    with pytest.raises(ValueError, match="complex64"):
        write_safetensors({"z": torch.zeros(2, dtype=torch.complex64)}, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", LITE)
def test_weights_get_the_names_of_timm_in_its_order(name, tmp_path):
    import timm

    expected = timm.create_model(f"tf_{name}").state_dict()
    renamed = {f"other.{i}": tensor for i, tensor in enumerate(expected.values())}
    torch.save(renamed, tmp_path / "a.pth")
    CONVERSIONS[name](tmp_path / "a.pth", tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert all(torch.equal(file.get_tensor(n), t) for n, t in expected.items())


@pytest.mark.parametrize("name", LITE)
def test_weights_of_another_network_are_refused(name, tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=f"shapes are not those of timm's tf_{name}"):
        CONVERSIONS[name](tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize("name", LITE)
def test_weights_of_another_shape_are_refused(name, tmp_path):
    import timm

    weights = timm.create_model(f"tf_{name}").state_dict()
    last = next(key for key in reversed(weights) if weights[key].ndim == 2)
    weights[last] = weights[last].T
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="shapes are not those"):
        CONVERSIONS[name](tmp_path / "a.pth", tmp_path / "a.safetensors")


def test_code_in_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    torch.save({"weight": Trap()}, tmp_path / "a.pth")
    with pytest.raises(Exception, match="Weights only load failed"):
        CONVERSIONS["efficientnet_lite0"](tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert not (tmp_path / "trap").exists()


CONVERTED = """
[asset.convert]
function = "loud"
source = "words.txt"
target = "loud.txt"
sha256 = "{}"
"""


@pytest.fixture
def loud(shop, monkeypatch):
    """An asset of which one file is converted: its words in capital letters."""
    monkeypatch.setitem(CONVERSIONS, "loud", lambda source, target: target.write_bytes(
        source.read_bytes().upper()
    ))  # fmt: skip
    build_wheel(shop / "wheels", GOOD_FILES)
    (shop / "catalogue.toml").write_text(
        entry(GOOD_MEMBERS, more=CONVERTED.format(hashlib.sha256(WORDS.upper()).hexdigest()))
    )
    return shop


def test_a_converted_file_takes_the_place_of_its_source(loud):
    place = assets.fetch("tiny")
    assert sorted(path.name for path in place.iterdir()) == [
        ".verified.json",
        "loud.txt",
        "numbers.bin",
    ]
    assert (place / "loud.txt").read_bytes() == WORDS.upper()
    assert (place / "numbers.bin").read_bytes() == NUMBERS
    assets.verify("tiny")
    assert assets.status(assets.catalogue()[0]) == "present"


def test_what_a_conversion_writes_beside_is_held_to_its_hash_and_may_replace(loud, monkeypatch):
    def convert(source, target):
        target.write_bytes(source.read_bytes().upper())
        (target.parent / "numbers.bin").write_bytes(b"other numbers")

    monkeypatch.setitem(CONVERSIONS, "loud", convert)
    words, numbers = (hashlib.sha256(b).hexdigest() for b in (WORDS.upper(), b"other numbers"))
    beside = f'beside = [{{ path = "numbers.bin", sha256 = "{numbers}" }}]\n'
    more = CONVERTED.format(words) + beside
    (loud / "catalogue.toml").write_text(entry(GOOD_MEMBERS, more=more))
    place = assets.fetch("tiny")
    assert (place / "numbers.bin").read_bytes() == b"other numbers"
    assert sorted(m.file_name for m in assets.catalogue()[0].stored) == ["loud.txt", "numbers.bin"]
    assets.verify("tiny")


def test_another_file_beside_than_promised_is_refused(loud, monkeypatch):
    def convert(source, target):
        target.write_bytes(source.read_bytes().upper())
        (target.parent / "settings.json").write_bytes(b"{}")

    monkeypatch.setitem(CONVERSIONS, "loud", convert)
    more = CONVERTED.format(hashlib.sha256(WORDS.upper()).hexdigest())
    more += 'beside = [{ path = "settings.json", sha256 = "' + "0" * 64 + '" }]\n'
    (loud / "catalogue.toml").write_text(entry(GOOD_MEMBERS, more=more))
    with pytest.raises(AssetError, match=r"settings\.json is damaged or another version"):
        assets.fetch("tiny")
    assert left_in_cache(loud) == []


def test_a_conversion_that_writes_other_bytes_is_refused(loud, monkeypatch):
    monkeypatch.setitem(CONVERSIONS, "loud", lambda source, target: target.write_bytes(
        source.read_bytes().title()
    ))  # fmt: skip
    with pytest.raises(AssetError, match=r"loud\.txt is damaged or another version"):
        assets.fetch("tiny")
    assert left_in_cache(loud) == []


def test_a_conversion_that_fails_is_told_and_nothing_is_kept(loud, monkeypatch):
    def refuse(source, target):
        target.write_bytes(b"half")
        raise ValueError("these are no words")

    monkeypatch.setitem(CONVERSIONS, "loud", refuse)
    with pytest.raises(AssetError, match=r"words\.txt could not be converted.*these are no words"):
        assets.fetch("tiny")
    assert left_in_cache(loud) == []


def test_a_source_that_is_not_the_promised_one_is_never_converted(loud, monkeypatch):
    converted = []
    monkeypatch.setitem(CONVERSIONS, "loud", lambda *paths: converted.append(paths))
    files = {**GOOD_FILES, "tiny_parcel/data/words.txt": WORDS[:-1]}
    build_wheel(loud / "wheels", files)
    with pytest.raises(AssetError, match=r"words\.txt is damaged or another version"):
        assets.fetch("tiny")
    assert converted == []

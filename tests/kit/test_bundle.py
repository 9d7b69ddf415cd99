"""Guarantees of bundles: whole or refused, right for each computer, installed without network."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import tiny_parcels
import tiny_wheels
from offline_environment import BLOCK, offline_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tl_helpers.kit.bundle import offline
from tl_helpers.kit.bundle import writing as bundle
from tl_helpers.kit.bundle.targets import NAMES, Target
from tl_helpers.kit.bundle.wheelhouse import BundleError, Wheelhouse, collect, oldest_python

HERE = offline.this_computer()
WINDOWS = Target("windows", "3.12")


# Which wheels


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder of wheels, the only one that pip knows."""
    (tmp_path / "house").mkdir()
    for name, value in tiny_wheels.only_from(tmp_path / "shop", tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "shop"


def _collect(house, wanted, target=WINDOWS, **pins):
    """Names of the wheels that end up in a folder; those that lie there are not downloaded."""
    house = Wheelhouse(house, target)
    pins = {name: SpecifierSet(f"=={version}") for name, version in pins.items()}
    return [path.name for path in collect([Requirement(wanted)], pins, house)]


def test_requirements_are_judged_for_the_target_not_for_this_computer(tmp_path):
    conditions = {
        "console": 'sys_platform == "win32"',
        "menus": 'platform_system == "Darwin"',
        "signals": 'os_name == "posix"',
        "backport": 'python_version < "3.12"',
        "patch": 'python_full_version < "3.12.4"',
    }
    for name in conditions:
        tiny_wheels.build(tmp_path, name)
    tiny_wheels.build(tmp_path, "app", *(f"{name} ; {when}" for name, when in conditions.items()))
    found = {
        target: {name.split("-")[0] for name in _collect(tmp_path, "app", target)}
        for target in (WINDOWS, Target("macos", "3.11"))
    }
    assert found[WINDOWS] == {"app", "console", "patch"}
    assert found[Target("macos", "3.11")] == {"app", "menus", "signals", "backport", "patch"}


FITTING = {
    ("windows", "3.12"): "cp312-cp312-win_amd64",
    ("linux", "3.12"): "cp312-cp312-manylinux_2_28_x86_64",
    ("windows", "3.11"): "cp311-cp311-win_amd64",
    ("macos", "3.11"): "cp311-cp311-macosx_11_0_universal2",
    ("linux-arm", "3.13"): "cp39-abi3-manylinux2014_aarch64",
}


@pytest.mark.parametrize("pair", FITTING, ids="-".join)
def test_wheels_fit_the_target_and_the_tested_version_wins(tmp_path, pair):
    for tag in FITTING.values():
        for version in ("1.0", "2.0"):
            tiny_wheels.build(tmp_path, "fast", tag=tag, version=version)
    house = Wheelhouse(tmp_path, Target(*pair))
    for asked, version in (("==1.0", "1.0"), (">=1", "2.0")):
        wheel = house.find("fast", SpecifierSet(asked))
        assert wheel.name == f"fast-{version}-{FITTING[pair]}.whl"


def test_optional_sets_are_followed_where_they_are_asked_for(tmp_path):
    tiny_wheels.build(tmp_path, "deep")
    tiny_wheels.build(tmp_path, "other")
    tiny_wheels.build(
        tmp_path,
        "tool",
        'deep>=1 ; extra == "more" and sys_platform == "win32"',
        'other ; extra == "x"',
    )
    tiny_wheels.build(tmp_path, "app", "tool[more]>=1")
    assert [name.split("-")[0] for name in _collect(tmp_path, "app")] == ["app", "deep", "tool"]


def test_pin_that_contradicts_a_requirement_is_refused(tmp_path):
    tiny_wheels.build(tmp_path, "tool")
    tiny_wheels.build(tmp_path, "app", "tool>=2")
    with pytest.raises(BundleError, match=r"tool 1.0 was chosen, but >=2 is asked for"):
        _collect(tmp_path, "app", tool="1.0")


def test_pip_brings_the_wheel_that_fits(shop):
    for tag in FITTING.values():
        tiny_wheels.build(shop, "fast", tag=tag)
    assert _collect(shop.parent / "house", "fast") == [f"fast-1.0-{FITTING['windows', '3.12']}.whl"]


def test_cpu_build_on_another_index_wins_and_brings_no_cuda(shop):
    tiny_wheels.build(shop, "torch", "nvidia-cudnn ; sys_platform == 'linux'", version="2.1")
    cpu = tiny_wheels.build(shop.parent / "cpu", "torch", version="2.1+cpu")
    options = [f"--find-links={cpu.parent.as_uri()}"]
    house = Wheelhouse(shop.parent / "house", Target("linux", "3.12"), options)
    found = collect([Requirement("torch>=2")], {"torch": SpecifierSet("==2.1")}, house)
    assert [path.name for path in found] == [cpu.name]


def test_missing_package_is_named_and_what_is_there_is_not_downloaded_again(shop):
    first = tiny_wheels.build(shop, "app", "tool")
    with pytest.raises(BundleError, match=r"(?s)all of tool==3 for windows-3\.12.*what is there"):
        _collect(shop.parent / "house", "app", tool="3")
    first.unlink()
    tiny_wheels.build(shop, "tool", version="3")
    assert len(_collect(shop.parent / "house", "app", tool="3")) == 2
    assert not list(shop.parent.glob("house/.part"))


def test_oldest_python_is_the_first_that_all_wheels_run_on(tmp_path):
    wheels = [tiny_wheels.build(tmp_path, "a"), tiny_wheels.build(tmp_path, "b", python=">=3.11.5")]
    assert oldest_python(wheels, Target("linux", "3.11")) == "3.11.5"
    assert oldest_python(wheels, Target("linux", "3.12")) == "3.12.0"
    wheels.append(tiny_wheels.build(tmp_path, "c", python="<3.12"))
    with pytest.raises(BundleError, match=r"no release of Python 3\.12"):
        oldest_python(wheels, Target("linux", "3.12"))


@pytest.mark.parametrize("pair", [("beos", "3.11"), ("linux", "3.9"), ("linux", "3.11.2")])
def test_unknown_computers_are_refused(pair):
    with pytest.raises(ValueError, match="linux, linux-arm, macos, windows|3.11 or newer"):
        Target(*pair)


def test_this_computer_is_one_that_bundles_are_written_for():
    assert HERE.rpartition("-")[0] in NAMES


# Writing


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout, its shop of wheels, and a bundle for this computer that nobody may change."""
    root = tmp_path_factory.mktemp("room with blanks")
    checkout, shop = tiny_wheels.course(root)
    text = _tl_bundle(root / "stick", checkout, shop)
    assert "all files:" in text and "CUDA" not in text
    return root


def _tl_bundle(folder, checkout, shop, *options, code=0):
    call = [sys.executable, "-P", "-m", "tl_helpers", "bundle", str(folder), *options]
    variables = {**os.environ, **tiny_wheels.only_from(shop, checkout)}
    done = subprocess.run(call, env=variables, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def copied(made, tmp_path):
    """The same, to change."""
    return shutil.copytree(made, tmp_path / "copied dir")


def _write_again(root, *options, code=0):
    return _tl_bundle(root / "stick", root / "checkout", root / "shop", *options, code=code)


def _contents(folder):
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def test_bundle_holds_every_wheel_parcel_and_lesson_with_its_hash(made):
    manifest = offline.read_manifest(made / "stick")
    files = _contents(made / "stick")
    assert set(manifest["files"]) == set(files) - {"bundle.json"}
    offline.verify(made / "stick", manifest, list(manifest["files"]))
    names = {Path(name).name.split("-")[0] for name in manifest["targets"][HERE]["wheels"]}
    assert names == {"tl_helpers", "tqdm", "filelock", "platformdirs", "jupyterlab", "pip"}
    assert manifest["parcels"] == ["parcels/tiny_parcel-1.0-py3-none-any.whl"]
    kit = next(path for name, path in files.items() if "tl_helpers" in name)
    assert "tl_helpers/_kit/notebooks/00_start.ipynb" in zipfile.ZipFile(kit).namelist()
    assert HERE in files["README.txt"].read_text() and "CC0-1.0" in files["README.txt"].read_text()


def test_bundle_written_again_is_the_same(copied):
    before = (copied / "stick" / "bundle.json").read_bytes()
    shutil.rmtree(copied / "shop")  # nothing is downloaded
    _write_again(copied)
    assert (copied / "stick" / "bundle.json").read_bytes() == before


def test_another_platform_is_added_and_the_first_is_kept(copied):
    _write_again(copied, "--platform", "windows", "--python", "3.12")
    targets = offline.read_manifest(copied / "stick")["targets"]
    assert set(targets) == {HERE, "windows-3.12"}
    extra = set(targets["windows-3.12"]["wheels"]) - set(targets[HERE]["wheels"])
    assert extra == {"wheels/colorama-0.4.6-py3-none-any.whl"}


def test_broken_off_bundle_is_never_taken_for_whole_and_continues(made, tmp_path):
    checkout, shop = made / "checkout", shutil.copytree(made / "shop", tmp_path / "shop")
    parcel = next(shop.glob("tiny_parcel*"))
    kept = parcel.rename(tmp_path / parcel.name)
    assert "tiny-parcel==1.0" in _tl_bundle(tmp_path / "stick", checkout, shop, code=1)
    assert not (tmp_path / "stick" / "start.py").exists()
    with pytest.raises(offline.BundleFault, match="not finished"):
        offline.read_manifest(tmp_path / "stick")
    for wheel in shop.iterdir():
        wheel.unlink()
    kept.rename(parcel)
    half = next((tmp_path / "stick" / "wheels").glob("tqdm*"))  # as a stick pulled out leaves it
    shutil.copy(half, shop)
    half.write_bytes(half.read_bytes()[:1000])
    assert "tqdm" in _tl_bundle(tmp_path / "stick", checkout, shop)
    offline.verify(tmp_path / "stick", *_all_files(tmp_path / "stick"))


def _all_files(folder):
    manifest = offline.read_manifest(folder)
    return manifest, list(manifest["files"])


def test_folder_with_other_things_is_refused_and_left_alone(made, tmp_path):
    (tmp_path / "photos.zip").write_text("mine")
    text = _tl_bundle(tmp_path, made / "checkout", made / "shop", code=1)
    assert "holds other things (photos.zip)" in text
    assert [path.name for path in tmp_path.iterdir()] == ["photos.zip"]


def test_damaged_files_are_replaced_and_what_nothing_needs_goes(copied):
    wheel = next((copied / "stick" / "wheels").glob("filelock*"))
    damaged = bytearray(wheel.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    wheel.write_bytes(damaged)
    tiny_wheels.build(wheel.parent, "old")
    assert f"{wheel.name} was damaged" in _write_again(copied)
    offline.verify(copied / "stick", *_all_files(copied / "stick"))
    assert not list(wheel.parent.glob("old*"))


def test_parcel_with_other_content_is_refused(copied):
    files = {**tiny_parcels.GOOD_FILES, "tiny_parcel/data/words.txt": b"other"}
    tiny_parcels.build_wheel(copied / "shop", files)
    (copied / "stick" / "bundle.json").unlink()
    (copied / "stick" / "UNFINISHED.txt").touch()
    next(copied.glob("stick/parcels/*")).unlink()
    assert "words.txt is damaged or another version" in _write_again(copied, code=1)
    assert not (copied / "stick" / "bundle.json").exists()


def test_sdist_lies_beside_the_wheels_and_is_not_downloaded_twice(copied):
    words = {"tiny_parcel-1.0/words.txt": tiny_parcels.WORDS}
    sdist = tiny_parcels.build_sdist(copied / "shop", words)
    member = {path: tiny_parcels.sha256(content) for path, content in words.items()}
    catalogue = copied / "checkout" / "data" / "catalogue.toml"
    catalogue.write_text(
        catalogue.read_text() + tiny_parcels.sdist_entry(sdist, member, name="told")
    )
    _write_again(copied)
    sdist.unlink()
    _write_again(copied)
    manifest = offline.read_manifest(copied / "stick")
    assert f"parcels/{sdist.name}" in manifest["parcels"] and "told" in manifest["assets"]
    offline.verify(copied / "stick", *_all_files(copied / "stick"))


def test_one_platforms_wheel_lies_there_for_all_and_is_not_downloaded_twice(copied):
    """Nobody's computer in the test is a Mac, and each opens the wheel for one."""
    words = {"lone_parcel/words.txt": tiny_parcels.WORDS}
    tag = "py3-none-macosx_11_0_arm64"
    wheel = tiny_wheels.build(copied / "shop", "lone_parcel", tag=tag, files=words)
    member = {path: tiny_parcels.sha256(content) for path, content in words.items()}
    entry = tiny_parcels.entry(member, name="lone", more='platform = "macosx_11_0_arm64"')
    catalogue = copied / "checkout" / "data" / "catalogue.toml"
    told = catalogue.read_text() + entry.replace('"tiny_parcel"', '"lone_parcel"')
    catalogue.write_text(told)
    _write_again(copied)
    wheel.unlink()
    _write_again(copied)
    manifest = offline.read_manifest(copied / "stick")
    assert f"parcels/{wheel.name}" in manifest["parcels"] and "lone" in manifest["assets"]


def test_full_disk_is_noticed_before_anything_is_downloaded(made, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "_WHEELS_AT_LEAST", 1 << 60)
    with pytest.raises(OSError, match=r"MB needed, \d+ MB free"):
        bundle.write(tmp_path / "stick", [Target("linux", "3.11")], [], root=made / "checkout")
    assert not list(tmp_path.glob("stick/*/*"))


def test_only_a_checkout_can_write_a_bundle(tmp_path):
    with pytest.raises(BundleError, match="from a checkout of the course"):
        bundle.write(tmp_path / "stick", [WINDOWS], [], root=tmp_path)
    assert not (tmp_path / "stick").exists()


# Installing, with the network blocked


def _environment(into):
    """No network, nothing of the course, and settings of pip that must not matter."""
    variables = offline_environment(PYTHONPATH=BLOCK, TL_CACHE=str(into) + " cache")
    for name in ("TL_CATALOGUE", "TL_WORK", "TL_NOTEBOOKS"):
        variables.pop(name, None)
    return variables | {"PIP_INDEX_URL": "https://packages.invalid", "PIP_REQUIRE_VIRTUALENV": "1"}


def _command(stick, into):
    return [sys.executable, str(stick / "start.py"), "1.1", "--into", str(into)]


def _start(stick, into, *options, code=0, call=()):
    """Run start.py as a person does."""
    call = [*(call or _command(stick, into)), *options]
    done = subprocess.run(call, env=_environment(into), capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def room(made, tmp_path_factory):
    """A computer on which start.py was killed while pip ran, and was then started again."""
    folder = tmp_path_factory.mktemp("my course")
    with subprocess.Popen(_command(made / "stick", folder), env=_environment(folder)) as process:
        while process.poll() is None and not list(folder.glob(".venv/**/site-packages/*")):
            time.sleep(0.01)
        assert process.poll() is None, "the installation was over before it could be broken off"
        process.kill()
    (folder / ".venv" / "half").touch()
    return folder, _start(made / "stick", folder, "--", "--port=8899")


def test_start_installs_unpacks_and_opens_the_lesson_without_network(room):
    folder, text = room
    called = json.loads(text.splitlines()[-1])
    assert called["arguments"][-1] == "--port=8899"
    assert any("/lab/tree/01_basics/01_counting.ipynb" in each for each in called["arguments"])
    assert called["python"] == offline.python(folder) and called["TL_OFFLINE"] == "1"
    assert Path(called["TL_WORK"]) == folder / "my_work"
    words = Path(f"{folder} cache", "assets", "tiny", "words.txt")
    assert words.read_bytes() == tiny_parcels.WORDS
    assert (folder / "my_work" / "00_start.ipynb").is_file()


def test_installation_that_was_broken_off_is_made_anew(room):
    folder, text = room
    assert "2/3 installing" in text and not (folder / ".venv" / "half").exists()
    assert "waiting for another installation" in text, "pip was still writing into the environment"


def test_next_start_and_tl_lab_offline_open_at_once_and_keep_the_work(made, room):
    folder, _ = room
    (folder / "my_work" / "notes.txt").write_text("mine")
    tl = [sys.executable, "-m", "tl_helpers", "lab", "1.1", "--offline", str(made / "stick")]
    for call in ((), [*tl, "--into", str(folder)]):
        text = _start(made / "stick", folder, call=call)
        assert "verifying" not in text and "01_counting.ipynb" in text
    assert (folder / "my_work" / "notes.txt").read_text() == "mine"


def test_damaged_wheel_and_parcel_are_named_before_anything_is_installed(copied):
    files = _contents(copied / "stick")
    damaged = [name for name in files if "tqdm" in name or "tiny_parcel" in name]
    for name in damaged:
        files[name].write_bytes(files[name].read_bytes()[:-1] + b"!")
    text = _start(copied / "stick", copied / "course", code=1)
    assert all(f"{name} is damaged" in text for name in damaged) and "Copy the bundle" in text
    assert not (copied / "course" / ".venv").exists()


def test_folder_of_somebody_else_is_left_alone(made, tmp_path):
    (tmp_path / ".venv").mkdir()
    assert "holds other things" in _start(made / "stick", tmp_path, code=1)
    assert not list((tmp_path / ".venv").iterdir())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(targets={"windows-3.9": {}}), f"this computer and its .* are {HERE}"),
        (lambda m: m["targets"][HERE].update(oldest_python="3.99.7"), "needs 3.99.7 or newer"),
        (lambda m: m["targets"][HERE].update(installed_bytes=1 << 60), "GB are needed"),
        (lambda m: m.update(format=99), "use its own start.py"),
    ],
)
def test_computer_that_cannot_take_the_course_is_told_why(made, tmp_path, change, reason):
    manifest = offline.read_manifest(made / "stick")
    change(manifest)
    (tmp_path / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(offline.BundleFault, match=reason):
        offline.install(tmp_path, tmp_path / "course")
    assert not (tmp_path / "course" / ".venv").exists()


def test_start_needs_nothing_but_python():
    call = [sys.executable, "-I", "-S", offline.__file__, "--help"]
    assert "LESSON" in subprocess.check_output(call, text=True).upper()


def test_tl_lab_refuses_what_is_no_bundle(tmp_path):
    with pytest.raises(offline.BundleFault, match="no bundle of the course"):
        offline.start_command(tmp_path, [])

"""`tl doctor` finds real faults, says what to do, and its exit code tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tl_helpers.assets.entries import read_catalogue
from tl_helpers.kit import doctor

ROOT = Path(__file__).resolve().parents[2]
CALL = [
    sys.executable,
    "-c",
    "import sys; from tl_helpers.kit import doctor; sys.exit(doctor.main())",
]


def examine(**changes: str | None) -> subprocess.CompletedProcess:
    """Run the doctor with some environment variables changed; pip sees no settings of the user."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIP_CONFIG_FILE": os.devnull}
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "TL_OFFLINE", "TL_CACHE"):
        environment.pop(name, None)
    environment |= {name: value for name, value in changes.items() if value is not None}
    return subprocess.run(CALL, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def index(tmp_path) -> str:
    """Address of a package index on disk that lists the first parcel."""
    parcel = read_catalogue(ROOT / "data" / "catalogue.toml")[0].parcel
    folder = tmp_path / "simple" / parcel.package.replace("_", "-")
    folder.mkdir(parents=True)
    wheel = f"{parcel.package}-{parcel.version}-py3-none-any.whl"
    (folder / "index.html").write_text(f'<html><body><a href="{wheel}">{wheel}</a></body></html>')
    return folder.parent.as_uri()


def test_healthy_machine_passes_and_names_what_it_found(tmp_path, index):
    report = examine(TL_CACHE=str(tmp_path / "cache"), PIP_INDEX_URL=index)
    assert report.returncode == 0, report.stdout + report.stderr
    for topic in ("Python", "PyTorch", "device", "precision", "memory", "cache", "assets"):
        assert f" {topic} " in report.stdout
    assert "pip finds" in report.stdout
    assert "`tl fetch` downloads the rest" in report.stdout
    assert not list((tmp_path / "cache").iterdir()), "the doctor leaves nothing in the cache"


def test_cache_that_cannot_be_written_is_a_problem_with_advice(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("in the way")
    report = examine(TL_CACHE=str(occupied / "cache"), TL_OFFLINE="1")
    assert report.returncode == 1
    assert "cannot be written" in report.stdout
    assert "Set TL_CACHE" in report.stdout


def test_index_out_of_reach_is_a_problem_while_assets_are_missing(tmp_path):
    nowhere = "http://127.0.0.1:9/simple"
    report = examine(TL_CACHE=str(tmp_path), PIP_INDEX_URL=nowhere)
    assert report.returncode == 1
    assert "pip does not find" in report.stdout
    assert "Is the machine online?" in report.stdout


def test_no_index_is_asked_where_nothing_is_left_to_fetch(monkeypatch):
    monkeypatch.setattr(doctor.assets, "status", lambda asset: "present")
    monkeypatch.setattr(doctor, "_ask_index", lambda *_: pytest.fail("the index was asked"))
    assert list(doctor.parcels()) == []


@pytest.mark.parametrize("setting", ["1", "yes"])
def test_offline_the_index_is_not_asked_and_the_report_says_why(tmp_path, setting):
    report = examine(TL_CACHE=str(tmp_path), TL_OFFLINE=setting)
    assert report.returncode == 0
    assert "packages that carry weights and data: TL_OFFLINE is set" in report.stdout
    assert "Unset TL_OFFLINE" in report.stdout


def test_broken_torch_is_a_problem_and_the_rest_is_still_examined(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so is missing')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    report = examine(TL_CACHE=str(tmp_path / "cache"), TL_OFFLINE="1", PYTHONPATH=path)
    assert report.returncode == 1
    assert "does not import: libcudart.so is missing" in report.stdout
    assert "memory" in report.stdout

"""The Colab set-up: pip is asked for what is missing and never for another torch."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

from tl_helpers.kit import colab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Path:
    """Interpreter of a real environment that looks as Colab does before the setup cell's pip."""
    folder = tmp_path_factory.mktemp("hosted")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", query], text=True).strip())
    for name, version in [("torch", "2.11.0+cu128"), ("numpy", "2.1.3"), ("ipywidgets", "7.7.1")]:
        _pretend(site, name, version)
    needs = ["torch>=2.7", "numpy>=2.0", "ipywidgets>=7.7,<9", "jupyterlab>=4.2", "timm>=1.0"]
    _pretend(site, "tl_helpers", "0.1.0", [*needs, 'pytest>=8 ; extra == "dev"'])
    return python


def _pretend(site: Path, name: str, version: str, needs: list[str] | None = None) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs or []]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "RECORD").write_text("")
    (info / "INSTALLER").write_text("pip\n")


def _ask(python: Path, expression: str):
    code = (
        "import json, pathlib; from tl_helpers import colab; print(json.dumps(" + expression + "))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return json.loads(subprocess.check_output([python, "-c", code], text=True, env=environment))


def test_constraints_pin_the_torch_and_numpy_that_are_there(hosted):
    assert _ask(hosted, "colab.constraints()") == ["torch==2.11.0+cu128", "numpy==2.1.3"]


def test_pip_is_asked_for_the_rest_of_the_kit_alone(hosted):
    asked = _ask(hosted, "colab.command(pathlib.Path('pins.txt'))")
    assert asked[1:5] == ["-m", "pip", "install", "--quiet"]
    assert asked[5:7] == ["--constraint", "pins.txt"]
    assert asked[7:] == ["ipywidgets>=7.7,<9", "timm>=1.0"]


def test_pip_failure_is_an_error_that_says_what_to_do(hosted):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1"}
    environment |= {"PIP_CONFIG_FILE": os.devnull}
    environment.pop("PIP_FIND_LINKS", None)
    call = [hosted, "-m", "tl_helpers.kit.colab"]
    run = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "timm" in run.stderr  # what pip could not find
    assert "restart the session" in run.stderr


def test_pip_accepts_the_pins_and_keeps_what_satisfies(hosted, tmp_path):
    """Without an index, pip succeeds exactly when everything asked for is already there."""
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(_ask(hosted, "colab.constraints()")))
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    call = [hosted, "-m", "pip", "install", "--constraint", pins, "ipywidgets>=7.7,<9"]
    run = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "already satisfied" in run.stdout


def test_requirement_names_are_read_in_every_spelling():
    lines = ["torch>=2.7,<3", "Torch (>=2)", "numpy>=2 ; python_version>'3.11'", "timm", "tqdm>=4"]
    assert colab.requirements(lines) == ["timm", "tqdm>=4"]

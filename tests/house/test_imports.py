"""The package and the command line answer without loading torch or other heavy libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "timm", "numpy", "pandas", "sklearn", "matplotlib", "nbformat")
LIGHT = (
    "assets.paths",
    "training.runtime",
    "assets",
    "exercises.checking",
    "kit.lessons",
    "kit.cli",
    "kit.colab",
)


def heavy_after(code: str, **variables: str) -> list[str]:
    """Heavy libraries that are loaded once ``code`` has run in a fresh interpreter."""
    report = (
        f"import json, sys; print('\\n' + json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    call = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_watch_sees_a_heavy_import():
    assert heavy_after("import numpy") == ["numpy"]


def test_importing_the_package_loads_nothing_heavy():
    assert heavy_after("import tl_helpers") == []


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module):
    assert heavy_after(f"import tl_helpers.{module}") == []


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["assets"], ["progress"]])
def test_commands_that_only_read_load_nothing_heavy(arguments, tmp_path):
    code = f"""
import contextlib, io
from tl_helpers.kit import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main({arguments})"""
    assert heavy_after(code, TL_CACHE=str(tmp_path), TL_WORK=str(tmp_path)) == []


def test_reading_a_notebook_compiles_no_grammar():
    """A second for each of the two processes of `tl run`, where jupyter installs the checker."""
    code = """
from tl_helpers.kit import lessons
lessons.read(lessons.get("00").path)
import sys; assert "rfc3987_syntax" not in sys.modules, "compiled"
import rfc3987_syntax  # installed, and whoever wants it still gets it
with lessons.without_module("rfc3987_syntax"):
    import rfc3987_syntax as again
assert again is rfc3987_syntax"""
    assert heavy_after(code) == ["nbformat"]

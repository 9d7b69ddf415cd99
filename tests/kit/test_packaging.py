"""The wheel carries the course, the pins are what was tested, and make passes options on."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import constraints
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CARRIED = ("tl_helpers", "data", "notebooks")
ALONGSIDE = ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT")

# Distributions whose import name differs, and those that are run or found rather than imported.
IMPORT_NAMES = {"scikit-learn": "sklearn", "scikit-image": "skimage", "pillow": "PIL"}
NOT_IMPORTED = {
    "jupyterlab": "started by `tl lab`",
    "ipykernel": "started as every kernel",
    "pyarrow": "read by pandas for Parquet",
    "torchvision": "needed by timm, and has to be the one built for this torch",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built without network by the build backend that is installed."""
    source = tmp_path_factory.mktemp("source")
    for name in CARRIED:
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, source / name, ignore=skip)
    for name in ALONGSIDE:
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, source]
    call = [sys.executable, "-m", "pip", *build]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_wheel_carries_lessons_solutions_and_catalogue(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("data", "notebooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts):
                assert f"tl_helpers/_kit/{path.relative_to(ROOT).as_posix()}" in inside
    assert any(name.endswith("licenses/LICENSE-TEXT") for name in inside)


def test_installed_wheel_finds_its_lessons_away_from_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = """
from tl_helpers.kit import lessons, publish
from tl_helpers.assets import paths
print(paths.kit_root()); print(paths.work_dir())
print(*[lesson.id for lesson in lessons.find()]); print(publish.site()['ref'])"""
    call = [sys.executable, "-c", code]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TL_")}
    environment["PYTHONPATH"] = str(site)
    answer = subprocess.check_output(call, cwd=tmp_path, env=environment, text=True).splitlines()
    from tl_helpers.kit import lessons, publish

    assert answer[0] == str(site / "tl_helpers" / "_kit")
    assert answer[1] == str(tmp_path / "my_work")
    assert answer[2].split() == [lesson.id for lesson in lessons.find()]
    assert answer[3] == publish.site()["ref"]


def test_editable_install_copies_nothing(tmp_path):
    """A copy of the lessons in site-packages would go stale."""
    command = "from hatchling.build import build_editable; import sys; build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", command, tmp_path], cwd=ROOT, check=True)
    inside = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert [name for name in inside if ".dist-info/" not in name] == ["_tl_helpers.pth"]


def test_constraints_pin_what_is_installed_and_nothing_else():
    """A pin that differs from the environment under test was never tested."""
    assert (ROOT / "constraints.txt").read_text() == constraints.text()


def test_pins_lie_within_the_ranges():
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", constraints.text(), re.MULTILINE))
    for requirement in constraints.requirements():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), (
            requirement
        )


def test_every_dependency_is_imported_and_every_import_is_a_dependency():
    wanted = {Requirement(line).name for line in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    optional = {Requirement(line).name for line in extras["dev"] + extras["voices"]}
    by_module = {IMPORT_NAMES.get(name, name.replace("-", "_")): name for name in wanted}
    files = [*(ROOT / "tl_helpers").rglob("*.py"), *(ROOT / "notebooks").rglob("*.py")]
    sources = [path.read_text(encoding="utf-8") for path in files] + _notebook_cells()
    imported = set().union(*map(_top_level_imports, sources)) - set(sys.stdlib_module_names)
    unused = {name for module, name in by_module.items() if module not in imported}
    assert unused - set(NOT_IMPORTED) == set()
    imported -= set(FOR_THE_GPU)
    foreign = imported - set(by_module) - {"tl_helpers"} - {n.replace("-", "_") for n in optional}
    assert foreign - INDIRECT == set()


# Asked for at profile gpu alone, where the lesson says how to install them.
FOR_THE_GPU = {
    "medmnist": "X-rays of lesson 6.1",
    "torchaudio": "LibriSpeech of lesson 4.1; it has to be the one built for this torch",
}

# Come with a dependency that asks for what fits it: jupyter_client with nbclient, for example.
INDIRECT = {"IPython", "jupyter_client", "jupyter_server", "traitlets", "huggingface_hub", "google"}
INDIRECT |= {"packaging"}


def _top_level_imports(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _notebook_cells() -> list[str]:
    import nbformat

    cells = []
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" not in path.parts:
            code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
            cells += [re.sub(r"^(\s*)[%!].*$", r"\1pass", c.source, flags=re.M) for c in code]
    return cells


# make


def _plan(*arguments: str) -> str:
    """What make would run, in a checkout where nothing is installed yet."""
    call = ["make", "--no-print-directory", "--dry-run", "VENV=not-there", *arguments]
    return subprocess.check_output(call, cwd=ROOT, text=True)


def test_lab_installs_the_tested_set_fetches_and_passes_options_on():
    plan = _plan("lab", "LAB_ARGS=--no-browser --port 8899", "PYTHON=python3.12")
    steps = [
        "python3.12 -m venv not-there",
        'pip install  -c constraints.txt -e ".[dev]"',
        "-m tl_helpers fetch --track 00",
        "-m tl_helpers fetch --track 01",
        "-m tl_helpers lab 00 -- --no-browser --port 8899",
    ]
    places = [plan.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), plan


def test_only_the_tests_fetch_everything_and_install_the_voices():
    assert "fetch --all" in _plan("test") and '".[voices]"' in _plan("test")
    assert "fetch --all" not in _plan("lab") and "voices" not in _plan("lab")


def test_second_call_installs_nothing(tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("bin/python", ".installed"):
        (tmp_path / name).touch()
    call = ["make", "--no-print-directory", "--dry-run", f"VENV={tmp_path}", "lab"]
    plan = subprocess.check_output(call, cwd=ROOT, text=True)
    assert "pip install" not in plan and "venv" not in plan.replace(str(tmp_path), "")
    assert "tl_helpers lab 00" in plan


def test_tests_run_offline_on_one_thread_each():
    last = _plan("test").strip().splitlines()[-1]
    for setting in ("TL_OFFLINE=1", "HF_HUB_OFFLINE=1", "OMP_NUM_THREADS=1"):
        assert setting in _plan("test")
    assert "pytest" in last, "pytest speaks last, so that its closing line is the verdict"


def test_old_python_is_refused_with_what_is_wanted(tmp_path):
    old = tmp_path / "python"
    old.write_text(f"""#!{sys.executable}
import sys
sys.version_info, sys.version = (3, 9, 2), "3.9.2 (old)"
exec(sys.argv[2])
""")
    old.chmod(0o755)
    call = ["make", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}", "setup"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr and "3.9.2" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_help_lists_the_targets():
    text = subprocess.check_output(["make", "help"], cwd=ROOT, text=True)
    for target in ("lab", "test", "test-browser", "run", "notebooks", "lint", "bench"):
        assert f"make {target} " in text


def test_continuous_integration_runs_both_test_commands():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = script.read_text().splitlines()
    assert lines.index("make test") < lines.index("make test-browser")


def test_browser_tests_bring_their_driver_and_stay_out_of_make_test():
    plan = _plan("test-browser", "SCREENSHOTS=shots")
    steps = ['-e ".[browser]"', "-m pytest tests/browser --screenshots shots"]
    places = [plan.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), plan
    assert (
        "browser" not in _plan("test")
        and 'collect_ignore = ["browser"]' in (ROOT / "tests/conftest.py").read_text()
    )

"""A tiny course in a checkout, and the few wheels that it needs, for the tests of bundles."""

import json
import re
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import tiny_kit
import tiny_parcels

ROOT = Path(__file__).resolve().parents[2]
SKIP = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")

# Says how it was called in place of serving; the browser's tests run the real one.
JUPYTERLAB = """
import json, os, sys
seen = {name: os.environ.get(name) for name in ("TL_OFFLINE", "TL_WORK")}
print(json.dumps({"arguments": sys.argv[1:], "python": sys.executable, **seen}))
"""


def build(
    folder: Path, name: str, *requires: str, version="1.0", tag="py3-none-any", **more
) -> Path:
    """Write a wheel that needs some others; `files` by path, `python` as it is stated."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    lines += [
        f"Provides-Extra: {extra}" for extra in re.findall(r'extra == "(\w+)"', str(requires))
    ]
    lines += [f"Requires-Python: {more['python']}"] if "python" in more else []
    files = {
        **more.get("files", {}),
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def repack(folder: Path, name: str) -> str:
    """Put an installed pure-Python package back into a wheel; its version."""
    found = metadata.distribution(name)
    wheel = folder / f"{name}-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in found.files:
            if ".." not in path.parts and "__pycache__" not in path.parts:
                archive.write(path.locate(), str(path))
    return found.version


def course(root: Path) -> tuple[Path, Path]:
    """Write a checkout with the real package and tiny lessons, and a folder of wheels for it."""
    checkout, shop = root / "checkout", root / "shop"
    shutil.copytree(ROOT / "tl_helpers", checkout / "tl_helpers", ignore=SKIP)
    _index(tiny_kit.build(checkout))
    (checkout / "data").mkdir()
    (checkout / "data" / "catalogue.toml").write_text(tiny_parcels.entry(tiny_parcels.GOOD_MEMBERS))
    for name in ("README.md", "LICENSE", "LICENSE-TEXT", "data/site.toml"):
        shutil.copy(ROOT / name, checkout / name)
    needed = json.dumps(["tqdm>=4", "filelock>=3", "platformdirs>=4", "jupyterlab>=1"])
    project = (ROOT / "pyproject.toml").read_text()
    pattern = r"(?<=\ndependencies = )\[.*?\n\]"
    (checkout / "pyproject.toml").write_text(re.sub(pattern, needed, project, flags=re.S))
    tiny_parcels.build_wheel(shop, tiny_parcels.GOOD_FILES)
    pins = [f"{name}=={repack(shop, name)}\n" for name in ("tqdm", "filelock", "platformdirs")]
    (checkout / "constraints.txt").write_text("# tested\n" + "".join(pins))
    repack(shop, "pip")
    build(shop, "colorama", version="0.4.6")
    build(shop, "jupyterlab", files={"jupyterlab/__main__.py": JUPYTERLAB})
    return checkout, shop


def _index(notebooks: Path) -> None:
    """An index of all lessons: listing them then needs no nbformat, which is not in the shop."""
    paths = {"00": "00_start.ipynb", "1.1": "01_basics/01_counting.ipynb"}
    lessons = [
        {"id": id, "title": "Why?", "path": path, "track": path.split("/")[0], "assets": []}
        for id, path in paths.items()
    ]
    (notebooks / "index.json").write_text(json.dumps({"lessons": lessons}))


def only_from(shop: Path, checkout: Path) -> dict[str, str]:
    """Variables under which pip knows one folder of wheels, and `tl` is the checkout's."""
    return {
        "PIP_CONFIG_FILE": "/dev/null" if sys.platform != "win32" else "nul",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": shop.as_uri(),
        "PYTHONPATH": str(checkout),
    }

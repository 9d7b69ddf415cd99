"""Installs the course from the folder that this file lies in, and opens it. No network is used.

    python start.py [LESSON] [--into FOLDER] [-- JUPYTER OPTIONS]

`tl bundle` writes the folder and copies this file into it as start.py, so it needs nothing but a
Python: no pip, no package, nothing of the course. Every file is verified before it is used.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":  # which itself refuses to clear what a running pip has open
    import fcntl

START = "start.py"
MANIFEST = "bundle.json"
UNFINISHED = "UNFINISHED.txt"
FORMAT = 1
HOME = Path("~", "transfer-learning-workshop")
_MARK = ".from_bundle.json"  # in the folder of the installed course: ours, and what is installed
_MARGIN = 200 << 20  # bytes left free after the installation


class BundleFault(RuntimeError):
    """The course cannot be installed; the text says why and what to do."""


def this_computer() -> str:
    """Name of this computer's platform and Python, as bundles name them: "linux-3.11"."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    systems = {
        "linux": "linux-arm" if arm else "linux",
        "darwin": "macos" if arm else "macos-intel",
        "win32": "windows-arm" if arm else "windows",
    }
    return f"{systems.get(sys.platform, sys.platform)}-3.{sys.version_info[1]}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(bundle: Path) -> dict:
    """What a bundle holds.

    Raises
    ------
    BundleFault
        When the folder holds no bundle, half a one, or one of another format.
    """
    if (bundle / UNFINISHED).exists() or not (bundle / MANIFEST).is_file():
        state = "not finished" if (bundle / UNFINISHED).exists() else "no bundle of the course"
        raise BundleFault(f"{bundle} is {state}. Run `tl bundle` on it where there is a network.")
    try:
        manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
        known = manifest["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise BundleFault(
            f"{bundle / MANIFEST} is damaged ({error}). Copy the bundle again."
        ) from error
    if not known:
        raise BundleFault(f"{bundle} was written by another version: use its own start.py.")
    return manifest


def verify(bundle: Path, manifest: dict, names: list[str]) -> None:
    """Hash every byte of some of a bundle's files.

    Raises
    ------
    BundleFault
        Naming all files that are missing or damaged.
    """
    wrong = []
    for name in names:
        path = bundle / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif file_sha256(path) != manifest["files"][name]["sha256"]:
            wrong.append(f"{name} is damaged")
    if wrong:
        raise BundleFault(
            f"{', '.join(wrong)} in {bundle}. Copy the bundle again, or run `tl bundle` on it "
            "where there is a network: it replaces these files and keeps the others."
        )


def install(bundle: Path, folder: Path) -> None:
    """Put the course with its own Python environment into a folder, unless it is there already.

    Parameters
    ----------
    bundle : Path
        Folder that `tl bundle` wrote.
    folder : Path
        A new or empty folder, or one that an earlier call filled. A learner's work in it stays.

    Raises
    ------
    BundleFault
        When the bundle is not for this computer, a file of it is damaged, the disk is too full,
        the folder holds other things, or a step fails.
    """
    manifest = read_manifest(bundle)
    target = _target(manifest)
    digest = file_sha256(bundle / MANIFEST)
    if _installed(folder) == digest:
        return
    _claim(folder)
    with _alone(folder):
        if _installed(folder) != digest:  # by whoever was waited for
            _install(bundle, manifest, target, folder)
            (folder / _MARK).write_text(json.dumps({"bundle": digest}), encoding="utf-8")


def _install(bundle: Path, manifest: dict, target: dict, folder: Path) -> None:
    (folder / _MARK).write_text("{}", encoding="utf-8")  # not whole from here on
    _require_space(folder, target["installed_bytes"] + manifest["asset_bytes"])
    files = [*target["wheels"], *manifest["parcels"]]
    size = sum(manifest["files"][name]["bytes"] for name in files)
    print(f"1/3 verifying {len(files)} files, {size / 1e6:.0f} MB", flush=True)
    verify(bundle, manifest, files)
    print(f"2/3 installing {len(target['wheels'])} packages into {folder}", flush=True)
    _install_wheels(bundle, target["wheels"], folder)
    print(f"3/3 unpacking {len(manifest['assets'])} sets of weights and data", flush=True)
    _step(folder, [python(folder), "-m", "tl_helpers", "fetch", *manifest["assets"]], bundle)


def _target(manifest: dict) -> dict:
    computer = this_computer()
    if computer not in manifest["targets"]:
        raise BundleFault(
            f"This bundle is for {', '.join(sorted(manifest['targets']))}; this computer and its "
            f"Python are {computer}. Start it with a Python that it is for, or add this one: "
            "`tl bundle` with --platform and --python."
        )
    target = manifest["targets"][computer]
    oldest = target["oldest_python"]
    if sys.version_info[:3] < tuple(int(part) for part in oldest.split(".")):
        raise BundleFault(
            f"This Python is {platform.python_version()}; the course needs {oldest} or newer of it."
        )
    return target


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _MARGIN:
        raise BundleFault(
            f"{(needed + _MARGIN) / 1e9:.1f} GB are needed in {folder}, {free / 1e9:.1f} GB are "
            "free. Free some, or name a folder on another disk with --into."
        )


def _install_wheels(bundle: Path, wheels: list[str], folder: Path) -> None:
    """Make the environment anew. pip runs from its own wheel: not every Python comes with one."""
    venv.create(folder / ".venv", clear=True, symlinks=os.name != "nt")
    (pip,) = [name for name in wheels if name.startswith("wheels/pip-")]
    options = ["--no-cache-dir", "--no-compile", "--no-warn-script-location", "--quiet"]
    _step(bundle, [python(folder), f"{pip}/pip", "install", *options, *wheels], bundle)


def start_command(bundle: Path, arguments: list[str]) -> list[str]:
    """How to run a bundle's own start.py, after verifying it.

    Raises
    ------
    BundleFault
        When the folder holds no whole bundle.
    """
    verify(bundle, read_manifest(bundle), [START])
    return [sys.executable, str(bundle / START), *arguments]


def python(folder: Path) -> str:
    """The interpreter of the environment in an installed course."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return str(folder.joinpath(".venv", *parts))


def _installed(folder: Path) -> str | None:
    """Digest of the bundle that a folder was wholly installed from."""
    try:
        return json.loads((folder / _MARK).read_text(encoding="utf-8"))["bundle"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _claim(folder: Path) -> None:
    """Take a new or empty folder, or one of ours, whose environment is then made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise BundleFault(
            f"{folder} holds other things. Name a new or an empty folder with --into."
        )
    (folder / _MARK).touch()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One installation into a folder at a time; others wait.

    The steps inherit the lock: pip goes on where only its start.py was killed, and would write into
    the environment of the next one.
    """
    with (folder / _MARK).open("rb") as mark:
        if sys.platform != "win32":
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another installation into {folder}", flush=True)
                fcntl.flock(mark, fcntl.LOCK_EX)
            os.set_inheritable(mark.fileno(), True)
        yield


def _step(place: Path, command: list[str], bundle: Path) -> None:
    done = subprocess.run(command, cwd=place, env=_environment(bundle), close_fds=False)
    if done.returncode != 0:
        raise BundleFault(
            "this step failed; the reason is above. Start again once it is mended: the "
            "installation is then made anew."
        )


def _environment(bundle: Path) -> dict[str, str]:
    """Variables under which pip and `tl fetch` find the bundle's files and nothing else."""
    drop = ("PIP_", "TL_OFFLINE", "TL_MIRROR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    ours = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        # As an address: pip splits this variable at blanks, which folders may have in their names.
        "PIP_FIND_LINKS": (bundle / "parcels").as_uri(),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TL_ORIGINS": "parcel",
    }
    return kept | ours


def start(folder: Path, lesson: str, jupyter_options: list[str]) -> int:
    """Open JupyterLab on the installed course; its exit code.

    Raises
    ------
    OSError
        When the interpreter of the installed course is gone.
    """
    command = [python(folder), "-m", "tl_helpers", "lab", lesson, "--", *jupyter_options]
    variables = {**os.environ, "TL_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    tl = Path(command[0]).with_name("tl").relative_to(folder)
    print(f"Next time, without the bundle: cd {folder}, then {tl} lab {lesson}", flush=True)
    return become(command, variables, folder)


def become(command: list[str], variables: dict[str, str], folder: Path) -> int:
    """Run a program in place of this one where possible: signals and Ctrl-C reach it directly.

    Raises
    ------
    OSError
        When the program or the folder is not there.
    """
    if os.name == "posix":
        sys.stdout.flush()
        os.chdir(folder)
        os.execve(command[0], command, variables)
    return subprocess.call(command, cwd=folder, env=variables)


def main(argv: list[str]) -> int:
    """Install where needed, then open; the exit code, 1 when the course cannot be installed."""
    options: list[str] = []
    if "--" in argv:
        cut = argv.index("--")
        argv, options = argv[:cut], argv[cut + 1 :]
    parser = argparse.ArgumentParser(
        prog="start.py", description="Installs the course from this folder and opens it."
    )
    parser.add_argument("lesson", nargs="?", default="00", help="id of a lesson (00)")
    parser.add_argument("--into", type=Path, default=HOME, help=f"where the course goes ({HOME})")
    args = parser.parse_args(argv)
    bundle = Path(__file__).resolve().parent
    folder = args.into.expanduser().resolve()
    try:
        install(bundle, folder)
        return start(folder, args.lesson, options)
    except (BundleFault, OSError) as error:
        print(f"start.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("start.py: interrupted; start again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

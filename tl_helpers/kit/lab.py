"""What ``tl lab`` opens, and what ``tl fetch`` fetches."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from tl_helpers.assets import paths
from tl_helpers.kit import copies, lessons
from tl_helpers.kit.bundle import offline
from tl_helpers.kit.lessons import LessonError


def lab(args: argparse.Namespace) -> int:
    """``tl lab``: become JupyterLab on the working copies, or the starter of a bundle.

    Raises
    ------
    LessonError
        For an unknown lesson, or ``--into`` without ``--offline``.
    BundleFault
        When the folder of ``--offline`` holds no whole bundle.
    """
    if args.into and not args.offline:
        raise LessonError("--into FOLDER goes with --offline DIR.")
    command, variables = _of_bundle(args) if args.offline else prepare(args.id, args.passed_on)
    return offline.become(command, variables, Path.cwd())


def fetch(args: argparse.Namespace) -> None:
    """``tl fetch``: download and verify assets.

    Raises
    ------
    LessonError
        As `wanted_assets` does.
    AssetError
        When one cannot be had or is not what the catalogue says.
    OSError
        When the disk is full.
    """
    from tl_helpers import assets

    assets.fetch_many(wanted_assets(args.names, everything=args.all, track=args.track))


def prepare(id: str | None, jupyter_args: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Bring all working copies up to date; the command that opens JupyterLab, and its environment.

    Parameters
    ----------
    id : str or None
        Lesson to open first; None opens the list of files.
    jupyter_args : sequence of str
        Options passed on to JupyterLab; they win over ours.

    Raises
    ------
    LessonError
        For an unknown lesson.
    """
    opened = copies.working_copy(id).path if id else None
    for lesson in lessons.find():
        if note := copies.working_copy(lesson.id).note:
            print(note)
    copies.show_pictures_for_dead_views()
    root = paths.work_dir().resolve()
    root.mkdir(parents=True, exist_ok=True)
    page = "/lab"
    if opened is not None:
        page += "/tree/" + quote(opened.resolve().relative_to(root).as_posix())
    ours = [f"--ServerApp.root_dir={root}", f"--LabApp.default_url={page}"]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        print("You are root, as in many containers: JupyterLab gets --allow-root.")
        ours.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *ours, *jupyter_args], _environment(root)


def _of_bundle(args: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    own = [args.id] if args.id else []
    own += ["--into", args.into] if args.into else []
    bundle = Path(args.offline).resolve()
    return offline.start_command(bundle, [*own, "--", *args.passed_on]), dict(os.environ)


def _environment(root: Path) -> dict[str, str]:
    """Kernels of this interpreter come first, see the same tl_helpers and the same progress."""
    room = Path(__file__).resolve().parent
    ours = {
        "JUPYTER_CONFIG_PATH": _in_front("JUPYTER_CONFIG_PATH", room / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": _in_front("PYTHONPATH", paths.PACKAGE.parent),
        "TL_WORK": str(root),
    }
    # numpy's second thread fights torch's for the cores: small fits then take many times longer.
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ, **ours}


def _in_front(variable: str, folder: Path) -> str:
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get(variable)])])


def wanted_assets(names: Sequence[str], *, everything: bool, track: str | None) -> list[str]:
    """Names of the assets to fetch: those named, all, a track's, or what the lessons need.

    Raises
    ------
    LessonError
        For more than one choice at once, or a track without lessons.
    """
    from tl_helpers import assets

    if bool(names) + everything + (track is not None) > 1:
        raise LessonError("name assets, or say --all, or --track T: one of the three.")
    if names:
        return list(dict.fromkeys(names))
    if everything:
        return [asset.name for asset in assets.catalogue()]
    present = [lesson.id for lesson in lessons.find()]
    if track is not None:
        number = track.split("_")[0].lstrip("0") or "00"
        present = [id for id in present if id.split(".")[0] == number]
        if not present:
            raise LessonError(f"there is no lesson in track {track!r}; `tl list` shows them.")
    return assets.needed(present)

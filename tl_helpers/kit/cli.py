"""The command ``tl``: list, run and open lessons, fetch assets, see what works.

Nothing heavy is imported here; each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from tl_helpers import __version__
from tl_helpers.assets import paths
from tl_helpers.kit.lessons import LessonError

INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 good, 1 something failed, 2 wrong use, 130 interrupted."""
    argv = list(sys.argv[1:] if argv is None else argv)
    passed_on: list[str] = []
    if argv[:1] in (["lab"], ["bundle"]) and "--" in argv:
        cut = argv.index("--")
        argv, passed_on = argv[:cut], argv[cut + 1 :]
    args = parser().parse_args(argv)
    args.passed_on = passed_on
    try:
        return args.command(args)
    except KeyboardInterrupt:
        return _say("interrupted; nothing is left half written.", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LessonError as error:
        return _say(str(error), 2)
    except (OSError, RuntimeError, ValueError) as error:  # ours say what to do; so AssetError
        return _say(str(error) or type(error).__name__, 1)


def _say(text: str, code: int) -> int:
    print(f"tl: {text}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="tl",
        description="A hands-on course in transfer learning: lessons, runs, assets.",
    )
    top.add_argument("--version", action="version", version=f"tl {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _reading_commands(commands)
    _running_commands(commands)
    _working_commands(commands)
    return top


def _add(commands, name: str, function, text: str) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    added.set_defaults(command=function)
    return added


def _reading_commands(commands) -> None:
    listing = {
        "list": (_list, "every lesson: id, title, minutes, peak memory, claims held"),
        "assets": (
            _assets,
            "origin, size, licence and hash of every asset, and whether it is here",
        ),
        "scorecard": (_scorecard, "what transfer bought, lesson by lesson"),
    }
    for name, (function, text) in listing.items():
        _add(commands, name, function, text).add_argument("--json", action="store_true")
    progress = _add(commands, "progress", _progress, "checks passed so far, and what comes next")
    progress.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="learners' my_work folders: a line for each"
    )
    progress.add_argument("--json", action="store_true")
    _add(commands, "doctor", _doctor, "what works on this machine, and what to do about the rest")


def _running_commands(commands) -> None:
    run = _add(commands, "run", _run, "run lessons from top to bottom and judge the result")
    run.add_argument("ids", nargs="*", metavar="ID")
    run.add_argument("--all", action="store_true", help="every lesson")
    run.add_argument("--profile", choices=("smoke", "laptop", "gpu"), default="laptop")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--solutions", action="store_true", help="solutions in place of the stubs")
    run.add_argument("-p", dest="parameter", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--jobs", type=_positive, default=1, help="lessons side by side")
    run.add_argument("--threads", type=_positive, help="CPU threads of a lesson")
    run.add_argument("--limit", type=_positive, help="seconds after which a lesson is stopped")
    run.add_argument("--out", metavar="DIR", help="where the results go (my_work/runs)")
    run.add_argument("--json", action="store_true", help="the results as JSON on stdout")
    study = _add(commands, "study", _study, "run a lesson's full grid once and record it")
    study.add_argument("id", metavar="ID")
    how = study.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="continue a broken-off recording")
    how.add_argument("--check", action="store_true", help="run two rows of each arm again")
    study.add_argument("--threads", type=_positive, help="CPU threads")
    claims = _add(commands, "claims", _claims, "record how often each claim holds at new seeds")
    claims.add_argument("ids", nargs="+", metavar="ID")
    claims.add_argument(
        "--seeds", type=_positive, default=10, help="seeds to add (10); broken off, it goes on"
    )
    claims.add_argument("--jobs", type=_positive, default=1, help="runs side by side")
    publish = _add(commands, "notebooks", _notebooks, "execute and clean the committed notebooks")
    publish.add_argument("ids", nargs="*", metavar="ID", help="all by default")


def _working_commands(commands) -> None:
    lab = _add(commands, "lab", _lab, "open JupyterLab on working copies in my_work")
    lab.add_argument("id", nargs="?", metavar="ID", help="lesson to open")
    lab.add_argument("--offline", metavar="DIR", help="install and open the course from a bundle")
    lab.add_argument("--into", metavar="FOLDER", help="where a bundle's course goes")
    lab.usage = "tl lab [ID] [--offline DIR [--into FOLDER]] [-- JUPYTER OPTIONS]"
    reset = _add(commands, "reset", _reset, "fresh working copy of a lesson; yours is kept beside")
    reset.add_argument("id", metavar="ID")
    fetch = _add(commands, "fetch", _fetch, "download and verify what the lessons need")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="assets; all that lessons need")
    fetch.add_argument("--all", action="store_true", help="every asset of the catalogue")
    fetch.add_argument("--track", metavar="T", help="what one track needs, for example 1")
    bundle = _add(
        commands, "bundle", _bundle, "all that a room without internet needs, in a folder"
    )
    bundle.add_argument("dir", metavar="DIR", help="a new folder, or one with a bundle")
    bundle.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="P",
        help="linux, linux-arm, macos or windows; may be repeated (this computer's)",
    )
    bundle.add_argument(
        "--python", action="append", default=[], metavar="V", help="3.12, for example (this one's)"
    )
    bundle.add_argument("--track", metavar="T", help="weights and data of one track (all)")
    bundle.usage = "tl bundle DIR [--platform P]... [--python V]... [--track T] [-- PIP OPTIONS]"
    new = _add(commands, "new", _new, "a new lesson, ready to run, from the template")
    new.add_argument("id", metavar="ID")
    new.add_argument("--title", help="the question that the lesson answers")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _list(args: argparse.Namespace) -> int:
    from tl_helpers.kit import listings

    columns = {"id": "id", "title": "lesson", "minutes": "minutes", "peak_mib": "peak MiB"}
    listings.show(listings.lesson_rows(), {**columns, "claims": "claims held"}, args.json)
    return 0


def _progress(args: argparse.Namespace) -> int:
    from tl_helpers.kit import listings

    rows = listings.room_rows(args.folders) if args.folders else listings.progress_rows()
    if args.json:
        listings.show(rows, {}, True)
    else:
        (listings.show_room if args.folders else listings.show_progress)(rows)
    return 0


def _assets(args: argparse.Namespace) -> int:
    from tl_helpers.kit import listings

    names = ("name", "kind", "mb", "here", "lessons", "licence", "origin")
    listings.show(listings.asset_rows(), {n: "MB" if n == "mb" else n for n in names}, args.json)
    return 0


def _scorecard(args: argparse.Namespace) -> int:
    from tl_helpers.kit import listings

    names = {"id": "id", "title": "lesson", "gain": "what transfer bought", "claims": "claims held"}
    listings.show(listings.scorecard_rows(), {**names, "from": "from"}, args.json)
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from tl_helpers.kit import doctor

    return doctor.main()


def _run(args: argparse.Namespace) -> int:
    from tl_helpers.kit import run_command

    return run_command.run(args)


def _study(args: argparse.Namespace) -> int:
    from tl_helpers.kit import run_command

    return run_command.study(args)


def _claims(args: argparse.Namespace) -> int:
    from tl_helpers.kit import claims_command

    return claims_command.claims(args)


def _notebooks(args: argparse.Namespace) -> int:
    from tl_helpers.kit import publish

    publish.publish(args.ids or None)
    return 0


def _lab(args: argparse.Namespace) -> int:
    if args.offline:
        return _become(_from_bundle(args), dict(os.environ))
    if args.into:
        raise LessonError("--into FOLDER goes with --offline DIR.")
    from tl_helpers.kit import lab

    return _become(*lab.prepare(args.id, args.passed_on))


def _from_bundle(args: argparse.Namespace) -> list[str]:
    from tl_helpers.kit.bundle import offline

    arguments = [args.id] if args.id else []
    arguments += ["--into", args.into] if args.into else []
    return offline.start_command(Path(args.offline).resolve(), [*arguments, "--", *args.passed_on])


def _become(command: list[str], variables: dict[str, str]) -> int:
    """Run a program in place of this one where possible: signals and Ctrl-C reach it directly."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(command[0], command, variables)
    return subprocess.call(command, env=variables)


def _reset(args: argparse.Namespace) -> int:
    from tl_helpers.kit import copies

    print(copies.reset(args.id).note)
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from tl_helpers import assets
    from tl_helpers.kit import lab

    assets.fetch_many(lab.wanted_assets(args.names, everything=args.all, track=args.track))
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from tl_helpers.kit import lab
    from tl_helpers.kit.bundle import offline, targets
    from tl_helpers.kit.bundle import writing as bundle

    platform, _, python = offline.this_computer().rpartition("-")
    pairs = product(args.platform or [platform], args.python or [python])
    try:
        chosen = [targets.Target(*pair) for pair in pairs]
    except ValueError as error:
        raise LessonError(str(error)) from error
    names = lab.wanted_assets([], everything=False, track=args.track)
    print(bundle.report(bundle.write(Path(args.dir).resolve(), chosen, names, args.passed_on)))
    return 0


def _new(args: argparse.Namespace) -> int:
    from tl_helpers.kit import skeleton

    for path in skeleton.create(args.id, args.title):
        print(f"made {path.relative_to(paths.notebooks_dir()).as_posix()}")
    print(f"`tl run {args.id} --profile smoke --solutions` runs it.")
    return 0

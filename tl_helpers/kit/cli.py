"""The command ``tl``: list, run and open lessons, fetch assets, see what works.

Nothing heavy is imported here; each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tl_helpers import __version__
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
    module, _, name = args.calls.partition(":")
    try:
        return getattr(import_module(f"tl_helpers.kit.{module}"), name)(args) or 0
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


# What each command calls, as module:function of this room, and what it is for.
_COMMANDS = {
    "list": ("listings:listing", "every lesson: id, title, minutes, peak memory, claims held"),
    "assets": (
        "listings:listing",
        "origin, size, licence and hash of every asset, and whether it is here",
    ),
    "scorecard": ("listings:listing", "what transfer bought, lesson by lesson"),
    "progress": ("listings:progress_of", "checks passed so far, and what comes next"),
    "doctor": ("doctor:main", "what works on this machine, and what to do about the rest"),
    "run": ("run_command:run", "run lessons from top to bottom and judge the result"),
    "study": ("run_command:study", "run a lesson's full grid once and record it"),
    "claims": ("claims_command:claims", "record how often each claim holds at new seeds"),
    "notebooks": ("publish:notebooks", "execute and clean the committed notebooks"),
    "lab": ("lab:lab", "open JupyterLab on working copies in my_work"),
    "reset": ("copies:renew", "fresh working copy of a lesson; yours is kept beside"),
    "fetch": ("lab:fetch", "download and verify what the lessons need"),
    "bundle": ("bundle.writing:bundle", "all that a room without internet needs, in a folder"),
    "new": ("skeleton:new", "a new lesson, ready to run, from the template"),
}


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(
        prog="tl",
        description="A hands-on course in transfer learning: lessons, runs, assets.",
    )
    top.add_argument("--version", action="version", version=f"tl {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    of = {}
    for name, (calls, text) in _COMMANDS.items():
        sentence = text[0].upper() + text[1:] + "."
        of[name] = commands.add_parser(name, help=text, description=sentence)
        of[name].set_defaults(calls=calls, name=name)
    for name in ("list", "assets", "scorecard", "progress"):
        of[name].add_argument("--json", action="store_true")
    _options_of_run(of["run"])
    _options_of_recording(of)
    _options_of_working(of)
    _options_of_bundle(of["bundle"])
    return top


def _options_of_run(run: argparse.ArgumentParser) -> None:
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


def _options_of_recording(of: dict[str, argparse.ArgumentParser]) -> None:
    of["study"].add_argument("id", metavar="ID")
    how = of["study"].add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="continue a broken-off recording")
    how.add_argument("--check", action="store_true", help="run two rows of each arm again")
    of["study"].add_argument("--threads", type=_positive, help="CPU threads")
    of["claims"].add_argument("ids", nargs="+", metavar="ID")
    of["claims"].add_argument(
        "--seeds", type=_positive, default=10, help="seeds to add (10); broken off, it goes on"
    )
    of["claims"].add_argument("--jobs", type=_positive, default=1, help="runs side by side")
    of["notebooks"].add_argument("ids", nargs="*", metavar="ID", help="all by default")


def _options_of_working(of: dict[str, argparse.ArgumentParser]) -> None:
    of["progress"].add_argument(
        "folders", nargs="*", metavar="FOLDER", help="learners' my_work folders: a line for each"
    )
    of["lab"].add_argument("id", nargs="?", metavar="ID", help="lesson to open")
    of["lab"].add_argument(
        "--offline", metavar="DIR", help="install and open the course from a bundle"
    )
    of["lab"].add_argument("--into", metavar="FOLDER", help="where a bundle's course goes")
    of["lab"].usage = "tl lab [ID] [--offline DIR [--into FOLDER]] [-- JUPYTER OPTIONS]"
    of["reset"].add_argument("id", metavar="ID")
    of["fetch"].add_argument(
        "names", nargs="*", metavar="NAME", help="assets; all that lessons need"
    )
    of["fetch"].add_argument("--all", action="store_true", help="every asset of the catalogue")
    of["fetch"].add_argument("--track", metavar="T", help="what one track needs, for example 1")
    of["new"].add_argument("id", metavar="ID")
    of["new"].add_argument("--title", help="the question that the lesson answers")


def _options_of_bundle(bundle: argparse.ArgumentParser) -> None:
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


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)

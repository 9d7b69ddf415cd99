"""What ``tl list``, ``assets``, ``scorecard`` and ``progress`` print, as tables or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tl_helpers import exercises
from tl_helpers.assets import paths
from tl_helpers.exercises import progress
from tl_helpers.kit import lessons, outcomes
from tl_helpers.kit.lessons import Lesson, LessonError

WIDEST = 60  # characters of a table's cell; --json has everything
_UNTOUCHED = {"state": "not attempted", "passed": False, "hints": 0, "solution_seen": False}


def listing(args: argparse.Namespace) -> None:
    """``tl list``, ``tl assets`` and ``tl scorecard``: some columns as a table, or all as JSON."""
    rows, columns = _LISTINGS[args.name]
    if args.json:
        _print_json(rows())
    else:
        print(table([*columns.values()], [[row[key] for key in columns] for row in rows()]))


def progress_of(args: argparse.Namespace) -> None:
    """``tl progress``: your own, or that of several learners, a line each.

    Raises
    ------
    LessonError
        For a learner's folder that is not there.
    """
    rows = room_rows(args.folders) if args.folders else progress_rows()
    if args.json:
        _print_json(rows)
    else:
        (show_room if args.folders else show_progress)(rows)


def _print_json(rows: list[dict[str, Any]]) -> None:
    print(json.dumps(rows, indent=1, ensure_ascii=False))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns padded with spaces; long cells are cut, and a dash stands for None."""
    cells = [[_cell(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ([c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells)
    return "\n".join("  ".join(row).rstrip() for row in padded)


def _cell(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def lesson_rows() -> list[dict[str, Any]]:
    """Every lesson with what its last recorded run at profile laptop measured."""
    return [_lesson_row(lesson) for lesson in lessons.find()]


def _lesson_row(lesson: Lesson) -> dict[str, Any]:
    laptop = lesson.recorded.get("laptop") or {}
    seconds = laptop.get("seconds")
    return {
        "id": lesson.id,
        "title": lesson.title,
        "minutes": None if seconds is None else round(seconds / 60, 1),
        "peak_mib": laptop.get("peak_mib"),
        "claims": lessons.claims_held(lesson.recorded.get("claims")),
        "track": lesson.track,
        "path": lesson.path.relative_to(paths.notebooks_dir()).as_posix(),
        "assets": list(lesson.assets),
        "recorded": lesson.recorded,
    }


def progress_rows(work: Path | None = None) -> list[dict[str, Any]]:
    """Lessons that have exercises, with every check's latest state.

    Parameters
    ----------
    work : Path, optional
        A learner's folder of working copies; your own by default.

    Returns
    -------
    list of dict
        A lesson each: ``id``, ``title``, ``passed`` and ``total`` (numbers of checks), and
        ``checks``, each with ``id``, ``state``, ``passed`` (ever), ``hints`` (number read) and
        ``solution_seen``.
    """
    record, files = progress.load(work), exercises.files()
    rows = []
    for lesson in lessons.find():
        if lesson.id in files:
            ids = [exercise.id for exercise in exercises.load(files[lesson.id])]
            checks = [{"id": id, **_UNTOUCHED, **record.get(id, {})} for id in ids]
            counts = {"passed": sum(check["passed"] for check in checks), "total": len(checks)}
            rows.append({"id": lesson.id, "title": lesson.title, **counts, "checks": checks})
    return rows


def show_progress(rows: list[dict[str, Any]]) -> None:
    """Print a learner's own progress, and which exercise comes next."""
    shown = []
    for row in rows:
        tried = [check for check in row["checks"] if check["state"] != "not attempted"]
        unsolved = ", ".join(check["id"] for check in tried if not check["passed"])
        helped = ", ".join(check["id"] for check in row["checks"] if check["solution_seen"])
        passed = f"{row['passed']} of {row['total']}"
        shown.append([row["id"], row["title"], passed, unsolved or None, helped or None])
    print(table(["id", "lesson", "passed", "not yet", "solution seen"], shown))
    checks = [(row["id"], check) for row in rows for check in row["checks"]]
    left = [(lesson, check["id"]) for lesson, check in checks if not check["passed"]]
    goal = f"Next: exercise {left[0][1]}, `tl lab {left[0][0]}`." if left else "Well done."
    print(f"\n{len(checks) - len(left)} of {len(checks)} checks passed. {goal}")


def room_rows(folders: Sequence[str]) -> list[dict[str, Any]]:
    """Progress of several learners, for the person who teaches them.

    Parameters
    ----------
    folders : sequence of str
        Their folders ``my_work``, or the folders that hold these.

    Raises
    ------
    LessonError
        For a folder that is not there.
    """
    rows = []
    for name in folders:
        folder = Path(name).resolve()
        if not folder.is_dir():
            raise LessonError(f"{name} is no folder; expected a learner's my_work.")
        work = folder / "my_work" if (folder / "my_work").is_dir() else folder
        learner = work.parent.name if work.name == "my_work" else work.name
        rows.append({"learner": learner, "folder": str(folder), "lessons": progress_rows(work)})
    return rows


def show_room(rows: list[dict[str, Any]]) -> None:
    """Print one line a learner: checks passed in each lesson that anybody has begun."""
    begun = sorted(
        {
            (place, lesson["id"])
            for row in rows
            for place, lesson in enumerate(row["lessons"])
            if any(check["state"] != "not attempted" for check in lesson["checks"])
        }
    )
    shown = []
    for row in rows:
        passed = sum(lesson["passed"] for lesson in row["lessons"])
        total = sum(lesson["total"] for lesson in row["lessons"])
        cells = [row["lessons"][place] for place, _ in begun]
        counts = [f"{lesson['passed']}/{lesson['total']}" for lesson in cells]
        shown.append([row["learner"], *counts, f"{passed} of {total}"])
    print(table(["learner", *(id for _, id in begun), "passed"], shown))


def asset_rows() -> list[dict[str, Any]]:
    """Every asset of the catalogue, and whether it is in the cache."""
    from tl_helpers import assets

    return [
        {
            "name": asset.name,
            "kind": asset.kind,
            "mb": round(asset.bytes / 1e6, 1),
            "here": assets.status(asset),
            "lessons": ", ".join(asset.lessons),
            "licence": asset.content_licence,
            "origin": f"{asset.parcel.package} {asset.parcel.version}",
            "title": asset.title,
            "citation": asset.citation,
            "sha256": assets.fingerprint(asset.name),
        }
        for asset in assets.catalogue()
    ]


def scorecard_rows() -> list[dict[str, Any]]:
    """What transfer bought: your own last run of a lesson where there is one, else the recorded."""
    return [_scorecard_row(lesson) for lesson in lessons.find()]


def _scorecard_row(lesson: Lesson) -> dict[str, Any]:
    row: dict[str, Any] = {"id": lesson.id, "title": lesson.title}
    if card := _own_card(lesson.id):
        claims = f"{outcomes.held(card['claims'])} of {len(card['claims'])}"
        source = f"your run ({card['profile']}, seed {card['seed']})"
        return {**row, "gain": outcomes.bought(card), "claims": claims, "from": source}
    gain, held = lesson.recorded.get("gain"), lessons.claims_held(lesson.recorded.get("claims"))
    return {**row, "gain": gain, "claims": held, "from": "recorded" if gain else None}


def _own_card(id: str) -> dict[str, Any] | None:
    """Scorecard of the learner's own run; one that cannot be read counts as none."""
    try:
        card = json.loads((paths.out_dir() / f"{id}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if {"claims", "profile", "seed"} <= set(card) else None


_CLAIMS = {"claims": "claims held"}
# Of each listing: its rows, and the columns of its table as key to heading.
_LISTINGS: dict[str, tuple[Callable[[], list[dict[str, Any]]], dict[str, str]]] = {
    "list": (
        lesson_rows,
        {"id": "id", "title": "lesson", "minutes": "minutes", "peak_mib": "peak MiB", **_CLAIMS},
    ),
    "assets": (
        asset_rows,
        {name: name for name in ("name", "kind", "mb", "here", "lessons", "licence", "origin")}
        | {"mb": "MB"},
    ),
    "scorecard": (
        scorecard_rows,
        {"id": "id", "title": "lesson", "gain": "what transfer bought", **_CLAIMS, "from": "from"},
    ),
}

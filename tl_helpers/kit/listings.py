"""What ``tl list``, ``progress``, ``assets`` and ``scorecard`` print, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tl_helpers import exercises
from tl_helpers.assets import paths
from tl_helpers.exercises import progress
from tl_helpers.kit import lessons
from tl_helpers.kit.lessons import Lesson, LessonError

WIDEST = 60  # characters of a table's cell; --json has everything


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns padded with spaces; numbers are not aligned, so that every column reads alike."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def show(rows: list[dict[str, Any]], columns: dict[str, str], as_json: bool) -> None:
    """Print rows as JSON, or those columns (key to heading) as a table."""
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    shown = [[_cell(row[key]) for key in columns] for row in rows]
    print(table(list(columns.values()), shown))


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
    record = progress.load(work)
    files = exercises.files()
    return [
        _progress_row(lesson, [_check(e.id, record) for e in exercises.load(files[lesson.id])])
        for lesson in lessons.find()
        if lesson.id in files
    ]


def _check(id: str, record: dict[str, dict]) -> dict[str, Any]:
    untouched = {"state": "not attempted", "passed": False, "hints": 0, "solution_seen": False}
    return {"id": id, **untouched, **record.get(id, {})}


def _progress_row(lesson: Lesson, checks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": lesson.id,
        "title": lesson.title,
        "passed": sum(check["passed"] for check in checks),
        "total": len(checks),
        "checks": checks,
    }


def show_progress(rows: list[dict[str, Any]]) -> None:
    """Print a learner's own progress, and which exercise comes next."""
    shown = [
        [row["id"], _cell(row["title"]), f"{row['passed']} of {row['total']}"]
        + [_cell(_ids(row["checks"], wanted)) for wanted in (_open, _helped)]
        for row in rows
    ]
    print(table(["id", "lesson", "passed", "not yet", "solution seen"], shown))
    checks = [(row["id"], check) for row in rows for check in row["checks"]]
    print(
        f"\n{sum(check['passed'] for _, check in checks)} of {len(checks)} checks passed.", end=""
    )
    left = [(lesson, check["id"]) for lesson, check in checks if not check["passed"]]
    print(f" Next: exercise {left[0][1]}, `tl lab {left[0][0]}`." if left else " Well done.")


def _open(check: dict[str, Any]) -> bool:
    return not check["passed"] and check["state"] != "not attempted"


def _helped(check: dict[str, Any]) -> bool:
    return check["solution_seen"]


def _ids(checks: list[dict[str, Any]], wanted: Callable[[dict], bool]) -> str | None:
    return ", ".join(check["id"] for check in checks if wanted(check)) or None


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
    row = {"id": lesson.id, "title": lesson.title, "gain": lesson.recorded.get("gain")}
    row["claims"] = lessons.claims_held(lesson.recorded.get("claims"))
    row["from"] = "recorded" if row["gain"] else None
    if card := _own_card(lesson.id):
        from tl_helpers.kit.outcomes import bought

        held = sum(claim["holds"] is True for claim in card["claims"])
        row["claims"] = f"{held} of {len(card['claims'])}"
        row |= {"gain": bought(card), "from": f"your run ({card['profile']}, seed {card['seed']})"}
    return row


def _own_card(id: str) -> dict[str, Any] | None:
    """Scorecard of the learner's own run; one that cannot be read counts as none."""
    try:
        card = json.loads((paths.out_dir() / f"{id}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if {"claims", "profile", "seed"} <= set(card) else None

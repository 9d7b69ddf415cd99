"""What ``tl list``, ``progress``, ``assets`` and ``scorecard`` print, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tl_helpers import exercises, lessons, paths, progress
from tl_helpers.lessons import Lesson

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
    claims = lesson.recorded.get("claims") or {}
    seconds = laptop.get("seconds")
    return {
        "id": lesson.id,
        "title": lesson.title,
        "minutes": None if seconds is None else round(seconds / 60, 1),
        "peak_mib": laptop.get("peak_mib"),
        "claims": f"{claims['held']} of {claims['total']}" if claims else None,
        "track": lesson.track,
        "path": lesson.path.relative_to(exercises.notebooks_dir()).as_posix(),
        "assets": list(lesson.assets),
        "recorded": lesson.recorded,
    }


def progress_rows() -> list[dict[str, Any]]:
    """Lessons that have exercises, with the checks passed so far."""
    record = progress.load()
    files = exercises.files()
    return [
        _progress_row(
            lesson, [exercise.id for exercise in exercises.load(files[lesson.id])], record
        )
        for lesson in lessons.find()
        if lesson.id in files
    ]


def _progress_row(lesson: Lesson, ids: list[str], record: dict[str, dict]) -> dict[str, Any]:
    passed = [id for id in ids if record.get(id, {}).get("passed")]
    seen = [id for id in passed if record[id].get("solution_seen")]
    left = [f"{id} {record.get(id, {}).get('state', 'not attempted')}" for id in ids]
    left = [text for text in left if text.split()[0] not in passed]
    return {
        "id": lesson.id,
        "title": lesson.title,
        "passed": f"{len(passed)} of {len(ids)}",
        "solution seen": ", ".join(seen),
        "left": ", ".join(left),
    }


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
    claims = lesson.recorded.get("claims") or {}
    held, total = claims.get("held"), claims.get("total")
    row["from"] = "recorded" if row["gain"] else None
    if card := _own_card(lesson.id):
        from tl_helpers.publish import bought

        held = sum(claim["holds"] is True for claim in card["claims"])
        total = len(card["claims"])
        row |= {"gain": bought(card), "from": f"your run ({card['profile']}, seed {card['seed']})"}
    return {**row, "claims": None if held is None else f"{held} of {total}"}


def _own_card(id: str) -> dict[str, Any] | None:
    """Scorecard of the learner's own run; one that cannot be read counts as none."""
    try:
        card = json.loads((paths.out_dir() / f"{id}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if {"claims", "profile", "seed"} <= set(card) else None

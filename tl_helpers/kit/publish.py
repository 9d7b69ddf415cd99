"""Publish lessons: execute, clean, write headers, the lesson index and the README's table.

``tl notebooks`` executes the committed notebooks at profile "laptop" as a learner would, cleans
them, and records in ``notebooks/index.json`` what the runs measured. Headers and table are made
from that index alone; ``python -m tl_helpers.kit.publish`` renews them without executing anything.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from tl_helpers.assets import files, paths
from tl_helpers.assets.entries import read_catalogue
from tl_helpers.compare import claim_record
from tl_helpers.kit import course_map, glossary, lessons, running
from tl_helpers.kit.cleaning import clean
from tl_helpers.kit.outcomes import bought, held
from tl_helpers.kit.pages import replace_block

FIGURE = "notebooks/figures/what_transfer_buys.png"
PICTURE = ("<!-- picture -->", "<!-- /picture -->")
LARGEST_NOTEBOOK = 700_000  # bytes; larger ones are slow to render on the web and to review
HEADER = ("<!-- header -->", "<!-- /header -->")
TABLE = ("<!-- lessons -->", "<!-- /lessons -->")


@cache
def site() -> dict[str, str]:
    """Where the kit is published: ``repository`` (OWNER/REPO) and ``ref``, from data/site.toml."""
    return tomllib.loads((paths.kit_root() / "data" / "site.toml").read_text(encoding="utf-8"))


SETUP_CELL = """\
import sys

if "google.colab" in sys.modules:  # Colab brings its own torch, which stays as it is
    kit = "git+https://github.com/{repository}@{ref}"
    %pip install --quiet --no-deps {{kit}}
    from tl_helpers.kit import colab

    colab.install()""".format(**site())


def badges(path: str) -> str:
    """Binder and Colab badges, in Markdown, of the notebook at ``path`` (from the root, with /)."""
    repository, ref = site()["repository"], site()["ref"]
    binder = f"https://mybinder.org/v2/gh/{repository}/{ref}?urlpath=" + quote(f"lab/tree/{path}")
    colab = f"https://colab.research.google.com/github/{repository}/blob/{ref}/{path}"
    return (
        f"[![Open on Binder](https://mybinder.org/badge_logo.svg)]({binder}) "
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )


def header(entry: dict) -> str:
    """Header block of a lesson, markers included, from its entry in the index."""
    gpu = entry.get("gpu")
    rows = [
        "| two CPU cores | peak memory | download | profile `gpu` | claims held |",
        "|---|---|---|---|---|",
        f"| {_costs(entry['laptop'])} | {entry['download_mb']} MB "
        f"| {_minutes(gpu) if gpu else 'not measured'} | {lessons.claims_held(entry['claims'])} |",
    ]
    return "\n".join([HEADER[0], badges(entry["path"]), "", *rows, HEADER[1]])


def lesson_table(index: Sequence[dict]) -> str:
    """The README's table of lessons, markers included."""
    rows = [
        "| | lesson | time | memory | what transfer bought | open |",
        "|---|---|---|---|---|---|",
    ]
    for entry in index:
        measured = f"{_costs(entry['laptop'])} | {entry['gain']}"
        title = f"[{entry['title']}]({entry['path']})"
        rows.append(f"| {entry['id']} | {title} | {measured} | {badges(entry['path'])} |")
    return "\n".join([TABLE[0], *rows, TABLE[1]])


def notebooks(args: argparse.Namespace) -> None:
    """``tl notebooks``: execute and clean the lessons named, or all.

    Raises
    ------
    LessonError, RuntimeError
        As `publish` does.
    """
    publish(args.ids or None)


def publish(ids: Sequence[str] | None = None) -> None:
    """Execute, clean and write the committed notebooks, then renew index, headers and README.

    Parameters
    ----------
    ids : sequence of str, optional
        Lessons to execute; all by default. The entries of the others stay.

    Raises
    ------
    LessonError
        For an id that no lesson has; nothing has run then.
    RuntimeError
        When a cell, claim or check fails, or a cleaned notebook is over `LARGEST_NOTEBOOK`. The
        committed notebook is then left as it was.
    """
    wanted = [lessons.get(id) for id in ids] if ids else lessons.find()
    for lesson in wanted:
        _publish_one(lesson)
    refresh()


def refresh() -> None:
    """Renew setup cells, headers and the README's table from the index, executing nothing.

    Raises
    ------
    ValueError
        When a page lacks its markers, the index or a table of terms or lessons cannot be read, or
        a notebook is none (`LessonError`).
    RuntimeError
        When a notebook is over `LARGEST_NOTEBOOK`.
    """
    index = [_with_seeds(entry) for entry in _in_order(read_index())]
    write_index(index)
    for entry in index:
        path = paths.kit_root() / entry["path"]
        _save(_with_fixed_parts(lessons.read(path), entry), path)
    update_readme()


def update_readme() -> None:
    """Write the lesson table and the picture of a result into README.md, between their markers.

    Raises
    ------
    ValueError
        When README.md lacks a pair of markers, or the index cannot be read.
    """
    readme = paths.kit_root() / "README.md"
    text = replace_block(readme.read_text("utf-8"), lesson_table(read_index()), TABLE)
    for entry in read_index():
        for picture, alt in result_pictures(lessons.read(paths.kit_root() / entry["path"])):
            file = paths.kit_root() / FIGURE
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(picture)
            text = replace_block(text, f"{PICTURE[0]}\n![{alt}]({FIGURE})\n{PICTURE[1]}", PICTURE)
    files.write_text(readme, text)


def result_pictures(nb: NotebookNode) -> list[tuple[bytes, str]]:
    """PNG and words of the pictures in cells tagged "readme-picture"."""
    return [
        (base64.b64decode(output.data["image/png"]), output.data["text/plain"])
        for cell in lessons.tagged(nb, "readme-picture")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def read_index() -> list[dict]:
    """Entries of notebooks/index.json, in the course's order; empty when there is none.

    Raises
    ------
    ValueError
        When it is no JSON: writing it anew would lose what was measured.
    """
    path = _index_path()
    return json.loads(path.read_text(encoding="utf-8"))["lessons"] if path.is_file() else []


def write_index(entries: list[dict]) -> None:
    """Write notebooks/index.json in one step."""
    content = {"version": 1, "lessons": entries}
    files.write_text(_index_path(), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _publish_one(lesson: lessons.Lesson) -> None:
    print(f"{lesson.id}  {lesson.title}")
    with tempfile.TemporaryDirectory() as folder:
        smoke = _measured(lesson.id, "smoke", Path(folder) / "smoke", solutions=True)
        laptop = _measured(lesson.id, "laptop", Path(folder) / "laptop", solutions=False)
        if laptop.notebook is None:
            raise RuntimeError(f"{lesson.id} left no executed notebook: {laptop.problems}.")
        nb = clean(lessons.read(laptop.notebook))
        entry = {**_entry(lesson, nb), **_measurements(smoke, laptop)}
    entry = _with_seeds(entry)
    _save(_with_fixed_parts(nb, entry), lesson.path)
    write_index([e for e in read_index() if e["id"] != lesson.id] + [entry])


def _measured(id: str, profile: str, out: Path, *, solutions: bool) -> running.RunResult:
    settings = running.Settings(threads=1)
    result = running.run(id, profile, solutions=solutions, out=out, settings=settings)
    if not result.ok:
        problems = " ".join(result.problems)
        raise RuntimeError(f"Lesson {id} was not published, at profile {profile}: {problems}")
    return result


def _entry(lesson: lessons.Lesson, nb: NotebookNode) -> dict:
    """What the index says of a lesson before any measurement."""
    assets = list(nb.metadata.get("tl", {}).get("assets", []))
    known = lessons.read_index().get(lesson.id, {})
    return {
        "id": lesson.id,
        "title": nb.cells[0].source.splitlines()[0].removeprefix("# ").strip(),
        "path": lesson.path.relative_to(paths.kit_root()).as_posix(),
        "track": lesson.track,
        "assets": assets,
        "download_mb": round(sum(a.bytes for a in read_catalogue() if a.name in assets) / 1e6),
        "gpu": known.get("gpu"),
    }


def _measurements(smoke: running.RunResult, laptop: running.RunResult) -> dict:
    card = json.loads(laptop.scorecard.read_text("utf-8")) if laptop.scorecard else {}
    return {
        "smoke": {"seconds": round(smoke.seconds, 1), "peak_mib": round(smoke.peak_mib)},
        "laptop": {"seconds": round(laptop.seconds, 1), "peak_mib": round(laptop.peak_mib)},
        "claims": {"held": held(laptop.claims), "total": len(laptop.claims)},
        "gain": bought(card),
        "versions": card.get("versions", {}),
    }


def _with_seeds(entry: dict) -> dict:
    """The entry with what is recorded of its claims at other seeds."""
    record = claim_record.load(entry["id"])
    shown = {key: entry["claims"][key] for key in ("held", "total")}
    return {**entry, "claims": {**shown, **(claim_record.counts(record) if record else {})}}


def _with_fixed_parts(nb: NotebookNode, entry: dict) -> NotebookNode:
    """Put the current header, setup cell, glossary and map in place."""
    nb.cells[0].source = replace_block(nb.cells[0].source, header(entry), HEADER)
    for cell in lessons.tagged(nb, "setup"):
        cell.source = SETUP_CELL
    for cell in nb.cells:
        for markers, block in _BLOCKS.items():
            if markers[0] in cell.source:
                cell.source = replace_block(cell.source, block(), markers)
    return nb


_BLOCKS = {
    glossary.MARKERS: lambda: glossary.block(glossary.read()),
    course_map.MARKERS: lambda: course_map.block(course_map.read(), lessons.find()),
}


def _save(nb: NotebookNode, path: Path) -> None:
    nbformat.validate(nb)
    text = nbformat.writes(nb)
    if len(text.encode()) > LARGEST_NOTEBOOK:
        raise RuntimeError(
            f"{path.name} would be {len(text.encode()) // 1000} kB; at most "
            f"{LARGEST_NOTEBOOK // 1000} kB. Draw fewer or smaller pictures (dpi 100 or less)."
        )
    files.write_text(path, text if text.endswith("\n") else text + "\n")


def _in_order(entries: list[dict]) -> list[dict]:
    order = {lesson.id: place for place, lesson in enumerate(lessons.find())}
    return sorted((e for e in entries if e["id"] in order), key=lambda e: order[e["id"]])


def _minutes(measured: dict) -> str:
    return f"{measured['seconds'] / 60:.1f} min"


def _costs(measured: dict) -> str:
    return f"{_minutes(measured)} | {measured['peak_mib']} MiB"


def _index_path() -> Path:
    return paths.kit_root() / "notebooks" / "index.json"


if __name__ == "__main__":
    refresh()

"""The map of the course: every track with its lessons, shown in lesson 00 between two markers."""

from __future__ import annotations

from collections.abc import Sequence

from tl_helpers.assets import paths
from tl_helpers.kit.lessons import Lesson
from tl_helpers.kit.pages import rows

FILE = "curriculum.md"
MARKERS = ("<!-- map -->", "<!-- /map -->")


def read() -> dict[str, str]:
    """Tracks ("2") and lessons ("2.1") of ``curriculum.md``, and what each is about.

    Raises
    ------
    ValueError
        When a line of the table is not ``| id | about |``, an id stands twice, or a lesson stands
        outside its track.
    """
    found = rows(FILE, "id | about")
    track, seen = "", set()
    for id, _ in found:
        track = id if "." not in id else track
        if id in seen or id.partition(".")[0] != track:
            what = "stands twice" if id in seen else f"stands in track {track or 'none'}"
            raise ValueError(f"{FILE}: {id} {what}; expected each once, under its track.")
        seen.add(id)
    return {id: about for id, about in found}


def block(about: dict[str, str], lessons: Sequence[Lesson]) -> str:
    """A row a track: lessons that exist, linked by their title, then what is to come.

    Parameters
    ----------
    about : dict of str to str
        As `read` gives it.
    lessons : sequence of Lesson
        Those that exist, as `lessons.find` gives them.

    Raises
    ------
    ValueError
        For a lesson that ``curriculum.md`` does not have.
    """
    root = paths.notebooks_dir()
    links = {
        lesson.id: f"[{lesson.id} {lesson.title}]({lesson.path.relative_to(root).as_posix()})"
        for lesson in lessons
        if lesson.track
    }
    if strange := [id for id in links if id not in about]:
        raise ValueError(f"{FILE} has no line for lesson {strange[0]}; add it under its track.")
    lines = [
        f"| {id} {name} | {_lessons(f'{id}.', about, links)} |"
        for id, name in about.items()
        if "." not in id
    ]
    return "\n".join([MARKERS[0], "| track | lessons |", "|---|---|", *lines, MARKERS[1]])


def _lessons(prefix: str, about: dict[str, str], links: dict[str, str]) -> str:
    inside = [id for id in about if id.startswith(prefix)]
    here = [links[id] for id in inside if id in links]
    later = "; ".join(about[id] for id in inside if id not in links)
    return " · ".join(here + ([f"*to come:* {later}"] if later else []))

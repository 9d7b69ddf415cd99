"""Blocks of pages that publishing renews, each between two markers, and the tables behind them."""

from __future__ import annotations

import re

from tl_helpers.assets import paths


def rows(file: str, columns: str) -> list[tuple[str, ...]]:
    """Rows of the table in a Markdown file beside the notebooks, below its head.

    Parameters
    ----------
    file : str
        Its name.
    columns : str
        The columns' names as in ``"id | about"``; one called "id" or "lesson" holds a lesson's
        number, or a track's.

    Raises
    ------
    ValueError
        When there is no table; and naming the first line that is not a row.
    """
    number = r"(\d+(?:\.\d+)?)"
    cells = [number if name in ("id", "lesson") else "([^|]+?)" for name in columns.split(" | ")]
    row = re.compile("".join(rf"\| *{cell} *" for cell in cells) + r"\|")
    text = (paths.notebooks_dir() / file).read_text(encoding="utf-8")
    _, head, body = text.partition("|---|")
    if not head:
        raise ValueError(f"{file} has no table; expected one of `| {columns} |`, with a head.")
    found = []
    for line in filter(None, body.splitlines()[1:]):
        if not (match := row.fullmatch(line)):
            raise ValueError(f"{file}: the line {line!r} is not `| {columns} |`.")
        found.append(match.groups())
    return found


def replace_block(text: str, block: str, markers: tuple[str, str]) -> str:
    """``text`` with everything from the first to the second marker replaced by ``block``.

    Raises
    ------
    ValueError
        When the markers are not there exactly once each, in this order.
    """
    counts = [text.count(marker) for marker in markers]
    before, _, rest = text.partition(markers[0])
    if counts != [1, 1] or markers[1] not in rest:
        raise ValueError(
            f"expected {markers[0]} and then {markers[1]} once each, found {counts[0]} and "
            f"{counts[1]}{' in the other order' if counts == [1, 1] else ''}. Put them where the "
            "block belongs."
        )
    return before + block + rest.partition(markers[1])[2]

"""Which file a name means that somebody else's program wrote down."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote


class Matches(NamedTuple):
    """Names and files that belong together.

    Attributes
    ----------
    name_of : dict of int to int
        By position of a file, that of its name.
    claimed : dict of int to list of int
        Files that several names mean equally well, and those names.
    several : dict of int to list of int
        Names that mean several files equally well, and those files.
    absent : list of int
        Names of files that are not here.
    """

    name_of: dict[int, int]
    claimed: dict[int, list[int]]
    several: dict[int, list[int]]
    absent: list[int]


def match(names: Sequence[str], files: Sequence[str]) -> Matches:
    """Find the file of each name, as exactly as possible.

    A name may have backslashes, letters and accents apart, other capitals, escaped characters
    (``%20``), or more or fewer folders in front; each is tried where the more exact reading finds
    no file. Where a file has an exact name, an inexact one does not count.

    Parameters
    ----------
    names : sequence of str
    files : sequence of str
        Paths that exist, with ``/``.
    """
    index: dict[tuple[int, str], list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        for level, key in enumerate(_readings(file)):
            index[level, key].append(number)
    claims: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    several, absent = {}, []
    for number, name in enumerate(names):
        level, found = _found(name, files, index)
        if len(found) == 1:
            claims[found[0]][level].append(number)
        elif found:
            several[number] = found
        else:
            absent.append(number)
    best = {file: by_level[min(by_level)] for file, by_level in claims.items()}
    return Matches(
        {file: mine[0] for file, mine in best.items() if len(mine) == 1},
        {file: mine for file, mine in best.items() if len(mine) > 1},
        several,
        absent,
    )


def _found(
    name: str, files: Sequence[str], index: dict[tuple[int, str], list[int]]
) -> tuple[int, list[int]]:
    """The files of this name under the most exact reading that has any, and that reading."""
    *_, loose, last = readings = _readings(name)
    for level, key in enumerate(readings[:-1]):
        if (level, key) in index:
            return level, index[level, key]
    shared = {n: _shared(loose, _readings(files[n])[-2]) for n in index.get((3, last), [])}
    most = max(shared.values(), default=0)
    return 3, [n for n, count in shared.items() if count == most > 0]


def _shared(one: str, other: str) -> int:
    """Folders and file at the end of both paths, where the shorter is the end of the longer."""
    short, long = sorted((one.split("/"), other.split("/")), key=len)
    return len(short) if long[-len(short) :] == short else 0


def _readings(name: str) -> tuple[str, str, str, str]:
    """The name as it is, then less and less exactly; the last one is without folders."""
    plain = posixpath.normpath(unicodedata.normalize("NFC", name.strip().replace("\\", "/")))
    loose = unicodedata.normalize("NFC", unquote(plain)).casefold()
    return plain, plain.casefold(), loose, posixpath.basename(loose)

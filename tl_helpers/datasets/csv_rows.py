"""Rows of a CSV file as people save them: any usual separator, encoding and quoting, by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MOST_BYTES = 2**28  # of a file; a larger one is no file that someone labelled by hand

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_END = "end of the file"


class BadRow(NamedTuple):
    """A row that is in no split.

    Attributes
    ----------
    line : int
        Of the file, counted from 1 as editors do; where it begins, if it is several lines long.
    reason : str
    """

    line: int
    reason: str


class Row(NamedTuple):
    """The line on which a row begins, and its fields by the name of their column."""

    line: int
    fields: dict[str, str]


class _Raw(NamedTuple):
    first: int  # line
    last: int
    fields: list[str]


@dataclass(frozen=True)
class Table:
    """What `table` read.

    Attributes
    ----------
    rows : list of Row
        Those with as many fields as the first line.
    bad : list of BadRow
        The others.
    notes : list of str
        Sentences on how the file was read, where that was not as CSV usually is.
    """

    rows: list[Row]
    bad: list[BadRow]
    notes: list[str]


def table(path: Path, needed: Sequence[str], known: Sequence[str] = ()) -> Table:
    """Read a file whose first line names its columns.

    The separator is that under which the first line has the needed columns. UTF-8 with or without
    a mark, UTF-16 with one, and else Windows-1252. Columns that are not asked for are left out.

    Parameters
    ----------
    path : Path
    needed : sequence of str
        Columns that have to be there, in small letters; those of the file may have capitals.
    known : sequence of str
        Columns that are read where they are there.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        When there is no such file.
    ValueError
        For an empty or very large file, one that is no text, and one without a needed column.
    """
    text, notes = _decoded(_bytes(path), path.name)
    separator, names = _header(text, needed, path.name)
    if separator != ",":
        notes.append(f"Columns are separated by {SEPARATORS[separator]}.")
    found, unquoted = _parsed(text, separator)
    notes += [unquoted] if unquoted else []
    rows, bad, wanted = [], [], {*needed, *known}
    for row in found:
        if len(row.fields) != len(names):
            bad.append(BadRow(row.first, _miscounted(row, len(names), separator)))
        else:
            pairs = zip(names, row.fields, strict=True)
            kept = {name: field.strip() for name, field in pairs if name in wanted}
            rows.append(Row(row.first, kept))
    return Table(rows, bad, notes)


def _bytes(path: Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {str(path)!r}, seen from {Path.cwd()}. Expected a CSV file; write "
            "its whole path."
        )
    if path.is_dir():
        raise IsADirectoryError(f"{path.name!r} is a folder; expected a CSV file.")
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise ValueError(
            f"{path.name!r} has {size} bytes; expected a CSV file of 1 to {MOST_BYTES} bytes."
        )
    return path.read_bytes()


def _decoded(content: bytes, name: str) -> tuple[str, list[str]]:
    """The text, and a note where it is not in UTF-8."""
    encoding = _MARKS.get(content[:2])
    if encoding is None and (content[:2] == b"PK" or b"\0" in content):
        raise ValueError(
            f"{name!r} is no text: a spreadsheet, an archive, or UTF-16 without its mark. Expected "
            "a CSV file; save the spreadsheet as 'CSV UTF-8'."
        )
    try:
        return content.decode(encoding or "utf-8-sig"), []
    except UnicodeDecodeError as error:
        if encoding:
            raise ValueError(
                f"{name!r} is marked as UTF-16, and is not: save it as UTF-8."
            ) from error
        line = content[: error.start].count(b"\n") + 1
        note = f"Line {line} is not UTF-8, so all was read as Windows-1252: look at the accents."
        return content.decode("cp1252", errors="replace"), [note]


def _header(text: str, needed: Sequence[str], name: str) -> tuple[str, list[str]]:
    """The separator under which the first line has the needed columns, and all column names."""
    first = re.split("[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    tried = {one: _names(first, one) for one in SEPARATORS}
    for separator, names in tried.items():
        if set(needed) <= set(names):
            twice = [one for one in needed if names.count(one) > 1]
            if twice:
                raise ValueError(f"{name!r} has two columns {twice[0]!r}; expected one.")
            return separator, names
    names = max(tried.values(), key=len)
    missing = [one for one in needed if one not in names]
    raise ValueError(
        f"{name!r} has no column {' and no column '.join(map(repr, missing))}; its first line "
        f"names {', '.join(repr(one[:30]) for one in names[:8])}. Expected the columns "
        f"{' and '.join(map(repr, needed))}, separated by {', '.join(SEPARATORS.values())}: rename "
        "yours, or add a first line."
    )


def _names(first: str, separator: str) -> list[str]:
    return [name.strip().casefold() for name in next(csv.reader([first], delimiter=separator), [])]


def _parsed(text: str, separator: str) -> tuple[list[_Raw], str]:
    """Rows below the first line; a note where quotation marks do not match, and mean nothing."""
    # A mark that is never closed swallows all that follows, this last row included.
    rows = list(_rows(f"{text}\n{_END}", separator, csv.QUOTE_MINIMAL))
    if rows and rows[-1].fields == [_END]:
        return rows[:-1], ""
    note = (
        "A quotation mark is not closed: all of them were read as ordinary characters, so that a "
        "separator between two of them parts columns."
    )
    return list(_rows(text, separator, csv.QUOTE_NONE)), note


def _rows(text: str, separator: str, quoting: Literal[0, 3]) -> Iterator[_Raw]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting)
    header, start = False, 1
    try:
        for fields in reader:
            # Empty lines are not rows; the first that is not empty names the columns.
            if fields and header:
                yield _Raw(start, reader.line_num, fields)
            header, start = header or bool(fields), reader.line_num + 1
    except csv.Error:  # a field longer than the module takes
        if quoting == csv.QUOTE_NONE:
            raise ValueError(
                f"Line {start} has over {csv.field_size_limit()} characters in one field; expected "
                "one text a row. Are the ends of lines missing?"
            ) from None


def _miscounted(row: _Raw, want: int, separator: str) -> str:
    have = len(row.fields)
    reason = f"{have} field{'s' * (have != 1)} in place of {want}"
    if row.last > row.first:
        return f"{reason}, to line {row.last}: is a quotation mark not closed?"
    if have > want:
        return (
            f"{reason}; a text with {SEPARATORS[separator]} in it needs quotation marks around it"
        )
    return reason

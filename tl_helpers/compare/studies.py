"""Recorded results of arms too slow to run each time, tied to the code and assets behind them.

`compare.run` uses this module; a lesson names its study and says what runs live. A study is one
JSON file in ``data/results``, replaced whole after each row, so that it survives a kill.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tl_helpers.assets import files, paths

VERSION = 1


@dataclass(frozen=True)
class Study:
    """What is recorded under one name.

    Attributes
    ----------
    name : str
        File name without ending, such as "1.1-surfaces".
    seeds : sequence of int, optional
        Seeds of the recorded grid; by default those of the comparison.
    tolerance : float, default 0.05
        Largest difference of the metric between a recorded row and the same row run again, on
        other hardware or in another precision, that counts as agreement.
    """

    name: str
    seeds: Sequence[int] | None = None
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name:
            raise ValueError(f"study name is {self.name!r}; expected a file name, no folders.")
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance is {self.tolerance}; expected a number of at least 0.")

    @property
    def path(self) -> Path:
        """The study's file."""
        return results_dir() / f"{self.name}.json"


@dataclass(frozen=True)
class Row:
    """One run of one arm: a point of the comparison.

    Attributes
    ----------
    arm : str
    budget, seed : int
    value : float
        The metric on the test items.
    seconds : float
        Wall time of the arm's call.
    trainable : int
        Parameters trained.
    predicted : numpy.ndarray
        Labels (n,) or scores (n, c) of the test items.
    recorded : bool
        Whether the row comes from a study's file rather than from this run.
    """

    arm: str
    budget: int
    seed: int
    value: float
    seconds: float
    trainable: int
    predicted: np.ndarray = field(repr=False, compare=False)
    recorded: bool = False

    @property
    def key(self) -> tuple[str, int, int]:
        """Arm, budget and seed: what identifies a row in its grid."""
        return self.arm, self.budget, self.seed


@dataclass(frozen=True)
class Conditions:
    """What must be unchanged for a recorded row to stand for a run now.

    Attributes
    ----------
    lesson, profile, metric : str
    truth : str
        SHA-256 of the test labels.
    code : dict of str to str
        `code_hash.of` of each arm.
    assets : dict of str to str
        `asset_hashes` of the lesson.
    """

    lesson: str
    profile: str
    metric: str
    truth: str
    code: dict[str, str]
    assets: dict[str, str]


def recording(lesson: str) -> bool:
    """Whether the process runs under ``tl study`` for this lesson (``TL_STUDY`` holds its id)."""
    return os.environ.get("TL_STUDY") == lesson


def results_dir() -> Path:
    """Folder of recorded studies: ``$TL_RESULTS``, else ``data/results`` of the kit."""
    return Path(os.environ.get("TL_RESULTS") or paths.kit_root() / "data" / "results")


def asset_hashes(lesson: str) -> dict[str, str]:
    """Hash of the catalogue entry of each asset that lists ``lesson``, its prose left out."""
    text = (paths.kit_root() / "data" / "catalogue.toml").read_text(encoding="utf-8")
    prose = {"title", "citation", "licence_url", "content_licence", "lessons", "bytes", "hub"}
    hashes = {}
    for entry in tomllib.loads(text).get("asset", []):
        if lesson in entry.get("lessons", []):
            content = {key: entry[key] for key in entry if key not in prose}
            packed = json.dumps(content, sort_keys=True).encode()
            hashes[entry["name"]] = hashlib.sha256(packed).hexdigest()
    return hashes


def array_hash(array: np.ndarray) -> str:
    """SHA-256 of an array's values; of the text of each value for arrays of strings."""
    array = np.asarray(array)
    if array.dtype.kind in "OU":
        return hashlib.sha256("\n".join(map(str, array.tolist())).encode()).hexdigest()
    kind = np.int64 if array.dtype.kind in "iub" else np.float64
    return hashlib.sha256(np.ascontiguousarray(array, dtype=kind).tobytes()).hexdigest()


def load(study: Study) -> dict | None:
    """Content of the study's file, or None when there is none.

    Raises
    ------
    ValueError
        When the file is not a study of this version.
    """
    if not study.path.is_file():
        return None
    try:
        stored = json.loads(study.path.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise ValueError(f"its version is {stored['version']}, expected {VERSION}")
        return stored
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{study.path.name} is not a recorded study of version {VERSION} ({error}). Restore "
            "it from the repository, or delete it and record it again with `tl study`."
        ) from error


def usable_rows(stored: dict | None, now: Conditions) -> tuple[list[Row], list[str]]:
    """Recorded rows that stand for a run now, and a sentence for each reason others do not.

    Returns
    -------
    list of Row
        Marked ``recorded``.
    list of str
        Reasons; empty when every row of the present arms stands.
    """
    if stored is None:
        return [], []
    then = Conditions(**stored["conditions"])
    for what in ("lesson", "profile", "metric", "truth", "assets"):
        if getattr(then, what) != getattr(now, what):
            return [], [_changed[what].format(then=getattr(then, what), now=getattr(now, what))]
    stale = sorted(arm for arm in then.code if now.code.get(arm) != then.code[arm])
    reasons = []
    if stale:
        reasons = [f"the code behind {', '.join(stale)} changed since they were recorded"]
    rows = [row_from(item) for item in stored["rows"] if item["arm"] not in stale]
    return rows, reasons


_changed = {
    "lesson": "they were recorded for lesson {then}, and this is {now}",
    "profile": "they were recorded at profile {then}, and this run is {now}",
    "metric": "they were recorded with the metric {then}, and this run uses {now}",
    "truth": "the test items are not those they were recorded on",
    "assets": "the catalogue's entries of the lesson's assets changed since they were recorded",
}


class Recorder:
    """Appends rows to a study's file; each is on disk before the next begins.

    Use `recorder` to make one.
    """

    def __init__(self, study: Study, now: Conditions, rows: list[Row]) -> None:
        self.study, self.conditions, self.rows = study, now, list(rows)

    def append(self, row: Row) -> None:
        """Add ``row`` and replace the file in one step."""
        self.rows.append(row)
        self._write(complete=False)

    def finish(self) -> None:
        """Mark the grid as complete."""
        self._write(complete=True)

    def _write(self, complete: bool) -> None:
        content = {
            "version": VERSION,
            "study": self.study.name,
            "complete": complete,
            "tolerance": self.study.tolerance,
            "conditions": vars(self.conditions),
            "rows": [row_to(row) for row in self.rows],
        }
        files.write_json(self.study.path, content)


@contextlib.contextmanager
def recorder(study: Study, now: Conditions, grid: set[tuple]) -> Iterator[Recorder]:
    """Recorder that continues the study's file with the rows of ``grid`` that still stand.

    Raises
    ------
    RuntimeError
        When another process is recording the same study.
    ValueError
        When the file holds another profile's results.
    """
    from filelock import FileLock, Timeout

    locks = paths.cache_dir() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"study-{study.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RuntimeError(
            f"another process is recording the study {study.name}; wait for it, or end it first."
        ) from error
    try:
        stored = load(study)
        if stored and stored["conditions"]["profile"] != now.profile:
            raise ValueError(
                f"{study.path.name} holds results of profile {stored['conditions']['profile']}; "
                f"a run at {now.profile} would replace them. Use that profile, or another name."
            )
        rows, _ = usable_rows(stored, now)
        yield Recorder(study, now, [row for row in rows if row.key in grid])
    finally:
        lock.release()


def row_to(row: Row) -> dict:
    """The row as JSON values; predictions are packed (numpy format, zlib, base64)."""
    buffer = io.BytesIO()
    np.save(buffer, _compact(row.predicted), allow_pickle=False)
    packed = base64.b64encode(zlib.compress(buffer.getvalue(), 9)).decode()
    plain = {key: value for key, value in vars(row).items() if key not in ("predicted", "recorded")}
    return {**plain, "predicted": packed}


def row_from(item: dict) -> Row:
    """Inverse of `row_to`; the row is marked recorded."""
    raw = zlib.decompress(base64.b64decode(item["predicted"]))
    predicted = np.load(io.BytesIO(raw), allow_pickle=False)
    return Row(**{**item, "predicted": predicted, "recorded": True})


def _compact(array: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them; others unchanged."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    return array.astype(np.result_type(*map(np.min_scalar_type, (array.min(), array.max()))))

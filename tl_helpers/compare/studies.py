"""Recorded results of arms too slow to run each time, tied to the code and assets behind them.

`compare.run` uses this module; a lesson names its study and says what runs live. A study is one
JSON file in ``data/results``, replaced whole after each row, so that it survives a kill.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tl_helpers.assets import files, paths
from tl_helpers.compare import conditions
from tl_helpers.compare.conditions import Conditions
from tl_helpers.compare.prediction import Tuned

VERSION = 2
READABLE = (1, 2)  # version 1 names neither data nor versions: its rows have to be checked


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
    budgets : sequence of int, optional
        Budgets of the recorded grid; by default those of the comparison.

    Raises
    ------
    ValueError
        For a name that is empty or holds a folder, or a tolerance below 0.
    """

    name: str
    seeds: Sequence[int] | None = None
    tolerance: float = 0.05
    budgets: Sequence[int] | None = None

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
    tuned : Tuned or None
        What the arm chose inside its budget.
    """

    arm: str
    budget: int
    seed: int
    value: float
    seconds: float
    trainable: int
    predicted: np.ndarray = field(repr=False, compare=False)
    recorded: bool = False
    tuned: Tuned | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """Arm, budget and seed: what identifies a row in its grid."""
        return self.arm, self.budget, self.seed


def recording(lesson: str) -> bool:
    """Whether the process runs under ``tl study`` for this lesson (``TL_STUDY`` holds its id)."""
    return os.environ.get("TL_STUDY") == lesson


def checking(lesson: str) -> bool:
    """Whether it runs under ``tl study --check`` (``TL_STUDY_CHECK`` holds the lesson's id)."""
    return os.environ.get("TL_STUDY_CHECK") == lesson


def results_dir() -> Path:
    """Folder of recorded studies: ``$TL_RESULTS``, else ``data/results`` of the kit."""
    return Path(os.environ.get("TL_RESULTS") or paths.kit_root() / "data" / "results")


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
        if stored["version"] not in READABLE:
            raise ValueError(f"its version is {stored['version']}, expected {VERSION}")
        conditions_of(stored)
        return stored
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{study.path.name} is not a recorded study of version {VERSION} ({error}). Restore "
            "it from the repository, or delete it and record it again with `tl study`."
        ) from error


def conditions_of(content: dict) -> Conditions:
    """Conditions of a study's content."""
    return conditions.restored(content["conditions"])


def standing_rows(content: dict | None, now: Conditions) -> list[Row]:
    """Recorded rows that stand for runs now, marked ``recorded``."""
    if content is None:
        return []
    found = conditions.changes(conditions_of(content), now)
    return [row_from(item) for item in content["rows"] if found.stands(item["arm"])]


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
        write(self.study, self.conditions, self.rows, complete=complete)


def write(
    study: Study, now: Conditions, rows: list[Row], *, complete: bool, checked: dict | None = None
) -> None:
    """Replace a study's file in one step; ``checked`` says how much of it was run again."""
    content = {
        "version": VERSION,
        "study": study.name,
        "complete": complete,
        "tolerance": study.tolerance,
        "conditions": conditions.stored(now),
        **({"checked": checked} if checked else {}),
        "rows": [row_to(row) for row in rows],
    }
    files.write_json(study.path, content)


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
        rows = standing_rows(stored, now)
        yield Recorder(study, now, [row for row in rows if row.key in grid])
    finally:
        lock.release()


def row_to(row: Row) -> dict:
    """The row as JSON values; predictions are packed (numpy format, zlib, base64)."""
    buffer = io.BytesIO()
    np.save(buffer, _compact(row.predicted), allow_pickle=False)
    packed = base64.b64encode(zlib.compress(buffer.getvalue(), 9)).decode()
    plain = {key: value for key, value in vars(row).items() if key not in ("predicted", "recorded")}
    return {**plain, "tuned": row.tuned and list(row.tuned), "predicted": packed}


def row_from(item: dict) -> Row:
    """Inverse of `row_to`; the row is marked recorded."""
    raw = zlib.decompress(base64.b64decode(item["predicted"]))
    predicted = np.load(io.BytesIO(raw), allow_pickle=False)
    tuned = Tuned(*item["tuned"]) if item.get("tuned") else None
    return Row(**{**item, "predicted": predicted, "recorded": True, "tuned": tuned})


def _compact(array: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them; others unchanged."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    extreme = min(low, -high - 1) if low < 0 else high  # a signed type has to hold both ends
    return array.astype(np.min_scalar_type(extreme))

"""Claims, and the scorecard (version 1): what one run of a lesson measured, as JSON."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tl_helpers.assets import files, paths
from tl_helpers.compare import claim_record, sabotage, studies
from tl_helpers.compare.claims import NoInterval, Statement
from tl_helpers.compare.measurements import Measurements
from tl_helpers.compare.metrics import Interval
from tl_helpers.compare.setting import MissingRows

VERSION = 1
_LIBRARIES = (
    *("tl_helpers", "numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm"),
    "transformers",
)


class Claim:
    """A sentence, and the statement that has to be shown for it.

    Attributes
    ----------
    task, text : str
    statement : Statement
    holds : bool or None
        None while it is not evaluated.

    Raises
    ------
    TypeError
        For a ``statement`` that none of `beats`, `within`, `saves`, `leads_more`, `fails` made.
    """

    def __init__(self, task: str, text: str, statement: Statement):
        if not isinstance(statement, Statement):
            raise TypeError(
                f"the claim {text!r} rests on {statement!r}; expected beats(...), within(...), "
                "saves(...), leads_more(...) or fails(...) of tl_helpers.compare, which carry "
                "their intervals."
            )
        self.task, self.text, self.statement = task, text, statement
        self.holds: bool | None = None
        self._reason = self._elsewhere = ""

    def evaluate(self, report: Measurements) -> bool | None:
        """Decide on the report, and remember: None at profile smoke or for lack of rows."""
        setting = report.setting
        self.holds, self._reason = None, ""
        if setting.profile == claim_record.PROFILE:
            self._elsewhere = claim_record.said(setting.lesson, self.task, self.text, setting.seed)
        if setting.profile == "smoke":
            self._reason = "at smoke size"
            return None
        try:
            self.holds = self.statement.on(report)
        except MissingRows:
            self._reason = "for lack of recorded rows"
        return self.holds

    def falls(self, report: Measurements) -> bool:
        """Whether a claim that holds is not shown by this (sabotaged) report."""
        if not self.holds:
            return False
        try:
            return not self.statement.on(report)
        except (MissingRows, NoInterval):  # the sabotaged report cannot say
            return False

    def __str__(self) -> str:
        if self.holds is None:
            return f"not evaluated {self._reason}: {self.text}"
        return f"{'holds' if self.holds else 'does not hold'}: {self.text}{self._elsewhere}"


def build(reports: Sequence[Measurements], claims: Sequence[Claim], checks: Sequence[dict]) -> dict:
    """The scorecard as JSON values.

    The first report's headline is the lesson's; the others are of its further tasks.

    Beside the fields of version 1: ``version``, ``headline`` and ``tasks``, a ``task`` in each
    row and claim, ``sabotage`` (the claims that fell, by kind of sabotage; null at smoke),
    ``stale``, and ``tolerance`` (rows run again, against what was recorded).

    Raises
    ------
    ValueError
        When reports of different lessons or with the same task are put together.
    """
    _check_together(reports)
    setting = reports[0].setting
    return {
        "version": VERSION,
        **{key: getattr(setting, key) for key in ("lesson", "profile", "seed")},
        "metric": setting.metric_name,
        "higher_is_better": setting.higher_is_better,
        "headline": {
            "task": setting.task,
            "arm": setting.headline[0],
            "budget": setting.headline[1],
        },
        "tasks": {one.setting.task: _task(one) for one in reports},
        "rows": [_row(one.setting.task, row) for one in reports for row in one.rows],
        **_outcome(reports[0]),
        "claims": [
            {"task": claim.task, "text": claim.text, "holds": claim.holds} for claim in claims
        ],
        "sabotage": {how: _fallen(reports, claims, how) for how in sabotage.WAYS},
        "checks": [dict(check) for check in checks],
        "stale": any(one.stale for one in reports),
        "edges": [edge for one in reports for edge in one.edges()],
        "tolerance": [repeat for one in reports for repeat in one.repeats],
        "seconds": round(_seconds_of_process(), 1),
        "peak_mib": round(max(one.peak_mib for one in reports), 1),
        "versions": versions(),
    }


def save(reports: Sequence[Measurements], claims: Sequence[Claim], checks: Sequence[dict]) -> Path:
    """Write `build`'s scorecard into ``paths.out_dir()``; see `TransferReport.save`.

    Raises
    ------
    ValueError
        As for `build`.
    """
    path = paths.out_dir() / f"{reports[0].setting.lesson}.json"
    files.write_json(path, build(reports, claims, checks))
    return path


def versions() -> dict[str, str]:
    """Version of Python and of each library at hand that can change a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an optional library that this run did without
    return found


def _check_together(reports: Sequence[Measurements]) -> None:
    lessons = {one.setting.lesson for one in reports}
    tasks = [one.setting.task for one in reports]
    if len(lessons) > 1:
        raise ValueError(f"one scorecard cannot hold lessons {', '.join(sorted(lessons))}.")
    if len(set(tasks)) < len(tasks):
        raise ValueError(
            f"the reports' tasks are {', '.join(tasks)}; give each run its own task name."
        )


def _task(report: Measurements) -> dict:
    setting = report.setting
    return {
        "metric": setting.metric_name,
        "higher_is_better": setting.higher_is_better,
        "pretrained": list(setting.pretrained),
        "controls": list(setting.controls),
        "items": len(setting.truth),
        "verdict": report.verdict(),
    }


def _row(task: str, row: studies.Row) -> dict:
    kept = ("arm", "budget", "seed", "value", "seconds", "trainable", "recorded")
    return {"task": task, **{key: getattr(row, key) for key in kept}}


def _outcome(report: Measurements) -> dict:
    """Gain, labels saved and verdict of the headline; nulls at smoke or for lack of rows."""
    outcome: dict = {"gain": None, "labels_saved": None, "verdict": report.verdict()}
    if report.setting.profile == "smoke":
        return outcome
    try:
        outcome["gain"] = _finite_ends(report.gain(report.setting.headline[0]))
        outcome["labels_saved"] = report.labels_saved()._asdict()
    except MissingRows:
        return outcome
    return outcome


def _finite_ends(interval: Interval) -> dict:
    """The interval with null for an end that is infinite, which JSON cannot hold."""
    named = interval._asdict()
    return {key: value if math.isfinite(value) else None for key, value in named.items()}


def _fallen(reports: Sequence[Measurements], claims: Sequence[Claim], how: str) -> list[str] | None:
    if reports[0].setting.profile == "smoke":
        return None
    broken = {one.setting.task: one.sabotaged(how) for one in reports}
    return [claim.text for claim in claims if claim.falls(broken[claim.task])]


def _seconds_of_process() -> float:
    import psutil

    return time.time() - psutil.Process().create_time()

"""Claims, and the scorecard (version 1): what one run of a lesson measured, as JSON."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_helpers.assets import files, paths
from tl_helpers.compare import sabotage, studies
from tl_helpers.compare.metrics import Interval
from tl_helpers.compare.setting import MissingRows

if TYPE_CHECKING:
    from tl_helpers.compare.report import TransferReport

VERSION = 1
_LIBRARIES = (
    *("tl_helpers", "numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm"),
    "transformers",
)


class Claim:
    """A sentence, and the function of a report that decides whether it holds.

    Attributes
    ----------
    task, text : str
    holds : bool or None
        None while it is not evaluated.
    """

    def __init__(self, task: str, text: str, test: bool | Callable[[TransferReport], bool]):
        if not callable(test) and not isinstance(test, bool | np.bool_):
            raise TypeError(
                f"holds is {test!r}; expected a function of a report, such as "
                "lambda r: r.gain('probe').low > 0, or True or False."
            )
        self.task, self.text, self.test = task, text, test
        self.holds: bool | None = None
        self.reason = ""

    def evaluate(self, report: TransferReport) -> bool | None:
        """Decide on the report, and remember: None at profile smoke or for lack of rows."""
        self.holds, self.reason = None, ""
        if report.setting.profile == "smoke":
            self.reason = "at smoke size"
            return None
        try:
            self.holds = self.on(report)
        except MissingRows:
            self.reason = "for lack of recorded rows"
        return self.holds

    def on(self, report: TransferReport) -> bool:
        """Whether the claim holds on a report; nothing is remembered.

        Raises
        ------
        TypeError
            When the function answers anything but True or False.
        """
        answer = self.test(report) if callable(self.test) else self.test
        if not isinstance(answer, bool | np.bool_):
            raise TypeError(
                f"the claim {self.text!r} evaluated to {answer!r}; expected True or False."
            )
        return bool(answer)

    def falls(self, report: TransferReport) -> bool:
        """Whether a claim that holds fails on this (sabotaged) report; never for a plain bool."""
        if not self.holds or not callable(self.test):
            return False
        try:
            return not self.on(report)
        except MissingRows:  # the sabotaged report cannot say
            return False

    def __str__(self) -> str:
        if self.holds is None:
            return f"not evaluated {self.reason}: {self.text}"
        return f"{'holds' if self.holds else 'does not hold'}: {self.text}"


def build(report: TransferReport, others: Sequence[TransferReport], checks: Sequence) -> dict:
    """The scorecard as JSON values.

    Beside the fields of version 1: ``version``, ``headline`` and ``tasks``, a ``task`` in each
    row and claim, ``sabotage`` (the claims that fell, by kind of sabotage; null at smoke),
    ``stale``, and ``tolerance`` (rows run again, against what was recorded).

    Raises
    ------
    ValueError
        When reports of different lessons or with the same task are put together.
    """
    reports = [report, *others]
    _check_together(reports)
    setting = report.setting
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
        **_outcome(report),
        "claims": [
            {"task": claim.task, "text": claim.text, "holds": claim.holds}
            for one in reports
            for claim in one.claims
        ],
        "sabotage": {how: _fallen(reports, how) for how in sabotage.WAYS},
        "checks": [dict(check) for check in checks],
        "stale": any(one.stale for one in reports),
        "tolerance": [repeat for one in reports for repeat in one.repeats],
        "seconds": round(_seconds_of_process(), 1),
        "peak_mib": round(max(one.peak_mib for one in reports), 1),
        "versions": versions(),
    }


def save(report: TransferReport, others: Sequence[TransferReport], checks: Sequence) -> Path:
    """Write `build`'s scorecard into ``paths.out_dir()``; see `TransferReport.save`."""
    path = paths.out_dir() / f"{report.setting.lesson}.json"
    files.write_json(path, build(report, others, checks))
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


def _check_together(reports: Sequence[TransferReport]) -> None:
    lessons = {one.setting.lesson for one in reports}
    tasks = [one.setting.task for one in reports]
    if len(lessons) > 1:
        raise ValueError(f"one scorecard cannot hold lessons {', '.join(sorted(lessons))}.")
    if len(set(tasks)) < len(tasks):
        raise ValueError(
            f"the reports' tasks are {', '.join(tasks)}; give each run its own task name."
        )


def _task(report: TransferReport) -> dict:
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


def _outcome(report: TransferReport) -> dict:
    """Gain, labels saved and verdict of the headline; nulls at smoke or for lack of rows."""
    outcome = {"gain": None, "labels_saved": None, "verdict": report.verdict()}
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


def _fallen(reports: Sequence[TransferReport], how: str) -> list[str] | None:
    if reports[0].setting.profile == "smoke":
        return None
    fallen = []
    for one in reports:
        broken = one.sabotaged(how)
        fallen += [claim.text for claim in one.claims if claim.falls(broken)]
    return fallen


def _seconds_of_process() -> float:
    import psutil

    return time.time() - psutil.Process().create_time()

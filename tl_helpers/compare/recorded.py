"""A comparison with a study: which rows run, which are drawn from the record, and why others not.

Under ``tl study`` the whole grid runs and is recorded. Under ``tl study --check`` two rows of each
arm run again, and when they agree, the record is stamped with the present conditions. Otherwise
what is live runs, and recorded rows that still stand join it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from tl_helpers.assets import files, paths
from tl_helpers.compare import conditions, studies
from tl_helpers.compare.conditions import Changes, Conditions
from tl_helpers.compare.setting import Setting
from tl_helpers.compare.studies import Row, Study

OUTCOMES = "studies.json"  # in the folder of outputs: what a check found, study by study

Cell = tuple[str, int, int]
Runner = Callable[[list[Cell]], list[Row]]


@dataclass(frozen=True)
class Found:
    """Rows of a comparison, the recorded ones that also ran, and whether the record is stale."""

    rows: list[Row]
    repeats: list[dict]
    stale: bool


def rows(setting: Setting, study: Study, now: Conditions, live: list[Cell], run: Runner) -> Found:
    """Run the ``live`` cells and add recorded rows that stand; say why others are left out.

    Parameters
    ----------
    setting : Setting
    study : Study
    now : Conditions
        Of this run.
    live : list of (arm, budget, seed)
    run : callable
        Runs cells, and gives their rows.
    """
    content = studies.load(study)
    if content is None:
        if setting.profile != "smoke":
            print(f"{study.name} is not recorded yet; `tl study {setting.lesson}` records it.")
        return Found(run(live), [], False)
    found = conditions.changes(studies.conditions_of(content), now)
    reasons = _reasons(found, setting.lesson)
    for reason in reasons:
        print(f"Recorded rows of {study.name} {reason}")
    # Another profile is no fault of the record; its sizes are simply not these.
    stale = not _fresh(found) and content["conditions"]["profile"] == setting.profile
    known = studies.standing_rows(content, now)
    return _joined(setting, run(live), known, content["tolerance"], stale)


def _fresh(found: Changes) -> bool:
    return not (found.whole or found.metric or found.data or found.code)


def _reasons(found: Changes, lesson: str) -> list[str]:
    """Ends of sentences that begin with "Recorded rows of NAME"."""
    check = f"`tl study {lesson} --check` proves them again in a few minutes."
    if found.whole:
        return [f"are left out: {found.whole}."]
    said = []
    if found.data:
        said.append(f"are left out: {_listed(found.data)} had other data when they were recorded.")
    if found.code:
        what = f"the code behind {_listed(found.code)} changed since they were recorded"
        said.append(f"are left out: unproven, as {what}. {check}")
    elif found.metric:
        said.append(f"are left out: unproven, as the metric changed. {check}")
    if found.removed:
        said.append(f"are left out: {_listed(found.removed)} was removed from the comparison.")
    if found.versions and not (found.data or found.code or found.metric):
        said.append(found.versions)
    return said


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _joined(setting: Setting, ran: list[Row], known: list[Row], tolerance: float, stale) -> Found:
    """The rows that ran and, where there are none, the recorded; both are compared."""
    keys = {row.key: row for row in ran}
    known = [row for row in known if row.arm in setting.arms and row.budget in setting.budgets]
    repeats = [_repeat(setting, keys[row.key], row, tolerance) for row in known if row.key in keys]
    for repeat in repeats:
        if not repeat["within"]:
            print(
                "A recorded result does not repeat within its tolerance: "
                + ", ".join(f"{key} {repeat[key]}" for key in ("arm", "budget", "seed"))
            )
    return Found([*ran, *(row for row in known if row.key not in keys)], repeats, stale)


def _repeat(setting: Setting, live: Row, recorded: Row, tolerance: float) -> dict:
    return {
        "task": setting.task,
        **dict(zip(("arm", "budget", "seed"), live.key, strict=True)),
        "live": live.value,
        "recorded": recorded.value,
        "tolerance": tolerance,
        "within": abs(live.value - recorded.value) <= tolerance,
    }


def record(
    study: Study, now: Conditions, grid: list[Cell], run: Callable[[list[Cell]], Iterable[Row]]
) -> list[Row]:
    """Run the cells of ``grid`` that are not recorded yet; each is on disk before the next begins.

    Parameters
    ----------
    run : callable
        Gives the rows of cells, one by one.
    """
    with studies.recorder(study, now, set(grid)) as recorder:
        done = {row.key for row in recorder.rows}
        print(f"{study.name}: {len(done)} of {len(grid)} rows are recorded already.")
        for row in run([cell for cell in grid if cell not in done]):
            recorder.append(row)
        recorder.finish()
        return list(recorder.rows)


def check(setting: Setting, study: Study, now: Conditions, run: Runner) -> Found:
    """Run two rows of each arm again; stamp the record when they agree, else leave it alone.

    The cheapest row of an arm, and one that the arm's new code draws. What was found goes to
    ``studies.json`` among the outputs.
    """
    content = studies.load(study)
    if content is None:
        return _told(study, ["it is not recorded; `tl study` records it"], Found([], [], True))
    then = studies.conditions_of(content)
    known = [studies.row_from(item) for item in content["rows"] if item["arm"] in now.arms]
    found = conditions.changes(then, now)
    problems = _beyond_check(found, now, known) or _rescored(setting, known)
    if problems:
        return _told(study, problems, Found([], [], True))
    pairs = _pairs(known, now, run)
    same = _is_same_place(then, now)
    problems = [text for pair in pairs if (text := _differs(*pair, same, content["tolerance"]))]
    ran = [row for _, row in pairs]
    if problems:
        return _told(study, problems, Found(ran, [], True))
    if not all(_equal(*pair) for pair in pairs):  # then the record is still that place's
        versions = then.versions or now.versions  # files of version 1 name none
        now = replace(now, versions=versions, machine=then.machine, precision=then.precision)
    stamp = {"rows": len(pairs), "of": len(known), "commit": _commit()}
    kept = replace(study, tolerance=content["tolerance"])
    studies.write(kept, now, known, complete=content["complete"], checked=stamp)
    joined = _joined(setting, ran, known, content["tolerance"], False)
    return _told(study, [], joined, stamp | {"equal": sum(_equal(*pair) for pair in pairs)})


def _beyond_check(found: Changes, now: Conditions, known: list[Row]) -> list[str]:
    """What no rerun of two rows can mend."""
    if found.whole:
        return [found.whole]
    if found.data:
        return [f"{_listed(found.data)} had other data when they were recorded"]
    missing = sorted(set(now.arms) - {row.arm for row in known})
    return [f"{_listed(missing)} was never recorded"] if missing else []


def _rescored(setting: Setting, known: list[Row]) -> list[str]:
    """Predictions are stored: the metric is tried on all of them."""
    moved = [row for row in known if abs(setting.score(row.predicted) - row.value) > 1e-6]
    return [f"the metric gives other values on {len(moved)} rows"] if moved else []


def _pairs(known: list[Row], now: Conditions, run: Runner) -> list[tuple[Row, Row]]:
    """Recorded rows and the same rows run again."""
    chosen: list[Row] = []
    for arm, one in now.arms.items():
        cheapest, *rest = sorted(
            (row for row in known if row.arm == arm), key=lambda row: (row.budget, row.seed)
        )
        drawn = [rest[int(one.code, 16) % len(rest)]] if one and rest else []
        chosen += [cheapest, *drawn]
    return list(zip(chosen, run([row.key for row in chosen]), strict=True))


def _is_same_place(then: Conditions, now: Conditions) -> bool:
    return (then.machine, then.versions) == (now.machine, now.versions)


def _differs(recorded: Row, again: Row, same_place: bool, tolerance: float) -> str | None:
    """Predictions have to be equal where they were made, and nearly as good elsewhere."""
    if _equal(recorded, again) or (
        not same_place and abs(recorded.value - again.value) <= tolerance
    ):
        return None
    where = f"{recorded.arm} at {recorded.budget} labels, seed {recorded.seed}"
    return f"{where} gives {again.value:.4f}, recorded is {recorded.value:.4f}"


def _equal(recorded: Row, again: Row) -> bool:
    return np.array_equal(recorded.predicted, again.predicted)


def _told(study: Study, problems: list[str], found: Found, stamp: dict | None = None) -> Found:
    """Print what a check found, and add it to the outcomes of the lesson's other studies."""
    rows = "{rows} of {of} rows repeat, {equal} exactly".format(**stamp) if stamp else ""
    print(f"{study.name}: " + (f"checked, {rows}" if stamp else "stale: " + "; ".join(problems)))
    path = paths.out_dir() / OUTCOMES
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    files.write_json(path, [*before, {"study": study.name, "problems": problems, **(stamp or {})}])
    return found


def _commit() -> str | None:
    """Short name of the commit that the kit stands at; None outside of a repository."""
    command = ["git", "-C", str(paths.kit_root()), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None

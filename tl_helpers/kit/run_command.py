"""``tl run`` and ``tl study``: lessons in processes of their own, with bars and a summary."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from tl_helpers.assets import paths, watching
from tl_helpers.kit import lessons, outcomes, parameters
from tl_helpers.kit.jobs import Job, run_all
from tl_helpers.kit.lessons import Lesson, LessonError
from tl_helpers.kit.running import RunResult, Settings

LIMITS = {"smoke": 300.0, "laptop": 900.0, "gpu": 6 * 3600.0}  # seconds a lesson
STUDY_LIMIT = 3 * 3600.0


class Reporter:
    """Progress bars on a terminal's stderr, and one line a lesson that has ended."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bars: dict[tuple[str, int], Any] = {}

    def __call__(
        self, job: Job, done: int = 0, total: int = 0, result: RunResult | None = None
    ) -> None:
        """Take a message of `jobs.run_all`."""
        if result is None:
            bar = self._bar(job, total)
            bar.n = done
            bar.refresh()
            return
        if job.key in self.bars:
            self.bars.pop(job.key).close()
        if not self.quiet:
            print(line(result), flush=True)

    def _bar(self, job: Job, total: int) -> Any:
        if job.key not in self.bars:
            self.bars[job.key] = watching.bar(total=total, desc=job.id, unit="cell", leave=False)
        return self.bars[job.key]


def line(result: RunResult) -> str:
    """A run in one line; below it problems, the verdict, and where a saved model is."""
    outcome = "ok" if result.ok else "FAILED"
    held = outcomes.held(result.claims)
    fell = sum(claim["holds"] is False for claim in result.claims)
    open_ = len(result.claims) - held - fell
    claims = f"claims: {held} held, {fell} fell, {open_} not evaluated"
    first = (
        f"{result.id:5} {outcome:7}{result.seconds:6.1f} s {result.peak_mib:6.0f} MiB   {claims}"
    )
    below = [*result.problems, *outcomes.last_words(result.verdict, result.model)]
    return "\n".join([first, *(f"      {text}" for text in below)])


def run(args: argparse.Namespace) -> int:
    """``tl run``: 0 when every lesson ran as it should, else 1.

    Raises
    ------
    LessonError
        Before anything runs, for a lesson or a parameter that does not exist or cannot be used.
    """
    chosen = _chosen(args)
    texts = dict(map(parameters.named, args.parameter))
    given = {lesson.id: parameters.typed(lesson, texts) for lesson in chosen}
    for lesson in chosen:
        all_given = {"profile": args.profile, "seed": args.seed, **given[lesson.id]}
        lessons.check_parameters(lesson, all_given)
    out = Path(args.out or paths.work_dir() / "runs").resolve()
    seconds = args.limit or LIMITS[args.profile]
    settings = Settings(threads=_threads(args), seconds=seconds)
    todo = [
        Job(id, args.profile, args.seed, args.solutions, out, replace(settings, parameters=values))
        for id, values in given.items()
    ]
    results = run_all(todo, args.jobs, Reporter(args.json))
    return _report(results, {lesson.id: lesson.title for lesson in chosen}, out, args.json)


def study(args: argparse.Namespace) -> int:
    """``tl study``: record a lesson's full grid; without ``--resume``, from the beginning.

    Raises
    ------
    LessonError
        For an unknown lesson, or one without the recording to resume or check.
    """
    lesson = lessons.get(args.id)
    if args.check:
        return _checked(lesson, args.threads)
    if not args.resume:
        _set_aside(lesson.id)
    elif not _recordings(lesson.id):
        raise LessonError(f"lesson {lesson.id} has no recording to resume; leave out --resume.")
    try:
        result = _run_study(lesson, Settings(threads=args.threads, study=True))
    except KeyboardInterrupt:
        print(f"Finished rows are kept; `tl study {lesson.id} --resume` continues.", flush=True)
        raise
    return _recorded(result)


def _run_study(lesson: Lesson, settings: Settings) -> RunResult:
    out = (paths.work_dir() / "studies").resolve()
    job = Job(lesson.id, "laptop", 0, False, out, replace(settings, seconds=STUDY_LIMIT))
    (result,) = run_all([job], 1, Reporter(quiet=False))
    return result


def _checked(lesson: Lesson, threads: int | None) -> int:
    """``tl study --check``: 0 when two rows of each arm of each recorded study repeat."""
    names = {path.stem for path in _recordings(lesson.id)}
    if not names:
        raise LessonError(f"lesson {lesson.id} has no recording to check; leave out --check.")
    result = _run_study(lesson, Settings(threads=threads, check=True))
    for found in result.studies:
        if found["problems"]:
            print(f"{found['study']}: stale: {'; '.join(found['problems'])}")
        else:
            print("{study}: checked, {rows} of {of} rows repeat, {equal} exactly".format(**found))
    missed = sorted(names - {found["study"] for found in result.studies})
    for name in missed:
        print(f"{name}: the lesson did not come to it, and its file is as it was.")
    return 1 if missed or any(found["problems"] for found in result.studies) else 0


def _recorded(result: RunResult) -> int:
    """Say what a study recorded; a complete one takes the place of the former."""
    recorded = _recordings(result.id)
    if not recorded:
        print(f"Lesson {result.id} recorded nothing: it names no study.")
        return 1
    if not result.ok:
        print(f"Finished rows are kept; `tl study {result.id} --resume` continues.")
        return 1
    for path in recorded:
        print(f"recorded in data/results/{path.name}")
        path.with_name(path.name + ".previous").unlink(missing_ok=True)
    return 0


def _chosen(args: argparse.Namespace) -> list[Lesson]:
    if args.all == bool(args.ids):
        raise LessonError("name the lessons to run, or say --all; `tl list` shows them.")
    chosen = lessons.find() if args.all else [lessons.get(id) for id in dict.fromkeys(args.ids)]
    if not chosen:
        raise LessonError("there is no lesson to run.")
    return chosen


def _threads(args: argparse.Namespace) -> int | None:
    """Threads a lesson: as asked; else the cores shared out when several run side by side."""
    if args.threads or args.jobs == 1:
        return args.threads
    return max(1, (os.cpu_count() or 1) // args.jobs)


def _report(results: list[RunResult], titles: dict[str, str], out: Path, as_json: bool) -> int:
    from tl_helpers.kit import summary

    page = summary.write(results, titles, out)
    failed = [result.id for result in results if not result.ok]
    if as_json:
        content = {"ok": not failed, "runs": [r.as_dict() for r in results], "summary": str(page)}
        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        seconds = sum(result.seconds for result in results)
        print(f"{len(results) - len(failed)} of {len(results)} lessons ok, {seconds:.0f} s. {page}")
    return 1 if failed else 0


def _recordings(id: str) -> list[Path]:
    from tl_helpers.compare import claim_record
    from tl_helpers.compare.studies import results_dir

    found = {*results_dir().glob(f"{id}.json"), *results_dir().glob(f"{id}-*.json")}
    return sorted(found - {claim_record.path(id)})


def _set_aside(id: str) -> None:
    """Keep an earlier recording until the new one is complete."""
    for path in _recordings(id):
        kept = path.with_name(path.name + ".previous")
        if kept.exists():  # the complete one: a later, broken-off recording does not replace it
            path.unlink()
        else:
            os.replace(path, kept)

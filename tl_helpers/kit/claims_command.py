"""``tl claims``: run lessons at seeds that nobody has seen, and record which claims held."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
from typing import TYPE_CHECKING

from tl_helpers.assets import paths
from tl_helpers.compare import claim_record
from tl_helpers.kit import lessons
from tl_helpers.kit.jobs import Job, run_all
from tl_helpers.kit.lessons import Lesson
from tl_helpers.kit.run_command import LIMITS, Reporter
from tl_helpers.kit.running import RunResult, Settings

if TYPE_CHECKING:
    from nbformat import NotebookNode

DEVELOPED_WITH = (0, 1, 2)  # where a notebook's metadata names no seeds
FIXED = {"setup", "exercise"}  # tags of cells that cannot change what a claim says


class _Recorder(Reporter):
    """Shows progress as `Reporter` does, and saves each run's claims as soon as it ends."""

    def __init__(self, records: dict[str, dict]) -> None:
        super().__init__(quiet=False)
        self.records = records

    def __call__(
        self, job: Job, done: int = 0, total: int = 0, result: RunResult | None = None
    ) -> None:
        if result is not None:
            print(f"seed {job.seed:3}", end="  ")
        super().__call__(job, done, total, result)
        if result is not None and result.scorecard:
            card = json.loads(result.scorecard.read_text(encoding="utf-8"))
            self.records[job.id] = claim_record.with_run(self.records[job.id], job.seed, card)
            claim_record.save(self.records[job.id])


def claims(args: argparse.Namespace) -> int:
    """``tl claims``: 0 when all seeds ran and every claim held at nine of ten, else 1.

    Raises
    ------
    LessonError
        For an unknown lesson, before anything runs.
    """
    chosen = [lessons.get(id) for id in dict.fromkeys(args.ids)]
    records = {lesson.id: planned(lesson, args.seeds) for lesson in chosen}
    out = (paths.work_dir() / "claims").resolve()
    # Claims are made for one thread, as the committed notebooks are executed.
    settings = Settings(threads=1, seconds=LIMITS[claim_record.PROFILE])
    todo = [
        Job(id, claim_record.PROFILE, seed, False, out / f"seed-{seed}", settings)
        for id, record in records.items()
        for seed in claim_record.missing(record)
    ]
    recorder = _Recorder(records)
    try:
        run_all(todo, args.jobs, recorder)
    except KeyboardInterrupt:
        print("Finished seeds are kept; the same command continues.", flush=True)
        raise
    print("`python -m tl_helpers.kit.publish` renews headers, index and README.")
    return max(_report(record) for record in recorder.records.values())


def planned(lesson: Lesson, count: int) -> dict:
    """The lesson's record with the seeds that are still to run, ``count`` new ones by default.

    Raises
    ------
    LessonError
        When the notebook cannot be read.
    """
    notebook = lessons.read(lesson.path)
    seeds = notebook.metadata.get("tl", {}).get("developed_with", DEVELOPED_WITH)
    former = claim_record.load(lesson.id)
    return claim_record.plan(lesson.id, code_hash(notebook), seeds, former, count)


def code_hash(notebook: NotebookNode) -> str:
    """SHA-256 of what a lesson's code cells say, blind to comments and layout.

    Left out are the setup cell, the same in every lesson, and the exercises' stubs.

    Raises
    ------
    SyntaxError
        When a cell is no Python.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code" and not FIXED & set(cell.metadata.get("tags", [])):
            source = TransformerManager().transform_cell(cell.source)
            digest.update(json.dumps(_shape(ast.parse(source))).encode())
    return digest.hexdigest()


def _shape(node: object) -> object:
    """A syntax tree as lists; fields that are empty count for nothing, as Pythons differ there."""
    if isinstance(node, ast.AST):
        fields = [[name, _shape(value)] for name, value in ast.iter_fields(node)]
        return [type(node).__name__, [field for field in fields if field[1] not in ([], "None")]]
    return list(map(_shape, node)) if isinstance(node, list) else repr(node)


def _report(record: dict) -> int:
    """Say what a record shows; 1 when a seed is missing or a claim is weak."""
    counts, weak = claim_record.counts(record), claim_record.weak(record)
    file = claim_record.path(record["lesson"]).name
    print(
        f"{record['lesson']}: {len(record['claims'])} claims at {counts['seeds']} seeds, "
        f"{counts['held_at_seeds']} of {counts['of']} held; recorded in data/results/{file}"
    )
    for claim in weak:
        held, fell = len(claim["held"]), ", ".join(map(str, claim["fell"])) or "none"
        print(f"      held at {held} of {counts['seeds']}, fell at {fell}: {claim['text']}")
    if left := claim_record.missing(record):
        print(f"      without a result: seed {', '.join(map(str, left))}")
    return 1 if weak or left else 0

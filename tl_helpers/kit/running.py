"""Run a lesson from top to bottom, in a fresh kernel of this interpreter, and judge the result."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_helpers import exercises
from tl_helpers.assets import files, paths
from tl_helpers.exercises import progress
from tl_helpers.kit import lessons, outcomes

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from tl_helpers.kit.kernels import Watch

OUTCOMES = "studies.json"  # as `compare.recorded` calls it; importing that would load numpy
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Settings:
    """How to run, beyond what every run states.

    Attributes
    ----------
    parameters : dict
        Values for the lesson's parameters other than profile and seed.
    threads : int or None
        CPU threads of the kernel; None leaves the environment as it is.
    seconds : float
        Time limit of the whole lesson.
    study : bool
        Record the lesson's full grid, as ``tl study`` does.
    check : bool
        Run two recorded rows of each arm again, as ``tl study --check`` does.
    on_cell : callable or None
        Called as ``on_cell(done, total)`` after each code cell.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    seconds: float = 900.0
    study: bool = False
    check: bool = False
    on_cell: Callable[[int, int], None] | None = None


@dataclass
class RunResult:
    """What one run gave.

    Attributes
    ----------
    id, profile, seed, solutions
        What ran.
    problems : list of str
        Sentences; empty when the run is good.
    notebook, scorecard : Path or None
        Files written; None when there is none.
    seconds, peak_mib : float
        Wall time, and peak anonymous memory of the kernel and its children.
    cells : int
        Code cells that ran.
    claims, checks : list of dict
        As in the scorecard: ``{"text", "holds"}`` and ``{"id", "state"}``.
    repeats : list of dict
        Recorded rows that ran again, as in the scorecard's "tolerance".
    studies : list of dict
        What ``tl study --check`` found, study by study: ``{"study", "problems", "rows", "of"}``.
    verdict : str
        The scorecard's, with the gain; see `outcomes.verdict`.
    model : Path or None
        Folder of the model that the lesson saved.
    """

    id: str
    profile: str
    seed: int
    solutions: bool
    problems: list[str] = field(default_factory=list)
    notebook: Path | None = None
    scorecard: Path | None = None
    seconds: float = 0.0
    peak_mib: float = 0.0
    cells: int = 0
    claims: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, str]] = field(default_factory=list)
    repeats: list[dict[str, Any]] = field(default_factory=list)
    studies: list[dict[str, Any]] = field(default_factory=list)
    verdict: str = ""
    model: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether every cell ran, no claim fell and every check said what it should."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """For JSON: paths as text, and ``ok``."""
        values = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return {**values, "ok": self.ok}


def run(
    id: str,
    profile: str = "laptop",
    seed: int = 0,
    *,
    solutions: bool = False,
    out: Path | None = None,
    settings: Settings | None = None,
) -> RunResult:
    """Execute a lesson in a fresh kernel and write ``ID.ipynb`` and ``ID.json`` to ``out``.

    Parameters
    ----------
    id : str
        Lesson id.
    profile : {"smoke", "laptop", "gpu"}
    seed : int
    solutions : bool
        Put the solutions in place of the exercises' stubs; then every check has to pass.
    out : Path, optional
        Folder for the executed notebook and the scorecard, made when missing; by default
        ``runs`` in `paths.work_dir`. The learner's own progress is left alone.
    settings : Settings, optional

    Returns
    -------
    RunResult
        A cell that fails, a claim that falls, a check that errs, or the time limit is a problem
        in it, not an exception; the notebook then holds everything up to the failure.

    Raises
    ------
    LessonError
        Before anything runs: unknown lesson or parameter, or a value of the wrong type.
    OSError
        When ``out`` cannot be written.
    """
    settings = settings or Settings()
    lesson = lessons.get(id)
    given = {"profile": profile, "seed": seed, **settings.parameters}
    lessons.check_parameters(lesson, given)
    notebook = lessons.read(lesson.path)
    if solutions:
        file = lesson.exercises_file
        sheet = exercises.load(file) if file.is_file() else []
        notebook = lessons.inject_solutions(notebook, sheet)
    out = Path(out or paths.work_dir() / "runs").resolve()
    out.mkdir(parents=True, exist_ok=True)
    result = RunResult(id, profile, seed, solutions)
    with tempfile.TemporaryDirectory(prefix=f".{id}-", dir=out) as scratch:
        _execute(lesson, notebook, given, (Path(scratch), settings), result)
        _collect(Path(scratch), out, result)
    _judge(result)
    return result


def _execute(
    lesson: lessons.Lesson,
    notebook: NotebookNode,
    given: dict[str, Any],
    place: tuple[Path, Settings],
    result: RunResult,
) -> None:
    """Run the notebook inside ``scratch``; fill in seconds, memory, cells and problems."""
    from tl_helpers.kit.kernels import Watch

    scratch, settings = place
    watch = Watch(_variables(scratch, lesson, settings), settings.seconds, scratch / "kernel.log")
    total = sum(bool(c.cell_type == "code" and c.source.strip()) for c in notebook.cells) + 1

    def count(**_: object) -> None:
        result.cells += 1
        if settings.on_cell:
            settings.on_cell(min(result.cells, total), total)

    started = time.perf_counter()
    try:
        if problem := _papermill(notebook, given, scratch, watch, count):
            result.problems.append(problem)
    finally:
        watch.finish()
    result.seconds = round(time.perf_counter() - started, 2)
    result.peak_mib = round(watch.peak_mib, 1)


def _papermill(
    notebook: NotebookNode,
    given: dict[str, Any],
    scratch: Path,
    watch: Watch,
    count: Callable[..., None],
) -> str | None:
    """Execute ``notebook`` to ``scratch/lesson.ipynb``; the problem as a sentence, or None."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from tl_helpers.kit.kernels import manager_class

    try:
        papermill.execute_notebook(
            notebook,
            scratch / "lesson.ipynb",
            given,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=scratch,
            kernel_manager_class=manager_class(watch),
            on_cell_executed=count,
            shutdown_kernel="immediate",  # the polite way now and then waits seconds for nothing
        )
    except PapermillExecutionError as error:
        first = (error.evalue.strip().splitlines() or ["no message"])[0]
        return f"cell [{error.exec_count}] stopped with {error.ename}: {first}"
    except (DeadKernelError, RuntimeError) as error:
        if watch.timed_out:
            return f"took longer than {watch.seconds:g} s and was stopped."
        said = (watch.log.read_text(errors="replace").strip().splitlines() or [str(error)])[-1]
        return f"the kernel died, out of memory or interrupted; its last words: {said}"
    return None


def _variables(scratch: Path, lesson: lessons.Lesson, settings: Settings) -> dict[str, str]:
    """Environment of the kernel: private folders, no progress bars, the same tl_helpers."""
    search = [str(paths.PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {
        "TL_OUT": str(scratch),
        "TL_WORK": str(scratch / "work"),
        "TL_NOTEBOOKS": str(paths.notebooks_dir().resolve()),
        "TL_STUDY": lesson.id if settings.study else "",
        "TL_STUDY_CHECK": lesson.id if settings.check else "",
        "TL_PROGRESS": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": os.pathsep.join(search),
    }
    if settings.threads:
        variables.update(dict.fromkeys(THREAD_VARIABLES, str(settings.threads)))
    return variables


def _collect(scratch: Path, out: Path, result: RunResult) -> None:
    """Move the executed notebook and the scorecard to ``out``, replacing those of a former run."""
    notebook, card = out / f"{result.id}.ipynb", out / f"{result.id}.json"
    card.unlink(missing_ok=True)
    if (scratch / "lesson.ipynb").is_file():
        os.replace(scratch / "lesson.ipynb", notebook)
        result.notebook = notebook
    result.model = outcomes.keep_model(scratch, out, result.id)
    result.checks = _checks(scratch / "work" / progress.FILE)
    if (scratch / OUTCOMES).is_file():
        result.studies = json.loads((scratch / OUTCOMES).read_text(encoding="utf-8"))
    if (scratch / card.name).is_file():
        content = json.loads((scratch / card.name).read_text(encoding="utf-8"))
        result.claims = content.get("claims", [])
        result.repeats = content.get("tolerance", [])
        measured = {"seconds": result.seconds, "peak_mib": result.peak_mib}
        content.update(measured, checks=result.checks)
        if result.model:
            content["model"] = str(result.model)
        result.verdict = outcomes.verdict(content)
        files.write_text(card, json.dumps(content, indent=1) + "\n")
        result.scorecard = card


def _checks(record: Path) -> list[dict[str, str]]:
    if not record.is_file():
        return []
    entries = json.loads(record.read_text(encoding="utf-8"))["exercises"]
    return [{"id": id, "state": e["state"]} for id, e in sorted(entries.items()) if "state" in e]


def _judge(result: RunResult) -> None:
    """Add what is wrong with the cells, claims and checks to the problems."""
    if result.cells == 0 and not result.problems:
        result.problems.append("no cell ran.")
    for claim in result.claims:
        if claim["holds"] is False:
            result.problems.append(f"claim does not hold: {claim['text']}")
    for row in result.repeats:
        if not row["within"]:
            result.problems.append(
                f"recorded row does not repeat: {row['task']}, {row['arm']} at {row['budget']} "
                f"labels, seed {row['seed']} gives {row['live']:.3f}; recorded is "
                f"{row['recorded']:.3f}, the tolerance {row['tolerance']:g}."
            )
    for check in result.checks:
        wanted = check["state"] == "passed" if result.solutions else check["state"] != "error"
        if not wanted:
            result.problems.append(f"check {check['id']} says {check['state']}.")

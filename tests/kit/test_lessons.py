"""Guarantees of finding lessons and running them, on a tiny course of real notebooks."""

import json
import os
import sys

import nbformat
import pytest
import tiny_kit

from tl_helpers import exercises
from tl_helpers.exercises import progress
from tl_helpers.kit import lessons, running
from tl_helpers.kit.lessons import LessonError
from tl_helpers.kit.running import Settings


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    root = tiny_kit.build(tmp_path)
    monkeypatch.setenv("TL_NOTEBOOKS", str(root))
    monkeypatch.setenv("TL_WORK", str(tmp_path / "work"))
    return root


def run(id, tmp_path, profile="laptop", seed=0, **options):
    settings = Settings(threads=1, **options.pop("settings", {}))
    return running.run(id, profile, seed, out=tmp_path / "out", settings=settings, **options)


def said(result):
    notebook = nbformat.read(result.notebook, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_lessons_come_in_the_order_of_the_course(notebooks):
    for number in (10, 2):
        tiny_kit.add(notebooks, f"{number:02}_more", "1")
    assert [lesson.id for lesson in lessons.find()] == ["00", "1.1", "1.2", "1.10"]


@pytest.mark.parametrize("index", [None, "half {", '{"lessons": 3}', "[]"])
def test_without_a_good_index_the_notebooks_tell(notebooks, index):
    if index:
        (notebooks / "index.json").write_text(index)
    lesson = lessons.get("1.1")
    assert (lesson.title, lesson.assets) == ("How many rows are there?", ("mnist-5k",))


def test_index_gives_titles_without_reading_notebooks(notebooks):
    tiny_kit.write_index(notebooks)
    (notebooks / "01_basics" / "01_counting.ipynb").write_text("not read")
    assert lessons.get("1.1").title == "How many rows are there?"


def test_unknown_lesson_names_those_there_are(notebooks):
    with pytest.raises(LessonError, match=r"the lessons are 00, 1\.1"):
        lessons.get("3.1")


def test_file_that_is_no_notebook_is_a_sentence(notebooks):
    path = lessons.get("1.1").path
    path.write_text("{}")
    with pytest.raises(LessonError, match=r"01_counting\.ipynb is not a readable notebook"):
        lessons.read(path)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"budget": 3}, "no parameter budget; it has profile = 'laptop', seed = 0, rate = 0.5"),
        ({"rate": "fast"}, "rate is 'fast', a str; expected a float"),
        ({"word": 1}, "word is 1, a int; expected a str"),
    ],
)
def test_parameter_that_does_not_fit_is_refused_before_anything_runs(
    notebooks, tmp_path, given, reason
):
    with pytest.raises(LessonError, match=reason):
        run("1.1", tmp_path, settings={"parameters": given})
    assert not (tmp_path / "out").exists()


def test_parameters_are_literals(notebooks):
    notebook = lessons.read(lessons.get("1.1").path)
    lessons.tagged(notebook, "parameters")[0].source = "seed = 1 + len('a')"
    with pytest.raises(LessonError, match="seed is not a literal"):
        lessons.parameters(notebook)


def test_solutions_replace_the_stubs_of_a_copy(notebooks):
    lesson = lessons.get("1.1")
    notebook = lessons.read(lesson.path)
    solved = lessons.inject_solutions(notebook, exercises.load(lesson.exercises_file))
    assert lessons.tagged(solved, "exercise")[0].source == "rows = len(data)"
    assert lessons.tagged(notebook, "exercise")[0].source == "rows = ..."


def test_stub_without_exercise_is_refused(notebooks):
    lesson = lessons.get("1.1")
    with pytest.raises(LessonError, match=r"differ in: 1\.1\.2"):
        lessons.inject_solutions(
            lessons.read(lesson.path), exercises.load(lesson.exercises_file)[:1]
        )


def test_learners_run_leaves_stubs_and_measures(notebooks, tmp_path):
    result = run("1.1", tmp_path)
    assert result.ok and result.cells == 11
    assert {check["state"] for check in result.checks} == {"not attempted"}
    assert result.seconds > 0 and result.peak_mib > 10
    card = json.loads(result.scorecard.read_text())
    assert card["seconds"] == result.seconds and card["peak_mib"] == result.peak_mib
    assert card["checks"] == result.checks and card["claims"] == result.claims


def test_solutions_run_passes_every_check_and_evaluates_no_claim(notebooks, tmp_path):
    result = run("1.1", tmp_path, profile="smoke", solutions=True)
    assert result.ok
    assert {check["state"] for check in result.checks} == {"passed"}
    assert [claim["holds"] for claim in result.claims] == [None]


def test_solution_that_does_not_pass_is_a_problem(notebooks, tmp_path):
    file = exercises.files()["1.1"]
    file.write_text(file.read_text().replace('"rows = len(data)"', '"rows = 7"'))
    assert run("1.1", tmp_path, solutions=True).problems == ["check 1.1.1 says not yet."]


def test_check_that_errs_is_a_problem_for_a_learner_too(notebooks, tmp_path):
    id = tiny_kit.add(
        notebooks, "02_typo", 'from tl_helpers.exercises.checking import check\ncheck("1.2.1", 1)'
    )
    assert run(id, tmp_path).problems == ["check 1.2.1 says error."]


def test_fallen_claim_is_a_problem(notebooks, tmp_path):
    assert run("1.1", tmp_path, seed=9).problems == ["claim does not hold: the seed is small"]


def test_a_recorded_row_that_does_not_repeat_is_a_problem(notebooks, tmp_path):
    row = {"task": "main", "arm": "tuned", "budget": 4, "seed": 0, "live": 0.44, "recorded": 0.4}
    rows = [row | {"tolerance": 0.05, "within": True}, row | {"tolerance": 0.01, "within": False}]
    card = {"claims": [], "tolerance": rows}
    source = "import json, os\nfrom pathlib import Path\n"
    source += f"Path(os.environ['TL_OUT'], '1.2.json').write_text({json.dumps(card)!r})"
    id = tiny_kit.add(notebooks, "02_drift", source)
    assert run(id, tmp_path).problems == [
        "recorded row does not repeat: main, tuned at 4 labels, seed 0 gives 0.440; recorded is "
        "0.400, the tolerance 0.01."
    ]


def test_failing_cell_is_named_and_its_notebook_kept(notebooks, tmp_path):
    result = run("1.1", tmp_path, settings={"parameters": {"word": "boom"}})
    assert result.problems == ["cell [4] stopped with AssertionError: the word went boom"]
    assert "the word went boom" in result.notebook.read_text()
    assert result.scorecard is None


def test_scorecard_of_a_former_run_is_not_taken_for_this_one(notebooks, tmp_path):
    assert run("1.1", tmp_path).scorecard is not None
    result = run("1.1", tmp_path, settings={"parameters": {"word": "boom"}})
    assert result.scorecard is None and not (tmp_path / "out" / "1.1.json").exists()


def test_time_limit_ends_the_lesson(notebooks, tmp_path):
    id = tiny_kit.add(notebooks, "02_slow", "import time\ntime.sleep(60)")
    result = run(id, tmp_path, settings={"seconds": 3.0})
    assert result.problems == ["took longer than 3 s and was stopped."]
    assert result.seconds < 30


def test_kernel_that_dies_is_a_problem_with_its_last_words(notebooks, tmp_path):
    source = "import os\nos.write(2, b'out of luck')\nos._exit(9)"
    id = tiny_kit.add(notebooks, "02_death", source)
    (problem,) = run(id, tmp_path).problems
    assert "the kernel died" in problem


def test_lesson_without_parameters_is_refused(notebooks, tmp_path):
    path = lessons.get("00").path
    notebook = lessons.read(path)
    del notebook.cells[1:]
    nbformat.write(notebook, path)
    with pytest.raises(LessonError, match="no parameter profile, seed; it has none"):
        run("00", tmp_path)


def test_kernel_is_this_interpreter_whatever_is_registered(notebooks, tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    foreign = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x"}
    (spec / "kernel.json").write_text(json.dumps({**foreign, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    id = tiny_kit.add(notebooks, "02_who", "import sys\nprint(sys.executable)")
    result = run(id, tmp_path)
    assert result.ok and said(result).strip() == sys.executable


def test_threads_and_offline_settings_reach_the_kernel(notebooks, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    names = ["OMP_NUM_THREADS", "TL_OFFLINE", "TL_PROGRESS", "TL_STUDY"]
    id = tiny_kit.add(notebooks, "02_env", f"import os\nprint([os.environ[n] for n in {names}])")
    assert said(run(id, tmp_path)).strip() == "['1', '1', '0', '']"
    assert "'1.2'" in said(run(id, tmp_path, settings={"study": True}))


def test_peak_memory_counts_the_kernel_and_its_children(notebooks, tmp_path):
    child = "import time; x = bytearray(120 << 20); time.sleep(.6)"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    id = tiny_kit.add(notebooks, "02_large", source)
    assert 120 < run(id, tmp_path).peak_mib < 600


def test_a_run_leaves_the_learners_progress_alone(notebooks, tmp_path):
    progress.update("1.1.1", state="not yet")
    run("1.1", tmp_path, solutions=True)
    assert progress.load() == {"1.1.1": {"state": "not yet"}}
    assert sorted(os.listdir(tmp_path / "out")) == ["1.1.ipynb", "1.1.json"]


def test_check_prints_once_and_echoes_nothing(notebooks, tmp_path):
    notebook = nbformat.read(run("1.1", tmp_path).notebook, as_version=4)
    (cell,) = [c for c in notebook.cells if c.source.startswith('check("1.1.1"')]
    assert [output.output_type for output in cell.outputs] == ["stream"]

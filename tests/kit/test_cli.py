"""Guarantees of the command ``tl``, run as a process on a tiny course."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import tiny_kit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kit(tmp_path, monkeypatch):
    notebooks = tiny_kit.build(tmp_path)
    ours = {
        "TL_NOTEBOOKS": notebooks,
        "TL_WORK": tmp_path / "my_work",
        "TL_CACHE": tmp_path / "cache",
        "TL_RESULTS": tmp_path / "results",
        "PYTHONPATH": ROOT,
        "OMP_NUM_THREADS": 1,
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("TL_OUT", raising=False)
    return tmp_path


def tl(*args, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tl_helpers", *args], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def test_list_shows_every_lesson_and_what_was_measured(kit):
    entry = {"id": "1.1", "title": "How many?", "assets": [], "claims": {"held": 2, "total": 3}}
    entry["laptop"] = {"seconds": 90.0, "peak_mib": 700}
    first = {"id": "00", "title": "Where to start?", "assets": []}
    first["claims"] = {"held": 8, "total": 8, "seeds": 10, "held_at_seeds": 79, "of": 80}
    (kit / "notebooks" / "index.json").write_text(json.dumps({"lessons": [entry, first]}))
    lines = tl("list").splitlines()
    assert lines[0].split("  ")[0] == "id" and "00   Where to start?" in lines[1]
    assert re.fullmatch(r"1\.1  How many\?\s+1\.5\s+700\s+2 of 3", lines[2])
    assert lines[1].endswith("8 of 8, at 10 seeds: 79 of 80")


def test_list_as_json_is_complete(kit):
    first, second = json.loads(tl("list", "--json"))
    assert first["id"] == "00" and first["minutes"] is None
    assert second["path"] == "01_basics/01_counting.ipynb" and second["assets"] == ["mnist-5k"]


def test_run_writes_notebooks_scorecards_and_a_summary(kit):
    out = kit / "out"
    said = tl("run", "--all", "--profile", "smoke", "--solutions", "--jobs", "2", "--out", str(out))
    assert "2 of 2 lessons ok" in said and "1 not evaluated" in said
    names = {"index.html", "00.ipynb", "00.html", "1.1.ipynb", "1.1.html", "1.1.json"}
    assert {path.name for path in out.iterdir()} == names
    page = (out / "index.html").read_text()
    assert "2 of 2 lessons ran as they should" in page
    assert "1.1.1 passed" in page and "not evaluated: the seed is small" in page
    links = re.findall(r'href="([^"]+)"', page)
    assert links and all((out / link).is_file() for link in links)


def test_run_fails_and_names_the_claim_that_fell(kit):
    said = tl("run", "1.1", "--seed", "9", code=1)
    assert "FAILED" in said and "claim does not hold: the seed is small" in said
    assert "claim does not hold" in (kit / "my_work" / "runs" / "index.html").read_text()


def test_run_takes_parameters_and_names_the_failing_cell_in_one_json_object(kit):
    content = json.loads(tl("run", "1.1", "-p", "word=boom", "-p", "rate=1", "--json", code=1))
    (run,) = content["runs"]
    assert run["problems"] == ["cell [4] stopped with AssertionError: the word went boom"]
    assert not content["ok"] and run["seconds"] > 0 and run["peak_mib"] > 0


def test_bars_count_cells_on_a_terminal(kit, monkeypatch):
    import fcntl
    import pty
    import struct
    import termios

    monkeypatch.delenv("TL_PROGRESS", raising=False)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    call = [sys.executable, "-m", "tl_helpers", "run", "00"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert b"1 of 1 lessons ok" in process.stdout.read()
    assert "cell/s" in os.read(ours, 1 << 16).decode()
    os.close(ours)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["run"], "name the lessons to run, or say --all"),
        (["run", "1.1", "--all"], "name the lessons to run, or say --all"),
        (["run", "8.1"], "there is no lesson '8.1'; the lessons are 00, 1.1."),
        (["run", "00", "1.1", "-p", "word=a"], "lesson 00 has no parameter word"),
        (["run", "1.1", "-p", "word"], "expected NAME=VALUE"),
        (["run", "1.1", "-p", "seed=3"], "use --seed 3 instead"),
        (["run", "1.1", "--jobs", "0"], "not a whole number of at least 1"),
        (["lab", "8.1"], "there is no lesson '8.1'"),
        (["progress", "nobody"], "nobody is no folder; expected a learner's my_work"),
        (["lab", "00", "--into", "there"], "--into FOLDER goes with --offline DIR"),
        (["bundle", "there", "--platform", "beos"], "linux, linux-arm, macos, windows"),
        (["reset", "8.1"], "there is no lesson '8.1'"),
        (["fetch", "mnist-5k", "--all"], "one of the three"),
        (["fetch", "--track", "9"], "there is no lesson in track '9'"),
        (["study", "1.1", "--resume"], "no recording to resume"),
        (["new", "1.1", "--title", "Again?"], "lesson 1.1 is there already"),
        (["new", "one", "--title", "Which?"], "expected TRACK.LESSON"),
        (["dance"], "invalid choice"),
    ],
)
def test_wrong_use_is_a_sentence_and_nothing_runs(kit, args, reason):
    assert reason in tl(*args, code=2)
    assert not (kit / "my_work").exists()


def test_unknown_asset_is_a_sentence(kit):
    assert "No asset is called 'cats'" in tl("fetch", "cats", code=1)


def _record(work, record):
    work.mkdir(parents=True)
    (work / ".progress.json").write_text(json.dumps({"version": 1, "exercises": record}))


PASSED = {"passed": True, "state": "not yet", "solution_seen": True, "hints": 2}


def test_progress_counts_passed_checks_and_names_the_next_exercise(kit):
    _record(kit / "my_work", {"1.1.1": {"state": "not yet"}, "1.1.2": PASSED})
    (row,) = json.loads(tl("progress", "--json"))
    assert (row["passed"], row["total"]) == (1, 2)
    untouched = {"passed": False, "hints": 0, "solution_seen": False}
    assert row["checks"][0] == {"id": "1.1.1", "state": "not yet", **untouched}
    assert row["checks"][1] == {"id": "1.1.2", **PASSED}
    _, line, _, last = tl("progress").splitlines()
    assert re.search(r"1 of 2 +1\.1\.1 +1\.1\.2$", line)
    assert last == "1 of 2 checks passed. Next: exercise 1.1.1, `tl lab 1.1`."


def test_progress_of_a_room_has_one_line_a_learner(kit):
    _record(kit / "ada" / "my_work", {"1.1.2": PASSED})
    _record(kit / "ben", {})
    lines = tl("progress", str(kit / "ada"), str(kit / "ben")).splitlines()
    assert [line.split() for line in lines] == [
        ["learner", "1.1", "passed"],
        ["ada", "1/2", "1", "of", "2"],
        ["ben", "0/2", "0", "of", "2"],
    ]
    ada, _ = json.loads(tl("progress", "--json", str(kit / "ada"), str(kit / "ben")))
    assert ada["learner"] == "ada" and ada["lessons"][0]["passed"] == 1


def test_assets_tell_licence_and_whether_they_are_here(kit):
    rows = {row["name"]: row for row in json.loads(tl("assets", "--json"))}
    assert rows["mnist-5k"]["here"] == "absent" and rows["mnist-5k"]["licence"]
    assert "mnist-5k" in tl("assets")


def test_scorecard_prefers_your_own_run(kit):
    tiny_kit.write_index(kit / "notebooks")
    cards = kit / "my_work" / "scorecards"
    cards.mkdir(parents=True)
    card = {"lesson": "1.1", "profile": "laptop", "seed": 3, "metric": "accuracy"}
    card["gain"] = {"mean": 0.25, "low": 0.2, "high": 0.3}
    card["claims"] = [{"text": "a", "holds": True}]
    (cards / "1.1.json").write_text(json.dumps(card))
    row = json.loads(tl("scorecard", "--json"))[1]
    assert "+0.25 accuracy" in row["gain"] and row["claims"] == "1 of 1"
    assert row["from"] == "your run (laptop, seed 3)"


def test_reset_restores_a_copy(kit):
    assert "fresh copy" in tl("reset", "1.1")
    assert (kit / "my_work" / "01_basics" / "01_counting.ipynb").is_file()


def test_lab_passes_options_on_and_serves_the_copy(kit):
    call = [
        sys.executable,
        "-m",
        "tl_helpers",
        "lab",
        "1.1",
        "--",
        "--no-browser",
        "--port=0",
    ]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = next(filter(None, (_url(line) for line in process.stderr)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            process.wait(timeout=30)
    assert "/lab/tree/01_basics/01_counting.ipynb" in url
    assert (kit / "my_work" / "01_basics" / "01_counting.ipynb").is_file()
    assert (kit / "my_work" / "00_start.ipynb").is_file()


def _url(line):
    found = re.search(r"http://(?:localhost|127\.0\.0\.1):\d+\S*", line)
    return found and found[0]


@pytest.fixture
def ctrl_c():
    """Heard by the programs that a test starts: a shell's background job would ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_run_leaves_no_process_and_no_half_file(kit, signal_):
    tiny_kit.add(kit / "notebooks", "02_slow", "print('up')\nimport time\ntime.sleep(60)")
    call = [sys.executable, "-m", "tl_helpers", "run", "1.2", "1.1", "--out", str(kit / "out")]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True) as process:
        family = _wait_for_kernel(process.pid)
        process.send_signal(signal_)
        said = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert "interrupted" in said and "Traceback" not in said
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert list((kit / "out").iterdir()) == []


def test_killed_run_takes_its_kernel_along(kit):
    tiny_kit.add(kit / "notebooks", "02_slow", "import time\ntime.sleep(60)")
    call = [sys.executable, "-m", "tl_helpers", "run", "1.2", "--out", str(kit / "out")]
    with subprocess.Popen(call, stderr=subprocess.PIPE) as process:
        family = _wait_for_kernel(process.pid)
        process.kill()
    assert not psutil.wait_procs(family, timeout=10)[1]


def _wait_for_kernel(pid):
    """Processes under ``pid`` once a kernel is among them."""
    for _ in range(300):
        family = psutil.Process(pid).children(recursive=True)
        if any("ipykernel_launcher" in " ".join(_command(member)) for member in family):
            time.sleep(1)  # let the lesson's cell begin
            return psutil.Process(pid).children(recursive=True)
        time.sleep(0.1)
    raise AssertionError("no kernel started")


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_study_starts_afresh_keeps_the_former_until_done_and_resumes(kit):
    results = kit / "results"
    results.mkdir()
    (results / "1.2-grid.json").write_text("former")
    (results / "1.20-other.json").write_text("of another lesson")
    source = (
        "import os\nfrom pathlib import Path\n"
        "file = Path(os.environ['TL_RESULTS'], os.environ['TL_STUDY'] + '-grid.json')\n"
        "rows = file.read_text() if file.exists() else ''\n"
        "file.write_text(rows + 'row ')\n"
        "assert rows, 'broke off'"
    )
    tiny_kit.add(kit / "notebooks", "02_study", source)
    assert "broke off" in tl("study", "1.2", code=1)
    assert (results / "1.2-grid.json").read_text() == "row "
    assert (results / "1.2-grid.json.previous").read_text() == "former"
    assert "recorded in data/results/1.2-grid.json" in tl("study", "1.2", "--resume")
    assert (results / "1.2-grid.json").read_text() == "row row "
    left = {path.name for path in results.iterdir()}
    assert left == {"1.2-grid.json", "1.20-other.json"}


CHECKED = """
import json, os
from pathlib import Path
assert os.environ["TL_STUDY_CHECK"] == "1.2" and not os.environ["TL_STUDY"]
found = [{"study": "1.2-grid", "problems": PROBLEMS, "rows": 2, "of": 9, "equal": 1}]
Path(os.environ["TL_OUT"], "studies.json").write_text(json.dumps(found))
"""


def test_study_check_says_what_repeats_and_fails_for_what_does_not(kit):
    results = kit / "results"
    results.mkdir()
    with_problems = CHECKED.replace("PROBLEMS", "['tuned differs']")
    tiny_kit.add(kit / "notebooks", "02_study", CHECKED.replace("PROBLEMS", "[]"))
    assert "no recording to check" in tl("study", "1.2", "--check", code=2)
    (results / "1.2-grid.json").write_text("as recorded")
    assert "1.2-grid: checked, 2 of 9 rows repeat, 1 exactly" in tl("study", "1.2", "--check")
    (results / "1.2-more.json").write_text("not reached")
    assert "1.2-more: the lesson did not come to it" in tl("study", "1.2", "--check", code=1)
    (results / "1.2-more.json").unlink()
    tiny_kit.add(kit / "notebooks", "02_study", with_problems)
    assert "1.2-grid: stale: tuned differs" in tl("study", "1.2", "--check", code=1)
    assert (results / "1.2-grid.json").read_text() == "as recorded"


def test_lesson_without_a_study_says_so(kit):
    assert "recorded nothing" in tl("study", "1.1", code=1)


def test_a_reader_that_stops_early_is_no_error(kit):
    call = f"{sys.executable} -m tl_helpers assets --json | head -c 1"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
    assert done.stdout == "[" and done.stderr == ""


def test_help_and_version_name_every_command(kit):
    names = "list run study claims lab reset progress fetch assets doctor scorecard new"
    names += " notebooks bundle"
    said = tl("--help")
    assert all(re.search(rf"^ +{name}\b", said, re.MULTILINE) for name in names.split())
    assert re.fullmatch(r"tl \d+\.\d+\.\d+\n", tl("--version"))
    assert os.environ["TL_NOTEBOOKS"]

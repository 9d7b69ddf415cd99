"""Recorded rows survive a kill, and stand only for the code and assets that made them."""

import importlib.util
import json
import linecache
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import simulated
from nbclient import NotebookClient
from simulated import arm, good, poor

from tl_helpers import compare
from tl_helpers.assets import files
from tl_helpers.compare import code_hash, studies

SCRIPT = """
    import sys, time
    import numpy as np
    from pathlib import Path
    from tl_helpers import compare
    from tl_helpers.training.runtime import Runtime

    truth = np.arange(40) % 4
    log = Path(sys.argv[1])

    def tuned(budget, seed):
        with log.open("a") as stream:
            stream.write(f"{budget} {seed}\\n")
        time.sleep(0.2)
        wrong = np.random.default_rng([budget, seed]).random(40) > 0.8
        return compare.Prediction(np.where(wrong, (truth + 1) % 4, truth), 5)

    def scratch(budget, seed):
        return compare.Prediction(np.roll(truth, seed), 5)

    def accuracy(truth, predicted):
        return float((truth == predicted).mean())

    report = compare.run(
        {"tuned": tuned, "scratch": scratch}, [4, 16, 64], [0, 1, 2],
        truth=truth, metric=accuracy, pretrained=["tuned"], progress=False,
        runtime=Runtime("laptop", 0, "cpu", "fp32", 1, False), lesson="9.9",
        live={"tuned": ([4], [0])}, study="9.9-simulated",
    )
    print(len(report.rows), sum(row.recorded for row in report.rows))
"""


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Folder of a study of the test's own."""
    monkeypatch.setenv("TL_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TL_STUDY", raising=False)
    return tmp_path / "results"


@pytest.fixture
def record(results, monkeypatch):
    """Record a study as ``tl study`` does, or run with what is recorded."""

    def run(arms, recording, **changes):
        monkeypatch.setenv("TL_STUDY", "1.1" if recording else "")
        settings = {"study": "1.1-test", "live": {"tuned": ([4], [0])}, **changes}
        return simulated.run(arms, pretrained=["tuned"], **settings)

    return run


def arms():
    return {"tuned": arm(good, 1), "scratch": arm(poor, 2)}


def test_a_killed_study_resumes_without_repeating_finished_rows(tmp_path, results):
    script, log = tmp_path / "study.py", tmp_path / "log"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(log)]
    environment = {**os.environ, "TL_STUDY": "9.9"}
    file = results / "9.9-simulated.json"

    process = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 60
    while not (file.is_file() and len(json.loads(file.read_text())["rows"]) >= 3):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = json.loads(file.read_text())
    started = len(log.read_text().splitlines())
    assert not before["complete"] and 3 <= len(before["rows"]) < 9

    finished = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    after = json.loads(file.read_text())
    again = log.read_text().splitlines()[started:]
    assert after["complete"] and len(after["rows"]) == 9
    assert after["rows"][: len(before["rows"])] == before["rows"]
    assert len(again) == 9 - len(before["rows"])
    assert f"{len(before['rows'])} of 9 rows are recorded already" in finished.stdout
    assert list(results.iterdir()) == [file]

    lesson = subprocess.run(
        command, env={**environment, "TL_STUDY": ""}, check=True, capture_output=True, text=True
    )
    assert lesson.stdout.splitlines()[-1] == "18 8"


def test_recorded_rows_join_the_live_ones(record):
    record(arms(), True)
    report = record(arms(), False)
    tuned = [row for row in report.rows if row.arm == "tuned"]
    assert len(tuned) == 9 and [row.key for row in tuned if not row.recorded] == [("tuned", 4, 0)]
    assert not report.stale
    again = record(arms(), True)
    assert [row.value for row in tuned] == pytest.approx([r.value for r in again.rows[:9]])
    assert set(report.table().source) == {"live", "recorded", "live and recorded"}


def test_predictions_are_stored_so_that_permuted_labels_count_for_recorded_rows_too(record):
    live = record(arms(), True)
    report = record(arms(), False)
    assert report.gain("tuned", budget=64) == live.gain("tuned", budget=64)
    assert not report.sabotaged("permute").gain("tuned", budget=64).low > 0


def test_changed_code_leaves_recorded_rows_out_and_says_so(record, capsys):
    record(arms(), True)
    capsys.readouterr()
    report = record({**arms(), "tuned": arm(poor, 1)}, False)
    assert report.stale
    assert [row.key for row in report.rows if row.arm == "tuned"] == [("tuned", 4, 0)]
    assert capsys.readouterr().out == (
        "Recorded rows of 1.1-test are left out: the code behind tuned changed since they were "
        "recorded. `tl study 1.1` records them again.\n"
    )


def test_changed_assets_make_a_study_stale(record, results):
    record(arms(), True)
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    assert {"efficientnet-lite0", "minilm-l6"} <= set(stored["conditions"]["assets"])
    stored["conditions"]["assets"]["minilm-l6"] = "0" * 64
    file.write_text(json.dumps(stored))
    assert record(arms(), False).stale


def test_other_test_items_make_a_study_stale(record):
    record(arms(), True)
    assert record(arms(), False, truth=simulated.TRUTH[::-1].copy()).stale


def test_another_profile_leaves_recorded_rows_out_without_calling_them_stale(record, capsys):
    record(arms(), True)
    report = record(arms(), False, runtime=simulated.runtime("smoke"))
    assert not report.stale and not any(row.recorded for row in report.rows)
    assert "recorded at profile laptop, and this run is smoke" in capsys.readouterr().out
    with pytest.raises(ValueError, match="would replace them"):
        record(arms(), True, runtime=simulated.runtime("smoke"))


def test_a_row_run_again_is_compared_within_the_studys_tolerance(record, results, capsys):
    study = compare.Study("1.1-test", tolerance=0.01)
    record(arms(), True, study=study)
    (agreed,) = record(arms(), False).repeats
    assert agreed["within"] and agreed["tolerance"] == 0.01
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    stored["rows"][0]["value"] += 0.02
    file.write_text(json.dumps(stored))
    (drifted,) = record(arms(), False).repeats
    assert not drifted["within"]
    assert drifted["recorded"] - drifted["live"] == pytest.approx(0.02)
    assert "does not repeat within its tolerance: arm tuned, budget 4, seed 0" in (
        capsys.readouterr().out
    )


def test_a_study_records_its_own_seeds(record):
    study = compare.Study("1.1-test", seeds=[7, 8])
    assert {r.seed for r in record(arms(), True, study=study).rows if r.arm == "tuned"} == {7, 8}


def test_two_recordings_at_once_are_refused(record, results):
    conditions = studies.Conditions("1.1", "laptop", "m", "t", {}, {})
    with (
        studies.recorder(compare.Study("1.1-test"), conditions, set()),
        pytest.raises(RuntimeError, match="another process is recording"),
    ):
        record(arms(), True)


@pytest.mark.parametrize("damage", ["{", '{"version": 2}', "[]", "{}"])
def test_a_damaged_study_is_named(record, results, damage):
    results.mkdir()
    (results / "1.1-test.json").write_text(damage)
    with pytest.raises(ValueError, match=r"1\.1-test\.json is not a recorded study"):
        record(arms(), False)


def test_a_study_not_yet_recorded_says_so(record, capsys):
    record(arms(), False)
    assert "1.1-test is not recorded yet" in capsys.readouterr().out


@pytest.mark.parametrize("predicted", [np.arange(5), np.eye(3, dtype="float32"), np.array(["a"])])
def test_predictions_are_stored_without_loss(predicted):
    row = studies.Row("probe", 4, 0, 0.5, 1.0, 7, predicted)
    packed = json.loads(json.dumps(studies.row_to(row)))
    np.testing.assert_array_equal(studies.row_from(packed).predicted, predicted)
    assert studies.row_from(packed).recorded


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "card.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(path, {"new": float("nan")})
    assert json.loads(path.read_text()) == {"old": 1} and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("study", [{"name": "../x"}, {"name": ""}, {"name": "a", "tolerance": -1}])
def test_a_wrong_study_is_refused(study):
    with pytest.raises(ValueError, match="expected"):
        compare.Study(**study)


ARMS = """
    import functools
    from tl_helpers import compare
    from tl_helpers.assets import files
from tl_helpers.compare import metrics

    RATE = 0.1
    SIZES = {"head": [16, 4]}
    unrelated = 3

    def helper(x):
        return x * RATE

    class Head:
        width = 8

        def size(self):
            return SIZES["head"]

    def arm(budget, seed):
        '''Docstring.'''
        # A comment.
        head = Head()
        return compare.Prediction([helper(budget)] * head.size()[0], budget.unrelated)

    def make(depth):
        return lambda budget, seed: helper(depth)

    closed = make(2)
    partial = functools.partial(arm, seed=1)
    scored = lambda budget, seed: metrics.t_interval([budget, seed])
"""


@pytest.fixture
def hash_of(tmp_path):
    """Hash of a function in ARMS after replacing some text, as if the file were edited."""

    def hash_of(name, old="", new=""):
        text = textwrap.dedent(ARMS)
        assert old in text
        path = tmp_path / "edited_arms.py"
        path.write_text(text.replace(old, new, 1) if old else text)
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location("edited_arms", path)
        module = sys.modules["edited_arms"] = importlib.util.module_from_spec(spec)
        exec(compile(path.read_text(), path, "exec"), module.__dict__)
        return code_hash.of(getattr(module, name))

    yield hash_of
    sys.modules.pop("edited_arms", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Docstring.", "Another docstring."),
        ("# A comment.", "# Another comment, and a blank line.\n"),
        ("head = Head()", "head = (Head())"),
        ("unrelated = 3", "unrelated = 4"),
        ("def make(depth)", "def make(deep, depth=3)"),
    ],
)
def test_edits_that_change_no_result_keep_the_hash(hash_of, old, new):
    assert hash_of("arm", old, new) == hash_of("arm")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("arm", "head.size()[0]", "head.size()[1]"),
        ("arm", "x * RATE", "x + RATE"),
        ("arm", "RATE = 0.1", "RATE = 0.2"),
        ("arm", "[16, 4]", "[16, 8]"),
        ("arm", "width = 8", "width = 9"),
        ("arm", 'return SIZES["head"]', 'return SIZES["head"][::-1]'),
        ("closed", "make(2)", "make(3)"),
        ("closed", "x * RATE", "x + RATE"),
        ("partial", "seed=1", "seed=2"),
        ("partial", "x * RATE", "x + RATE"),
        ("scored", "[budget, seed]", "[seed, budget]"),
    ],
)
def test_edits_that_can_change_a_result_change_the_hash(hash_of, name, old, new):
    assert hash_of(name, old, new) != hash_of(name)


def test_the_packages_own_modules_count_with_what_they_import(tmp_path, monkeypatch):
    package = tmp_path / "tl_helpers"
    package.mkdir()
    inner, outer = package / "inner.py", package / "outer.py"
    (package / "__init__.py").write_text("")
    (package / "plots.py").write_text("COLOUR = 1\n")
    (package / "code_hash.py").write_text(Path(code_hash.__file__).read_text())
    outer.write_text(
        "from tl_helpers import plots\nfrom .inner import f\ndef g():\n    return f()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(
        "from tl_helpers import code_hash, outer\n"
        "def arm(budget, seed):\n    return outer.g()\n"
        "def late(budget, seed):\n    from tl_helpers.outer import g\n    return g()\n"
        "print(code_hash.of(arm), code_hash.of(late))\n"
    )

    def hashes(value, colour=1):
        inner.write_text(f"def f():\n    return {value}\n")
        (package / "plots.py").write_text(f"COLOUR = {colour}\n")
        run = [sys.executable, "-B", str(script)]
        return subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()

    first, second, drawn = hashes(1), hashes(2), hashes(1, colour=2)
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert first == drawn


def test_code_without_source_is_refused():
    scope = {"__name__": __name__}
    exec("def arm(budget, seed):\n    return 1", scope)
    scope["arm"].__code__ = scope["arm"].__code__.replace(co_filename="<gone>")
    with pytest.raises(ValueError, match="cannot be read"):
        code_hash.of(scope["arm"])


def test_functions_of_a_notebook_are_followed_and_edits_noticed():
    cells = [
        "%matplotlib inline\nfrom tl_helpers import code_hash\nrate = 0.1",
        "def helper(x):\n    return x * rate",
        "def arm(budget, seed):\n    return helper(budget)\nfirst = code_hash.of(arm)",
        "def arm(budget, seed):\n    '''Now told.'''\n    return helper(budget)  # the same\n"
        "assert code_hash.of(arm) == first",
        "def helper(x):\n    return x + rate\nsecond = code_hash.of(arm)\nassert second != first",
        "rate = 0.2\nassert code_hash.of(arm) != second",
        "arms = {'a': lambda b, s: helper(b)}\nassert code_hash.of(arms['a']) != second",
        "print('all seen')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[-1].outputs[0].text == "all seen\n"

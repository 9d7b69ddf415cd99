"""Recorded rows survive a kill, and stand only for the code and assets that made them."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import simulated
from simulated import arm, good, poor

from tl_helpers import compare
from tl_helpers.assets import files
from tl_helpers.compare import conditions, recorded, studies

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


def test_changed_code_is_unproven_and_its_rows_are_left_out(record, capsys):
    record(arms(), True)
    capsys.readouterr()
    report = record({**arms(), "tuned": arm(poor, 1)}, False)
    assert report.stale
    assert [row.key for row in report.rows if row.arm == "tuned"] == [("tuned", 4, 0)]
    assert capsys.readouterr().out == (
        "Recorded rows of 1.1-test are left out: unproven, as the code behind tuned changed since "
        "they were recorded. `tl study 1.1 --check` proves them again in a few minutes.\n"
    )


def sorting(data, classes=simulated.CLASSES):
    """An arm that reads data, and a control."""

    def tuned(budget, seed):
        ranks = np.asarray(data)[: simulated.ITEMS].argsort(kind="stable")
        return compare.Prediction((ranks + budget + seed) % classes, 3)

    return {"tuned": tuned, "scratch": arm(poor, 2)}


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_on_other_data_of_the_same_sizes_no_recorded_row_is_drawn(record, capsys, kind):
    """A reader's own files may have exactly the sizes that were recorded."""
    rng = np.random.default_rng(0)
    ours, theirs = (rng.integers(0, 255, (500,)).astype(kind) for _ in range(2))
    record(sorting(ours), True)
    assert sum(row.recorded for row in record(sorting(ours.copy()), False).rows) == 8
    capsys.readouterr()
    report = record(sorting(theirs), False)
    assert report.stale and not any(row.recorded for row in report.rows)
    assert capsys.readouterr().out == (
        "Recorded rows of 1.1-test are left out: tuned had other data when they were recorded.\n"
    )


def test_floats_that_differ_by_rounding_are_the_same_data(record):
    data = np.random.default_rng(0).normal(size=500)
    record(sorting(data), True)
    assert not record(sorting(data * (1 + 1e-6)), False).stale
    assert record(sorting(data * (1 + 1e-1)), False).stale


def test_a_removed_arm_is_called_removed(record, capsys):
    live = {"tuned": ([4], [0]), "scratch": ([4], [0])}
    record(arms(), True, live=live)
    capsys.readouterr()
    report = record(arms(), False)
    assert not report.stale and sum(row.recorded for row in report.rows) == 8
    assert capsys.readouterr().out == (
        "Recorded rows of 1.1-test are left out: scratch was removed from the comparison.\n"
    )


def test_rows_of_other_versions_stand_and_are_named(record, results, capsys):
    record(arms(), True)
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    here = stored["conditions"]["versions"]["torch"]
    assert set(stored["conditions"]["versions"]) == set(conditions.LIBRARIES)
    stored["conditions"]["versions"]["torch"] = "1.0"
    file.write_text(json.dumps(stored))
    capsys.readouterr()
    report = record(arms(), False)
    assert not report.stale and sum(row.recorded for row in report.rows) == 8
    said = f"Recorded rows of 1.1-test were recorded with torch 1.0; here are torch {here}.\n"
    assert capsys.readouterr().out == said


def test_changed_assets_make_a_study_stale(record, results):
    record(arms(), True)
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    assert {"sentences", "minilm-l6"} <= set(stored["conditions"]["assets"])
    stored["conditions"]["assets"]["minilm-l6"] = "0" * 64
    file.write_text(json.dumps(stored))
    assert record(arms(), False).stale


def nearly_accuracy(truth, predicted):
    return float((truth == predicted).mean()) / 2


@pytest.mark.parametrize(
    "changes",
    [
        {"truth": simulated.TRUTH[::-1].copy()},
        {"groups": np.arange(simulated.ITEMS) // 2},
        {"metric": nearly_accuracy},
        {"metric": nearly_accuracy, "metric_name": "balanced accuracy"},
    ],
    ids=["labels", "groups", "metric", "metric of the same name"],
)
def test_other_test_items_or_another_metric_make_a_study_stale(record, changes):
    record(arms(), True)
    report = record(arms(), False, **changes)
    assert report.stale and not any(row.recorded for row in report.rows)


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


def test_a_study_records_its_own_budgets(record):
    study = compare.Study("1.1-test", budgets=[4])
    assert {r.budget for r in record(arms(), True, study=study).rows if r.arm == "tuned"} == {4}


def test_two_recordings_at_once_are_refused(record, results):
    conditions = studies.Conditions("1.1", "laptop", "m", "t", {}, {})
    with (
        studies.recorder(compare.Study("1.1-test"), conditions, set()),
        pytest.raises(RuntimeError, match="another process is recording"),
    ):
        record(arms(), True)


@pytest.mark.parametrize("damage", ["{", '{"version": 3}', '{"version": 2}', "[]", "{}"])
def test_a_damaged_study_is_named(record, results, damage):
    results.mkdir()
    (results / "1.1-test.json").write_text(damage)
    with pytest.raises(ValueError, match=r"1\.1-test\.json is not a recorded study"):
        record(arms(), False)


def test_a_study_not_yet_recorded_says_so(record, capsys):
    record(arms(), False)
    assert "1.1-test is not recorded yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "predicted",
    [
        np.arange(5),
        np.array([-1, 200]),
        np.array([-129, 5]),
        np.array([-1, 2**40]),
        np.array([-(2**63), 2**63 - 1]),
        np.eye(3, dtype="float32"),
        np.array(["a"]),
    ],
)
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


@pytest.fixture
def check(record, results, monkeypatch, tmp_path):
    """Check the study as ``tl study --check`` does; the report and what was found."""
    monkeypatch.setenv("TL_OUT", str(tmp_path / "out"))
    (tmp_path / "out").mkdir()

    def run(arms, **changes):
        monkeypatch.setenv("TL_STUDY_CHECK", "1.1")
        report = record(arms, False, **changes)
        monkeypatch.delenv("TL_STUDY_CHECK")
        return report, json.loads((tmp_path / "out" / recorded.OUTCOMES).read_text())[-1]

    return run


def same_but_written_anew(curve, trainable=1):
    """Like `simulated.arm`, in other words."""

    def predict(labels, seed):
        chance = np.random.default_rng([seed, labels, trainable]).random(simulated.ITEMS)
        right = chance <= curve(labels)
        return compare.Prediction(np.where(right, simulated.TRUTH, (simulated.TRUTH + 1) % 4), 1)

    return predict


def test_a_check_after_a_change_of_words_alone_stamps_the_record(record, check, results):
    record(arms(), True)
    before = json.loads((results / "1.1-test.json").read_text())
    moved = {**arms(), "tuned": same_but_written_anew(good)}
    assert record(moved, False).stale
    report, found = check(moved)
    after = json.loads((results / "1.1-test.json").read_text())
    assert found["problems"] == []
    assert [found[key] for key in ("rows", "of", "equal")] == [2, 9, 2]
    assert after["checked"]["rows"] == 2 and after["checked"]["of"] == 9
    assert after["checked"]["commit"] is None or len(after["checked"]["commit"]) >= 7
    assert after["rows"] == before["rows"] and after["complete"]
    assert sum(not row.recorded for row in report.rows if row.arm == "tuned") == 2
    assert len(report.rows) == 9 + 9 and not report.stale
    again = record(moved, False)
    assert not again.stale and sum(row.recorded for row in again.rows) == 8


def test_a_check_leaves_the_file_alone_when_a_prediction_differs(record, check, results):
    record(arms(), True)
    before = (results / "1.1-test.json").read_bytes()
    report, found = check({**arms(), "tuned": arm(good, 7)})
    assert report.stale and (results / "1.1-test.json").read_bytes() == before
    assert found["problems"][0].startswith("tuned at 4 labels, seed 0 gives 0.")
    assert ", recorded is 0." in found["problems"][0]


def test_elsewhere_a_check_allows_for_the_tolerance(record, check, results):
    record(arms(), True)
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    stored["conditions"]["machine"] = "another"
    file.write_text(json.dumps(stored))
    report, found = check({**arms(), "tuned": arm(good, 7)})
    assert found["problems"] == [] and not report.stale
    assert json.loads(file.read_text())["conditions"]["machine"] == "another"


def test_a_file_of_version_1_is_unproven_until_it_was_checked(record, check, results):
    record(arms(), True)
    file = results / "1.1-test.json"
    stored = json.loads(file.read_text())
    kept = {key: stored["conditions"][key] for key in ("lesson", "profile", "metric", "truth")}
    old = {**kept, "assets": stored["conditions"]["assets"], "code": {"tuned": "0" * 64}}
    file.write_text(json.dumps({**stored, "version": 1, "conditions": old}))
    report = record(arms(), False)
    assert report.stale and not any(row.recorded for row in report.rows)
    _, found = check(arms())
    assert found["problems"] == [] and json.loads(file.read_text())["version"] == 2
    assert sum(row.recorded for row in record(arms(), False).rows) == 8


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"truth": simulated.TRUTH[::-1].copy()}, "the test items are not those"),
        (
            {"metric": nearly_accuracy, "metric_name": "balanced accuracy"},
            "gives other values on 9",
        ),
        ({"live": {"tuned": ([4], [0]), "scratch": ([4], [0])}}, "scratch was never recorded"),
    ],
)
def test_a_check_cannot_mend_other_test_items_metrics_or_missing_rows(
    record, check, results, changes, problem
):
    record(arms(), True)
    before = (results / "1.1-test.json").read_bytes()
    report, found = check(arms(), **changes)
    assert problem in found["problems"][0] and report.stale
    assert (results / "1.1-test.json").read_bytes() == before


def test_a_check_on_other_data_runs_nothing(record, check):
    record(sorting(np.arange(500)), True)
    report, found = check(sorting(np.arange(500)[::-1].copy()))
    assert found["problems"] == ["tuned had other data when they were recorded"]
    assert not any(row.arm == "tuned" for row in report.rows)


def test_a_study_that_was_never_recorded_cannot_be_checked(check):
    _, found = check(arms())
    assert "not recorded" in found["problems"][0]


def test_the_same_metric_in_other_words_is_tried_on_the_stored_predictions(record, check):
    def accuracy(truth, predicted):
        return float((truth == predicted).mean())

    record(arms(), True, metric=accuracy)

    def accuracy(truth, predicted):
        return float(np.count_nonzero(truth == predicted) / len(truth))

    assert record(arms(), False, metric=accuracy).stale
    _, found = check(arms(), metric=accuracy)
    assert found["problems"] == []
    assert not record(arms(), False, metric=accuracy).stale


def test_conditions_are_stored_without_loss():
    one = conditions.Evidence("c", "d", ((0.0, 1.0), (2.0, 3.0)))
    two = conditions.Evidence("e", "f", ((2.0, 3.0),))
    whole = conditions.Conditions("1.1", "laptop", "m", "t", {}, {"a": one, "b": two}, "g", two)
    assert conditions.restored(json.loads(json.dumps(conditions.stored(whole)))) == whole

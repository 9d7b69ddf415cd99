"""``tl claims`` runs a lesson at new seeds, one after another, and loses none of them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_kit
from nbformat.v4 import new_markdown_cell, new_notebook

from tl_helpers.kit import claims_command

ROOT = Path(__file__).resolve().parents[2]
# A lesson that fails at seed 4 until it may pass, and says which seeds ran.
FRAGILE = """import json, os, time
from pathlib import Path
here = Path(os.environ["TL_RESULTS"]).parent
with open(here / "ran", "a") as ran:
    ran.write(f"{seed} ")
if seed == 4 and not (here / "mended").exists():
    time.sleep(float((here / "pause").read_text()))
    raise RuntimeError("broke off")
claims = [{"task": "main", "text": "it does", "holds": True}]
card = {"claims": claims, "versions": {}}
_ = Path(os.environ["TL_OUT"], "1.2.json").write_text(json.dumps(card))"""


@pytest.fixture
def kit(tmp_path, monkeypatch):
    notebooks = tiny_kit.build(tmp_path)
    ours = {
        "TL_NOTEBOOKS": notebooks,
        "TL_WORK": tmp_path / "my_work",
        "TL_RESULTS": tmp_path / "results",
        "PYTHONPATH": ROOT,
        "OMP_NUM_THREADS": 1,
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "pause").write_text("0")
    return tmp_path


def tl(*args, code=0):
    call = [sys.executable, "-m", "tl_helpers", *args]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def record(kit, lesson):
    file = kit / "results" / f"{lesson}-claims.json"
    return json.loads(file.read_text()) if file.exists() else None


def test_claims_are_recorded_at_the_next_seeds_and_weak_ones_named(kit):
    said = tl("claims", "1.1", "--seeds", "3", code=1)
    assert "1.1: 1 claims at 3 seeds, 2 of 3 held; recorded in data/results/1.1-claims.json" in said
    assert "held at 2 of 3, fell at 5: the seed is small" in said
    found = record(kit, "1.1")
    claim = {"task": "main", "text": "the seed is small", "held": [3, 4], "fell": [5]}
    assert found["claims"] == [claim] and found["seeds"] == found["planned"] == [3, 4, 5]
    assert found["profile"] == "laptop" and found["versions"] and found["seconds"] > 0
    tl("run", "1.1", "--out", str(kit / "out"))
    page = (kit / "out" / "index.html").read_text()
    assert "holds: the seed is small (held at 2 of 3 other seeds)" in page


def test_a_seed_without_a_result_is_run_again_and_the_others_are_not(kit):
    tiny_kit.add(kit / "notebooks", "02_fragile", FRAGILE)
    said = tl("claims", "1.2", "--seeds", "3", code=1)
    assert "broke off" in said and "without a result: seed 4" in said
    assert record(kit, "1.2")["seeds"] == [3, 5]
    (kit / "mended").touch()
    assert "1 claims at 3 seeds, 3 of 3 held" in tl("claims", "1.2", "--seeds", "3")
    assert record(kit, "1.2")["seeds"] == [3, 4, 5]
    assert (kit / "ran").read_text() == "3 4 5 4 "


def test_a_killed_recording_keeps_its_seeds_and_goes_on(kit):
    tiny_kit.add(kit / "notebooks", "02_fragile", FRAGILE)
    (kit / "pause").write_text("60")
    call = [sys.executable, "-m", "tl_helpers", "claims", "1.2", "--seeds", "2"]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(600):
            if (kit / "ran").exists() and "4" in (kit / "ran").read_text():
                break
            time.sleep(0.1)
        process.kill()
    assert record(kit, "1.2")["seeds"] == [3] and record(kit, "1.2")["planned"] == [3, 4]
    (kit / "mended").touch()
    tl("claims", "1.2", "--seeds", "9")
    assert record(kit, "1.2")["seeds"] == [3, 4]
    assert (kit / "ran").read_text() == "3 4 4 "


def test_a_study_begun_afresh_leaves_the_claims_alone(kit):
    (kit / "results").mkdir()
    kept = kit / "results" / "1.1-claims.json"
    kept.write_text("kept")
    tl("study", "1.1", code=1)
    assert kept.read_text() == "kept" and os.listdir(kit / "results") == [kept.name]


def lesson(*sources, tag="made"):
    cells = [tiny_kit.code("import sys\n%pip install x", "setup"), new_markdown_cell("words")]
    return new_notebook(cells=[*cells, *(tiny_kit.code(source, tag) for source in sources)])


BEFORE = "a = f(1, 2)  # two\n\nb = [a]"


def test_the_code_hash_is_blind_to_comments_layout_text_setup_and_stubs():
    plain = claims_command.code_hash(lesson(BEFORE))
    other = lesson("a = f(\n    1,\n    2,\n)\nb = [a]")
    other.cells[0].source, other.cells[1].source = "import os", "other words"
    other.cells.append(tiny_kit.code("answer = ...", "exercise"))
    assert claims_command.code_hash(other) == plain


@pytest.mark.parametrize(
    "sources",
    [
        ["a = f(1, 3)\nb = [a]"],
        ["a = f(1, 2.0)\nb = [a]"],
        ["a = f(1, 2)\nb = (a,)"],
        ["b = [a]\na = f(1, 2)"],
        ["a = g(1, 2)\nb = [a]"],
        ["a = f(1, x=2)\nb = [a]"],
        ["%time a = f(1, 2)\nb = [a]"],
        [BEFORE, "c = 1"],
    ],
)
def test_the_code_hash_sees_every_change_of_code(sources):
    assert claims_command.code_hash(lesson(*sources)) != claims_command.code_hash(lesson(BEFORE))

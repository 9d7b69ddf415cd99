"""The benchmark's own arithmetic, that each loop does the work it is timed for, and its tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from bench import __main__ as command
from bench import caching, loops, measuring, peak, precision, report, start
from bench.report import Goal, Section
from bench.workers import Worker
from torch import nn

TESTS = Path(__file__).resolve().parents[1] / "support"
ABOUT = {"torch": "2"}


# measuring


def test_sides_take_turns_and_none_always_follows_the_same():
    called = []
    sides = {name: lambda name=name: float(len(called.append(name) or called)) for name in "abc"}
    taken = measuring.in_turn(sides, 3)
    assert "".join(called) == "abcbcacab"
    assert taken == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def test_comparisons_are_paired_so_that_a_slow_round_does_not_count():
    ours, theirs = [2.0, 20.0, 2.2], [1.0, 10.0, 1.0]
    assert measuring.ratio(ours, theirs) == 2.0
    assert measuring.excess(ours, theirs) == pytest.approx(1.2)


def test_set_up_stands_apart_from_the_steps():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], 0.1)

    def train() -> None:
        time.sleep(0.2)
        for _ in range(5):
            time.sleep(0.01)
            optimizer.step()

    taken = measuring.timed_steps(optimizer, train)
    assert taken.count == 5 and taken.first_s > 0.2 and 0.01 <= taken.step_s < 0.1
    with pytest.raises(RuntimeError, match="0 optimizer steps"):
        measuring.timed_steps(optimizer, lambda: None)


# loops


@pytest.mark.parametrize("name", loops.OURS)
def test_each_loop_makes_every_step_and_learns(name):
    loops.check(name, loops.trial(name, 20)(2), 40)


def test_a_loop_that_does_less_is_refused():
    done = {"count": 40, "loss_before": 1.0, "loss_after": 0.5}
    with pytest.raises(RuntimeError, match="made 20 optimizer steps; expected 40"):
        loops.check("half", {**done, "count": 20}, 40)
    with pytest.raises(RuntimeError, match="did not learn"):
        loops.check("idle", {**done, "loss_after": 0.99}, 40)


def test_loops_are_compared_with_the_bare_one_and_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(loops.LOOPS, "absent", ("Absent", "no-such-library"))
    found = loops.measure(1, steps=20, epochs=2, names=("bare", "fit", "absent"))
    assert [row["loop"] for row in found.rows] == ["bare loop, tensors", "fit, tensors"]
    assert found.rows[0]["ratio"] == 1.0 and found.rows[0]["over_bare_s"] == 0.0
    assert "Not installed: Absent." in found.note


def test_fit_has_to_be_faster_than_each_other_library():
    taken = {"bare": [1e-4], "fit": [1.1e-4], "accelerate": [2.2e-4], "fastai": [1e-4]}
    found = loops.section(taken, taken, dict.fromkeys(taken, "1"), [])
    met = {goal.text: (goal.measured, goal.met) for goal in found.goals}
    assert met["fit over the bare loop, µs a step"] == (pytest.approx(10), True)
    assert met["fit / Accelerate"] == (pytest.approx(0.5), True)
    assert met["fit / fastai Learner"] == (pytest.approx(1.1), False)


# workers


def test_a_worker_answers_again_and_again():
    with Worker("operator:itemgetter", 1) as worker:
        assert worker(["a", "b"]) == "b" and worker([1, 2]) == 2


def test_what_a_failing_worker_said_is_told():
    with Worker("json:loads", "{") as worker, pytest.raises(RuntimeError, match="JSONDecodeError"):
        worker()


# precision and layout


@pytest.mark.parametrize("candidate", precision.CANDIDATES)
def test_hand_tuned_loops_train_in_their_precision_and_layout(candidate):
    bf16, channels_last = precision.CANDIDATES[candidate]
    seen = []
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    )
    model[0].register_forward_hook(lambda _, x, out: seen.append((x[0], out)))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    data = (torch.randn(2 * precision.BATCH, 3, 8, 8), torch.arange(2 * precision.BATCH) % 2)
    run = precision.by_hand(bf16, channels_last)
    assert measuring.timed_steps(optimizer, lambda: run(model, optimizer, data)).count == 2
    x, out = seen[-1]
    assert out.dtype == (torch.bfloat16 if bf16 else torch.float32)
    assert x.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_auto_is_compared_with_the_best_and_hopeless_loops_stay_in_the_table():
    taken = {"fp32": [2.0, 2.2], "fp32, channels-last": [1.0, 1.1], precision.AUTO: [1.05, 1.1]}
    dropped = {"bf16": 9.0, "bf16, channels-last": 8.0}
    rows = {
        r["loop"]: r for r in precision.table("net", "here", taken, dropped, "fp32, channels-last")
    }
    assert rows["bf16"]["over_best"] == pytest.approx(9.0 / 1.05)
    assert rows[f"{precision.AUTO} (fp32, channels-last)"]["over_best"] == pytest.approx(1.025)
    goals = {g.text: g.met for g in precision.reached("here", taken)}
    assert goals == {"here: auto / fp32, channels-last": True, "here: auto / fp32": True}


# use of the processor


def test_operations_of_products_and_grouped_convolutions_are_counted():
    a, b, x = torch.randn(4, 5), torch.randn(5, 6), torch.randn(1, 8, 5, 5)
    assert peak.operations(lambda: a @ b) == 2 * 4 * 5 * 6
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    assert peak.operations(lambda: depthwise(x)) == 2 * 8 * 5 * 5 * 3 * 3


def test_share_of_the_peak():
    work = {"what": "it", "bare": lambda: 2.0, "helper": lambda: 4.0, "operations": 8e9}
    row = peak.row(work, "fp32", peak=4e9, repeats=2)
    assert (row["gflop_s"], row["share"], row["by_bare"]) == (2.0, 0.5, 2.0)
    assert peak.gemm_peak(torch.float32, size=64, repeats=1) > 0


# start and cache


def test_the_first_step_of_a_lesson_is_seen(tmp_path):
    stamps = tmp_path / "stamps"
    id = start.tiny_lesson(tmp_path / "notebooks", stamps)
    seen = start.run(tmp_path / "notebooks", id, stamps)
    assert 0 < seen["torch"] < seen["step"] < seen["end"]
    assert start.floor(stamps) > 0


def test_cost_of_an_import_is_that_of_the_import(monkeypatch):
    nap = "import time; time.sleep(0.3)"  # before the import, it is no part of it
    for name, before, statement in (("slow", "import json", nap), ("quick", nap, "import json")):
        monkeypatch.setitem(start.IMPORTS, name, before)
        monkeypatch.setitem(start.STATEMENTS, name, statement)
    assert start.timed_import("quick")[0] < 0.3 <= start.timed_import("slow")[0]


def test_the_learners_cache_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_CACHE", str(tmp_path))
    (tmp_path / "assets").mkdir()
    with caching.own_cache():
        assert os.environ["TL_CACHE"] != str(tmp_path)
        assert Path(os.environ["TL_CACHE"], "assets").resolve() == tmp_path / "assets"
    assert os.environ["TL_CACHE"] == str(tmp_path)


# the tables


def section(step: float) -> Section:
    rows = [{"loop": "fit", "step_s": step, "ratio": 1.5, "share": 0.25, "memory_mib": None}]
    return Section(
        "Loops", "A note.", rows, [Goal("fit / bare", 1.5, 2.0), Goal("x", 3.0, 5.0, True)]
    )


def test_results_are_written_and_other_sections_stay(tmp_path):
    report.write(tmp_path, {"loops": section(0.00012), "start": section(2.5)}, ABOUT)
    printed = report.write(tmp_path, {"loops": section(0.00045)}, {"torch": "3"})
    kept = json.loads((tmp_path / "bench.json").read_text())["sections"]
    assert [(name, s["about"]["torch"], s["rows"][0]["step_s"]) for name, s in kept.items()] == [
        ("loops", "3", 0.00045),
        ("start", "2", 2.5),
    ]
    assert [goal["met"] for goal in kept["loops"]["goals"]] == [True, False]
    page = (tmp_path / "bench.md").read_text()
    assert "| fit | 450 µs | 1.50 | 25% |  |" in page and "| fit | 2.50 s |" in page
    assert "* fit / bare: 1.50, goal at most 2.00: met" in printed and "2.50 s" not in printed
    assert "* x: 3.00, goal at least 5.00: missed" in printed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000071, "7.10 µs"),
        (0.25, "250 ms"),
        (12.345, "12.3 s"),
        (1234.5, "1,234 s"),
        (0.0, "0.00 µs"),
    ],
)
def test_times_are_told_in_the_unit_that_suits(value, text):
    assert report.duration(value) == text


def test_an_unknown_section_is_refused_with_those_there_are():
    call = [sys.executable, "-m", "bench", "speed"]
    done = subprocess.run(call, cwd=TESTS, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("speed", *command.SECTIONS))


def test_processor_is_named_with_its_bf16_instructions(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Fast One\nflags\t\t: avx2 avx512_bf16\n")
    assert command.processor(cpuinfo) == "Fast One (avx512_bf16)"
    cpuinfo.write_text("model name\t: Old One\nflags\t\t: avx2\n")
    assert command.processor(cpuinfo) == "Old One (no bf16)"

"""Lessons 1.6 and 3.1 run on a reader's file of texts, from the same cells."""

from __future__ import annotations

import itertools
import json

import nbformat
import pytest
from offline_environment import offline_variables

from tl_helpers.kit import running

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "jetty")


@pytest.fixture
def run(tmp_path, monkeypatch):
    def ran(lines, lesson="3.1", profile="smoke"):
        path = tmp_path / "mine.csv"
        path.write_text("\n".join(["text;label", *lines]), encoding="cp1252")
        for name, value in offline_variables().items():
            monkeypatch.setenv(name, value)
        settings = running.Settings(parameters={"csv_file": str(path)}, threads=1, seconds=180)
        return running.run(lesson, profile, out=tmp_path, settings=settings)

    return ran


def _lines(count, labels):
    texts = (" ".join(some) for some in itertools.permutations(WORDS, 4))
    return [f"{next(texts)};{label}" for _ in range(count) for label in labels]


def test_three_classes_of_eight_texts_run_whole_and_claim_nothing(run):
    result = run(
        [*_lines(8, ("billing", "broken", "thanks")), ";billing", "no label;", "très bien"]
    )
    assert result.problems == [] and result.claims == []
    page = nbformat.read(result.notebook, as_version=4)
    printed = "".join(o.get("text", "") for c in page.cells for o in c.get("outputs", []))
    assert "line 26: no text" in printed and "line 27: no label" in printed
    assert "line 28: 1 field in place of 2" in printed
    assert "Line 28 is not UTF-8" in printed and "separated by semicolons" in printed
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert "VADER" not in {row["arm"] for row in card["rows"]}


def test_negative_and_positive_texts_meet_the_rules_and_the_films(run):
    result = run(_lines(14, ("negative", "positive")))
    assert result.problems == [] and result.claims == []
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert {"VADER", "borrowed + own"} <= {row["arm"] for row in card["rows"]}


WAYS = {"LoRA", "bottleneck", "bias only", "fine-tune", "LoRA, borrowed rate"}


def _rows(result):
    return json.loads(result.scorecard.read_text(encoding="utf-8"))["rows"]


def test_every_way_of_1_6_runs_on_three_classes_at_the_announced_minimum(run):
    result = run(_lines(12, ("billing", "broken", "thanks")), "1.6")
    assert result.problems == [] and result.claims == []
    assert {row["arm"] for row in _rows(result)} >= {*WAYS, "probe", "TF-IDF", "random features"}
    page = nbformat.read(result.notebook, as_version=4)
    shown = "".join(str(o.get("data", "")) for c in page.cells for o in c.get("outputs", []))
    assert any(word in shown for word in WORDS)  # their own texts, and no skeletons


def test_a_readers_table_in_1_6_never_shows_a_recorded_row(run):
    """At profile laptop, where rows of ours lie ready."""
    result = run(_lines(12, ("no question", "question")), "1.6", "laptop")
    assert result.problems == [] and result.claims == []
    rows = _rows(result)
    assert {row["arm"] for row in rows} >= WAYS
    assert not any(row["recorded"] for row in rows)
    assert {row["seed"] for row in rows if row["arm"] in WAYS} == {0, 1}

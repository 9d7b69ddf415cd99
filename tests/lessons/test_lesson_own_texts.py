"""Lesson 3.1 runs on a reader's file of texts, from the same cells."""

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
    def ran(lines):
        path = tmp_path / "mine.csv"
        path.write_text("\n".join(["text;label", *lines]), encoding="cp1252")
        for name, value in offline_variables().items():
            monkeypatch.setenv(name, value)
        settings = running.Settings(parameters={"csv_file": str(path)}, threads=1, seconds=180)
        return running.run("3.1", "smoke", out=tmp_path, settings=settings)

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

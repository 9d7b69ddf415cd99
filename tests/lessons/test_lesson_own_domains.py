"""Lesson 1.4 on two files of the reader's own: one with labels, one with few or none."""

import itertools
import json

import nbformat
import pytest
from offline_environment import offline_variables

from tl_helpers.kit import running

WORDS = ("anchor", "bridge", "candle", "dragon", "ember", "forest", "garden", "harbour", "islet")
TEXTS = [" ".join(some) for some in itertools.permutations(WORDS, 4)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    def ran(source, target):
        files = {"source_csv": source, "target_csv": target}
        for name, lines in files.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
        for name, value in offline_variables().items():
            monkeypatch.setenv(name, value)
        parameters = {name: str(tmp_path / f"{name}.csv") for name in files}
        settings = running.Settings(parameters=parameters, threads=1, seconds=180)
        return running.run("1.4", "smoke", out=tmp_path, settings=settings)

    return ran


def _printed(result):
    page = nbformat.read(result.notebook, as_version=4)
    return "".join(o.get("text", "") for c in page.cells for o in c.get("outputs", []))


def test_three_classes_of_six_and_as_many_target_labels_run_whole_and_claim_nothing(run):
    names = ("billing", "broken", "thanks")
    source = ["text;label", *(f"{TEXTS[n]};{names[n % 3]}" for n in range(18))]
    known = [f"{TEXTS[100 + n]};{names[n % 3]}" for n in range(18)]
    more = [f"{TEXTS[300]};", f"{TEXTS[302]};", f"{TEXTS[301]};other"]
    result = run(source, ["text;label", *known, *more])
    assert result.problems == [] and result.claims == []
    assert "line 22: the label 'other' is none of the source's" in _printed(result)
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    arms = {row["arm"] for row in card["rows"]}
    assert {"source only", "centred", "CORAL", "probe", "clusters"} <= arms and "VADER" not in arms


def test_a_target_without_labels_gets_a_chosen_way_and_no_measurement(run):
    source = ["text,label", *(f"{TEXTS[n]},{('no', 'yes')[n % 2]}" for n in range(12))]
    result = run(source, ["text", *TEXTS[100:120]])
    assert result.problems == [] and result.claims == []
    printed = _printed(result)
    assert "Nothing can be measured" in printed and "the round trip chooses" in printed
    assert "verdict" not in printed

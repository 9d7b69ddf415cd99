"""A run ends with its verdict and with where the model is; a former model is replaced whole."""

from __future__ import annotations

from tl_helpers.kit import outcomes, run_command, summary
from tl_helpers.kit.running import RunResult

CARD = {"verdict": "transfer", "metric": "macro_f1", "gain": {"mean": 0.2, "low": 0.1, "high": 0.3}}


def _model(folder, text):
    folder.mkdir(parents=True)
    (folder / "weights").write_text(text)


def test_a_model_moves_to_the_output_in_place_of_the_former(tmp_path):
    scratch, out = tmp_path / "out" / ".scratch", tmp_path / "out"
    _model(out / "2.1-model", "old")
    (out / "2.1-model" / "left over").write_text("old")
    _model(scratch / "2.1-model", "new")
    kept = outcomes.keep_model(scratch, out, "2.1")
    assert [file.name for file in kept.iterdir()] == ["weights"]
    assert (kept / "weights").read_text() == "new" and not list(scratch.iterdir())


def test_a_run_without_a_model_leaves_the_former_one(tmp_path):
    (tmp_path / ".scratch").mkdir()
    _model(tmp_path / "2.1-model", "old")
    assert outcomes.keep_model(tmp_path / ".scratch", tmp_path, "2.1") is None
    assert (tmp_path / "2.1-model" / "weights").read_text() == "old"


def test_the_verdict_carries_its_numbers_and_is_said_once():
    assert outcomes.verdict(CARD) == "transfer: +0.20 macro f1 (+0.10 to +0.30)"
    unsure = outcomes.verdict(CARD | {"verdict": "not enough evidence"})
    assert unsure.count("not enough evidence") == 1 and "+0.20" in unsure
    assert outcomes.verdict({"verdict": "not evaluated", "gain": None}) == ""


def test_terminal_and_summary_end_with_verdict_and_model(tmp_path):
    result = RunResult("2.1", "laptop", 0, False, verdict="transfer: +0.2", model=tmp_path / "m")
    last = run_command.line(result).splitlines()[-2:]
    assert "verdict: transfer: +0.2" in last[0] and str(tmp_path / "m") in last[1]
    page = summary.write([result], {"2.1": "T"}, tmp_path).read_text()
    assert "verdict: transfer: +0.2" in page and str(tmp_path / "m") in page
    assert result.as_dict()["model"] == str(tmp_path / "m")

"""The sim-to-real lesson runs on a reader's Gymnasium world, and refuses what it cannot vary."""

from __future__ import annotations

import nbformat
import pytest
from offline_environment import offline_variables

from tl_helpers.kit import running


def run(tmp_path, monkeypatch, **mine):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    settings = running.Settings(parameters=mine, threads=1, seconds=180)
    return running.run("5.1", "smoke", out=tmp_path, settings=settings)


def test_a_pendulum_is_trained_and_tested_in_both_worlds(tmp_path, monkeypatch):
    result = run(
        tmp_path, monkeypatch, environment="Pendulum-v1", ranges='{"g": [8, 12], "l": [0.8, 1.2]}'
    )
    assert result.problems == []
    notebook = nbformat.read(result.notebook, as_version=4)
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    for row in ("trained nominal, tested in the ranges", "trained randomised, tested nominal"):
        assert row in printed


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        ({"environment": "CartPole-v1", "ranges": '{"pole": [1, 2]}'}, "no number called pole"),
        ({"environment": "CartPole-v1"}, "expected a dictionary as text"),
    ],
)
def test_a_range_that_does_not_fit_stops_the_page_at_its_top(tmp_path, monkeypatch, mine, said):
    result = run(tmp_path, monkeypatch, **mine)
    assert any(said in problem for problem in result.problems)
    assert result.seconds < 60

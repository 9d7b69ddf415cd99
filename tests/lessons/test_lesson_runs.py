"""Every lesson runs at profile smoke with its solutions, offline: each cell, each check.

Claims are left unevaluated at such sizes; `test_lesson_nbval.py` holds those to account.
"""

import json

import pytest
from offline_environment import offline_variables

from tl_helpers import exercises
from tl_helpers.kit import lessons, running

LESSONS = [lesson.id for lesson in lessons.find()]


def test_there_are_lessons_to_run():
    assert LESSONS


@pytest.mark.parametrize("id", LESSONS)
def test_lesson_runs_at_smoke_size_with_its_solutions(id, tmp_path, monkeypatch, record_property):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    settings = running.Settings(threads=1, seconds=180)
    result = running.run(id, "smoke", solutions=True, out=tmp_path, settings=settings)
    record_property("seconds", result.seconds)
    record_property("peak_mib", result.peak_mib)
    assert result.problems == []
    assert result.seconds > 0 and result.peak_mib > 0
    file = lessons.get(id).exercises_file
    wanted = [exercise.id for exercise in exercises.load(file)] if file.is_file() else []
    assert result.checks == [{"id": exercise, "state": "passed"} for exercise in wanted]
    assert result.scorecard is not None
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert card["seconds"] == result.seconds
    assert {claim["holds"] for claim in card["claims"]} <= {None}

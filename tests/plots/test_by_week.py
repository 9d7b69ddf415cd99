"""Lines by week tell arms apart, and say in words what they show."""

from __future__ import annotations

import pandas as pd
import pytest

from tl_helpers import plots


def test_every_arm_has_a_line_and_the_words_hold_its_values():
    lines = {
        "rules": pd.Series([1.0, -2.0], index=[1, 2]),
        "fine-tune": pd.Series([30.0, 40.0], index=[1, 2]),
    }
    ax = plots.weeks(lines, "saved less cost (payments)", "What five cases a day bring")
    assert {line.get_label() for line in ax.lines} >= set(lines)
    assert ax.get_xlabel() == "week of the test" and list(ax.get_xticks()) == [1, 2]
    assert "fine-tune: 30, 40" in plots.description(ax) and "rules: 1, -2" in plots.description(ax)
    markers = {line.get_marker() for line in ax.lines if line.get_label() in lines}
    assert len(markers) == 2


def test_no_line_is_refused():
    with pytest.raises(ValueError, match="no line to draw"):
        plots.weeks({}, "saved", "title")

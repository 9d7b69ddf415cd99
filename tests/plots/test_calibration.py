"""Sureness and rightness over parts: what the figure says is what the numbers say."""

import numpy as np
import pytest

from tl_helpers import plots


def test_bars_are_shares_and_the_line_is_the_mean_confidence_from_the_smallest_on():
    by = np.array([3.0, 1.0, 4.0, 2.0])
    right, sure = by > 2, by / 5
    ax = plots.sureness(right, sure, by, parts=2, order="strength")
    assert [bar.get_height() for bar in ax.patches] == [0.0, 1.0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.3, 0.7])
    assert "1.0 to 2.0: right 0.00, sure 0.30" in plots.description(ax)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="3, 2 and 3 entries"):
        plots.sureness([1, 0, 1], [0.5, 0.5], [1, 2, 3], parts=2)

"""A day's capacity goes to the most suspicious cards, and is counted as such."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tl_helpers.compare import investigations

TIMES = ["2024-01-01 09:00", "2024-01-01 10:00", "2024-01-01 11:00", "2024-01-09 09:00"]
PAID = pd.DataFrame(
    {
        "time": pd.to_datetime(TIMES),
        "customer": ["anna", "anna", "bert", "bert"],
        "amount": [10.0, 30.0, 5.0, 7.0],
        "fraud": [1, 0, 1, 0],
    }
)


def test_a_card_counts_once_a_day_with_its_highest_score_and_all_its_frauds():
    found = investigations.investigated(PAID, np.array([0.1, 0.9, 0.5, 0.2]), per_day=1)
    assert found.day.tolist() == [0, 8] and found.customer.tolist() == ["anna", "bert"]
    assert found.fraud.tolist() == [1, 0] and found.lost.tolist() == [10.0, 0.0]
    both = investigations.investigated(PAID, np.array([0.1, 0.9, 0.5, 0.2]), per_day=2)
    assert len(both) == 3 and both.lost.sum() == 15


def test_savings_are_frauds_stopped_less_the_cost_of_cases_as_a_mean_over_draws():
    rows = {
        seed: SimpleNamespace(predicted=np.array(scores))
        for seed, scores in enumerate([[0.9, 0.1, 0.5, 0.2], [0.1, 0.2, 0.5, 0.2]])
    }
    report = SimpleNamespace(cell=lambda arm, budget: rows)
    found = investigations.cases(report, "arm", 20, PAID, per_day=1)
    weeks = investigations.saved_by_week(found, fee=2.0)
    assert weeks.to_dict() == {1: (10 + 5) / 2 - 2, 2: -2.0}


def test_scores_that_do_not_fit_and_no_capacity_are_refused():
    for scores, per_day in ((np.zeros(3), 5), (np.zeros(4), 0)):
        with pytest.raises(ValueError, match="expected one score for each"):
            investigations.investigated(PAID, scores, per_day)

"""Arms that rank: what they learn, what they choose, and what they never look at."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from tl_helpers.arms import rankers
from tl_helpers.datasets import Examples
from tl_helpers.datasets.payment_features import CLASSES, NAMES


def made(count, seed, shift=3.0):
    """Customers with ten payments each; in frauds, two columns are shifted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3, len(NAMES))).astype(np.float32)
    y = (rng.random(count) < 0.2).astype(np.int64)
    x[:, -1, [0, 12]] += shift * y[:, None]
    groups = [f"customer {n // 10}" for n in range(count)]
    ids = [f"payment {n}" for n in range(count)]
    return Examples(torch.from_numpy(x), torch.from_numpy(y), ids, groups, CLASSES)


POOL, TEST, OTHER = made(900, 0), made(400, 1), made(600, 2)


class Last(torch.nn.Module):
    """Reads the payment itself alone."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.head = torch.nn.Linear(len(NAMES), 1)

    def forward(self, x):
        return self.head(x[:, -1]).squeeze(1)


def score(prediction):
    return average_precision_score(TEST.y, prediction.predicted)


ARMS = {
    "logistic": lambda: rankers.logistic(POOL, TEST),
    "trees": lambda: rankers.trees(POOL, TEST),
    "both": lambda: rankers.trees(POOL, TEST, more=OTHER),
    "columns": lambda: rankers.trees(POOL, TEST, columns=lambda e: e.x[:, -1, :1].numpy()),
    "network": lambda: rankers.network(Last, POOL, TEST, lambda frauds: 0.03),
}


@pytest.mark.parametrize("name", ARMS)
def test_arms_rank_frauds_first_try_six_settings_and_repeat_themselves(name):
    arm = ARMS[name]()
    first, again = arm(40, 0), arm(40, 0)
    assert score(first) > 0.7 > 2 * float(TEST.y.float().mean())
    assert first.tuned.tried == 6 and first.trainable > 0
    np.testing.assert_array_equal(first.predicted, again.predicted)


def test_labels_of_the_test_are_never_read():
    blind = Examples(TEST.x, 1 - TEST.y, TEST.ids, TEST.groups, TEST.classes)
    for make in (rankers.logistic, rankers.trees):
        np.testing.assert_array_equal(
            make(POOL, TEST)(30, 1).predicted, make(POOL, blind)(30, 1).predicted
        )


def test_borrowed_is_the_same_at_every_budget_and_never_sees_the_pool():
    arm = rankers.borrowed(OTHER, TEST)
    assert arm(5, 0) is arm(50, 3)
    assert score(arm(5, 0)) > 0.8


def test_more_labels_of_another_bank_help_where_own_ones_are_few():
    alone = np.mean([score(rankers.trees(POOL, TEST)(5, seed)) for seed in range(3)])
    both = np.mean([score(rankers.trees(POOL, TEST, more=OTHER)(5, seed)) for seed in range(3)])
    assert both > alone + 0.05


def test_a_pretrained_network_starts_where_it_stood():
    trained = Last(0)
    for _ in rankers._trained(trained, OTHER, 0.03, 300, 0):
        pass
    before = copy.deepcopy(trained.state_dict())
    arm = rankers.network(lambda seed: copy.deepcopy(trained), POOL, TEST, lambda n: 1e-6)
    assert score(arm(5, 0)) == pytest.approx(
        average_precision_score(TEST.y, rankers.logits(trained, TEST)), abs=1e-3
    )
    assert all((before[key] == value).all() for key, value in trained.state_dict().items())


def test_one_fraud_leaves_nothing_to_choose_by():
    assert rankers.trees(POOL, TEST)(1, 0).tuned.tried == 0


def test_rules_need_no_label_and_rise_with_each_sign():
    quiet = np.zeros((4, 1, len(NAMES)), np.float32)
    place = {name: at for at, name in enumerate(NAMES)}
    quiet[:, 0, place["customer amount 30 d"]] = np.log1p(1.0)
    quiet[1, 0, place["terminal risk 30 d"]] = 0.5
    quiet[2, 0, place["amount"]] = np.log1p(10.0)
    quiet[3, 0, place["customer payments 1 d"]] = np.log1p(12.0)
    names = [str(n) for n in range(4)]
    test = Examples(torch.from_numpy(quiet), torch.zeros(4, dtype=torch.long), names, names,
                    CLASSES)  # fmt: skip
    scores = rankers.rules(test)(1, 0).predicted
    assert scores[0] == 0 and scores[1:].min() > 0.9


def test_more_frauds_are_given_more_steps():
    assert rankers.steps_at(20) == rankers.STEPS
    assert rankers.steps_at(500)[-1] == 5 * rankers.STEPS[-1] and rankers.steps_at(1)[0] == 1

"""Loss curves from whatever a loop collected: a History, pairs, dicts or plain numbers."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tl_helpers import plots
from tl_helpers.training.history import History

mpl.use("agg")
TRAIN, VALID = [1.0, 0.6, 0.4, 0.3], [1.1, 0.8, 0.7, 0.9]
ROWS = [
    {"epoch": e, "train_loss": t, "valid_loss": v, "valid_metric": 0.5}
    for e, (t, v) in enumerate(zip(TRAIN, VALID, strict=True), 1)
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def lines(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.lines}


@pytest.mark.parametrize(
    "losses",
    [
        History(epochs=ROWS),
        ROWS,
        list(zip(TRAIN, VALID, strict=True)),
        [list(pair) for pair in zip(TRAIN, VALID, strict=True)],
        {"train": TRAIN, "valid": VALID},
        np.array([TRAIN, VALID]).T,
        torch.tensor([TRAIN, VALID], dtype=torch.float64).T,
    ],
)
def test_every_form_draws_the_same_two_curves_and_the_best_epoch(losses):
    ax = plots.loss_curves(losses)
    drawn = lines(ax)
    assert drawn["training"] == TRAIN and drawn["validation"] == VALID
    assert "best epoch, 3" in drawn
    assert ax.get_title("left") == "Validation is best at epoch 3 of 4"


@pytest.mark.parametrize("losses", [TRAIN, np.array(TRAIN), [torch.tensor(t) for t in TRAIN]])
def test_plain_numbers_are_training_losses_and_the_title_says_what_is_missing(losses):
    ax = plots.loss_curves(losses, each="batch")
    assert list(lines(ax)) == ["training"]
    assert ax.get_xlabel() == "batch" and "nothing was held out" in ax.get_title("left")


def test_best_epoch_is_that_of_the_history_and_not_of_the_lowest_loss():
    ax = plots.loss_curves(History(epochs=ROWS, best_epoch=4))
    assert "best epoch, 4" in lines(ax)
    assert "more might help" in ax.get_title("left")


def test_epochs_without_validation_leave_a_gap():
    ax = plots.loss_curves([(1, None), (0.5, 0.7), (0.4, 0.6)])
    assert np.isnan(lines(ax)["validation"][0]) and "best epoch, 3" in lines(ax)


def test_description_tells_start_end_and_best():
    words = plots.description(plots.loss_curves(ROWS))
    assert "from 1.00 to 0.30" in words and "best epoch, 3, where it is 0.70." in words


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([], "no finished epoch"),
        (7, "expected a History"),
        ([(1, 2, 3)], "expected a History"),
        (["high"], "expected a History"),
        ([{"accuracy": 1.0}], "expected a History"),
        ({"train": TRAIN, "valid": VALID[:2]}, "differ in length"),
    ],
)
def test_another_form_is_refused_by_name(losses, reason):
    with pytest.raises(ValueError, match=reason):
        plots.loss_curves(losses)

"""Answers are compared by value, in whatever form a learner has them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from tl_helpers.exercises import NotYet, has_gradient, needs_gradient, read, same
from tl_helpers.exercises.comparing import form

ONE_NUMBER = [
    *(7, 7.0, np.int64(7), np.float32(7), np.array(7), np.array([7]), np.array([[7.0]])),
    *(torch.tensor(7), torch.tensor([7.0]), torch.tensor(7.0, requires_grad=True)),
    *(torch.tensor(7, dtype=torch.bfloat16), [7], pd.Series([7])),
]
ROWS = [
    *([1, 2.5], (1, 2.5), np.array([1, 2.5]), torch.tensor([1, 2.5]), pd.Series([1, 2.5])),
    *([torch.tensor(1), torch.tensor(2.5)], [np.float64(1), 2.5]),
]


@pytest.mark.parametrize("answer", ONE_NUMBER, ids=repr)
@pytest.mark.parametrize("right", [7, np.float64(7), torch.tensor(7.0)], ids=repr)
def test_a_number_is_the_same_in_every_form(answer, right):
    assert same(answer, right)
    assert not same(answer, 8)
    assert read(answer) == 7.0


@pytest.mark.parametrize("answer", ROWS, ids=repr)
@pytest.mark.parametrize("right", ROWS[:4], ids=repr)
def test_rows_are_the_same_in_every_form(answer, right):
    assert same(answer, right)
    assert not same(answer, [2.5, 1])
    assert read(answer, like=[0, 0]).tolist() == [1, 2.5]


@pytest.mark.parametrize("true", [True, np.True_, torch.tensor(True), np.array([True])], ids=repr)
def test_true_is_true_in_every_form_and_no_number(true):
    assert same(true, True)
    assert not same(true, False) and not same(true, 1) and not same(1, true)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (math.nan, math.nan),
        (np.array([1, math.nan]), [1, math.nan]),
        (torch.tensor(math.nan), 1),
        ("7", 7),
        (7, "7"),
        (["1", "2"], [1, 2]),
        (None, 7),
        (None, "x"),
        ([1, 2, 3], [1, 2]),
        ([[1, 2]], [1, 2]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, [1]),
        (object(), 7),
        (7.1, 7),
        (complex(7, 1), 7),
        (torch.nn.Linear(1, 1), 7),
    ],
)
def test_what_differs_is_never_the_same(answer, right):
    assert same(answer, right) is False


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("Probe ", "probe"),
        (["a", "B"], ("A", "b")),
        ({"a": np.float64(1), "b": [1, 2]}, {"b": torch.tensor([1, 2]), "a": 1}),
        (np.array(["a", "b"]), ["a", "b"]),
        ({1, 2}, {2, 1}),
        ([["a"], [1, 2]], [["a"], np.array([1, 2])]),
        (math.inf, np.inf),
    ],
)
def test_texts_dicts_and_nested_rows_are_compared_by_value(answer, right):
    if right == np.inf:
        assert not same(1e9, right)
    assert same(answer, right) is True


def test_tolerance_is_absolute_near_zero_and_relative_above_one():
    assert same(1e-6, 0) and not same(1e-4, 0)
    assert same(1_000_001, 1_000_000) and not same(1_000_100, 1_000_000)
    assert same(0.97, 1, tolerance=0.05) and not same(0.9, 1, tolerance=0.05)


@pytest.mark.parametrize(
    ("answer", "like", "reason"),
    [
        (None, 0, "it returned None; is a `return` missing?"),
        ((1, 2), 0, "you returned two things, a tuple; expected one number."),
        ((1, 2, 3), 0, "you returned three things"),
        ("7", 0, "that is the text '7'; expected one number."),
        (True, 0, "that is true or false"),
        (torch.zeros(2, 3), 0, "that is of shape (2, 3); expected one number."),
        (np.zeros(3), np.zeros((2, 2)), "of shape (3,); expected numbers of shape (2, 2)."),
        (5, [0, 0], "that is one number; expected numbers of shape (2,)."),
        ({"a": 1}, 0, "that is a dict; expected one number."),
        ([[1, 2], [3]], 0, "that is a list"),
        (math.nan, 0, "it gives nan"),
        (torch.tensor([1.0, math.nan]), [0, 0], "it gives nan"),
    ],
)
def test_each_form_that_cannot_be_read_has_its_own_reason(answer, like, reason):
    assert reason in form(answer, like)
    with pytest.raises(NotYet) as caught:
        read(answer, like)
    assert str(caught.value) == form(answer, like)


def test_a_gradient_is_noticed_and_its_loss_explained():
    loss = torch.tensor(2.0, requires_grad=True) * 3
    assert has_gradient(loss) and needs_gradient(loss) is None
    for cut, kind in ((loss.detach(), "cut off"), (loss.item(), "plain number"), (3, "plain")):
        assert not has_gradient(cut)
        with pytest.raises(NotYet, match=kind):
            needs_gradient(cut)

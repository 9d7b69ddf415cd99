"""Mistakes in data, model, optimizer or settings are named before training starts."""

import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tl_helpers.training import evaluate, fit, predict
from tl_helpers.training import runtime as tl_runtime


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


class _Refusing(nn.CrossEntropyLoss):
    """Loss that must never be asked for a gradient: training has not started."""

    def forward(self, outputs, y):
        assert not torch.is_grad_enabled(), "training started"
        return super().forward(outputs, y)


X, Y = torch.randn(12, 6), torch.arange(12) % 3


def _bad(runtime, message, model=None, train=(X, Y), **options):
    model = nn.Linear(6, 3) if model is None else model
    before = [p.clone() for p in model.parameters()]
    settings = {"epochs": 1, "loss_fn": _Refusing(), "runtime": runtime, **options}
    settings.setdefault("optimizer", torch.optim.SGD(model.parameters(), 0.1))
    with pytest.raises((ValueError, TypeError), match=message):
        fit(model, train, **settings)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def _with(values, place, value):
    changed = values.clone()
    changed[place] = value
    return changed


@pytest.mark.parametrize("label", [3, -1])
def test_labels_out_of_range_for_the_head(runtime, label):
    message = (
        rf"Label {label} \(first at position 5.*head of 3 outputs; expected labels from 0 to 2"
    )
    _bad(runtime, message, train=(X, _with(Y, 5, label)))
    _bad(runtime, message, valid=(X, _with(Y, 5, label)))
    with pytest.raises(ValueError, match=message):
        evaluate(nn.Linear(6, 3), (X, _with(Y, 5, label)), loss_fn=nn.CrossEntropyLoss(),
                 runtime=runtime)  # fmt: skip


def test_labels_out_of_range_deep_in_a_loader_are_named_too(runtime):
    loader = DataLoader(TensorDataset(X, _with(Y, 11, 7)), batch_size=4)
    model = nn.Linear(6, 3)
    with pytest.raises(ValueError, match="Label 7"):
        fit(model, loader, epochs=1, loss_fn=nn.CrossEntropyLoss(), runtime=runtime,
            optimizer=torch.optim.SGD(model.parameters(), 0.1))  # fmt: skip


def test_an_ignored_label_is_no_mistake(runtime):
    model = nn.Linear(6, 3)
    data = (X, _with(Y, 5, -100))
    for train in (data, DataLoader(TensorDataset(*data), batch_size=4)):
        fit(model, train, data, epochs=1, loss_fn=nn.CrossEntropyLoss(), runtime=runtime,
            optimizer=torch.optim.SGD(model.parameters(), 0.1))  # fmt: skip


def test_empty_sets(runtime):
    _bad(runtime, "train is empty; expected at least one", train=(X[:0], Y[:0]))
    _bad(runtime, "valid is empty", valid=(X[:0], Y[:0]))
    _bad(runtime, "train is empty", train=TensorDataset(X[:0], Y[:0]))
    _bad(runtime, "train is empty", train=DataLoader(TensorDataset(X[:0], Y[:0])))
    dropped = DataLoader(TensorDataset(X, Y), batch_size=20, drop_last=True)
    _bad(runtime, "train gives no batch.*drop_last=False", train=dropped)
    with pytest.raises(ValueError, match="empty"):
        predict(nn.Linear(6, 3), X[:0], runtime)


def test_classes_that_do_not_match_the_head(runtime):
    train = SimpleNamespace(x=X, y=Y, classes=["a", "b", "c", "d"])
    _bad(runtime, r"4 classes and the model's head has 3 outputs.*with_head\(backbone, 4\)",
         train=train)  # fmt: skip


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_inputs_that_are_not_finite(runtime, value):
    message = "train: x holds NaN or infinite values in 1 of 12 examples, first in example 4"
    _bad(runtime, message, train=(_with(X, (4, 2), value), Y))
    loader = DataLoader(TensorDataset(_with(X, (1, 2), value), Y), batch_size=4)
    _bad(runtime, "train: x holds NaN or infinite", train=loader)
    _bad(runtime, "train: y holds NaN", nn.Linear(6, 1), (X, _with(torch.ones(12, 1), 3, value)),
         loss_fn=nn.MSELoss())  # fmt: skip


def test_lengths_that_differ(runtime):
    _bad(runtime, "x has 12, y has 11", train=(X, Y[:11]))
    _bad(runtime, r"x\['a'\] has 12, x\['b'\] has 3, y has 12", train=({"a": X, "b": X[:3]}, Y))


def test_shapes_that_do_not_fit(runtime):
    _bad(runtime, "The model refuses inputs of train.*shape", train=(X[:, :5], Y))
    _bad(runtime, r"returns \(2,\) for integer labels.*\(N, C\)", nn.Sequential(
        nn.Linear(6, 1), nn.Flatten(0)))  # fmt: skip
    _bad(runtime, r"integer labels of shape \(2, 1\)", train=(X, Y[:, None]))
    _bad(runtime, r"silently broadcast", nn.Linear(6, 1), (X, Y.float()), loss_fn=nn.MSELoss())
    _bad(runtime, "expected one number", loss_fn=nn.CrossEntropyLoss(reduction="none"))

    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    _bad(runtime, "returned a tuple; expected a tensor", Pair(6, 3))


def test_data_that_is_not_data(runtime):
    _bad(runtime, "list of texts.*Tokenise first", train=(["a"] * 12, Y))
    _bad(runtime, "y cannot be made a tensor", train=(X, ["cat"] * 12))
    _bad(runtime, "The data is a int; expected a pair", train=7)
    _bad(runtime, "train has no labels", train=X)
    _bad(runtime, "train has no labels", train=DataLoader(X))


def test_optimizers_that_would_not_train_the_model(runtime):
    frozen = nn.Linear(6, 3).requires_grad_(False)
    _bad(runtime, "No parameter of the model is trainable", frozen)
    other = torch.optim.SGD(nn.Linear(6, 3).parameters(), 0.1)
    _bad(runtime, "updates no trainable parameter of this model", optimizer=other)
    model = nn.Linear(6, 3)
    twice = torch.optim.SGD(model.parameters(), 0.1)
    twice.param_groups.append({**twice.param_groups[0], "params": [model.weight]})
    _bad(runtime, "holds weight more than once", model, optimizer=twice)


def test_trainable_parameters_missing_from_the_optimizer_are_warned_about(runtime):
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 3))
    some = torch.optim.SGD(model[1].parameters(), 0.1)
    with pytest.warns(UserWarning, match=r"misses 2 trainable parameters \(0.weight, 0.bias\)"):
        fit(model, (X, Y), epochs=1, loss_fn=nn.CrossEntropyLoss(), optimizer=some, runtime=runtime)
    model[0].requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, (X, Y), epochs=1, loss_fn=nn.CrossEntropyLoss(), optimizer=some, runtime=runtime)


def test_settings_that_make_no_sense(runtime, tmp_path):
    _bad(runtime, "epochs is 0; expected a whole number", epochs=0)
    _bad(runtime, "batch_size is 0; expected", batch_size=0)
    _bad(runtime, "accumulate is 1.5; expected", accumulate=1.5)
    _bad(runtime, "clip is -1; expected a positive number", clip=-1)
    _bad(runtime, "mixup is 0; expected a positive alpha", mixup=0)
    _bad(runtime, "patience needs valid", patience=2)
    _bad(runtime, "need checkpoint_dir", resume=True)
    _bad(runtime, "scheduler_per is 'batch'; expected 'epoch' or 'step'", scheduler_per="batch")
    other = torch.optim.SGD(nn.Linear(2, 2).parameters(), 0.1)
    plain = torch.optim.lr_scheduler.ExponentialLR(other, 0.9)
    _bad(runtime, "scheduler belongs to another optimizer", scheduler=plain)


def test_a_metric_that_is_not_finite_is_an_error(runtime):
    with pytest.raises(ValueError, match="metric returned nan; expected a finite number"):
        evaluate(nn.Linear(6, 3), (X, Y), loss_fn=nn.CrossEntropyLoss(), runtime=runtime,
                 metric=lambda outputs, y: math.nan)  # fmt: skip


def test_the_checks_leave_no_trace(runtime):
    """Batch-norm statistics and random numbers are as if nobody had looked."""
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3))
    state = torch.get_rng_state()
    _bad(runtime, "Label 9", model, (X, _with(Y, 11, 9)))
    assert torch.equal(torch.get_rng_state(), state)
    assert model[1].num_batches_tracked == 0
    assert all(part.training for part in model.modules())

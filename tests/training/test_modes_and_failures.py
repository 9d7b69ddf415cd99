"""Training trains, whatever mode the model came in; and what fails says so, saved or not."""

import math
import time

import pytest
import torch
from torch import nn

from tl_helpers.training import NonFiniteLoss, fit, train_one_epoch
from tl_helpers.training import runtime as tl_runtime

LOSS = nn.CrossEntropyLoss()
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp32", threads=1)


class _Watched(nn.Sequential):
    """Notes its mode whenever gradients are taken, that is in training steps alone."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
        self.modes: list[bool] = []

    def forward(self, x):
        if torch.is_grad_enabled():
            self.modes.append(self.training)
        return super().forward(x)


class _Overflow(torch.autograd.Function):
    """Identity whose gradient is infinite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.inf


def _fit(runtime, model, valid=None, **options):
    settings = {"loss_fn": LOSS, "epochs": 2, "runtime": runtime, "batch_size": 8, **options}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return fit(model, (X, Y), valid, optimizer=optimizer, **settings)


def test_every_epoch_trains_in_train_mode_validation_or_not(runtime):
    for valid in (None, (X, Y)):
        model = _Watched().eval()
        _fit(runtime, model, valid)
        assert model.modes == [True] * 10
        assert not model.training


def test_a_loop_of_your_own_trains_in_train_mode(runtime):
    model = _Watched().eval()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train_one_epoch(model, (X, Y), loss_fn=LOSS, optimizer=optimizer, runtime=runtime, batch_size=8)
    assert model.modes == [True] * 5


def test_a_validation_loss_that_is_not_finite_is_an_error(runtime):
    def loss_fn(outputs, y):  # the whole set is seen in validation alone
        return LOSS(outputs, y) * (math.inf if len(y) == len(Y) else 1)

    with pytest.raises(NonFiniteLoss, match=r"validation loss became inf after epoch 1"):
        _fit(runtime, _Watched(), (X, Y), loss_fn=loss_fn)


def test_spoilt_weights_are_found_at_the_end_of_an_epoch_without_checkpoints(runtime):
    """One batch an epoch: its loss is finite, and so is nothing after its step."""
    with pytest.raises(NonFiniteLoss, match=r"no longer finite at epoch 1, step 1"):
        _fit(runtime, _Watched(), epochs=1, batch_size=40,
             loss_fn=lambda outputs, y: LOSS(_Overflow.apply(outputs), y))  # fmt: skip


def test_memory_advice_halves_the_batch_and_keeps_the_step(runtime):
    class Huge(_Watched):
        def forward(self, x):
            if torch.is_grad_enabled():
                torch.empty(2**60)
            return super().forward(x)

    with pytest.raises(torch.OutOfMemoryError, match="batch_size=4 with accumulate=6: the same"):
        _fit(runtime, Huge(), accumulate=3)


def test_seconds_before_a_stop_in_an_epoch_still_count(runtime, tmp_path):
    class Stop(Exception):
        pass

    calls = []

    def slow(x):
        calls.append(1)
        if len(calls) == 5:
            raise Stop
        time.sleep(0.1)
        return x

    torch.manual_seed(0)
    with pytest.raises(Stop):
        _fit(runtime, _Watched(), augment=slow, checkpoint_dir=tmp_path, checkpoint_every=2)
    history = _fit(runtime, _Watched(), epochs=1, checkpoint_dir=tmp_path, resume=True)
    assert history.epochs[0]["seconds"] >= 0.4

"""fp16: the loss is scaled, and nothing of it shows in the steps; driven on the CPU."""

import pytest
import torch
from torch import nn

from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training import train_one_epoch

LOSS = nn.CrossEntropyLoss()
X = torch.randn(24, 6, generator=torch.Generator().manual_seed(0)) / 4
Y = X[:, :3].argmax(1)


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp16", threads=1)


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(6, 3)


def _flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def _train(runtime, model, optimizer, loss_fn=LOSS, batch_size=24, **options):
    train_one_epoch(model, (X, Y), loss_fn=loss_fn, optimizer=optimizer, runtime=runtime,
                    batch_size=batch_size, **options)  # fmt: skip


def _overflowing(calls: int):
    """A finite loss whose scaled gradient is infinite, for the first ``calls`` batches."""
    seen = []

    def loss_fn(outputs, y):
        seen.append(1)
        return LOSS(outputs, y) * (1e6 if len(seen) <= calls else 1.0)

    return loss_fn


def test_a_step_is_that_of_the_gradient_and_not_of_the_scaled_one(runtime):
    model, by_hand = _model(), _model()
    _train(runtime, model, torch.optim.SGD(model.parameters(), 0.1))
    LOSS(by_hand(X), Y).backward()
    torch.optim.SGD(by_hand.parameters(), 0.1).step()
    assert torch.allclose(_flat(model), _flat(by_hand), atol=1e-4)
    assert not torch.allclose(_flat(model), _flat(_model()), atol=1e-3)


def test_clipping_sees_the_gradient_and_not_the_scaled_one(runtime):
    model = _model()
    before = _flat(model)
    _train(runtime, model, torch.optim.SGD(model.parameters(), 1.0), clip=0.01)
    assert (_flat(model) - before).norm().item() == pytest.approx(0.01, rel=1e-2)


def test_a_bound_above_the_gradient_leaves_the_step_alone(runtime):
    free, clipped = _model(), _model()
    _train(runtime, free, torch.optim.SGD(free.parameters(), 1.0))
    _train(runtime, clipped, torch.optim.SGD(clipped.parameters(), 1.0), clip=100.0)
    assert torch.allclose(_flat(free), _flat(clipped), atol=1e-6)


def test_an_overflow_skips_the_step_and_the_schedule_waits(runtime):
    model = _model()
    before = _flat(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    _train(runtime, model, optimizer, _overflowing(9), scheduler=scheduler)
    assert torch.equal(_flat(model), before)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_the_step_after_an_overflow_is_taken_and_the_schedule_goes_on(runtime):
    model = _model()
    before = _flat(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    _train(runtime, model, optimizer, _overflowing(1), batch_size=12, scheduler=scheduler)
    assert not torch.equal(_flat(model), before)
    assert optimizer.param_groups[0]["lr"] == 0.05

"""Parts of a run, one by one: what a step returns, what is averaged, shown, kept and put back."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from tl_helpers.training import History, NonFiniteLoss, fit, predict
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.losses import LossMeter, check_weights_finite
from tl_helpers.training.steps import TrainStep

LOSS = nn.CrossEntropyLoss()
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp32", threads=1)


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def _fit(runtime, model, valid=None, train=(X, Y), **options):
    settings = {"loss_fn": LOSS, "epochs": 2, "runtime": runtime, "batch_size": 8, **options}
    settings.setdefault("optimizer", torch.optim.SGD(model.parameters(), 0.1))
    return fit(model, train, valid, **settings)


def _equal(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


# --- one step --------------------------------------------------------------------------------


def test_a_step_returns_a_loss_that_holds_no_graph(runtime):
    model = _model()
    step = TrainStep(model, torch.optim.SGD(model.parameters(), 0.1), LOSS, runtime)
    loss, examples = step(X, Y)
    assert not loss.requires_grad
    assert loss.shape == ()
    assert examples == len(X)


def test_gradients_do_not_pass_from_one_step_to_the_next(runtime):
    model = _model()
    step = TrainStep(model, torch.optim.SGD(model.parameters(), 0.0), LOSS, runtime)
    step(X, Y)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert (step.updates, step.pending) == (1, 0)


@pytest.mark.parametrize("alpha", [1, 0.4])
def test_mixup_takes_whole_and_broken_numbers(runtime, alpha):
    seen = []
    loss_fn = nn.CrossEntropyLoss()
    loss_fn.register_forward_hook(lambda *_: seen.append(1))
    _fit(runtime, _model(), mixup=alpha, loss_fn=loss_fn, epochs=1, batch_size=40)
    assert len(seen) == 3  # once to look at, and twice for the one step: a loss for each label


def test_a_statistic_that_is_not_finite_is_named():
    model = _model()
    check_weights_finite(model, 1, 1)
    model[1].running_var[3] = math.inf
    with pytest.raises(NonFiniteLoss, match=r"1\.running_var is no longer finite.*2, step 7"):
        check_weights_finite(model, 2, 7)


# --- the mean loss ---------------------------------------------------------------------------


def test_losses_are_weighted_by_their_examples_and_counted_once():
    meter = LossMeter()
    assert math.isnan(meter.mean)
    meter.add(torch.tensor(1.0), 30)
    meter.flush()
    meter.add(torch.tensor(5.0), 10)
    meter.flush()
    meter.flush()
    assert meter.mean == pytest.approx(2.0)
    assert (meter.batches, meter.examples) == (2, 40)


def test_a_long_epoch_is_read_every_fifty_batches():
    meter = LossMeter()
    for number in range(49):
        meter.add(torch.tensor(float(number)), 1)
    assert meter.batches == 0
    meter.add(torch.tensor(49.0), 1)
    assert meter.batches == 50
    assert meter.mean == pytest.approx(24.5)


def test_a_loss_that_fails_is_named_by_its_step_and_batch():
    meter = LossMeter(epoch=3, accumulate=4, first_step=11)
    for number in range(10):
        meter.add(torch.tensor(math.nan if number == 9 else 1.0), 1)
    with pytest.raises(NonFiniteLoss, match=r"epoch 3, step 13 \(batch 10 of the epoch\)"):
        meter.flush()


# --- the history -----------------------------------------------------------------------------


def test_the_history_adds_up_seconds_and_says_what_was_best():
    rows = [{"epoch": 1, "seconds": 1.5}, {"epoch": 2, "seconds": 2.0}]
    assert History().seconds == 0
    history = History(epochs=rows, steps=10)
    assert str(history) == "2 epochs, 10 steps, 3.5 s (finished)"
    history = History(epochs=rows, steps=10, best_epoch=1, best_metric=0.51239, stopped="early")
    assert str(history) == "2 epochs, 10 steps, 3.5 s, best epoch 1 with 0.5124 (early)"


def test_the_largest_learning_rate_of_the_groups_is_shown(runtime):
    model = _model()
    groups = [{"params": model[:3].parameters(), "lr": 1e-3}, {"params": model[3].parameters()}]
    history = _fit(runtime, model, optimizer=torch.optim.SGD(groups, 0.1))
    assert [row["lr"] for row in history.epochs] == [0.1, 0.1]


def test_equal_metrics_keep_the_earlier_epoch(runtime):
    history = _fit(runtime, _model(), valid=(X, Y), epochs=3, metric=lambda outputs, y: 0.5)
    assert history.best_epoch == 1


def test_the_best_statistics_of_batchnorm_come_back_with_the_best_weights(runtime):
    seen = []

    def metric(outputs, y):
        seen.append(outputs)
        return [0.1, 0.9, 0.3][len(seen) - 1]

    model = _model()
    _fit(runtime, model, valid=(X, Y), epochs=3, metric=metric)
    assert torch.allclose(predict(model, X, runtime), seen[1], atol=1e-6)
    assert not torch.allclose(seen[2], seen[1], atol=1e-3)


# --- the data --------------------------------------------------------------------------------


class _Rows(Dataset):
    """Reads a whole batch at once, and nothing else."""

    def __len__(self):
        return len(X)

    def __getitems__(self, chosen):
        return [(X[i], int(Y[i])) for i in chosen]

    def __getitem__(self, index):
        raise NotImplementedError("one by one")


class _Items(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], int(Y[index])


def _order(seed: int, data: Dataset) -> list[tuple]:
    """First numbers of the examples, in the order in which training saw them."""
    runtime = tl_runtime.start("smoke", seed, device="cpu", precision="fp32", threads=1)
    torch.manual_seed(99)  # what else draws numbers must not matter
    torch.rand(seed)
    seen = []

    def augment(x):
        seen.extend(x[:, 0].tolist())
        return x

    _fit(runtime, _model(), train=data, augment=augment)
    return seen


def test_a_dataset_is_shuffled_each_epoch_by_the_seed_alone():
    first = _order(0, _Items())
    assert sorted(first[:40]) == sorted(first[40:]) == sorted(X[:, 0].tolist())
    assert first[:40] != first[40:]
    assert first[:40] != X[:, 0].tolist()
    assert _order(0, _Items()) == first
    assert _order(1, _Items()) != first


def test_a_dataset_that_reads_whole_batches_is_asked_for_whole_batches(runtime):
    assert _fit(runtime, _model(), train=_Rows()).steps == 10


def test_networks_over_volumes_keep_their_layout(runtime):
    model = nn.Sequential(nn.Conv3d(1, 2, 3), nn.Flatten(1, 2), nn.Conv2d(4, 3, 3), nn.Flatten(2))
    volumes = torch.randn(3, 1, 4, 6, 6)
    assert predict(model, volumes, runtime).shape == (3, 3, 4)


# --- continuing ------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_momentum_schedule_and_best_weights_continue(runtime, tmp_path, per):
    """The later part of the run is worse than the first by its metric, and still goes on alike."""

    def run(epochs: int, values: list[float], **options):
        model, left = _model(), iter(values)
        optimizer = torch.optim.AdamW(model.parameters(), 0.05)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 25)
        history = _fit(runtime, model, valid=(X, Y), epochs=epochs, optimizer=optimizer,
                       scheduler=scheduler, scheduler_per=per, metric=lambda o, y: next(left),
                       **options)  # fmt: skip
        return model, history

    whole, reference = run(5, [0.2, 0.9, 0.1, 0.3, 0.4])
    run(3, [0.2, 0.9, 0.1], checkpoint_dir=tmp_path)
    continued, history = run(5, [0.3, 0.4], checkpoint_dir=tmp_path, resume=True)
    assert _equal(continued, whole)
    assert (history.best_epoch, history.best_metric) == (2, 0.9)
    for found, expected in zip(history.epochs, reference.epochs, strict=True):
        assert {**found, "seconds": 0} == {**expected, "seconds": 0}


def test_checkpoints_inside_an_epoch_come_every_so_many_steps(runtime, tmp_path):
    class Stop(Exception):
        pass

    calls = []

    def augment(x):
        calls.append(1)
        if len(calls) == 5:
            raise Stop
        return x

    with pytest.raises(Stop):
        _fit(runtime, _model(), augment=augment, checkpoint_dir=tmp_path, checkpoint_every=2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000002"]
    continued, whole = _model(), _model()
    history = _fit(runtime, continued, checkpoint_dir=tmp_path, checkpoint_every=2, resume=True)
    _fit(runtime, whole)
    assert _equal(continued, whole)
    assert history.steps == 10


def test_a_plateau_schedule_looks_at_the_validation_loss(runtime):
    """The training loss falls and the validation loss rises: the rate must fall."""
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    wrong = (X, (Y + 1) % 3)
    history = _fit(runtime, model, valid=wrong, epochs=3, optimizer=optimizer, scheduler=plateau)
    losses = [(row["train_loss"], row["valid_loss"]) for row in history.epochs]
    assert losses[0][0] > losses[1][0] > losses[2][0]
    assert losses[0][1] < losses[1][1] < losses[2][1]
    assert optimizer.param_groups[0]["lr"] == 0.125

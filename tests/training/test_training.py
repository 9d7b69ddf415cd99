"""The training loop: what it promises about steps, weights, order, and how it stops."""

import csv
import math
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tl_helpers.training import NonFiniteLoss, evaluate, fit, predict, train_one_epoch
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.checkpoints import CheckpointError, load_checkpoint
from tl_helpers.training.logs import CsvLog, ProgressBar

LOSS = nn.CrossEntropyLoss()


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


def _model(inputs: int = 6, outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))


def _data(count: int = 50, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :3].argmax(1)


def _sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr)


def _fit(runtime, model=None, train=None, valid=None, **options):
    model = _model() if model is None else model
    settings = {"loss_fn": LOSS, "epochs": 2, "optimizer": _sgd(model), **options}
    train = _data() if train is None else train
    return model, fit(model, train, valid, runtime=runtime, **settings)


def _flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# --- the loop --------------------------------------------------------------------------------


def test_the_loop_equals_the_one_written_by_hand(runtime):
    x, y = _data()
    model, history = _fit(runtime, epochs=3, batch_size=16)
    by_hand = _model()
    optimizer, order = _sgd(by_hand), runtime.generator()
    for _ in range(3):
        for chosen in torch.randperm(len(x), generator=order).split(16):
            optimizer.zero_grad()
            LOSS(by_hand(x[chosen]), y[chosen]).backward()
            optimizer.step()
    assert torch.equal(_flat(model), _flat(by_hand))
    assert history.steps == 3 * 4
    assert history.stopped == "finished"


def test_train_loss_is_the_mean_over_examples_and_not_over_batches(runtime):
    x, y = _data(5)
    model = _model()
    _, history = _fit(runtime, model, (x, y), epochs=1, batch_size=4, optimizer=_sgd(model, lr=0.0))
    assert history.epochs[0]["train_loss"] == pytest.approx(LOSS(model(x), y).item(), abs=1e-6)


@pytest.mark.parametrize("count", [48, 50, 5], ids=["even", "odd tail", "less than a group"])
def test_accumulation_equals_the_large_batch(runtime, count):
    data = _data(count)
    large, one = _fit(runtime, train=data, batch_size=24, clip=0.5)
    small, two = _fit(runtime, train=data, batch_size=6, accumulate=4, clip=0.5)
    assert one.steps == two.steps == 2 * math.ceil(count / 24)
    assert (_flat(large) - _flat(small)).abs().max() < 1e-6


def test_accumulation_of_unequal_batches_equals_the_large_batch(runtime):
    x, y = _data(20)
    uneven = [list(range(0, 2)), list(range(2, 9)), list(range(9, 20))]
    loader = DataLoader(TensorDataset(x, y), batch_sampler=uneven)
    whole = DataLoader(TensorDataset(x, y), batch_size=20)
    small, history = _fit(runtime, train=loader, accumulate=3)
    large, _ = _fit(runtime, train=whole)
    assert history.steps == 2
    assert (_flat(large) - _flat(small)).abs().max() < 1e-6


def test_clipping_bounds_the_step(runtime):
    model = _model()
    before = _flat(model)
    _fit(runtime, model, epochs=1, batch_size=50, clip=1e-3, optimizer=_sgd(model, lr=1.0))
    assert (_flat(model) - before).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_schedulers_advance_per_step_or_per_epoch(runtime):
    for per, factor in (("step", 0.5 ** (4 * 3)), ("epoch", 0.5**3)):
        model = _model()
        optimizer = _sgd(model, lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        _fit(runtime, model, epochs=3, batch_size=16, optimizer=optimizer, scheduler=scheduler,
             scheduler_per=per)  # fmt: skip
        assert optimizer.param_groups[0]["lr"] == pytest.approx(factor)


def test_a_plateau_schedule_gets_the_validation_result(runtime):
    model = _model()
    optimizer = _sgd(model, lr=1e-12)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0)
    _, history = _fit(runtime, model, valid=_data(), epochs=3, optimizer=optimizer,
                      scheduler=plateau)  # fmt: skip
    assert [row["lr"] for row in history.epochs] == pytest.approx([1e-12, 1e-12, 1e-13])


def test_mixup_blends_inputs_and_losses(runtime):
    x, y = _data(8)
    weight = 0.25
    blended = _model()
    _fit(runtime, blended, (x, y), epochs=1, batch_size=8,
         mixup=lambda x, y: (x * weight + x.flip(0) * (1 - weight), y, y.flip(0), weight)
         )  # fmt: skip
    by_hand = _model()
    optimizer = _sgd(by_hand)
    order = torch.randperm(8, generator=runtime.generator())
    x, y = x[order], y[order]
    soft = weight * nn.functional.one_hot(y, 3) + (1 - weight) * nn.functional.one_hot(y.flip(0), 3)
    LOSS(by_hand(weight * x + (1 - weight) * x.flip(0)), soft).backward()
    optimizer.step()
    assert (_flat(blended) - _flat(by_hand)).abs().max() < 1e-6


def test_mixup_by_alpha_keeps_uint8_images_and_refuses_tokens(runtime):
    images = torch.randint(0, 256, (8, 1, 2, 3), dtype=torch.uint8)
    seen = []

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = _model()

        def forward(self, x):
            seen.append(x)
            return self.body(x.flatten(1).float() / 255)

    _fit(runtime, Net(), (images, _data(8)[1]), epochs=1, mixup=0.4)
    assert all(x.dtype == torch.uint8 for x in seen)
    assert not torch.equal(seen[-1].sort(0).values, images.sort(0).values)
    with pytest.raises(TypeError, match="mixup blends one tensor of floats or uint8"):
        _fit(runtime, nn.Sequential(nn.Embedding(9, 6), nn.Flatten(), _model()),
             (torch.ones(8, 1, dtype=torch.long), _data(8)[1]), mixup=0.4)  # fmt: skip


def test_augmentation_sees_training_batches_only(runtime):
    sizes = []

    def augment(x):
        sizes.append(len(x))
        return x

    _fit(runtime, train=_data(20), valid=_data(9), epochs=1, batch_size=8, augment=augment)
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precisions_take_the_same_path(precision):
    runtime = tl_runtime.start("smoke", device="cpu", precision=precision, threads=1)
    model, history = _fit(runtime, epochs=5, batch_size=10, clip=1.0, accumulate=2, valid=_data())
    assert history.epochs[-1]["train_loss"] < history.epochs[0]["train_loss"]
    assert predict(model, _data(), runtime).dtype == torch.float32


# --- data ------------------------------------------------------------------------------------


class _Loaded(Dataset):
    def __init__(self, x, y):
        self.x_values, self.y_values = x, y

    def __len__(self):
        return len(self.x_values)

    def __getitem__(self, index):
        return self.x_values[index], int(self.y_values[index])


def test_a_loader_trains_as_tensors_do_in_the_same_order(runtime):
    x, y = _data()
    order = torch.randperm(50, generator=runtime.generator())
    tensors, _ = _fit(runtime, train=(x, y), epochs=1, batch_size=16)
    loader = DataLoader(_Loaded(x[order], y[order]), batch_size=16)
    loaded, history = _fit(runtime, train=loader, epochs=1)
    assert torch.equal(_flat(tensors), _flat(loaded))
    assert history.steps == 4


def test_every_form_of_data_is_accepted(runtime):
    x, y = _data()
    forms = [
        (x, y),
        [x.numpy().astype("float64"), y.numpy().astype("int32")],
        SimpleNamespace(x=x, y=y),
        TensorDataset(x, y),
        _Loaded(x, y),
        DataLoader(_Loaded(x, y), batch_size=20),
    ]
    losses = [
        evaluate(_model(), form, loss_fn=LOSS, runtime=runtime, batch_size=20).loss
        for form in forms
    ]
    assert losses == pytest.approx([losses[0]] * len(forms), abs=1e-6)
    for form in forms:
        assert _fit(runtime, train=form, epochs=1)[1].steps in (2, 3)


def test_dicts_of_tensors_reach_the_model_as_dicts(runtime):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = _model()

        def forward(self, inputs):
            return self.body(inputs["a"] + inputs["b"])

    x, y = _data()
    _, history = _fit(runtime, Net(), ({"a": x, "b": x}, y), valid=({"a": x, "b": x}, y))
    assert history.best_metric > 0.3


def test_predict_keeps_the_order(runtime):
    x, y = _data()
    model = _model()
    model.train()
    wanted = model(x).detach()
    for data in ((x, y), x, DataLoader(_Loaded(x, y), batch_size=7)):
        outputs = predict(model, data, runtime, batch_size=7)
        assert (outputs - wanted).abs().max() < 1e-6
    assert model.training
    with pytest.raises(ValueError, match="this DataLoader shuffles"):
        predict(model, DataLoader(_Loaded(x, y), shuffle=True), runtime)


def test_predictions_may_enter_training(runtime):
    features = predict(_model(), _data(), runtime)
    nn.Linear(3, 1)(features).sum().backward()


def test_evaluation_puts_each_mode_back(runtime):
    model = nn.Sequential(nn.Dropout(0.5), _model())
    model.train()
    model[1].eval()
    evaluate(model, _data(), loss_fn=LOSS, runtime=runtime)
    assert model.training
    assert model[0].training
    assert not model[1].training


def test_regression_is_scored_by_its_loss(runtime):
    x, _ = _data()
    model = _model(outputs=1)
    y = x[:, :1] * 2
    _, history = _fit(runtime, model, (x, y), (x, y), loss_fn=nn.MSELoss(), epochs=3)
    assert history.best_metric == -min(row["valid_loss"] for row in history.epochs)


def test_train_one_epoch_serves_loops_of_your_own(runtime):
    model = _model()
    optimizer = _sgd(model)
    losses = [
        train_one_epoch(model, _data(), loss_fn=LOSS, optimizer=optimizer, runtime=runtime)
        for _ in range(5)
    ]
    assert losses[-1] < losses[0]


# --- how it stops ----------------------------------------------------------------------------


def test_the_best_weights_are_restored(runtime):
    seen = []

    def metric(outputs, y):
        seen.append(outputs)
        return [0.1, 0.9, 0.3, 0.9][len(seen) - 1]

    model, history = _fit(runtime, valid=_data(seed=1), epochs=4, metric=metric)
    assert (history.best_epoch, history.best_metric) == (2, 0.9)
    outputs = predict(model, _data(seed=1), runtime)
    assert torch.equal(outputs, seen[1])
    assert not torch.equal(outputs, seen[3])
    assert not model.training


def test_early_stopping_waits_for_its_patience(runtime):
    values = iter([0.5, 0.6, 0.6, 0.1, 0.2, 0.9])
    _, history = _fit(
        runtime, valid=_data(), epochs=6, patience=3, metric=lambda o, y: next(values)
    )
    assert history.stopped == "early"
    assert len(history.epochs) == 5
    assert history.best_epoch == 2


def test_an_interrupt_returns_the_history_and_a_usable_model(runtime):
    calls = []

    def augment(x):
        calls.append(1)
        if len(calls) == 10:
            os.kill(os.getpid(), signal.SIGINT)
        return x

    model, history = _fit(runtime, valid=_data(), epochs=9, batch_size=16, augment=augment)
    assert history.stopped == "interrupted"
    assert len(history.epochs) == 2
    assert 8 <= history.steps <= 10
    result = evaluate(model, _data(), loss_fn=LOSS, runtime=runtime)
    assert result.metric == history.best_metric


def _explode_at(call: int):
    calls = []

    def augment(x):
        calls.append(1)
        return x * math.nan if len(calls) == call else x

    return augment


def test_a_loss_that_is_not_finite_stops_and_names_the_step(runtime):
    with pytest.raises(NonFiniteLoss, match=r"became nan at epoch 3, step 10 \(batch 2 of") as info:
        _fit(runtime, epochs=9, batch_size=16, augment=_explode_at(10))
    assert "learning rate that is too high (now 0.1)" in str(info.value)
    with pytest.raises(NonFiniteLoss, match=r"at epoch 2, step 4 \(batch 3 of the epoch\)"):
        _fit(runtime, epochs=9, batch_size=16, accumulate=2, augment=_explode_at(7))


def test_no_checkpoint_ever_holds_weights_after_a_step_that_was_not_finite(runtime, tmp_path):
    model = _model()
    with pytest.raises(NonFiniteLoss, match=r"last good checkpoint is kept in .*checkpoint-"):
        _fit(runtime, model, valid=_data(), epochs=9, batch_size=16, augment=_explode_at(10),
             checkpoint_dir=tmp_path, checkpoint_every=1)  # fmt: skip
    saved = load_checkpoint(tmp_path)
    assert saved.state["position"]["updates"] == 9
    assert all(t.isfinite().all() for t in saved.weights["model"].values())
    assert _flat(model).isfinite().all()  # the best weights so far


def test_a_finite_loss_with_an_infinite_gradient_is_not_saved(runtime, tmp_path):
    class Sharp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * math.inf

    with pytest.raises(NonFiniteLoss, match=r"weight 0.weight is no longer finite at epoch 1"):
        _fit(runtime, checkpoint_dir=tmp_path, checkpoint_every=1,
             loss_fn=lambda o, y: LOSS(Sharp.apply(o), y))  # fmt: skip
    assert list(tmp_path.glob("checkpoint-*")) == []


def test_running_out_of_memory_says_what_to_change(runtime):
    class Huge(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = _model()

        def forward(self, x):
            if self.training:
                torch.empty(2**60)
            return self.body(x)

    with pytest.raises(torch.OutOfMemoryError, match="batch_size=32, accumulate=1, precision=fp32"):
        _fit(runtime, Huge())


# --- continuing ------------------------------------------------------------------------------


def test_more_epochs_continue_a_finished_run(runtime, tmp_path):
    options = {"valid": _data(seed=2), "checkpoint_dir": tmp_path, "batch_size": 16}
    _fit(runtime, epochs=2, **options)
    continued, history = _fit(runtime, epochs=5, resume=True, **options)
    whole, reference = _fit(runtime, epochs=5, batch_size=16, valid=_data(seed=2))
    assert torch.equal(_flat(continued), _flat(whole))
    assert [row["train_loss"] for row in history.epochs] == [
        row["train_loss"] for row in reference.epochs
    ]
    again, unchanged = _fit(runtime, epochs=5, resume=True, **options)
    assert torch.equal(_flat(again), _flat(whole))
    assert unchanged.steps == history.steps


def test_the_loss_scale_of_fp16_continues_too(tmp_path):
    runtime = tl_runtime.start("smoke", device="cpu", precision="fp16", threads=1)
    x, y = _data()
    options = {"train": (x * 300, y), "batch_size": 16}  # large gradients: the scale must fall
    _fit(runtime, epochs=2, checkpoint_dir=tmp_path, **options)
    assert load_checkpoint(tmp_path).state["scaler"]["scale"] < runtime.scaler().get_scale()
    continued, _ = _fit(runtime, epochs=4, checkpoint_dir=tmp_path, resume=True, **options)
    whole, _ = _fit(runtime, epochs=4, **options)
    assert torch.equal(_flat(continued), _flat(whole))


def test_an_earlier_run_is_not_overwritten_and_not_mixed_up(runtime, tmp_path):
    class Named(SimpleNamespace):
        pass

    x, y = _data()
    train = Named(x=x, y=y, classes=["a", "b", "c"])
    _fit(runtime, train=train, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="holds a checkpoint of an earlier run"):
        _fit(runtime, train=train, checkpoint_dir=tmp_path)
    with pytest.raises(CheckpointError, match="batch_size was 32, is 8"):
        _fit(runtime, train=train, checkpoint_dir=tmp_path, resume=True, batch_size=8)
    with pytest.raises(CheckpointError, match="same order"):
        _fit(runtime, train=Named(x=x, y=y, classes=["b", "a", "c"]), checkpoint_dir=tmp_path,
             resume=True)  # fmt: skip
    with pytest.raises(CheckpointError, match="does not fit this model"):
        _fit(runtime, _model(outputs=4), (x, y), checkpoint_dir=tmp_path, resume=True)


# --- what is shown ---------------------------------------------------------------------------


def test_logs_hold_every_epoch_once_after_a_resume(runtime, tmp_path):
    options = {"checkpoint_dir": tmp_path / "c", "valid": _data()}
    _fit(runtime, epochs=2, logger=tmp_path / "csv", **options)
    _, history = _fit(runtime, epochs=4, logger=CsvLog(tmp_path / "csv"), resume=True, **options)
    rows = list(csv.DictReader((tmp_path / "csv" / "history.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[3]["train_loss"]) == history.epochs[3]["train_loss"]


def test_training_prints_nothing_where_nobody_watches(runtime, capfd):
    _fit(runtime, epochs=60, progress=True, valid=_data())
    assert capfd.readouterr() == ("", "")


def test_the_bar_moves_in_a_terminal_and_clears_itself(runtime, monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.delenv("TL_PROGRESS", raising=False)
    _fit(runtime, epochs=100)
    assert "200" in screen.getvalue()
    assert screen.getvalue().split("\r")[-2].strip() == ""
    monkeypatch.setenv("TL_PROGRESS", "0")
    assert ProgressBar(True, 10)._bar is None

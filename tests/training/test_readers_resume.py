"""A continued run is the run that was asked for, or it is refused; a schedule lasts to its end."""

import functools

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as schedules

from tl_helpers.models.weights import CheckpointError, load_weights
from tl_helpers.training import checkpoints, fit
from tl_helpers.training import runtime as tl_runtime

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


def _linear(end: int, step: int) -> float:
    return max(0.0, 1 - step / end)


SCHEDULES = {
    "one cycle": lambda o, n: schedules.OneCycleLR(o, 0.1, total_steps=20 + n),
    "cosine": lambda o, n: schedules.CosineAnnealingLR(o, 20 + n),
    "steps far away": lambda o, n: schedules.StepLR(o, 300 + n),
    "function": lambda o, n: schedules.LambdaLR(o, lambda step: 1 / (1 + step + n)),
    "partial function": lambda o, n: schedules.LambdaLR(o, functools.partial(_linear, 40 + n)),
    "in a row": lambda o, n: schedules.SequentialLR(
        o, [schedules.ConstantLR(o, 0.5, 3), schedules.ExponentialLR(o, 0.9)], [3 + n]
    ),
    "plateau": lambda o, n: schedules.ReduceLROnPlateau(o, patience=3 + n),
}


def _train(runtime, folder, epochs, *, schedule=None, per="step", resume=False, groups=1, **asked):
    torch.manual_seed(1)
    model = nn.Linear(4, 2)
    asked = {"lr": 0.1, "momentum": 0.9, **asked}
    parts = [{"params": [p]} for p in model.parameters()] if groups == 2 else model.parameters()
    optimizer = torch.optim.SGD(parts, **asked)
    scheduler = schedule and schedule(optimizer)
    history = fit(model, (X, Y), loss_fn=nn.functional.cross_entropy, optimizer=optimizer,
                  epochs=epochs, runtime=runtime, batch_size=16, scheduler=scheduler,
                  scheduler_per=per, checkpoint_dir=folder, resume=resume)  # fmt: skip
    return model, optimizer, scheduler, history


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lr": 0.001}, "lr was 0.1, is 0.001"),
        ({"weight_decay": 0.5}, "weight_decay was 0.?0?, is 0.5"),
        ({"momentum": 0.5}, "momentum was 0.9, is 0.5"),
        ({"nesterov": True}, "nesterov was False, is True"),
    ],
)
def test_other_settings_of_the_optimizer_are_refused_on_resume_and_said(
    runtime, tmp_path, changed, said
):
    _train(runtime, tmp_path, 2)
    before = checkpoints.latest(tmp_path)
    with pytest.raises(CheckpointError, match=f"other settings: {said}. Continue with the same"):
        _train(runtime, tmp_path, 4, resume=True, **changed)
    assert checkpoints.latest(tmp_path) == before
    assert _train(runtime, tmp_path, 4, resume=True)[3].steps == 8


@pytest.mark.parametrize("name", SCHEDULES)
def test_another_schedule_is_refused_on_resume_and_the_same_one_goes_on(runtime, tmp_path, name):
    make, per = SCHEDULES[name], "epoch" if name == "plateau" else "step"
    _train(runtime, tmp_path, 4, schedule=lambda o: make(o, 0), per=per)
    with pytest.raises(CheckpointError, match="was .*, is .*Continue with the same"):
        _train(runtime, tmp_path, 5, schedule=lambda o: make(o, 2), per=per, resume=True)
    _, _, _, history = _train(
        runtime, tmp_path, 5, schedule=lambda o: make(o, 0), per=per, resume=True
    )
    whole = _train(runtime, None, 5, schedule=lambda o: make(o, 0), per=per)[3]
    assert [row["lr"] for row in history.epochs] == [row["lr"] for row in whole.epochs]


def test_a_schedule_that_advances_otherwise_is_refused_on_resume(runtime, tmp_path):
    make = functools.partial(SCHEDULES["one cycle"], n=0)
    _train(runtime, tmp_path, 2, schedule=make)
    with pytest.raises(CheckpointError, match="scheduler_per was step, is epoch"):
        _train(runtime, tmp_path, 4, schedule=make, per="epoch", resume=True)


def test_other_parameter_groups_are_refused_on_resume(runtime, tmp_path):
    _train(runtime, tmp_path, 2)
    with pytest.raises(CheckpointError, match="number of parameter groups was 1, is 2. Continue"):
        _train(runtime, tmp_path, 4, resume=True, groups=2)


def test_the_optimizer_of_the_run_itself_may_go_on(runtime, tmp_path):
    """In a notebook it is still there, with a rate that the schedule has moved."""
    model, optimizer, scheduler, _ = _train(
        runtime, tmp_path, 2, schedule=lambda o: schedules.ExponentialLR(o, 0.5)
    )
    fit(model, (X, Y), loss_fn=nn.functional.cross_entropy, optimizer=optimizer, epochs=3,
        runtime=runtime, batch_size=16, scheduler=scheduler, scheduler_per="step",
        checkpoint_dir=tmp_path, resume=True)  # fmt: skip
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**6)
    optimizer.param_groups[0]["lr"] = 1.0
    with pytest.raises(CheckpointError, match="settings: lr was 0.1, is 1.0"):
        fit(model, (X, Y), loss_fn=nn.functional.cross_entropy, optimizer=optimizer, epochs=4,
            runtime=runtime, batch_size=16, scheduler=scheduler, scheduler_per="step",
            checkpoint_dir=tmp_path, resume=True)  # fmt: skip


def test_the_weights_of_a_checkpoint_begin_a_run_with_other_settings(runtime, tmp_path):
    trained = _train(runtime, tmp_path / "first", 2)[0]
    model = nn.Linear(4, 2)
    load_weights(checkpoints.latest(tmp_path / "first") / "model.safetensors", model)
    assert torch.equal(model.weight, trained.weight)


SHORT = {
    "one cycle": (lambda o: schedules.OneCycleLR(o, 0.1, total_steps=7), "Tried to step"),
    "cosine": (lambda o: schedules.CosineAnnealingLR(o, 4), "T_max is 4, after which a cosine"),
    "cosine after a warm-up": (
        lambda o: schedules.SequentialLR(
            o, [schedules.ConstantLR(o, 0.5, 2), schedules.CosineAnnealingLR(o, 3)], [2]
        ),
        "T_max is 3",
    ),
    "polynomial": (lambda o: schedules.PolynomialLR(o, 5), "learning rate is 0 after 5 of them"),
    "falling line": (lambda o: schedules.LambdaLR(o, lambda n: 1 - n / 5), "rate negative"),
    "list": (lambda o: schedules.LambdaLR(o, lambda n: [1, 0.5, 0.1][n]), "index out of range"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_schedule_too_short_for_the_steps_to_come_is_refused_before_training(
    runtime, tmp_path, name
):
    make, said = SHORT[name]
    model = nn.Linear(4, 2)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    options = {"loss_fn": nn.functional.cross_entropy, "optimizer": optimizer, "runtime": runtime,
               "batch_size": 16, "scheduler": make(optimizer), "scheduler_per": "step"}  # fmt: skip
    rate = optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match=f"8 steps of it are to come.*{said}|negative.*8 steps"):
        fit(model, (X, Y), epochs=4, **options)
    assert torch.equal(model.weight, before)
    assert optimizer.param_groups[0]["lr"] == rate


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_a_schedule_as_long_as_the_run_is_accepted_and_left_as_it_was_asked(runtime, per):
    steps = 8 if per == "step" else 4
    for make in (
        lambda o: schedules.OneCycleLR(o, 0.1, total_steps=steps),
        lambda o: schedules.CosineAnnealingLR(o, steps),
        lambda o: schedules.CosineAnnealingLR(o, steps - 1),
        lambda o: schedules.PolynomialLR(o, steps),
        lambda o: schedules.LinearLR(o, total_iters=2),
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 2),
        lambda o: schedules.LambdaLR(o, lambda n: min(1.0, n / 3)),
    ):
        by_hand = torch.optim.SGD([torch.zeros(1)], 0.1, momentum=0.9)
        expected, rates = make(by_hand), []
        for _ in range(steps):
            by_hand.step()
            expected.step()
            rates.append(by_hand.param_groups[0]["lr"])
        _, optimizer, _, _ = _train(runtime, None, 4, schedule=make, per=per)
        assert optimizer.param_groups[0]["lr"] == rates[-1]


def test_more_epochs_than_a_finished_schedule_lasts_are_refused(runtime, tmp_path):
    make = lambda o: schedules.OneCycleLR(o, 0.1, total_steps=4)  # noqa: E731
    _train(runtime, tmp_path, 2, schedule=make)
    with pytest.raises(ValueError, match="too short, and 2 steps of it are to come"):
        _train(runtime, tmp_path, 3, schedule=make, resume=True)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"accumulate": 2}, "accumulate was 1, is 2"),
        ({"clip": 1.0}, "clip was None, is 1.0"),
        ({"batch_size": 8}, "batch_size was 16, is 8"),
    ],
)
def test_every_setting_of_a_step_is_compared_on_resume(runtime, tmp_path, option, said):
    _train(runtime, tmp_path, 1)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    options = {"batch_size": 16, **option}
    with pytest.raises(CheckpointError, match=said):
        fit(model, (X, Y), loss_fn=nn.functional.cross_entropy, optimizer=optimizer, epochs=2,
            runtime=runtime, checkpoint_dir=tmp_path, resume=True, **options)  # fmt: skip


class _Averages(nn.Module):
    """Keeps a running mean that no state dict holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4), persistent=False)

    def forward(self, x):
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return x - self.mean


def test_buffers_that_no_file_holds_continue_and_belong_to_the_best_weights(runtime, tmp_path):
    def trained(epochs, best=None, **options):
        torch.manual_seed(0)
        model, values = nn.Sequential(_Averages(), nn.Linear(4, 2)), iter(best or [])
        valid = {} if best is None else {"valid": (X, Y), "metric": lambda o, y: next(values)}
        fit(model, (X + 3, Y), loss_fn=nn.functional.cross_entropy, epochs=epochs, runtime=runtime,
            optimizer=torch.optim.SGD(model.parameters(), 0.1), batch_size=16, **valid, **options
            )  # fmt: skip
        return model

    trained(2, checkpoint_dir=tmp_path)
    continued, whole = trained(4, checkpoint_dir=tmp_path, resume=True), trained(4)
    assert torch.equal(continued[0].mean, whole[0].mean)
    assert torch.equal(continued[1].weight, whole[1].weight)
    second = trained(4, best=[0.1, 0.9, 0.2, 0.3])
    assert torch.equal(second[0].mean, trained(2)[0].mean)

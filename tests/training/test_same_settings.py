"""A run continues under the settings that it began with, or says which one is another."""

import pytest
import torch
from torch import nn

from tl_helpers.training import fit
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint

X = torch.randn(24, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


def _runtime(precision: str = "fp32"):
    return tl_runtime.start("smoke", device="cpu", precision=precision, threads=1)


def _fit(folder, *, optimizer=torch.optim.SGD, schedule=None, count=24, precision="fp32", **more):
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    made = optimizer(model.parameters(), 0.1)
    settings = {"batch_size": 8, "accumulate": 1, "clip": None, **more}
    return fit(model, (X[:count], Y[:count]), loss_fn=nn.CrossEntropyLoss(), optimizer=made,
               scheduler=schedule and schedule(made), epochs=2, runtime=_runtime(precision),
               checkpoint_dir=folder, resume=True, **settings)  # fmt: skip


def _constant(optimizer):
    return torch.optim.lr_scheduler.ConstantLR(optimizer)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"batch_size": 6}, "batch_size was 8, is 6"),
        ({"accumulate": 3}, "accumulate was 1, is 3"),
        ({"clip": 1.0}, "clip was None, is 1.0"),
        ({"count": 16}, "training examples was 24, is 16"),
        ({"precision": "bf16"}, "precision was fp32, is bf16"),
        ({"optimizer": torch.optim.Adagrad}, "optimizer was SGD, is Adagrad"),
        ({"schedule": _constant}, "scheduler was None, is ConstantLR"),
    ],
)
def test_a_run_under_another_setting_is_refused_and_its_checkpoint_kept(
    tmp_path, change, complaint
):
    _fit(tmp_path)
    before = load_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match=f"other settings.*{complaint}"):
        _fit(tmp_path, **change)
    after = load_checkpoint(tmp_path)
    assert after.path == before.path
    assert torch.equal(after.weights["model"]["weight"], before.weights["model"]["weight"])


def test_every_recorded_setting_is_compared(tmp_path):
    """Also those that one machine cannot differ in, such as the number of processes."""
    _fit(tmp_path)
    saved = load_checkpoint(tmp_path)
    settings = saved.state["settings"]
    assert {"processes", "accumulate", "clip"} <= set(settings)
    for name in settings:
        other = {**saved.state, "settings": {**settings, name: "another"}}
        save_checkpoint(tmp_path, saved.weights, other)
        with pytest.raises(CheckpointError, match=f"{name} was another, is"):
            _fit(tmp_path)


def test_a_run_under_the_same_settings_continues(tmp_path):
    first = _fit(tmp_path, accumulate=2, clip=0.5, schedule=_constant)
    again = _fit(tmp_path, accumulate=2, clip=0.5, schedule=_constant)
    assert again.epochs == first.epochs

"""Checkpoints: whole or not there, and a clear word about any that cannot be used."""

import errno
import multiprocessing
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from kill_and_resume import kill_and_resume, save_for_ever
from safetensors.torch import save_file
from torch import nn

from tl_helpers.assets import files
from tl_helpers.models.weights import CheckpointError, load_weights, save_weights
from tl_helpers.training import checkpoints
from tl_helpers.training.checkpoints import load_checkpoint, save_checkpoint


def _layer(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, outputs))


def _same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("as_loader", [False, True], ids=["tensors", "loader"])
def test_a_run_killed_at_random_moments_ends_as_an_unbroken_one(as_loader):
    kills, _, equal = kill_and_resume(kills=4 if as_loader else 5, seed=7, as_loader=as_loader)
    assert kills >= 4
    assert equal


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path):
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torch", "tl_helpers.training"])
    draw = random.Random(0)
    for _ in range(12):
        started = processes.Event()
        child = processes.Process(target=save_for_ever, args=(str(tmp_path), started))
        child.start()
        assert started.wait(timeout=60)
        child.join(draw.uniform(0.0, 0.05))
        child.kill()
        child.join()
        saved = load_checkpoint(tmp_path)
        assert (saved.weights["model"]["w"] == saved.state["n"]).all()
        assert (saved.state["more"] == saved.state["n"]).all()


def test_weights_come_back_bit_for_bit(tmp_path):
    model, other = _layer(), _layer()
    path = save_weights(tmp_path / "deep" / "w.safetensors", model, classes=["a", "b", "c"])
    assert not _same(model, other)
    load_weights(path, other, classes=["a", "b", "c"])
    assert _same(model, other)


def test_equal_weights_make_equal_files(tmp_path):
    model = _layer()
    first = save_weights(tmp_path / "a", model).read_bytes()
    assert save_weights(tmp_path / "b", model).read_bytes() == first


def test_shared_and_overlapping_tensors_are_saved(tmp_path):
    model, other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), None
    model[1].weight = model[0].weight
    model.register_buffer("view", torch.arange(10.0)[2:6])
    model.register_buffer("turned", torch.arange(6.0).reshape(2, 3).T)
    other = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    other.register_buffer("view", torch.zeros(4))
    other.register_buffer("turned", torch.zeros(3, 2))
    load_weights(save_weights(tmp_path / "w", model), other)
    assert _same(model, other)


def test_one_flipped_byte_is_found_or_harmless(tmp_path):
    model = _layer()
    path = save_weights(tmp_path / "w", model)
    good = path.read_bytes()
    for place in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_weights(path, _layer())


@pytest.mark.parametrize("file", ["model.safetensors", "state.pt"])
def test_a_damaged_run_checkpoint_is_refused(tmp_path, file):
    saved = save_checkpoint(tmp_path, {"model": _layer().state_dict()}, {"n": torch.arange(900)})
    path = saved / file
    good = path.read_bytes()
    middle = bytearray(good)
    middle[len(good) // 2] ^= 1
    for damaged in (bytes(middle), good[: len(good) // 2], b"", b"not a checkpoint"):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged or is not a checkpoint"):
            load_checkpoint(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"does not exist|no file of weights|damaged"):
        load_checkpoint(tmp_path)


def test_foreign_files_are_named_as_such(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="not written by this package"):
        load_weights(tmp_path / "foreign.safetensors", _layer())
    with pytest.raises(CheckpointError, match="does not exist"):
        load_weights(tmp_path / "nowhere", _layer())
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    saved = save_checkpoint(tmp_path, {"model": _layer().state_dict()}, {})
    torch.save({"layer": nn.Linear(2, 2)}, saved / "state.pt")
    with pytest.raises(CheckpointError, match="damaged or is not a checkpoint"):
        load_checkpoint(tmp_path)


def test_other_classes_and_other_heads_are_refused_and_the_model_untouched(tmp_path):
    path = save_weights(tmp_path / "w", _layer(3), classes=["cat", "dog", "fox"])
    model = _layer(3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"3 classes \(cat, dog, fox\).*2 \(cat, dog\)"):
        load_weights(path, model, classes=["cat", "dog"])
    with pytest.raises(CheckpointError, match="same order"):
        load_weights(path, model, classes=["dog", "cat", "fox"])
    with pytest.raises(CheckpointError, match=r"2.weight is \(3, 5\) there and \(7, 5\)"):
        load_weights(path, _layer(7))
    with pytest.raises(CheckpointError, match="tensors are missing"):
        load_weights(path, nn.Sequential(*_layer(3), nn.Linear(3, 3)))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_a_checkpoint_cannot_hold_is_said_when_saving(tmp_path):
    with pytest.raises(CheckpointError, match=r"state\['hook'\] is a function"):
        save_checkpoint(tmp_path, {}, {"hook": lambda: None})


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    good = save_checkpoint(tmp_path, {"model": _layer().state_dict()}, {"n": 1})

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "sync", full)
    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(CheckpointError, match=r"No space left.*previous one is untouched"):
        save_checkpoint(tmp_path, {"model": _layer().state_dict()}, {"n": 2})
    with pytest.raises(CheckpointError, match=r"No space left.*untouched"):
        save_weights(tmp_path / "w", _layer())
    monkeypatch.undo()
    assert load_checkpoint(tmp_path).path == good
    assert load_checkpoint(tmp_path).state == {"n": 1}
    assert not (tmp_path / "w").exists()
    save_checkpoint(tmp_path, {"model": _layer().state_dict()}, {"n": 3})
    assert load_checkpoint(tmp_path).state == {"n": 3}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_quota_reached_while_writing_leaves_the_previous_checkpoint(tmp_path):
    """The limit is real: the process may not write files over 64 kB."""
    program = """
import resource, signal, sys, torch
from tl_helpers.training.checkpoints import CheckpointError, save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
save_checkpoint(sys.argv[1], {"model": {"w": torch.ones(100)}}, {"n": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
for weights, state in ((torch.ones(99999), 2), (torch.ones(100), torch.ones(99999))):
    try:
        save_checkpoint(sys.argv[1], {"model": {"w": weights}}, {"n": state})
    except CheckpointError as error:
        print("refused:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.count("refused: No checkpoint could be written") == 2
    assert load_checkpoint(tmp_path).state == {"n": 1}


def test_random_numbers_continue_where_they_were():
    generator = torch.Generator().manual_seed(5)

    def draw():
        return random.random(), np.random.rand(), torch.rand(3), torch.rand(3, generator=generator)

    state = checkpoints.rng_state([generator])
    first = draw()
    checkpoints.set_rng_state(state, [generator])
    again = draw()
    assert first[:2] == again[:2]
    assert torch.equal(first[2], again[2])
    assert torch.equal(first[3], again[3])

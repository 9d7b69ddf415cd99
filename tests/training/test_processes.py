"""Several processes: the same training as in one, one writer, and an end when a process dies."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import processes_worker as worker
import pytest
import torch

from tl_helpers.training import processes
from tl_helpers.training import runtime as tl_runtime

WORKER = Path(worker.__file__)
# On a machine without GPUs, --multi_gpu is what makes accelerate start more than one process.
ACCELERATE = ["accelerate.commands.accelerate_cli", "launch", "--multi_gpu", "--num_processes=2",
              "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no",
              "--main_process_port"]  # fmt: skip
TORCHRUN = ["torch.distributed.run", "--nproc-per-node=2", "--master-port"]
EQUAL = ["plain", "from_loader", "from_dataset", "by_hand", "unequal_start", "unused_weights",
         "weighted", "added_up", "incomplete", "added_up_alone", "unlabelled_part",
         "frozen_batchnorm"]  # fmt: skip
OTHERS = ["evaluation", "early_stopping", "loss_that_fails", "writing", "full_disk", "batchnorm",
          "randomness", "refusals", "hard"]  # fmt: skip


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TL_PROGRESS": "0", "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": os.pathsep.join(map(str, WORKER.parents[1:3])), **more}  # fmt: skip


def _port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _launch(launcher: list[str], folder: Path, *names: str) -> subprocess.CompletedProcess:
    call = [sys.executable, "-m", *launcher, _port(), str(WORKER), str(folder), *names]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False,
                          env=_environment())  # fmt: skip


def _results(folder: Path) -> list[dict]:
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two processes found, under `accelerate launch`; and what they printed."""
    folder = tmp_path_factory.mktemp("two")
    done = _launch(ACCELERATE, folder, *EQUAL, *OTHERS)
    assert done.returncode == 0, done.stderr[-3000:]
    return [*_results(folder), done.stdout]


@pytest.fixture(scope="module")
def alone():
    """The same cases in this one process."""
    runtime = tl_runtime.start("smoke", device="cpu", precision="fp32", threads=1)
    return lambda name: getattr(worker, name)(runtime, None)


def _distance(one: dict, other: dict) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


# --- the same training -----------------------------------------------------------------------


@pytest.mark.parametrize("name", EQUAL)
def test_two_processes_train_as_one_does_with_the_same_global_batch(name, both, alone):
    first, second, _ = (found if isinstance(found, str) else found[name] for found in both)
    one = alone(name)
    assert _distance(first["weights"], second["weights"]) == 0
    assert _distance(first["weights"], one["weights"]) < 1e-5
    for key in one.keys() - {"weights"}:
        assert first[key] == second[key]
    if "loss" in one:
        assert first["loss"] == pytest.approx(one["loss"], abs=1e-5)
    for mine, whole in zip(first.get("epochs", []), one.get("epochs", []), strict=True):
        assert mine == pytest.approx(whole, abs=1e-5)


def test_the_comparison_sees_other_training(alone):
    plain, other = alone("plain"), alone("from_dataset")
    assert _distance(plain["weights"], other["weights"]) > 1e-2


def test_every_example_is_evaluated_once_and_in_order_on_every_process(both, alone):
    one = alone("evaluation")
    for name, (outputs, result) in one.items():
        for found in both[:2]:
            many, measured = found["evaluation"][name]
            assert many.shape == outputs.shape, name
            assert (many - outputs).abs().max() < 1e-6, name
            assert measured.metric == result.metric
            assert measured.loss == pytest.approx(result.loss, abs=1e-6)


def test_each_process_draws_its_own_noise_and_afterwards_the_same(both):
    first, second = (found["randomness"] for found in both[:2])
    assert not set(first["during"]) & set(second["during"])
    assert first["after"] == second["after"]


# --- agreement -------------------------------------------------------------------------------


def test_all_stop_early_together_even_if_their_metrics_differ(both):
    first, second = (found["early_stopping"] for found in both[:2])
    assert first["stopped"] == "early"
    assert first["epochs"] == second["epochs"]


def test_all_fail_together_when_one_process_sees_a_loss_that_is_not_finite(both):
    first, second = (found["loss_that_fails"]["error"] for found in both[:2])
    assert first == second
    assert first.startswith(
        "NonFiniteLoss: The training loss became nan at epoch 2, step 9 (batch 3 of"
    )


def test_all_fail_together_when_the_checkpoint_cannot_be_written(both):
    first, second = (found["full_disk"]["error"] for found in both[:2])
    assert first == second
    assert first.startswith("CheckpointError: No checkpoint could be written to")


def test_only_the_first_process_writes_logs_and_says_what_runs(both):
    *found, printed = both
    assert [each["writing"] for each in found] == [
        {"calls": 3, "wrote": True},
        {"calls": 0, "wrote": False},
    ]
    assert printed.count("profile smoke") == 1
    assert "2 processes" in printed


def test_batchnorm_that_trains_is_warned_about_with_what_to_write(both):
    first, second = (found["batchnorm"] for found in both[:2])
    assert second["warnings"] == []
    (told,) = first["warnings"]
    assert "own part of a batch in 1 batch-norm layers (1)" in told
    assert "freezing.freeze" in told
    assert _distance(first["weights"], second["weights"]) == 0  # statistics included


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sampler", "has a DistributedSampler"),
        ("wrapped", "Expected the plain model: model.module"),
        ("small batch", "smallest batch has 1 examples for 2 processes"),
        ("other data", "differ in training examples: 51, 50"),
    ],
)
def test_what_processes_cannot_share_is_refused_on_all_of_them(name, words, both):
    for found in both[:2]:
        assert words in found["refusals"][name]


# --- an end when a process dies --------------------------------------------------------------


def test_a_killed_process_ends_the_run_which_continues_bit_for_bit(both, tmp_path):
    killed = _launch(TORCHRUN, tmp_path, "hard_and_killed")
    waited = time.time() - float((tmp_path / "died").read_text())
    assert killed.returncode != 0
    assert waited < 30
    assert any((tmp_path / "hard").glob("checkpoint-*"))
    assert not (tmp_path / "0.pt").exists()
    continued = _launch(TORCHRUN, tmp_path, "hard")
    assert continued.returncode == 0, continued.stderr[-3000:]
    for found, unbroken in zip(_results(tmp_path), both, strict=False):
        assert _distance(found["hard"].pop("weights"), unbroken["hard"]["weights"]) == 0
        assert found["hard"].items() <= unbroken["hard"].items()


def test_a_survivor_without_a_launcher_says_that_the_other_process_ended(tmp_path):
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _port()}
    call = [sys.executable, str(WORKER), str(tmp_path), "exits"]
    pair = [
        subprocess.Popen(call, stderr=subprocess.PIPE, text=True,
                         env=_environment(RANK=rank, LOCAL_RANK=rank, **place))
        for rank in ("0", "1")
    ]  # fmt: skip
    complaint = pair[0].communicate(timeout=60)[1]
    pair[1].communicate(timeout=60)
    assert pair[0].returncode != 0
    assert "ProcessLost: Another process of this run ended" in complaint


# --- one process -----------------------------------------------------------------------------


def test_one_process_imports_nothing_for_several(tmp_path):
    code = (
        "import sys, processes_worker as worker; from pathlib import Path;"
        "from tl_helpers import runtime; worker.plain(runtime.start('smoke'), Path());"
        "print('accelerate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=WORKER.parent, check=True, text=True,
                          capture_output=True, env=_environment(WORLD_SIZE=""))  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False"


def test_a_numbered_device_is_refused_for_several_processes(monkeypatch):
    assert processes.device_of_this_process("cuda:1") == "cuda:1"
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="expected 'auto', which gives every process a GPU"):
        processes.device_of_this_process("cuda:1")

"""Kill a training run at random moments, continue it, and compare it with an unbroken one.

    python tests/support/kill_and_resume.py --kills 20 --seed 0

Every run is a process of its own and every kill a SIGKILL. The run uses what makes continuing
hard: batch-norm, dropout, mixup, random augmentation, accumulation with an incomplete last group,
a schedule per step, validation, and a checkpoint every few steps.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import shutil
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from tl_helpers.models.weights import save_weights
from tl_helpers.training import fit
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.checkpoints import save_checkpoint

EPOCHS = 8


def train(folder: str, as_loader: bool, started) -> None:
    """One process: train, or continue in ``folder``, and write the final weights there."""
    with contextlib.redirect_stdout(None):
        runtime = tl_runtime.start("smoke", seed=3, precision="fp32", threads=1)
    train_set, valid_set = _data()
    if as_loader:
        dataset = torch.utils.data.TensorDataset(*train_set, torch.arange(len(train_set[1])))
        train_set = _Pairs(dataset)
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    started.set()
    history = fit(
        model,
        train_set,
        valid_set,
        loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer=optimizer,
        epochs=EPOCHS,
        runtime=runtime,
        batch_size=16,
        accumulate=3,
        clip=1.0,
        mixup=0.4,
        augment=_augment,
        scheduler=torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=14 * EPOCHS),
        scheduler_per="step",
        checkpoint_dir=Path(folder) / "checkpoints",
        checkpoint_every=2,
        resume=True,
        progress=False,
    )
    rows = [{**row, "seconds": 0.0} for row in history.epochs]
    Path(folder, "history.txt").write_text(f"{rows} {history.best_epoch} {history.steps}")
    save_weights(Path(folder, "final.safetensors"), model)


def save_for_ever(folder: str, started) -> None:
    """One process: one checkpoint after the other, each full of its own number."""
    number = 0
    while True:
        number += 1
        tensors = {"model": {"w": torch.full((200_000,), float(number))}}
        save_checkpoint(folder, tensors, {"n": number, "more": torch.full((100_000,), number)})
        started.set()


class _Pairs(torch.utils.data.Dataset):
    """A map-style dataset that draws random numbers itself, as augmentation does."""

    def __init__(self, dataset: torch.utils.data.Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        x, y, _ = self.dataset[index]
        return x + random.gauss(0, 0.05), y


def _data():
    torch.manual_seed(0)
    x = torch.randn(650, 3, 8, 8)
    y = (x.mean((1, 2, 3)) > 0).long() + 2 * (x[:, 0].mean((1, 2)) > 0).long()
    return (x[:650], y[:650]), (x[:100], y[:100])


def _model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout(0.2),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 4),
    )  # fmt: skip


def _augment(x: torch.Tensor) -> torch.Tensor:
    return x.flip(-1) if torch.rand(()) < 0.5 else x


def kill_and_resume(kills: int, seed: int, as_loader: bool = False) -> tuple[int, int, bool]:
    """Kill runs until ``kills`` have happened; returns kills, finished runs, all equal."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torch", "tl_helpers.training"])
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        reference, whole = _finish(processes, Path(place, "unbroken"), as_loader)
        done = finished = 0
        equal = True
        while done < kills or finished == 0:
            folder = Path(place, f"broken{finished}")
            folder.mkdir(exist_ok=True)
            if done < kills:
                done += _kill_one(processes, folder, as_loader, draw.uniform(0.02, 0.5) * whole)
                if not Path(folder, "final.safetensors").exists():
                    continue
            equal &= _finish(processes, folder, as_loader)[0] == reference
            shutil.rmtree(folder)
            finished += 1
        if Path(place, f"broken{finished}").exists():  # the last run was killed and not continued
            equal &= _finish(processes, Path(place, f"broken{finished}"), as_loader)[0] == reference
            finished += 1
    return done, finished, equal


def _finish(processes, folder: Path, as_loader: bool) -> tuple[tuple[bytes, str], float]:
    """Let a run end; returns its weights and history, and the seconds of training."""
    folder.mkdir(exist_ok=True)
    process, began = _start(processes, folder, as_loader)
    process.join()
    seconds = time.perf_counter() - began
    if process.exitcode != 0:
        raise RuntimeError(f"The training process ended with {process.exitcode}.")
    weights = Path(folder, "final.safetensors").read_bytes()
    return (weights, Path(folder, "history.txt").read_text()), seconds


def _start(processes, folder: Path, as_loader: bool):
    started = processes.Event()
    process = processes.Process(target=train, args=(str(folder), as_loader, started))
    process.start()
    started.wait(timeout=60)
    return process, time.perf_counter()


def _kill_one(processes, folder: Path, as_loader: bool, seconds: float) -> bool:
    """Start or continue a run; kill it after ``seconds`` of training; False when it had ended."""
    process, _ = _start(processes, folder, as_loader)
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode == -9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loader", action="store_true", help="feed from a DataLoader")
    options = parser.parse_args()
    kills, runs, equal = kill_and_resume(options.kills, options.seed, options.loader)
    verdict = "equal bit for bit" if equal else "DIFFERENT"
    print(f"{kills} kills in {runs} runs; final weights and history {verdict}")
    raise SystemExit(not equal)


if __name__ == "__main__":
    main()

"""What the tests of several processes run, in one process and under a launcher.

    accelerate launch ... tests/support/processes_worker.py FOLDER NAME...

Every process runs the named cases in turn and writes what each returns to FOLDER/RANK.pt.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from tl_helpers.techniques.freezing import freeze
from tl_helpers.training import NonFiniteLoss, evaluate, fit, predict, processes, train_one_epoch
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.checkpoints import CheckpointError
from tl_helpers.training.runtime import Runtime

LOSS = nn.CrossEntropyLoss()


class Pairs(Dataset):
    """Examples one by one, as files would give them."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x_values, self.y_values = x, y

    def __len__(self) -> int:
        return len(self.x_values)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.x_values[index], int(self.y_values[index])


def rank() -> int:
    """Of this process."""
    return processes.rank()


def data(count: int = 51) -> tuple[torch.Tensor, torch.Tensor]:
    """With batches of 10 the last one leaves the second of two processes without an example."""
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(0))
    return x, x[:, :3].argmax(1)


def network(*between: nn.Module) -> nn.Module:
    """A small network from the same seed, with the given layers inside."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), *between, nn.Tanh(), nn.Linear(16, 3))


def train(runtime: Runtime, model: nn.Module, train=None, valid=None, **options) -> dict:
    """Call `fit`; returns its history without times, and the final weights."""
    settings = {"epochs": 3, "batch_size": 10, "loss_fn": LOSS, "progress": False,
                "optimizer": torch.optim.AdamW(model.parameters(), 1e-2), **options}  # fmt: skip
    history = fit(model, data() if train is None else train, valid, runtime=runtime, **settings)
    rows = [{**row, "seconds": 0.0} for row in history.epochs]
    return {"weights": model.state_dict(), "epochs": rows, "stopped": history.stopped,
            "best": history.best_epoch, "steps": history.steps}  # fmt: skip


def error_of(action: Callable[[], object], *kinds: type[Exception]) -> str:
    """Message of the error that ``action`` raises."""
    try:
        action()
    except kinds as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


# --- cases -----------------------------------------------------------------------------------


def plain(runtime: Runtime, folder: Path) -> dict:
    """Accumulation, clipping, a schedule, and a last batch and group that are not full."""
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-2, total_steps=6)
    return train(runtime, model, valid=data(7), accumulate=3, clip=0.5, optimizer=optimizer,
                 scheduler=scheduler, scheduler_per="step")  # fmt: skip


def from_loader(runtime: Runtime, folder: Path) -> dict:
    """A DataLoader of the user's, which shuffles by the global generator."""
    torch.manual_seed(5)
    loader = DataLoader(Pairs(*data()), batch_size=10, shuffle=True)
    return train(runtime, network(), loader, DataLoader(Pairs(*data(7)), batch_size=3))


def from_dataset(runtime: Runtime, folder: Path) -> dict:
    """A Dataset, and labels of which a batch is uneven."""
    return train(runtime, network(), Pairs(*data()), Pairs(*data(7)))


def by_hand(runtime: Runtime, folder: Path) -> dict:
    """`train_one_epoch`, whose order comes from the global generator."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    loss = train_one_epoch(model, data(), loss_fn=LOSS, optimizer=optimizer, runtime=runtime,
                           batch_size=10)  # fmt: skip
    return {"weights": model.state_dict(), "loss": loss}


def unequal_start(runtime: Runtime, folder: Path) -> dict:
    """Weights, shuffling and global generators that differ between processes before `fit`."""
    model = network()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(rank())
    torch.manual_seed(rank())
    return train(runtime, model)


def unused_weights(runtime: Runtime, folder: Path) -> dict:
    """Weights outside of the forward pass, under weight decay."""
    model = network()
    model[0].unused = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=1.0)
    return train(runtime, model, optimizer=optimizer)


def weighted(runtime: Runtime, folder: Path) -> dict:
    """Class weights and ignored labels: each process's part has another weight."""
    x, y = data()
    y[20:26] = -100
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0, 0.5]))
    result = train(runtime, network(), (x, y), loss_fn=loss, accumulate=2)
    return {"weights": result["weights"]}


def added_up(runtime: Runtime, folder: Path) -> dict:
    """A loss that is a sum and divides by nothing."""
    result = train(runtime, network(), loss_fn=nn.CrossEntropyLoss(reduction="sum"), accumulate=2)
    return {"weights": result["weights"]}


def incomplete(runtime: Runtime, folder: Path) -> dict:
    """A last group of two batches, of which one leaves a process without an example."""
    model = network()
    model[0].unused = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=1.0)
    return train(runtime, model, optimizer=optimizer, accumulate=4, clip=0.5)


def added_up_alone(runtime: Runtime, folder: Path) -> dict:
    """A sum, and a process that never has an example."""
    loss = nn.CrossEntropyLoss(reduction="sum")
    return train(runtime, network(), data(7), loss_fn=loss, batch_size=1, epochs=2)


def unlabelled_part(runtime: Runtime, folder: Path) -> dict:
    """Batches of which no label counts for the second of two processes."""
    x, y = data()
    y = torch.where(torch.arange(51) % 10 < 5, y, -100)
    model = network()
    loader = DataLoader(Pairs(x, y), batch_size=10)
    return {"weights": train(runtime, model, loader)["weights"]}


def frozen_batchnorm(runtime: Runtime, folder: Path) -> dict:
    """Batch-norm that stays in eval mode, and a frozen first layer."""
    model = network(nn.BatchNorm1d(16))
    freeze(model[0])
    freeze(model[1])
    return train(runtime, model, accumulate=2)


def evaluation(runtime: Runtime, folder: Path) -> dict:
    """Sets whose last batch, or only one, leaves a process without an example."""
    model, found = network(), {}
    for count in (7, 1):
        x, y = data(count)
        for name, form in (("tensors", (x, y)), ("loader", DataLoader(Pairs(x, y), batch_size=2))):
            found[f"{name} of {count}"] = (
                predict(model, form, runtime, batch_size=2),
                evaluate(model, form, loss_fn=LOSS, runtime=runtime, batch_size=2),
            )
    return found


def early_stopping(runtime: Runtime, folder: Path) -> dict:
    """A metric that comes out differently in every process."""
    draw = random.Random(rank())
    return train(runtime, network(), valid=data(7), epochs=30, patience=2,
                 metric=lambda outputs, y: draw.random())  # fmt: skip


def loss_that_fails(runtime: Runtime, folder: Path) -> dict:
    """NaN in the last process alone."""
    seen = []

    def spoil(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        last = rank() == processes.count() - 1
        return x * torch.nan if last and len(seen) == 8 else x

    model = network()
    return {"error": error_of(lambda: train(runtime, model, augment=spoil), NonFiniteLoss)}


def writing(runtime: Runtime, folder: Path) -> dict:
    """Each process names a folder of its own, so that what it writes is seen."""
    calls = []
    own = folder / f"writes-{rank()}"
    train(runtime, network(), valid=data(7), checkpoint_dir=own, logger=calls.append)
    return {"calls": len(calls), "wrote": own.exists()}


def full_disk(runtime: Runtime, folder: Path) -> dict:
    """The first process cannot write its checkpoint."""
    place = folder / f"file-{rank()}"
    place.write_text("not a folder")
    model = network()
    action = lambda: train(runtime, model, checkpoint_dir=place / "in")  # noqa: E731
    return {"error": error_of(action, CheckpointError)}


def batchnorm(runtime: Runtime, folder: Path) -> dict:
    """Statistics of each process's part."""
    model = network(nn.BatchNorm1d(16))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = train(runtime, model, data(54), checkpoint_dir=folder / "batchnorm")
    return {**result, "warnings": [str(w.message) for w in caught]}


def randomness(runtime: Runtime, folder: Path) -> dict:
    """What augmentation draws during `fit`, and what is drawn after it."""
    drawn = []

    def draw(x: torch.Tensor) -> torch.Tensor:
        drawn.append((torch.rand(()).item(), random.random()))
        return x

    train(runtime, network(nn.Dropout()), augment=draw)
    return {"during": drawn[:5], "after": (torch.rand(()).item(), random.random())}


def refusals(runtime: Runtime, folder: Path) -> dict:
    """What several processes cannot share."""
    pairs = Pairs(*data())
    sampler = DistributedSampler(pairs, num_replicas=2, rank=rank())
    wrapped = nn.parallel.DistributedDataParallel(network())
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(network(nn.BatchNorm1d(16)))
    x, y = data(51 - rank())
    cases = {
        "sampler": (network(), DataLoader(pairs, batch_size=10, sampler=sampler)),
        "wrapped": (wrapped, None),
        "small batch": (synchronised, None),
        "other data": (network(), (x, y)),
    }
    found = {}
    for name, (model, train_set) in cases.items():
        action = lambda m=model, t=train_set: train(runtime, m, t)  # noqa: E731
        found[name] = error_of(action, ValueError)
    return found


def hard(runtime: Runtime, folder: Path, die_at: int | None = None) -> dict:
    """All that makes continuing hard; in ``die_at`` the last process kills itself."""
    seen = []

    def augment(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        if len(seen) == die_at and rank() == 1:
            (folder / "died").write_text(str(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)
        return x.flip(-1) if torch.rand(()) < 0.5 else x

    tl_runtime.seed_everything(3)
    model = network(nn.BatchNorm1d(16), nn.Dropout(0.2))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=40)
    return train(runtime, model, data(203), data(40), epochs=5, batch_size=9, accumulate=3,
                 clip=1.0, mixup=0.4, augment=augment, optimizer=optimizer, scheduler=scheduler,
                 scheduler_per="step", checkpoint_dir=folder / "hard", checkpoint_every=2,
                 resume=True)  # fmt: skip


def hard_and_killed(runtime: Runtime, folder: Path) -> dict:
    """The same, and the second process dies in the third epoch."""
    return hard(runtime, folder, die_at=60)


def exits(runtime: Runtime, folder: Path) -> dict:
    """The second process leaves without a word."""

    def leave(x: torch.Tensor) -> torch.Tensor:
        if rank() == 1:
            os._exit(0)
        return x

    return train(runtime, network(), augment=leave)


def main() -> None:
    """Run the named cases."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    runtime = tl_runtime.start("smoke", precision="fp32", threads=1)
    found = {name: globals()[name](runtime, folder) for name in names}
    torch.save(found, folder / f"{rank()}.pt")


if __name__ == "__main__":
    main()

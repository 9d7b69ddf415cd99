"""Training loops on one network and one optimizer: ours, the barest ones, and other libraries'.

Each takes (model, optimizer, data, epochs) and a batch size of `BATCH`. The libraries get their
leanest setting: no logging, no checkpoints, no progress bar, no validation, no metrics, no clipping
of gradients, and batches that are cut from tensors by one index, not collected example by example.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from bench.measuring import excess, in_turn, ratio, timed_steps
from bench.report import Goal, Section
from bench.workers import Worker

BATCH = 32
LOSS = nn.CrossEntropyLoss()
Loop = Callable[[nn.Module, torch.optim.Optimizer, tuple[Tensor, Tensor], int], object]


class Rows(Dataset):
    """Tensors that give a whole batch at once, as a DataLoader asks for it."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.tensor(indices)
        return self.x[chosen], self.y[chosen]


def loader(data: tuple[Tensor, Tensor]) -> DataLoader:
    """Shuffled batches in this process."""
    return DataLoader(Rows(*data), BATCH, shuffle=True, collate_fn=lambda batch: batch)


def bare() -> Loop:
    """The barest loop: tensors, indexed."""

    def run(model, optimizer, data, epochs) -> None:
        model.train()
        x, y = data
        for _ in range(epochs):
            for chosen in torch.randperm(len(y)).split(BATCH):
                optimizer.zero_grad()
                LOSS(model(x[chosen]), y[chosen]).backward()
                optimizer.step()

    return run


def bare_loader() -> Loop:
    """The barest loop over a DataLoader."""

    def run(model, optimizer, data, epochs) -> None:
        model.train()
        batches = loader(data)
        for _ in range(epochs):
            for x, y in batches:
                optimizer.zero_grad()
                LOSS(model(x), y).backward()
                optimizer.step()

    return run


def fit() -> Loop:
    """`training.fit` on tensors."""
    from tl_helpers import training
    from tl_helpers.training import runtime

    settings = runtime.start("laptop", precision="fp32", threads=1)

    def run(model, optimizer, data, epochs) -> None:
        training.fit(model, data, loss_fn=LOSS, optimizer=optimizer, epochs=epochs,
                     runtime=settings, batch_size=BATCH, progress=False)  # fmt: skip

    return run


def fit_loader() -> Loop:
    """`training.fit` on the DataLoader that the others get."""
    on_tensors = fit()

    def run(model, optimizer, data, epochs) -> None:
        on_tensors(model, optimizer, loader(data), epochs)

    return run


def accelerate() -> Loop:
    """The loop of Accelerate's documentation."""
    from accelerate import Accelerator

    def run(model, optimizer, data, epochs) -> None:
        accelerator = Accelerator(cpu=True)
        model, optimizer, batches = accelerator.prepare(model, optimizer, loader(data))
        model.train()
        for _ in range(epochs):
            for x, y in batches:
                optimizer.zero_grad()
                accelerator.backward(LOSS(model(x), y))
                optimizer.step()

    return run


def lightning() -> Loop:
    """Lightning's Trainer in barebones mode, its own setting for measuring its overhead."""
    import lightning as pl

    class Module(pl.LightningModule):
        def __init__(self, model, optimizer) -> None:
            super().__init__()
            self.model, self.optimizer = model, optimizer

        def training_step(self, batch, _) -> Tensor:
            x, y = batch
            return LOSS(self.model(x), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer

    def run(model, optimizer, data, epochs) -> None:
        trainer = pl.Trainer(barebones=True, accelerator="cpu", devices=1, max_epochs=epochs)
        trainer.fit(Module(model, optimizer), loader(data))

    return run


def transformers() -> Loop:
    """Hugging Face's Trainer with everything off that can be."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class WithLoss(nn.Module):  # the Trainer wants the loss from the model
        def __init__(self, model) -> None:
            super().__init__()
            self.model = model

        def forward(self, x, labels) -> dict[str, Tensor]:
            return {"loss": LOSS(self.model(x), labels)}

    off = {"logging_strategy": "no", "save_strategy": "no", "eval_strategy": "no"}
    off |= {"report_to": "none", "disable_tqdm": True, "max_grad_norm": 0.0}
    off |= {"logging_nan_inf_filter": False, "remove_unused_columns": False}
    off |= {"dataloader_pin_memory": False, "use_cpu": True}

    def run(model, optimizer, data, epochs) -> None:
        with tempfile.TemporaryDirectory() as folder:
            given = TrainingArguments(folder, per_device_train_batch_size=BATCH,
                                      num_train_epochs=epochs, **off)  # fmt: skip
            trainer = Trainer(
                WithLoss(model),
                given,
                train_dataset=Rows(*data),
                data_collator=lambda batch: {"x": batch[0], "labels": batch[1]},
                optimizers=(optimizer, LambdaLR(optimizer, lambda _: 1.0)),
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()

    return run


def fastai() -> Loop:
    """fastai's Learner with the two callbacks that it cannot train without."""
    from fastai.callback.core import Callback, CancelValidException
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner, Recorder
    from fastai.optimizer import OptimWrapper

    class NoValidation(Callback):
        def before_validate(self) -> None:
            raise CancelValidException

    def run(model, optimizer, data, epochs) -> None:
        learner = Learner(
            DataLoaders(loader(data), loader(data)),
            model,
            loss_func=LOSS,
            opt_func=lambda *_, **__: OptimWrapper(opt=optimizer),
            lr=optimizer.param_groups[0]["lr"],
        )
        learner.remove_cbs([cb for cb in learner.cbs if isinstance(cb, Recorder)])
        learner.add_cb(NoValidation())
        learner.fit(epochs)

    return run


# What the table calls it, and the distributions whose versions belong to it.
LOOPS = {
    "bare": ("bare loop, tensors", "torch"),
    "fit": ("fit, tensors", "tl-helpers"),
    "bare_loader": ("bare loop, DataLoader", "torch"),
    "fit_loader": ("fit, DataLoader", "tl-helpers"),
    "accelerate": ("Accelerate", "accelerate"),
    "lightning": ("Lightning Trainer", "lightning"),
    "transformers": ("Hugging Face Trainer", "transformers"),
    "fastai": ("fastai Learner", "fastai"),
}
OURS = ("bare", "fit", "bare_loader", "fit_loader")


def trial(name: str, steps: int) -> Callable[[int], dict]:
    """What a worker runs: a new tiny network, ``epochs`` times ``steps`` steps by this loop."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    loop: Loop = globals()[name]()
    x = torch.randn(BATCH * steps, 20)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()  # three classes, so that there is a loss to cut

    def run(epochs: int) -> dict:
        model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 3))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        before = LOSS(model(x), y).item()
        taken = timed_steps(optimizer, lambda: loop(model, optimizer, (x, y), epochs))
        return {**asdict(taken), "loss_before": before, "loss_after": LOSS(model(x), y).item()}

    run(1)  # what is imported or built at the first use is not measured
    return run


def installed(names: Sequence[str]) -> dict[str, str]:
    """Version of each loop's library, for those that are there."""
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(LOOPS[name][1])
    return found


def measure(
    repeats: int, steps: int = 400, epochs: int = 3, names: tuple = tuple(LOOPS)
) -> Section:
    """One step of each loop, on a network that costs next to nothing."""
    versions = installed(names)
    with contextlib.ExitStack() as stack:
        workers = {n: stack.enter_context(Worker("bench.loops:trial", n, steps)) for n in versions}
        for worker in workers.values():
            worker.wait()
        first: dict[str, list[float]] = {name: [] for name in workers}

        def side(name: str) -> float:
            taken = workers[name](epochs)
            check(LOOPS[name][0], taken, steps * epochs)
            first[name].append(taken["first_s"])
            return taken["step_s"]

        taken = in_turn({name: lambda name=name: side(name) for name in workers}, 2 * repeats)
    return section(taken, first, versions, [n for n in names if n not in versions])


def check(name: str, taken: dict, steps: int) -> None:
    """Raise when a loop did not do the work it was timed for."""
    if taken["count"] != steps:
        raise RuntimeError(f"{name} made {taken['count']} optimizer steps; expected {steps}.")
    if not taken["loss_after"] < 0.9 * taken["loss_before"]:
        raise RuntimeError(f"{name} did not learn: {taken}.")


def section(taken: dict, first: dict, versions: dict, missing: list[str]) -> Section:
    """The table and what was to be reached."""
    rows = [
        {
            "loop": LOOPS[name][0],
            "version": versions[name],
            "step_s": statistics.median(values),
            "over_bare_s": excess(values, taken["bare"]),
            "ratio": ratio(values, taken["bare"]),
            "first_step_s": statistics.median(first[name]),
        }
        for name, values in taken.items()
    ]
    over = excess(taken["fit"], taken["bare"])
    goals = [Goal("fit over the bare loop, µs a step", over * 1e6, 20.0)]
    goals += [
        Goal(f"fit / {LOOPS[name][0]}", ratio(taken["fit"], taken[name]), 1.0)
        for name in taken
        if name not in OURS
    ]
    note = "One step of a tiny network (20-32-3), batch 32, SGD, fp32; first step with the set-up."
    if missing:
        note += f" Not installed: {', '.join(LOOPS[name][0] for name in missing)}."
    return Section("Training loops", note, rows, goals)

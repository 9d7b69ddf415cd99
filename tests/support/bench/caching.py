"""What the cache of features saves: a probe through it, and a second call."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from bench.measuring import ratio, seconds
from bench.report import Goal, Section
from tl_helpers import training
from tl_helpers.assets import paths
from tl_helpers.datasets.vision import surfaces
from tl_helpers.models.backbones import Backbone, load, with_head
from tl_helpers.techniques import features, freezing
from tl_helpers.training import runtime as tl_runtime

EPOCHS = 20


@contextlib.contextmanager
def own_cache() -> Iterator[None]:
    """Features go to a folder of their own: the learner's are neither used nor cleared."""
    former, assets = os.environ.get("TL_CACHE"), paths.cache_dir() / "assets"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "assets").symlink_to(assets.resolve(), target_is_directory=True)
        os.environ["TL_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("TL_CACHE") if former is None else os.environ.update(TL_CACHE=former)


def probe(model: nn.Module, data, runtime) -> None:
    """Train what is trainable of ``model``, without validation."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    training.fit(
        model,
        data,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(trainable, 1e-3),
        epochs=EPOCHS,
        runtime=runtime,
        batch_size=64,
        progress=False,
    )


def cached_probe(backbone: Backbone, runtime, repeats: int, crops: int) -> tuple[dict, Goal]:
    """Extract once and train a head, against running the frozen network in every epoch."""
    train = surfaces((crops, 1, 1)).train

    def with_cache() -> None:
        features.clear_cache()  # the one extraction is part of the cost
        found = features.extract(backbone, train, runtime)
        probe(nn.Linear(backbone.feature_size, 16), found, runtime)

    def without_cache() -> None:
        model = with_head(backbone, 16)
        freezing.freeze(model.backbone)
        probe(model, train, runtime)
        freezing.unfreeze(model.backbone)

    with_cache()  # warm up
    what = f"probe of {EPOCHS} epochs, {len(train)} crops, through the network"
    return compared(what, without_cache, with_cache, repeats, goal=15.0)


def second_call(backbone: Backbone, runtime, repeats: int, crops: int) -> tuple[dict, Goal]:
    """`features.extract` from disk against extracting."""
    train = surfaces((crops, 1, 1)).train

    def extract() -> None:
        features.extract(backbone, train, runtime)

    def anew() -> None:
        features.clear_cache()
        extract()

    what = f"features of {len(train)} crops of 96 px"
    return compared(what, anew, extract, repeats, goal=100.0)


def compared(what: str, slow, fast, repeats: int, goal: float) -> tuple[dict, Goal]:
    """A row: how many times faster the cache is; the slow side always comes first and fills it."""
    pairs = [(seconds(slow), seconds(fast)) for _ in range(repeats)]
    taken = dict(zip(("slow", "fast"), zip(*pairs, strict=True), strict=True))
    medians = {side: statistics.median(values) for side, values in taken.items()}
    times = ratio(taken["slow"], taken["fast"])
    row = {"what": what, "anew_s": medians["slow"], "cached_s": medians["fast"], "ratio": times}
    return row, Goal(f"{what}: anew / cached", times, goal, at_least=True)


def measure(repeats: int, crops: tuple[int, int] = (10, 40)) -> Section:
    """Both comparisons."""
    runtime = tl_runtime.start("laptop", threads=1)
    backbone = load("efficientnet-lite0")
    with own_cache():
        found = [
            cached_probe(backbone, runtime, repeats, crops[0]),
            second_call(backbone, runtime, repeats, crops[1]),
        ]
    rows, goals = zip(*found, strict=True)
    note = "EfficientNet-Lite0 on surface materials; the first extraction counts as cached work."
    return Section("Cached features", note, list(rows), list(goals))

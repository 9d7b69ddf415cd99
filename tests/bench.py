"""How much the helpers save or cost: ratios, measured side by side in one run.

    python tests/bench.py [OUT.json]

Times depend on the processor; the ratios much less. Each figure is the median of several repeats,
one thread. Writes the table as JSON too, by default to bench.json in the work folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from tl_helpers import features, freezing, paths, progress
from tl_helpers import runtime as tl_runtime
from tl_helpers.backbones import Backbone, load, with_head
from tl_helpers.datasets.vision import surfaces
from tl_helpers.training import fit

EPOCHS = 20
STEPS = 400


def seconds(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def side_by_side(slow: Callable, fast: Callable, repeats: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio.

    Taken in turn, so that whatever else the computer does hits both alike.
    """
    pairs = [(seconds(slow), seconds(fast)) for _ in range(repeats)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return first, second, statistics.median(a / b for a, b in pairs)


def probe(model: nn.Module, data, runtime, epochs: int) -> None:
    """Train what is trainable of ``model``, without validation."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    fit(
        model,
        data,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(trainable, 1e-3),
        epochs=epochs,
        runtime=runtime,
        batch_size=64,
        progress=False,
    )


def cached_probe(backbone: Backbone, runtime, repeats: int) -> dict:
    """Extract once and train a head, against running the frozen network in every epoch."""
    train = surfaces((10, 1, 1)).train

    def with_cache() -> None:
        features.clear_cache()  # the one extraction is part of the cost
        found = features.extract(backbone, train, runtime)
        probe(nn.Linear(backbone.feature_size, 16), found, runtime, EPOCHS)

    def without_cache() -> None:
        model = with_head(backbone, 16)
        freezing.freeze(model.backbone)
        probe(model, train, runtime, EPOCHS)
        freezing.unfreeze(model.backbone)

    with_cache()  # warm up
    slow, fast, ratio = side_by_side(without_cache, with_cache, repeats)
    what = f"probe of {EPOCHS} epochs, {len(train)} crops: through the network / cached"
    return row(what, slow, fast, ratio, goal="at least 15")


def second_call(backbone: Backbone, runtime, repeats: int) -> dict:
    """`features.extract` from disk against extracting."""
    train = surfaces((40, 1, 1)).train

    def extract() -> None:
        features.extract(backbone, train, runtime)

    def anew() -> None:
        features.clear_cache()
        extract()

    slow, fast, ratio = side_by_side(anew, extract, repeats)
    what = f"features of {len(train)} crops of 96 px: extracted / read from disk"
    return row(what, slow, fast, ratio, goal="at least 100")


def loop_cost(runtime, repeats: int) -> dict:
    """One step of `fit` against the barest loop, on a network that costs next to nothing."""
    x, y = torch.randn(32 * STEPS, 20), torch.randint(0, 3, (32 * STEPS,))

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 3))

    def with_fit() -> None:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        loss_fn = nn.CrossEntropyLoss()
        fit(model, (x, y), loss_fn=loss_fn, optimizer=optimizer, epochs=1, runtime=runtime,
            progress=False)  # fmt: skip

    def bare() -> None:
        model = network().train()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        loss_fn = nn.CrossEntropyLoss()
        for index in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss_fn(model(x[index]), y[index]).backward()
            optimizer.step()

    with_fit(), bare()  # warm up
    fitted, plain, ratio = side_by_side(with_fit, bare, 4 * repeats)
    what = "one step of a tiny network, batch 32: fit / bare loop"
    return row(what, fitted / STEPS, plain / STEPS, ratio, goal="near 1")


def row(what: str, numerator: float, denominator: float, ratio: float, goal: str) -> dict:
    """One line of the table; times in seconds."""
    return {
        "what": what,
        "numerator_s": round(numerator, 7),
        "denominator_s": round(denominator, 7),
        "ratio": round(ratio, 2),
        "goal": goal,
    }


def readable(value: float) -> str:
    """A time in the unit that suits it."""
    unit, factor = ("s", 1) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return f"{value * factor:.3g} {unit}"


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = ["| | first | second | ratio | goal |", "|---|---:|---:|---:|---|"]
    for r in rows:
        times = f"{readable(r['numerator_s'])} | {readable(r['denominator_s'])}"
        lines.append(f"| {r['what']} | {times} | {r['ratio']:.1f} | {r['goal']} |")
    return "\n".join(lines)


@contextlib.contextmanager
def cache_of_its_own(folder: str):
    """Features go to ``folder``, so that the learner's own cache is neither used nor cleared."""
    former = os.environ.get("TL_CACHE")
    os.environ["TL_CACHE"] = folder
    try:
        yield
    finally:
        os.environ.pop("TL_CACHE") if former is None else os.environ.update(TL_CACHE=former)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("out", nargs="?", type=Path, default=paths.work_dir() / "bench.json")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    runtime = tl_runtime.start("laptop", threads=1)
    backbone = load("efficientnet-lite0")
    surfaces((1, 1, 1))  # fetched before the cache moves
    rows = [loop_cost(runtime, options.repeats)]
    assets = paths.cache_dir() / "assets"
    with tempfile.TemporaryDirectory() as folder, cache_of_its_own(folder):
        Path(folder, "assets").symlink_to(assets.resolve(), target_is_directory=True)
        rows.append(second_call(backbone, runtime, options.repeats))
        rows.append(cached_probe(backbone, runtime, options.repeats))
    print(table(rows))
    about = {"machine": platform.machine(), "threads": 1, "precision": runtime.precision}
    report = {**about, "torch": torch.__version__, "repeats": options.repeats, "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    progress.write_atomically(options.out, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    main()

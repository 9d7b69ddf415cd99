"""How much of the processor the helpers use: floating-point operations a second over its peak.

The peak is that of one large matrix product in the same precision. A network of depthwise
convolutions stays far below it in any loop, so each figure has a bare loop's beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.caching import own_cache
from bench.measuring import in_turn, ratio, seconds, timed_steps
from bench.report import Section
from tl_helpers import training
from tl_helpers.datasets.language import tweets
from tl_helpers.datasets.vision import surfaces
from tl_helpers.models.backbones import Backbone, load, with_head
from tl_helpers.techniques import features, freezing
from tl_helpers.training import inputs
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.evaluation import place

LOSS = nn.CrossEntropyLoss()
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def gemm_peak(dtype: torch.dtype, size: int = 2048, repeats: int = 5) -> float:
    """Operations a second of the fastest of several products of two square matrices."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    torch.mm(a, b)
    return 2 * size**3 / min(seconds(lambda: torch.mm(a, b)) for _ in range(repeats))


def operations(forward: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products and convolutions of a forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward()
    return counter.get_total_flops()


def extraction(name: str, data, batch_size: int, runtime) -> dict:
    """`features.extract` from nothing, against the bare network on the same batches."""
    backbone = load(name)
    batches = prepared(backbone, data, batch_size)
    module = place(backbone.module.eval(), runtime)

    def bare() -> None:
        with torch.inference_mode(), runtime.autocast():
            for x in batches:
                module(x)

    def extract() -> None:
        features.clear_cache()
        features.extract(backbone, data, runtime, batch_size)

    count = operations(lambda: [module(x) for x in batches])
    what = f"extract, {name}, {len(data)} examples"
    return {"what": what, "bare": lambda: seconds(bare), "helper": lambda: seconds(extract),
            "operations": count}  # fmt: skip


def prepared(backbone: Backbone, data, batch_size: int) -> list[inputs.Inputs]:
    """The inputs as the network gets them; texts from short to long, so that they pad little."""
    order = list(range(len(data)))
    if not isinstance(data.x, torch.Tensor):
        order.sort(key=lambda i: len(data.x[i]))
    starts = range(0, len(order), batch_size)
    found = [backbone.preprocess(data.take(order[i : i + batch_size]).x) for i in starts]
    return [x.contiguous(memory_format=torch.channels_last) if isinstance(x, torch.Tensor) else x
            for x in found]  # fmt: skip


def fine_tuning(backbone: Backbone, data, batch_size: int, runtime) -> dict:
    """Steps of `fit` on the whole network, against the bare loop in the same layout."""
    x, y = data.x, data.y  # the model with its head takes pictures as they are

    def model() -> tuple[nn.Module, torch.optim.Optimizer]:
        made = place(with_head(backbone, int(y.max()) + 1), runtime).train()
        freezing.unfreeze(made)
        return made, torch.optim.SGD(made.parameters(), 1e-4)

    def step(made: nn.Module, optimizer, chosen) -> None:
        optimizer.zero_grad()
        with runtime.autocast():
            loss = LOSS(made(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()

    def bare() -> float:
        made, optimizer = model()
        order = torch.randperm(len(y)).split(batch_size)
        return timed_steps(optimizer, lambda: [step(made, optimizer, c) for c in order]).step_s

    def fit() -> float:
        made, optimizer = model()
        return timed_steps(optimizer, lambda: training.fit(
            made, (x, y), loss_fn=LOSS, optimizer=optimizer, epochs=1, runtime=runtime,
            batch_size=batch_size, progress=False)).step_s  # fmt: skip

    # Backward: gradients of weights and of inputs, each as many operations as the forward pass.
    # (torch's counter takes grouped convolutions for dense ones there.)
    count = 3 * operations(lambda: model()[0](x[:batch_size]))
    what = f"fit, {backbone.name}, batch {batch_size}"
    return {"what": what, "bare": bare, "helper": fit, "operations": count}


def measure(repeats: int, crops: int = 16, sentences: int = 256) -> Section:
    """Extraction and fine-tuning in the precision that the runtime chooses."""
    runtime = tl_runtime.start("laptop", threads=1)
    pictures, texts = surfaces((crops, 1, 1)).train, tweets((sentences // 2, 2, 2)).train
    with own_cache():
        work = [
            extraction("efficientnet-lite0", pictures, 64, runtime),
            extraction("minilm-l6", texts, 64, runtime),
            fine_tuning(load("efficientnet-lite0"), pictures, 32, runtime),
        ]
        peak = gemm_peak(DTYPES[runtime.precision])
        rows = [row(each, runtime.precision, peak, repeats) for each in work]
    note = "Operations of matrix products and convolutions; the peak is that of one large product."
    return Section("Use of the processor", note, rows, [])


def row(work: dict, precision: str, peak: float, repeats: int) -> dict:
    """Measure one kind of work."""
    taken = in_turn({"bare": work["bare"], "helper": work["helper"]}, repeats + 1)
    taken = {side: values[1:] for side, values in taken.items()}  # the first round warms up
    rate = work["operations"] / statistics.median(taken["helper"])
    return {
        "what": work["what"],
        "precision": precision,
        "time_s": statistics.median(taken["helper"]),
        "gflop_s": rate / 1e9,
        "peak_gflop_s": peak / 1e9,
        "share": rate / peak,
        "by_bare": ratio(taken["helper"], taken["bare"]),
    }

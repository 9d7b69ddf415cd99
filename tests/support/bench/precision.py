"""Does `fit` choose the fastest precision and memory layout?

The hand-tuned loops try all four combinations, on this processor as it is and with oneDNN held to
AVX2, as on one without bf16 instructions. ResNet-18 has dense convolutions; EfficientNet-Lite0, the
course's own, has depthwise ones, whose gradient in bf16 is slow where AMX is missing.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from bench.measuring import in_turn, ratio, timed_steps
from bench.report import Goal, Section
from bench.workers import Worker

BATCH = 8
NETWORKS = {"resnet18": 224, "tf_efficientnet_lite0": 96}  # timm's names, pixels
STEPS = {"resnet18": 4, "tf_efficientnet_lite0": 13}  # one and a half seconds each; the first apart
LOSS = nn.CrossEntropyLoss()
CANDIDATES = {  # bf16 products, channels-last layout
    "fp32": (False, False),
    "fp32, channels-last": (False, True),
    "bf16": (True, False),
    "bf16, channels-last": (True, True),
}
AUTO = "fit, precision auto"
PROCESSORS = {"as it is": {}, "held to AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}
HOPELESS = 2.0  # a candidate that takes this many times the best's first step is left out


def network(name: str, size: int) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    """A fresh network, and ``size`` random pictures with labels."""
    import timm

    torch.manual_seed(0)
    pictures = torch.randn(size, 3, NETWORKS[name], NETWORKS[name])
    return timm.create_model(name, num_classes=10), (pictures, torch.arange(size) % 10)


def by_hand(bf16: bool, channels_last: bool) -> Callable:
    """The barest loop in one precision and layout."""
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def precision():
        return torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()

    def run(model, optimizer, data) -> None:
        model.to(memory_format=layout).train()
        x, y = data[0].contiguous(memory_format=layout), data[1]
        for chosen in torch.randperm(len(y)).split(BATCH):
            optimizer.zero_grad()
            with precision():
                loss = LOSS(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()

    return run


def with_fit() -> tuple[Callable, str]:
    """`training.fit` with precision "auto", and what that chose."""
    from tl_helpers import training
    from tl_helpers.training import runtime

    settings = runtime.start("laptop", threads=1)

    def run(model, optimizer, data) -> None:
        training.fit(model, data, loss_fn=LOSS, optimizer=optimizer, epochs=1, runtime=settings,
                     batch_size=BATCH, progress=False)  # fmt: skip

    layout = "channels-last" if settings.channels_last else "contiguous"
    return run, f"{settings.precision}, {layout}"


def trial(net: str, name: str) -> Callable[[int], dict]:
    """What a worker runs: ``steps`` steps of a new network, the first of them apart."""
    torch.set_num_threads(1)
    if name == AUTO:
        loop, chose = with_fit()
    else:
        loop, chose = by_hand(*CANDIDATES[name]), name

    def run(steps: int) -> dict:
        model, data = network(net, BATCH * steps)
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
        taken = timed_steps(optimizer, lambda: loop(model, optimizer, data))
        return {**asdict(taken), "chose": chose}

    return run


def measure(repeats: int) -> Section:
    """Each network on both processors, one after the other."""
    rows: list[dict] = []
    goals: list[Goal] = []
    for net, (processor, variables) in itertools.product(NETWORKS, PROCESSORS.items()):
        taken, dropped, chose = on_processor(net, variables, repeats)
        rows += table(net, processor, taken, dropped, chose)
        goals += reached(f"{net}, {processor}", taken)
    sizes = ", ".join(f"{net} at {side} px" for net, side in NETWORKS.items())
    note = f"{sizes}, batch {BATCH}, a training step after the first; 'auto' chooses by itself."
    return Section("Precision and layout", note, rows, goals)


def on_processor(net: str, variables: dict, repeats: int) -> tuple[dict, dict, str]:
    """Seconds a step of each side that is worth it, of those that are not, and auto's choice."""
    with contextlib.ExitStack() as stack:
        names = [*CANDIDATES, AUTO]
        workers = {
            name: stack.enter_context(Worker("bench.precision:trial", net, name, **variables))
            for name in names
        }
        for worker in workers.values():
            worker.wait()
        warm = {name: worker(2) for name, worker in workers.items()}  # oneDNN builds its kernels
        seconds = {name: found["step_s"] for name, found in warm.items()}
        limit = HOPELESS * min(seconds.values())
        kept = [name for name in names if name == AUTO or seconds[name] <= limit]
        sides = {name: lambda name=name: workers[name](STEPS[net])["step_s"] for name in kept}
        dropped = {name: seconds[name] for name in names if name not in kept}
        return in_turn(sides, repeats), dropped, warm[AUTO]["chose"]


def table(net: str, processor: str, taken: dict, dropped: dict, chose: str) -> list[dict]:
    """One row a side; those left out have their one step of warming up."""
    medians = {name: statistics.median(values) for name, values in taken.items()} | dropped
    best = min((name for name in taken if name != AUTO), key=medians.get)
    return [
        {
            "network": net,
            "processor": processor,
            "loop": f"{name} ({chose})" if name == AUTO else name,
            "step_s": medians[name],
            "images/s": BATCH / medians[name],
            "over_best": ratio(taken[name], taken[best])
            if name in taken
            else medians[name] / medians[best],
        }
        for name in [*CANDIDATES, AUTO]
    ]


def reached(where: str, taken: dict) -> list[Goal]:
    """Auto against the best loop, the best in fp32, and plain fp32."""
    by_hand_ = [name for name in taken if name != AUTO]
    best = min(by_hand_, key=lambda name: statistics.median(taken[name]))
    against = dict.fromkeys([best, "fp32, channels-last"], 1.03) | {"fp32": 1.0}
    return [
        Goal(f"{where}: auto / {name}", ratio(taken[AUTO], taken[name]), limit)
        for name, limit in against.items()
        if name in taken
    ]

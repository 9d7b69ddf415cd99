"""What a frozen network makes of examples, after several of its stages in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tl_helpers.datasets import Examples
from tl_helpers.models.backbones import Backbone
from tl_helpers.training.inputs import map_inputs
from tl_helpers.training.runtime import Runtime

OUTPUT = "output"
_PIXELS = 20_000  # times 16: of the pictures that a processor takes at once


@torch.inference_mode()
def features_after(
    backbone: Backbone, dataset: Examples, runtime: Runtime, stages: Sequence[str], batch_size: int
) -> dict[str, Tensor]:
    """Features of all examples after each of the stages, float32 (N, channels), on the CPU.

    Raises
    ------
    ValueError
        For features that are not finite, or a stage that does not run exactly once in a pass.
    """
    caught: dict[str, list[Tensor]] = {stage: [] for stage in stages}
    mask: Tensor | None = None  # of the batch that the hooks see
    hooks = [
        _output_module(backbone.stages[stage]).register_forward_hook(
            lambda _module, _inputs, output, kept=caught[stage]: kept.append(_pool(output, mask))
        )
        for stage in stages
        if stage != OUTPUT
    ]
    try:
        for passes, inputs in enumerate(_batches(backbone, dataset, runtime, batch_size), 1):
            mask = inputs.get("attention_mask") if isinstance(inputs, dict) else None
            with runtime.autocast():
                features = backbone.module(inputs)
            if OUTPUT in caught:
                caught[OUTPUT].append(features.float().cpu())
            _check_ran_once(caught, passes)
    finally:
        for hook in hooks:
            hook.remove()
    result = {stage: torch.cat(parts) for stage, parts in caught.items()}
    broken = [stage for stage, x in result.items() if not torch.isfinite(x).all()]
    if broken:
        raise ValueError(
            f"Features after {broken[0]!r} hold NaN or infinite values; expected finite numbers. "
            "Check the weights, or use precision='fp32'."
        )
    return result


def _batches(
    backbone: Backbone, dataset: Examples, runtime: Runtime, batch_size: int
) -> Iterator[Any]:
    """Inputs of the network on the device, batch by batch; pictures in fewer on a processor.

    The maps of 64 pictures of 224 pixels are fresh memory of the system for every layer, and
    EfficientNet-Lite0 then waits for it more than it computes. Sixteens leave oneDNN's blocks
    whole: on the machines where this was measured the features stay the same to the bit.
    """
    for start in range(0, len(dataset), batch_size):
        batch = range(start, min(start + batch_size, len(dataset)))
        inputs = _to_device(backbone.preprocess(dataset.take(batch).x), runtime)
        if runtime.device.type == "cpu" and isinstance(inputs, Tensor) and inputs.dim() == 4:
            yield from inputs.split(16 * max(1, _PIXELS // inputs[0, 0].numel()))
        else:
            yield inputs


def _check_ran_once(caught: dict[str, list[Tensor]], passes: int) -> None:
    """A module that two places of a network share has two outputs, and one that is off has none."""
    for stage, outputs in caught.items():
        if len(outputs) != passes:
            raise ValueError(
                f"The stage {stage!r} gave {len(outputs) - passes + 1} outputs in one pass of the "
                "network; expected one. Choose a stage that runs once, such as the module around "
                "the places that share it."
            )


def _output_module(stage: nn.Module) -> nn.Module:
    """The module whose output is the stage's: a list of modules has no forward of its own."""
    return stage[-1] if isinstance(stage, nn.ModuleList) else stage


def _pool(output: Any, mask: Tensor | None) -> Tensor:
    """Average a map (N, C, H, W) over positions, vectors (N, L, C) over patches or real tokens."""
    x = (output[0] if isinstance(output, tuple) else output).float()
    if x.dim() == 4:
        return x.mean((2, 3)).cpu()
    if x.dim() == 3 and mask is not None:
        weight = mask.unsqueeze(-1).float()
        return ((x * weight).sum(1) / weight.sum(1).clamp(min=1)).cpu()
    return (x.mean(1) if x.dim() == 3 else x).cpu()


def _to_device(inputs: Any, runtime: Runtime) -> Any:
    def moved(x: Tensor) -> Tensor:
        layout = runtime.memory_format() if x.dim() == 4 else torch.preserve_format
        return x.to(runtime.device, memory_format=layout)

    return map_inputs(inputs, moved)

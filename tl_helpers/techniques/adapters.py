"""Small additions to a frozen network, one set for each task.

LoRA and prompt tuning come from peft. Here are two methods that peft lacks, and what all of them
share: the tensors of one task, counted, saved and put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """``x + up(gelu(down(x)))``: the adapter of Houlsby et al. 2019, section 2.1.

    Parameters
    ----------
    size : int
        Features of x, whose shape is (..., size).
    width : int
        Features in the middle; 2 * size * width + size + width parameters.

    Notes
    -----
    ``up`` starts at zero, so that the network begins as it was. (Houlsby et al. start near zero.)
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(size, width), nn.Linear(width, size)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Float (..., size) to the same shape."""
        return x + self.up(nn.functional.gelu(self.down(x)))


def add_bottlenecks(module: nn.Module, after: Sequence[str], width: int) -> list[str]:
    """Put a trainable `Bottleneck` behind linear layers and stop the training of all else.

    Parameters
    ----------
    module : nn.Module
        Changed in place.
    after : sequence of str
        A linear layer is meant when its full name ends with one of these, at a dot:
        ``["attention.output.dense", "output.dense"]`` are the two places of Houlsby et al. 2019
        in a BERT, before the residual sum.
    width : int
        Features in the middle of each.

    Returns
    -------
    list of str
        Names of the layers that got one.

    Raises
    ------
    ValueError
        When a name fits no linear layer, or the width is not positive.
    """
    if width < 1:
        raise ValueError(f"width is {width}; expected the features in the middle, 1 or more.")
    linear = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    for ending in after:
        if not any(_ends_with(name, ending) for name in linear):
            raise ValueError(
                f"No linear layer is called {ending!r}; expected the end of a name such as "
                f"{_examples(linear)}."
            )
    chosen = [name for name in linear if any(_ends_with(name, ending) for ending in after)]
    module.requires_grad_(False)
    for name in chosen:
        layer = linear[name]
        adapter = Bottleneck(layer.out_features, width).to(layer.weight.device, layer.weight.dtype)
        module.set_submodule(name, nn.Sequential(layer, adapter))
    return chosen


def bias_only(module: nn.Module) -> list[str]:
    """Train the biases of ``module`` and nothing else: BitFit (Ben Zaken et al. 2022).

    Parameters
    ----------
    module : nn.Module
        Changed in place.

    Returns
    -------
    list of str
        Names of the biases.

    Raises
    ------
    ValueError
        When the module has no bias.
    """
    biases = [name for name, _ in module.named_parameters() if _ends_with(name, "bias")]
    if not biases:
        raise ValueError("No parameter is called 'bias'; expected a network with biases.")
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in set(biases))
    return biases


def trained(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of one task: every parameter that trains, by name, without a copy.

    Raises
    ------
    ValueError
        When nothing trains.
    """
    found = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    if not found:
        raise ValueError(
            "Nothing in this network trains, so there is nothing to keep of a task; expected "
            "parameters with requires_grad=True."
        )
    return found


def save(module: nn.Module, path: str | Path) -> int:
    """Write what `trained` gives to a safetensors file.

    Returns
    -------
    int
        Size of the file, in bytes.
    """
    save_file({name: t.cpu().contiguous() for name, t in trained(module).items()}, path)
    return Path(path).stat().st_size


@torch.no_grad()
def load(module: nn.Module, path: str | Path) -> None:
    """Put the tensors of a file that `save` wrote into a network made in the same way.

    Raises
    ------
    ValueError
        When names or shapes differ from what trains in ``module``; nothing is changed then.
    """
    wanted = trained(module)
    with safe_open(path, "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if odd := sorted(wanted.keys() ^ stored.keys()):
        raise ValueError(
            f"{Path(path).name} and the network differ in {len(odd)} tensors, such as {odd[0]!r}; "
            "expected a network with the same method, places and trainable head."
        )
    for name, tensor in stored.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} in {Path(path).name} and "
                f"{tuple(wanted[name].shape)} in the network; was its rank or width another?"
            )
    for name, tensor in stored.items():
        wanted[name].copy_(tensor)


def _ends_with(name: str, ending: str) -> bool:
    return name == ending or name.endswith(f".{ending}")


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in list(names)[:2]) or "none: it has no linear layer"

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

from tl_helpers.assets.files import replacing
from tl_helpers.models.weights import named_as
from tl_helpers.techniques.freezing import is_frozen


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

    Each layer stays what it is and where it is, under all its names; its bottleneck is a part of
    it that a forward hook calls. So code that reads ``layer.weight`` still can, and torch's fused
    paths, which would pass over the bottleneck, see the hook and step aside.

    Parameters
    ----------
    module : nn.Module
        Changed in place.
    after : sequence of str
        A linear layer is meant when its full name ends with one of these, at a dot:
        ``["attention.output.dense", "output.dense"]`` are the two places of Houlsby et al. 2019
        in a BERT, before the residual sum. ``["out_proj", "linear2"]`` are those in torch's own
        encoder layers.
    width : int
        Features in the middle of each.

    Returns
    -------
    list of str
        Names of the layers that got one; of a layer with several names, the first.

    Raises
    ------
    ValueError
        When a name fits no linear layer, a layer has a bottleneck already, or the width is not
        positive.
    """
    if width < 1:
        raise ValueError(f"width is {width}; expected the features in the middle, 1 or more.")
    named = list(module.named_modules(remove_duplicate=False))
    linear = {name: part for name, part in named if isinstance(part, nn.Linear)}
    for ending in after:
        if not any(_ends_with(name, ending) for name in linear):
            raise ValueError(
                f"No linear layer is called {ending!r}; expected the end of a name such as "
                f"{_examples(list(linear))}."
            )
    chosen: dict[nn.Linear, str] = {}
    for name, layer in linear.items():
        if any(_ends_with(name, ending) for ending in after):
            chosen.setdefault(layer, name)
    places = _called_instead([part for _, part in named])
    for layer, name in chosen.items():
        if hasattr(places.get(layer, layer), "bottleneck"):
            raise ValueError(f"{name} has a bottleneck already; expected a network without one.")
    module.requires_grad_(False)
    for layer in chosen:
        _add_bottleneck(layer, places.get(layer, layer), width)
    return list(chosen.values())


def _called_instead(parts: Sequence[nn.Module]) -> dict[nn.Module, nn.Module]:
    """Layers whose weights another module reads without calling them: by layer, that module."""
    attentions = [part for part in parts if isinstance(part, nn.MultiheadAttention)]
    return {attention.out_proj: attention for attention in attentions}


def _add_bottleneck(layer: nn.Linear, place: nn.Module, width: int) -> None:
    adapter = Bottleneck(layer.out_features, width).to(layer.weight.device, layer.weight.dtype)
    place.add_module("bottleneck", adapter)
    place.register_forward_hook(_through_bottleneck)


def _through_bottleneck(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> object:
    bottleneck = module.get_submodule("bottleneck")
    if isinstance(output, tuple):  # attention gives its weights too
        return bottleneck(output[0]), *output[1:]
    return bottleneck(output)


def bias_only(module: nn.Module) -> list[str]:
    """Train the biases of ``module`` and nothing else: BitFit (Ben Zaken et al. 2022).

    A bias is a vector with the word in its name: ``bias``, but also the ``in_proj_bias`` of
    attention and the ``bias_ih_l0`` of a recurrent network. A table of biases is none.

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
    biases = [name for name, p in module.named_parameters() if _is_bias(name, p)]
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
    """Write what training moves to a safetensors file: what `trained` gives, and statistics.

    Batch-norm moves its statistics although its weights are fixed, unless `freezing.freeze` holds
    it. So the buffers of parts that follow ``train()`` and have floating ones are kept too.

    Returns
    -------
    int
        Size of the file, in bytes.

    Raises
    ------
    ValueError
        When nothing trains.
    """
    moved = {name: t.cpu().contiguous() for name, t in _moved(module).items()}
    with replacing(Path(path)) as scratch:
        save_file(moved, scratch)
    return Path(path).stat().st_size


@torch.no_grad()
def load(module: nn.Module, path: str | Path) -> None:
    """Put the tensors of a file that `save` wrote into a network made in the same way.

    Raises
    ------
    ValueError
        When names or shapes differ from what trains in ``module``; nothing is changed then.
    """
    wanted = _moved(module)
    with safe_open(path, "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    stored = named_as(wanted, stored)
    if odd := sorted(wanted.keys() ^ stored.keys()):
        raise ValueError(
            f"{Path(path).name} and the network differ in {len(odd)} tensors, such as {odd[0]!r}; "
            "expected a network with the same method, places, frozen parts and trainable head."
        )
    for name, tensor in stored.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} in {Path(path).name} and "
                f"{tuple(wanted[name].shape)} in the network; was its rank or width another?"
            )
    for name, tensor in stored.items():
        wanted[name].copy_(tensor)


def _moved(module: nn.Module) -> dict[str, Tensor]:
    """Every tensor that a step of training moves, by name, without a copy."""
    found = trained(module)
    for name, part in module.named_modules():
        buffers = dict(part.named_buffers(name, recurse=False))
        if not is_frozen(part) and any(b.is_floating_point() for b in buffers.values()):
            found |= buffers
    return found


def _is_bias(name: str, parameter: nn.Parameter) -> bool:
    is_vector = sum(size > 1 for size in parameter.shape) <= 1
    return "bias" in name.rpartition(".")[2].split("_") and is_vector


def _ends_with(name: str, ending: str) -> bool:
    return name == ending or name.endswith(f".{ending}")


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:2]) or "none: it has no linear layer"

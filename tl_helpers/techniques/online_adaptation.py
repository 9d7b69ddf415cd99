"""Adaptation of a trained network to unlabelled target batches, without its source data.

Batch-norm layers carry much of what a network knows about its domain: the mean and spread of every
channel. `adapt_batchnorm` measures them anew, `tent` trains the scale and shift that follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def adapt_batchnorm(model: nn.Module, loader: Iterable, prior: float = 0) -> nn.Module:
    """Replace the statistics of all batch-norm layers by those of target batches.

    Each batch is normalised by its own statistics on its way through the network, as in training,
    so a batch should mix the classes as the target does. Its mean and (within-batch) variance
    count by its size: after n examples the statistics are ``prior / (prior + n)`` times the
    source's and ``n / (prior + n)`` times the target's. No weight changes, and every module is
    left in its mode. Layers that `freezing.freeze` froze are adapted too.

    Source: Schneider et al., "Improving robustness against common corruptions by covariate shift
    adaptation", NeurIPS 2020, equation 3; whole target sets: Li et al., "Adaptive Batch
    Normalization for practical domain adaptation", Pattern Recognition 2018.

    Parameters
    ----------
    model : nn.Module
        Adapted in place.
    loader : iterable of batches
        Inputs as a tensor (n, ...), or tuples or lists with the inputs first; labels are ignored.
        Such as a DataLoader, or ``x.split(128)``.
    prior : float, default 0
        Target examples that the source statistics weigh as much as; 0 forgets the source.

    Returns
    -------
    nn.Module
        The same model.

    Raises
    ------
    ValueError
        When no batch-norm layer has running statistics, prior is negative, or there is no batch.
    TypeError
        When the loader is a tensor or one of its batches holds no tensor.
    """
    if not 0 <= prior < math.inf:
        raise ValueError(f"prior is {prior!r}; expected a number of examples, 0 or more.")
    layers, seen = _batchnorm_layers(model), prior
    momentum = [layer.momentum for layer in layers]
    try:
        with _batch_statistics(model, layers), torch.no_grad():
            for x in _inputs(loader, model):
                seen += len(x)
                for layer in layers:
                    layer.momentum = len(x) / seen  # the running mean becomes the mean over all
                model(x)
    finally:
        for layer, value in zip(layers, momentum, strict=True):
            layer.momentum = value
    if seen == prior:
        raise ValueError("The loader gave no batch; expected at least one.")
    return model


def tent(model: nn.Module, loader: Iterable, lr: float = 1e-3, epochs: int = 1) -> list[float]:
    """Sharpen the predictions on target batches by training the batch-norm layers' scale and shift.

    Minimises the mean entropy of the predictions with Adam, each batch normalised by its own
    statistics; all other weights stay as they are, bit for bit. Afterwards the running statistics
    are those of the target (`adapt_batchnorm`), so that the model serves in eval mode, one example
    at a time if need be. (The paper keeps normalising each batch by itself.)

    Source: Wang et al., "Tent: Fully Test-Time Adaptation by Entropy Minimization", ICLR 2021,
    section 3.

    Parameters
    ----------
    model : nn.Module
        A classifier whose outputs are logits (n, c); adapted in place, each module keeps its mode.
    loader : iterable of batches
        As in `adapt_batchnorm`; it is read ``epochs + 1`` times.
    lr : float, default 1e-3
        Of Adam; the paper's value for all data sets but ImageNet.
    epochs : int, default 1

    Returns
    -------
    list of float
        Mean entropy of each batch before its step, in nats.

    Raises
    ------
    ValueError
        When no batch-norm layer has running statistics, or one of them no scale and shift; when
        outputs are not (n, c), the entropy is not finite, there is no batch, or epochs is not
        positive.
    TypeError
        When the loader can be read only once, is a tensor, or has a batch without one.
    """
    if iter(loader) is loader:
        raise TypeError("The loader can be read only once; pass a DataLoader or a list of batches.")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; expected 1 or more.")
    layers = _batchnorm_layers(model)
    if not all(layer.affine for layer in layers):
        raise ValueError("A batch-norm layer has affine=False: no scale and shift to train.")
    history = []
    with _batch_statistics(model, layers), _only_trainable(model, layers) as trained:
        optimizer = torch.optim.Adam(trained, lr)
        for x in (x for _ in range(epochs) for x in _inputs(loader, model)):
            loss = entropy(model(x))
            history.append(loss.item())
            if not math.isfinite(history[-1]):
                raise ValueError(f"The entropy became {history[-1]}; try a tenth of lr ({lr:g}).")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    adapt_batchnorm(model, loader)
    return history


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predictions, in nats: 0 when all are certain, log(c) when none is.

    Parameters
    ----------
    logits : Tensor (n, c), float

    Returns
    -------
    Tensor, scalar
        Differentiable.

    Raises
    ------
    ValueError
        For another shape.
    """
    if logits.dim() != 2 or not logits.numel():
        raise ValueError(f"logits have shape {tuple(logits.shape)}; expected (n, c).")
    logs = logits.log_softmax(1)
    return -(logs.exp() * logs).sum(1).mean()


def _batchnorm_layers(model: nn.Module) -> list[_BatchNorm]:
    layers = [part for part in model.modules() if isinstance(part, _BatchNorm)]
    layers = [layer for layer in layers if layer.running_mean is not None]
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no batch-norm layer with running statistics, so there is "
            "nothing to adapt (layer and group norm keep none). Align features instead: coral, mmd."
        )
    return layers


@contextmanager
def _batch_statistics(model: nn.Module, layers: list[_BatchNorm]) -> Iterator[None]:
    """Batch-norm uses and records the batch's statistics; dropout and the like are still."""
    modes = [(part, part.training) for part in model.modules()]
    try:
        for part, _ in modes:  # the attribute itself: a frozen module ignores .train()
            part.training = False
        for layer in layers:
            layer.training = True
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def _only_trainable(model: nn.Module, layers: list[_BatchNorm]) -> Iterator[list[nn.Parameter]]:
    """Gradients for scale and shift of these layers alone; none is left behind."""
    required = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    trained = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    try:
        model.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
        yield trained
    finally:
        for parameter, wanted in required:
            parameter.requires_grad_(wanted)
        for parameter in trained:
            parameter.grad = None


def _inputs(loader: Iterable, model: nn.Module) -> Iterator[Tensor]:
    """Inputs of each batch, on the model's device."""
    if isinstance(loader, Tensor):
        raise TypeError("The loader is one tensor; pass batches, such as x.split(128).")
    device = next(model.parameters()).device
    for batch in loader:
        x: Any = batch[0] if isinstance(batch, tuple | list) and len(batch) else batch
        if not isinstance(x, Tensor):
            raise TypeError(
                f"A batch of the loader is {type(x).__name__}; expected a tensor (n, ...), or a "
                "tuple with the inputs first."
            )
        yield x.to(device)

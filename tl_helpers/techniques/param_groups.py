"""Layer-wise learning rates: a parameter group for each stage, each with its own ``lr``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn


def layerwise(
    stages: Mapping[str, nn.Module], head: nn.Module, base_lr: float, decay: float
) -> list[dict[str, Any]]:
    """Optimizer groups whose learning rate falls from the head towards the input.

    The head gets ``base_lr``, the last stage ``base_lr * decay``, the one before it
    ``base_lr * decay**2``, and so on. A stage's rate follows from its place alone, so that it
    stays the same whether its neighbours are frozen or not. No ``requires_grad`` is changed.

    Parameters
    ----------
    stages : mapping of name to nn.Module
        From input to output, such as ``backbone.stages``. Frozen parameters are left out, and so
        is a stage in which all are.
    head : nn.Module
        The new last layer.
    base_lr : float
        Learning rate of the head, positive.
    decay : float
        Factor from one stage to the one below, in (0, 1]. 1 gives every stage the same rate.
        Howard & Ruder use 1 / 2.6; Clark et al. 0.8 to 0.9 for transformers of 12 to 24 layers.

    Returns
    -------
    list of dict
        From input to head, for any torch optimizer: ``params`` (list of nn.Parameter), ``lr``
        (float) and ``name`` (the stage's, or "head"). Each trainable parameter of the stages and
        the head is in exactly one group.

    Raises
    ------
    ValueError
        When ``base_lr`` or ``decay`` is out of range, there is no stage, a stage is called "head",
        a parameter belongs to two of the parts, or the head has nothing to train.

    References
    ----------
    Howard & Ruder, Universal Language Model Fine-tuning for Text Classification, ACL 2018,
    section 3.2 (discriminative fine-tuning). Clark et al., ELECTRA, ICLR 2020, appendix B
    (layer-wise learning-rate decay).

    Examples
    --------
    >>> stages = {"early": nn.Linear(4, 4), "late": nn.Linear(4, 4)}
    >>> groups = layerwise(stages, nn.Linear(4, 2), base_lr=0.1, decay=0.5)
    >>> [(group["name"], group["lr"]) for group in groups]
    [('early', 0.025), ('late', 0.05), ('head', 0.1)]
    """
    _check_rates(base_lr, decay)
    _check_parts(stages, head)
    parts = {**stages, "head": head}
    groups = []
    for depth, (name, part) in enumerate(reversed(parts.items())):
        trainable = [parameter for parameter in part.parameters() if parameter.requires_grad]
        if trainable:
            groups.append({"params": trainable, "lr": base_lr * decay**depth, "name": name})
    return groups[::-1]


def _check_rates(base_lr: float, decay: float) -> None:
    if not 0 < base_lr < math.inf:
        raise ValueError(f"base_lr is {base_lr!r}; expected a positive number such as 1e-3.")
    if not 0 < decay <= 1:
        raise ValueError(
            f"decay is {decay!r}; expected a factor above 0 and up to 1, such as 1 / 2.6. A "
            "divisor goes in as its inverse."
        )


def _check_parts(stages: Mapping[str, nn.Module], head: nn.Module) -> None:
    if not stages or "head" in stages:
        raise ValueError(
            f"stages are {list(stages)}; expected at least one, and none called 'head': pass "
            "backbone.stages, and the head by itself."
        )
    home: dict[int, str] = {}
    for name, part in {**stages, "head": head}.items():
        for weight, parameter in part.named_parameters():
            other = home.setdefault(id(parameter), name)
            if other != name:
                raise ValueError(
                    f"{weight} of {name!r} is also in {other!r}, and two groups would each take "
                    "a step with it. Expected parts that share no parameter: leave it in one."
                )
    if not any(parameter.requires_grad for parameter in head.parameters()):
        raise ValueError(
            "the head has no trainable parameter, and a new head has everything to learn. Call "
            "freezing.unfreeze(head), or pass the layer that gives the outputs."
        )

"""Pictures laid on coloured tables: a shortcut that a lesson provokes openly."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tl_helpers.datasets.examples import Examples


def on_tables(examples: Examples, which: Tensor, seed: int = 0) -> Examples:
    """Each picture with a border of one colour, as if it lay on a table and was photographed.

    Parameters
    ----------
    examples : Examples
        x uint8 (N, 3, S, S).
    which : Tensor
        Number of the table of each picture, int64 (N,).
    seed : int, default 0
        Draws the colours; a number of a table has the same colour for every call.

    Returns
    -------
    Examples
        The border takes an eighth of the side, on each side; all else is as it was.

    Raises
    ------
    ValueError
        When there is not one table for each picture.
    """
    if which.shape != examples.y.shape:
        raise ValueError(
            f"which has shape {tuple(which.shape)} for {len(examples)} pictures; expected one "
            "number of a table for each."
        )
    generator = torch.Generator().manual_seed(seed)
    colours = torch.randint(256, (int(which.max()) + 1, 3, 1, 1), generator=generator)
    pictures = examples.tensor
    side = pictures.shape[-1]
    x, width = colours.byte()[which].repeat(1, 1, side, side), side // 8
    x[:, :, width:-width, width:-width] = pictures[:, :, width:-width, width:-width]
    return replace(examples, x=x)

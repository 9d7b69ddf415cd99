"""Evolution of a few weights: try variations, keep the best, vary those.

The cross-entropy method (Rubinstein, Methodology and Computing in Applied Probability 1999; for
control, Szita and Loerincz, Neural Computation 2006). It needs no gradient, only a score, so that
a simulator, or a machine, can be a black box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

BEST = 0.25  # share of the candidates that is kept


def climb(
    play: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    spread: float | Tensor,
    generations: int,
    candidates: int,
    generator: torch.Generator,
    least: float | Tensor = 0.02,
) -> Iterator[Tensor]:
    """Centres of a cloud of candidates that moves towards better scores, one a generation.

    Many searches run side by side: all but the first axis of ``start``.

    Parameters
    ----------
    play : callable
        From candidates, float (d, ..., candidates), to scores, float (..., candidates); higher is
        better. A search's candidates should meet the same luck.
    start : float tensor, shape (d, ...)
        Where each search begins.
    spread : float or tensor that broadcasts over ``start``
        Standard deviation of the first cloud.
    generations : int
    candidates : int
        An even number: they come in pairs, on opposite sides of the centre.
    generator : torch.Generator
        On the device of ``start``.
    least : float or tensor that broadcasts over ``start``, default 0.02
        Standard deviation below which no cloud shrinks: a handful of noisy scores would end a
        search early.

    Yields
    ------
    float tensor, shape (d, ...)
        The centre after each generation.

    Raises
    ------
    ValueError
        When ``candidates`` is odd or below four.
    """
    if candidates < 4 or candidates % 2:
        raise ValueError(f"candidates is {candidates}; expected an even number of at least 4.")
    centre, width = start, torch.as_tensor(spread, device=start.device).expand_as(start)
    best = max(2, round(candidates * BEST))
    for _ in range(generations):
        shape = (*start.shape, candidates // 2)
        side = torch.randn(shape, generator=generator, device=start.device)
        tried = centre.unsqueeze(-1) + width.unsqueeze(-1) * torch.cat([side, -side], dim=-1)
        top = play(tried).topk(best, dim=-1).indices
        kept = tried.gather(-1, top.expand(len(start), *top.shape))
        centre = kept.mean(-1)
        width = kept.std(-1).clamp(min=least)
        yield centre

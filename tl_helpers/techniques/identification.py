"""System identification: the physics under which a simulator repeats what a machine did.

Output-error identification (Ljung, System Identification, 2nd edition 1999, section 7.2), with
the search by evolution, since a delay in whole steps has no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from tl_helpers.simulators import cart_poles
from tl_helpers.simulators.cart_poles import LATEST, SCALE, Episodes, Physics
from tl_helpers.techniques import evolution

WINDOWS, LENGTH, EVERY = 32, 12, 4  # pieces of the recordings, their steps, and those compared
LARGEST = 25.0  # of a squared error, so that one wild candidate does not decide


class Windows(NamedTuple):
    """Pieces of recordings: where they begin, what was commanded, what followed.

    Attributes
    ----------
    first : float tensor, shape (4, machines, windows)
    commands : float tensor, shape (LATEST + LENGTH, machines, windows)
        Those of the last `LATEST` steps before the piece, too: they may arrive in it.
    later : float tensor, shape (LENGTH, 4, machines, windows)
    """

    first: Tensor
    commands: Tensor
    later: Tensor


def fit(
    recorded: Episodes,
    ranges: Mapping[str, tuple[float, float]],
    generator: torch.Generator,
    *,
    generations: int = 25,
    candidates: int = 48,
) -> Physics:
    """Physics of each machine, inside ``ranges``, that repeats its recordings best.

    Parameters
    ----------
    recorded : Episodes
        Of `cart_poles.run` with ``record=True``, in the shape (machines, episodes): readings
        float (steps, 4, machines, episodes). True states are not looked at.
    ranges : dict of str to (float, float)
        Where each field of `Physics` is searched.
    generator : torch.Generator
        On the device of the recordings.
    generations, candidates : int, default 25, 48

    Returns
    -------
    Physics
        Tensors of shape (machines,) for the fields in ``ranges``.

    Raises
    ------
    ValueError
        When nothing was recorded, or every episode of a machine is shorter than a window.
    """
    windows = cut(recorded, generator)
    machines = windows.first.shape[1]

    def play(tried: Tensor) -> Tensor:
        outside = ((tried < 0) | (tried > 1)).sum(0)
        return -errors(windows, _physics(tried.unsqueeze(-1), ranges)) - outside

    start = torch.full((len(ranges), machines), 0.5, device=windows.first.device)
    *_, found = evolution.climb(
        play, start, spread=0.3, generations=generations, candidates=candidates, generator=generator
    )
    return _physics(found, ranges)


def cut(recorded: Episodes, generator: torch.Generator) -> Windows:
    """Random pieces of a machine's recordings, before anything fell.

    Raises
    ------
    ValueError
        When nothing was recorded, or every episode of a machine is shorter than a piece.
    """
    readings, commands = recorded.readings, recorded.commands
    if readings is None or commands is None:
        raise ValueError("the episodes hold no recordings; run them with record=True.")
    room = (recorded.kept - LENGTH).clamp(min=0)
    if (room.sum(-1) == 0).any():
        raise ValueError(
            f"a machine fell within {LENGTH} steps in every episode; expected one longer episode "
            "of each, for example of a gentler policy."
        )
    episode = torch.multinomial(room, WINDOWS, replacement=True, generator=generator)
    share = torch.rand(episode.shape, generator=generator, device=room.device)
    begin = (share * room.gather(-1, episode)).long()
    machine = torch.arange(len(room), device=room.device).unsqueeze(-1).expand_as(episode)
    before = commands.new_zeros((LATEST, *commands.shape[1:]))
    sent = torch.cat([before, commands])
    given = [sent[begin + ahead, machine, episode] for ahead in range(LATEST + LENGTH)]
    last = len(readings) - 1
    read = [
        readings[(begin + ahead).clamp(max=last), :, machine, episode].permute(2, 0, 1)
        for ahead in range(LENGTH + 1)
    ]
    return Windows(read[0], torch.stack(given), torch.stack(read[1:]))


def errors(windows: Windows, physics: Physics) -> Tensor:
    """Mean squared error of the simulated pieces, each sensor over its usual range.

    Parameters
    ----------
    windows : Windows
    physics : Physics
        Tensors of shape (machines, candidates, 1).

    Returns
    -------
    float tensor, shape (machines, candidates)
    """
    state = windows.first.unsqueeze(2)
    scale = torch.tensor(SCALE, device=state.device).reshape(4, 1, 1, 1)
    commands = windows.commands.permute(1, 2, 0).unsqueeze(1)  # machines, 1, windows, steps
    delay = torch.as_tensor(physics.delay, device=state.device).round().long()
    total = torch.zeros((), device=state.device)
    for ahead in range(LENGTH):
        sent = (LATEST + ahead - delay).expand(*delay.shape[:2], WINDOWS).unsqueeze(-1)
        arrived = commands.expand(*sent.shape[:3], -1).gather(-1, sent).squeeze(-1)
        force = cart_poles.FORCE * physics.strength * arrived
        state = cart_poles.step(state, force, physics)
        if ahead % EVERY == EVERY - 1:
            missed = (state - windows.later[ahead].unsqueeze(2)) / scale
            total = total + (missed * missed).clamp(max=LARGEST).sum(0).mean(-1)
    return total / (LENGTH // EVERY)


def _physics(shares: Tensor, ranges: Mapping[str, tuple[float, float]]) -> Physics:
    """Physics at shares of the ranges, float (fields, ...)."""
    return Physics(
        **{
            name: low + (high - low) * share.clamp(0, 1)
            for share, (name, (low, high)) in zip(shares, ranges.items(), strict=True)
        }
    )

"""Policies that learn from real episodes: adapted on the machine, or in a simulator fitted to it.

As in `policies`, a budget counts the real episodes on each machine, and all seeds and machines run
side by side.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from tl_helpers.arms.labels import TRIES
from tl_helpers.arms.policies import (
    PENALTIES,
    SENSORS,
    Lab,
    Ranges,
    Simulated,
    Way,
    best_of,
    climbed,
    delays,
    most,
    scores,
)
from tl_helpers.compare.prediction import Tuned
from tl_helpers.simulators.cart_poles import Episodes, Physics, draw, run, starts
from tl_helpers.simulators.controllers import Linear, width
from tl_helpers.techniques import evolution, identification

SPREADS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of candidates around a policy that is adapted
ROUND = 6  # real episodes a generation
FEW, FEW_DRAWS = 12, 3  # candidates and draws where there is an evolution a machine and price


class Adapted(Way):
    """Evolution on the machine itself, from simulated candidates or from nothing.

    The spread of its candidates is chosen at each budget on practice machines in the simulator,
    which cost no real episode.

    Parameters
    ----------
    lab : Lab
    practice : dict of str to (float, float)
        Physics of the practice machines.
    start : Simulated, optional
        Its six candidates play an episode each, and the best is the start; by default zeros.
    """

    def __init__(self, lab: Lab, practice: Ranges, start: Simulated | None = None) -> None:
        super().__init__(lab, start.history if start else 1)
        self.practice, self.start = practice, start

    def policies(self, budget: int) -> tuple[Tensor, list[Tuned]]:
        """Adapted with the spread that practice recommends.

        Raises
        ------
        ValueError
            When the budget leaves fewer than `ROUND` episodes to adapt with.
        """
        left = budget if self.start is None else budget - TRIES
        if left < ROUND:
            raise ValueError(f"{left} episodes are left to adapt with; expected {ROUND} or more.")
        spreads = torch.tensor(SPREADS, device=delays(self.lab.machines).device)
        generator = self.lab.generator(3)
        machines = draw(self.practice, (self.lab.count,), generator).changed(noise=SENSORS)
        begin = self._begin(machines)[:, :1].expand(-1, TRIES, -1)
        tried = self._adapt(machines, begin, spreads.reshape(-1, 1), left)
        chosen = int(self._judged(machines, tried).argmax())
        found = self._adapt(
            self.lab.machines, self._begin(self.lab.machines), spreads[chosen], left
        )
        tuned = Tuned(SPREADS[chosen], TRIES, chosen in (0, TRIES - 1))
        return found, [tuned] * len(self.lab.seeds)

    def _begin(self, machines: Physics) -> Tensor:
        if self.start is None:
            delay = delays(machines)
            return torch.zeros(width(1), len(self.lab.seeds), len(delay), device=delay.device)
        return self.start.of(best_of(self.start.play(machines, TRIES)))

    def _adapt(self, machines: Physics, start: Tensor, spread: Tensor, episodes: int) -> Tensor:
        generator = self.lab.generator(4)
        shaped = machines.shaped(1, -1, 1)

        def play(tried: Tensor) -> Tensor:
            first = starts(tried.shape[1:], generator)
            return run(Linear(tried, self.history), shaped, first, generator=generator).reward

        *_, last = evolution.climb(
            play, start, spread=spread, least=spread / 2, generator=generator,
            generations=episodes // ROUND, candidates=ROUND,
        )  # fmt: skip
        return last

    def _judged(self, machines: Physics, weights: Tensor) -> Tensor:
        """Mean reward of each row of weights, float (d, rows, machines), in new episodes."""
        generator = self.lab.generator(5)
        first = starts((1, self.lab.count, 4), generator)
        policy = Linear(weights.unsqueeze(-1), self.history)
        played = run(policy, machines.shaped(1, -1, 1), first, generator=generator)
        return played.reward.mean((1, 2))


class Identified(Way):
    """System identification: fit the simulator to recordings, then evolve policies in it.

    Half of the budget is played by the scout's candidates and recorded. Six policies that differ
    in the price of a command start from the scout's best, are evolved in each machine's own
    simulator, and share the other half of the budget to choose one.

    Parameters
    ----------
    lab : Lab
    ranges : dict of str to (float, float)
        Where each field of `Physics` is searched: the family of the simulator.
    scout : Simulated
    """

    def __init__(self, lab: Lab, ranges: Ranges, scout: Simulated) -> None:
        super().__init__(lab, scout.history)
        self.ranges, self.scout, self.draws = ranges, scout, FEW_DRAWS

    @cache  # noqa: B019 - as above
    def physics(self, budget: int) -> Physics:
        """What was identified: tensors of shape (seeds * machines,), seed by seed."""
        played = self.scout.play(self.lab.machines, budget // 2, record=True)
        return identification.fit(_by_machine(played), self.ranges, self.lab.generator(6))

    def policies(self, budget: int) -> tuple[Tensor, list[Tuned]]:
        """Evolved in what was identified, and chosen on the machine."""
        lab, generator, machines = self.lab, self.lab.generator(7), self.lab.machines
        shape = (len(lab.seeds), TRIES, lab.count)
        physics = self.physics(budget).shaped(shape[0], 1, shape[2], 1, 1).changed(noise=SENSORS)
        prices = torch.tensor(PENALTIES, device=generator.device).reshape(1, -1, 1, 1, 1)

        def play(tried: Tensor) -> Tensor:
            return scores(tried, physics, prices, self, generator)

        scouted = self.scout.of(best_of(self.scout.play(machines, budget // 2)))
        start = scouted.unsqueeze(2).expand(-1, *shape)
        found = climbed(play, start, 1.0, lab.generations, generator, FEW)
        first = starts((shape[0], 1, shape[2], budget // 2 // TRIES), generator)
        policy = Linear(found.unsqueeze(-1), self.history)
        best = best_of(run(policy, machines.shaped(1, 1, -1, 1), first, generator=generator))
        chosen = found.gather(2, best.unsqueeze(1).expand(len(found), -1, 1, -1)).squeeze(2)
        return chosen, [most(PENALTIES, row) for row in best]


def _by_machine(played: Episodes) -> Episodes:
    """Recordings of (seeds, tries, machines, n) as (seeds * machines, tries * n)."""

    def flat(part: Tensor) -> Tensor:
        seeds, tries, machines, count = part.shape[-4:]
        moved = part.movedim(-2, -3)
        return moved.reshape(*part.shape[:-4], seeds * machines, tries * count)

    return Episodes(*(flat(getattr(played, name)) for name in played.__dataclass_fields__))

"""Ways to a policy for machines on which an episode is dear: simulate, identify, adapt, calculate.

A budget counts real episodes on each machine, those that choose a setting included. All policy
seeds and machines run side by side in one batch, so that an arm computes all its seeds when it is
first asked for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from tl_helpers.arms.labels import TRIES
from tl_helpers.compare.prediction import Prediction, Tuned
from tl_helpers.simulators.cart_poles import SCALE, STEPS, Episodes, Physics, draw, run, starts
from tl_helpers.simulators.controllers import Linear, width
from tl_helpers.simulators.linear_model import cart_pole, gains, with_delay
from tl_helpers.techniques import evolution

Ranges = Mapping[str, tuple[float, float]]

PENALTIES = (0.02, 0.1, 0.5, 2.0, 10.0, 50.0)  # on squared commands, while a policy is evolved
EFFORTS = (10.0, 50.0, 250.0, 1000.0, 5000.0, 25000.0)  # the same in a calculated one
DELAYS, LATE_EFFORT = (0, 2, 4, 6, 8, 10), 100.0  # steps in the model, and its price
SENSORS = 0.03  # noise of the simulator's sensors, as a share of their usual range


@dataclass(frozen=True)
class Lab:
    """Machines, policy seeds and effort that all arms of a comparison share.

    Attributes
    ----------
    machines : Physics
        Float tensors of shape (r,): the stand-ins for real machines.
    seeds : sequence of int
    generations : int
        Of an evolution in the simulator.
    draws : int
        Simulated machines that each candidate meets in a generation.
    steps : int
        Of a simulated episode; a real one has `STEPS`.
    tested : int
        Test episodes a machine.
    """

    machines: Physics
    seeds: Sequence[int]
    generations: int = 40
    draws: int = 8
    steps: int = 250
    tested: int = 8

    @property
    def count(self) -> int:
        """Machines."""
        return len(delays(self.machines))

    @property
    def groups(self) -> list[str]:
        """The machine of each test episode."""
        return [f"machine {r}" for r in range(self.count) for _ in range(self.tested)]

    def generator(self, use: int) -> torch.Generator:
        """Random numbers of one use, the same in every run with these seeds."""
        device = delays(self.machines).device
        return torch.Generator(device).manual_seed(1000 * (self.seeds[0] + 1) + use)


class Way:
    """An arm: ``way(budget, seed) -> Prediction`` with the share of steps kept, float (n,).

    One value for each test episode, machine by machine; 1 is an episode balanced to its end.
    """

    def __init__(self, lab: Lab, history: int = 1) -> None:
        self.lab, self.history, self.draws = lab, history, lab.draws

    def policies(self, budget: int) -> tuple[Tensor, list[Tuned]]:
        """Weights, float (d, seeds, machines), and what was chosen, one a seed."""
        raise NotImplementedError

    def __call__(self, budget: int, seed: int) -> Prediction:
        """Share of the steps kept in each test episode, under the policy of this seed."""
        kept, tuned = self._tested(budget)
        place = list(self.lab.seeds).index(seed)
        return Prediction(kept[place].flatten().cpu().numpy(), width(self.history), tuned[place])

    @cache  # noqa: B019 - an arm lives as long as its lesson
    def _tested(self, budget: int) -> tuple[Tensor, list[Tuned]]:
        weights, tuned = self.policies(budget)
        generator = self.lab.generator(0)  # the same starts and sensor errors for every arm
        first = starts((1, self.lab.count, self.lab.tested), generator)
        policy = Linear(weights.unsqueeze(-1), self.history)
        machines = self.lab.machines.shaped(1, self.lab.count, 1)
        return run(policy, machines, first, generator=generator).kept / STEPS, tuned


class Candidates(Way):
    """Six candidates a seed, of which each machine keeps the one that did best on it."""

    settings: Sequence[float] = PENALTIES

    @property
    def candidates(self) -> Tensor:
        """Weights, float (d, seeds, `TRIES`)."""
        raise NotImplementedError

    def policies(self, budget: int) -> tuple[Tensor, list[Tuned]]:
        """Each candidate plays its part of the budget on each machine."""
        played = self.play(self.lab.machines, budget)
        best = best_of(played)
        return self.of(best), [most(self.settings, row) for row in best]

    def play(self, machines: Physics, budget: int, *, record: bool = False) -> Episodes:
        """Episodes in the shape (seeds, `TRIES`, machines, episodes each)."""
        generator, count = self.lab.generator(1), len(delays(machines))
        first = starts((len(self.lab.seeds), 1, count, max(1, budget // TRIES)), generator)
        policy = Linear(self.candidates[..., None, None], self.history)
        shaped = machines.shaped(1, 1, count, 1)
        return run(policy, shaped, first, generator=generator, record=record)

    def over(self, machines: Physics, budget: int) -> np.ndarray:
        """Success on machines of any physics, tensors (m,): float array (m,), mean over seeds.

        Each seed plays the candidate that most real machines chose with the budget.
        """
        best = best_of(self.play(self.lab.machines, budget)).mode(1).values
        generator, count = self.lab.generator(8), len(delays(machines))
        first = starts((1, count, 3), generator)
        policy = Linear(self.of(best.unsqueeze(1)).unsqueeze(-1), self.history)
        played = run(policy, machines.shaped(1, count, 1), first, generator=generator)
        return (played.kept >= STEPS).float().mean((0, 2)).cpu().numpy()

    def of(self, best: Tensor) -> Tensor:
        """Weights of the candidates with these numbers, int (seeds, machines)."""
        weights = self.candidates
        return weights.gather(2, best.expand(len(weights), *best.shape))


class Simulated(Candidates):
    """Policies evolved in a simulator that draws its physics from ranges.

    Domain randomisation (Tobin et al., IROS 2017; Peng et al., ICRA 2018). The six candidates
    differ in what a large command costs.

    Parameters
    ----------
    lab : Lab
    ranges : dict of str to (float, float)
        Of `Physics`; an empty one gives the nominal simulator.
    history : int, default 1
        Steps that the policy sees.
    """

    def __init__(self, lab: Lab, ranges: Ranges, history: int = 1) -> None:
        super().__init__(lab, history)
        self.ranges = ranges

    @cached_property
    def candidates(self) -> Tensor:
        """Evolved when first asked for: float (d, seeds, `TRIES`)."""
        lab, generator = self.lab, self.lab.generator(2)
        shape = (len(lab.seeds), 1, 1, lab.draws)
        prices = torch.tensor(PENALTIES, device=generator.device).reshape(1, -1, 1, 1)

        def play(tried: Tensor) -> Tensor:
            physics = draw(self.ranges, shape, generator).changed(noise=SENSORS)
            return scores(tried, physics, prices, self, generator)

        start = torch.zeros(width(self.history), len(lab.seeds), TRIES, device=generator.device)
        more = 1 if self.history == 1 else 2  # generations: it has many more weights
        spread = 3.0 if self.history == 1 else 1.0
        return climbed(play, start, spread, more * lab.generations, generator)


class Calculated(Candidates):
    """The linear-quadratic regulator of the nominal machine, for six prices of a command."""

    settings = EFFORTS

    @cached_property
    def candidates(self) -> Tensor:
        """Calculated, the same for every seed: float (4, seeds, `TRIES`)."""
        device = self.lab.generator(0).device
        rows = [-gains(*cart_pole(), price) * SCALE for price in EFFORTS]
        weights = torch.tensor(np.array(rows), dtype=torch.float32, device=device).T
        return weights.unsqueeze(1).expand(-1, len(self.lab.seeds), -1)


class CalculatedLate(Candidates):
    """The same regulator of a nominal machine with a delay, for six delays in the model.

    It remembers its own commands, as a policy with history does.
    """

    settings = DELAYS

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, max(DELAYS))

    @cached_property
    def candidates(self) -> Tensor:
        """Calculated, the same for every seed: float (d, seeds, `TRIES`)."""
        rows = np.zeros((TRIES, width(self.history)))
        for row, delay in zip(rows, DELAYS, strict=True):
            found = -gains(*with_delay(*cart_pole(), delay), LATE_EFFORT)
            row[:4] = found[:4] * SCALE
            row[4 * self.history : 4 * self.history + delay] = found[4:]
        device = self.lab.generator(0).device
        weights = torch.tensor(rows.T, dtype=torch.float32, device=device)
        return weights.unsqueeze(1).expand(-1, len(self.lab.seeds), -1)


def delays(machines: Physics) -> Tensor:
    """Those of machines one by one, float (m,): they tell how many there are, and the device."""
    return torch.as_tensor(machines.delay)


def best_of(played: Episodes) -> Tensor:
    """Number of the best candidate: int (seeds, machines) of (seeds, tries, machines, n)."""
    return played.reward.mean(-1).argmax(1)


def most(settings: Sequence[float], best: Tensor) -> Tuned:
    """The setting that most machines chose, and whether more than half chose an edge."""
    counts = best.bincount(minlength=len(settings))
    edge = 2 * int(counts[0] + counts[-1]) > len(best)
    return Tuned(settings[int(counts.argmax())], len(settings), edge)


def scores(tried: Tensor, physics: Physics, prices: Tensor, way: Way, generator) -> Tensor:
    """Mean reward of candidates, float (d, ..., candidates), less the price of their commands."""
    lab = way.lab
    policy = Linear(tried.unsqueeze(-1), way.history)
    groups = len(lab.seeds), *[1] * (tried.ndim - 2)
    first = starts((*groups, way.draws), generator)
    played = run(policy, physics, first, steps=lab.steps, generator=generator)
    share = played.kept / lab.steps
    return ((played.reward - prices * policy.effort * share) / lab.steps).mean(-1)


def climbed(play, start: Tensor, spread, generations: int, generator, candidates=24) -> Tensor:
    """The last centre of `evolution.climb`."""
    settings = {"spread": spread, "generations": generations, "candidates": candidates}
    *_, last = evolution.climb(play, start, generator=generator, **settings)
    return last

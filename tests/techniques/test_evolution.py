"""Evolution climbs, and identification finds the physics that made a recording."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.simulators import cart_poles
from tl_helpers.simulators.cart_poles import Episodes
from tl_helpers.simulators.controllers import Linear
from tl_helpers.techniques import evolution, identification


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_many_searches_reach_their_own_tops_side_by_side():
    tops = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])

    def play(tried):
        return -((tried - tops.unsqueeze(-1)) ** 2).sum(0)

    settings = {"spread": 2.0, "generations": 30, "candidates": 24, "least": 1e-3}
    centres = list(evolution.climb(play, torch.zeros(2, 3), generator=generator(), **settings))
    assert len(centres) == 30
    torch.testing.assert_close(centres[-1], tops, atol=0.05, rtol=0)


def test_the_cloud_never_shrinks_below_its_least_spread():
    seen = []

    def play(tried):
        seen.append(tried.std(-1).item())
        return -(tried**2).sum(0)

    settings = {"spread": 1.0, "generations": 20, "candidates": 200, "least": 0.3}
    list(evolution.climb(play, torch.zeros(1), generator=generator(), **settings))
    assert 0.2 < min(seen[5:]) < 0.4


@pytest.mark.parametrize("candidates", [2, 7])
def test_an_odd_or_tiny_population_is_refused(candidates):
    search = evolution.climb(
        lambda tried: tried[0],
        torch.zeros(1),
        spread=1.0,
        generations=1,
        candidates=candidates,
        generator=generator(),
    )
    with pytest.raises(ValueError, match="even number of at least 4"):
        next(search)


RANGES = {"half_length": (0.3, 0.9), "strength": (0.6, 1.4), "delay": (0, 8)}


def recorded(steps=150):
    """Four machines under six gentle policies with different gains."""
    machines = cart_poles.draw(RANGES, (4,), generator(3)).changed(noise=0.01)
    price = torch.linspace(0.5, 1.5, 6)
    weights = torch.tensor([0.2, 0.3, 0.35, 0.9])[:, None, None] * price
    first = cart_poles.starts((4, 6), generator())
    ran = cart_poles.run(
        Linear(weights), machines.shaped(4, 1), first, steps=steps, generator=generator(),
        record=True,
    )  # fmt: skip
    return machines, ran


def test_identification_finds_length_and_delay_of_machines_inside_the_family():
    machines, ran = recorded()
    found = identification.fit(ran, RANGES, generator())
    torch.testing.assert_close(found.half_length, machines.half_length, atol=0.03, rtol=0)
    torch.testing.assert_close(found.delay.round(), machines.delay, atol=1, rtol=0)
    torch.testing.assert_close(found.strength, machines.strength, atol=0.12, rtol=0)


def test_true_states_are_not_looked_at():
    _, ran = recorded()
    blind = Episodes(ran.kept, ran.reward, None, ran.readings, ran.commands)
    both = [identification.fit(one, RANGES, generator(), generations=2) for one in (ran, blind)]
    torch.testing.assert_close(both[0].half_length, both[1].half_length)


def test_episodes_without_recordings_or_too_short_ones_are_refused():
    _, ran = recorded(steps=20)
    with pytest.raises(ValueError, match="record=True"):
        identification.fit(Episodes(ran.kept, ran.reward), RANGES, generator())
    short = Episodes(ran.kept * 0 + 5, ran.reward, None, ran.readings, ran.commands)
    with pytest.raises(ValueError, match="fell within 12 steps"):
        identification.fit(short, RANGES, generator())

"""Worlds of the reader, with their physics drawn anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tl_helpers.simulators import gym_worlds


class Still:
    """Always the same action."""

    def __init__(self, action):
        self.action = action

    def predict(self, reading, deterministic):
        return self.action, None


def test_ranges_are_read_and_checked_against_the_world():
    found = gym_worlds.read_ranges("Pendulum-v1", '{"g": [8, 12], "l": (0.8, 1.2)}')
    assert found == {"g": (8.0, 12.0), "l": (0.8, 1.2)}


@pytest.mark.parametrize(
    ("environment", "ranges", "said"),
    [
        ("Pendulum-v1", '{"gravity": [8, 12]}', "no number called gravity; expected some of .*g"),
        ("CartPole-v1", '{"spec": [0, 1]}', "no number called spec"),
        ("CartPole-v1", '{"total_mass": [0, 1]}', "no number called total_mass"),
        ("Pendulum-v1", '{"g": [12, 8]}', r"range of g is \[12, 8\]; expected \[lowest"),
        ("Pendulum-v1", '{"g": "8"}', "range of g is '8'"),
        ("Pendulum-v1", "g: 8-12", "expected a dictionary as text"),
        ("Pendulum-v1", "", "expected a dictionary as text"),
        ("Pendulums-v1", '{"g": [8, 12]}', "cannot make 'Pendulums-v1'"),
        ("", '{"g": [8, 12]}', "cannot make ''"),
    ],
)
def test_what_cannot_be_randomised_is_refused_and_says_why(environment, ranges, said):
    with pytest.raises(ValueError, match=said):
        gym_worlds.read_ranges(environment, ranges)


def test_each_reset_draws_new_physics_and_a_seed_decides_them():
    world = gym_worlds.make("CartPole-v1", {"length": (0.3, 0.9), "masspole": (0.05, 0.5)})
    lengths = []
    for seed in (0, 1, 0):
        world.reset(seed=seed)
        bare = world.unwrapped
        lengths.append(bare.length)
        assert bare.total_mass == bare.masspole + bare.masscart
        assert bare.polemass_length == bare.masspole * bare.length
    assert lengths[0] == lengths[2] != lengths[1]
    assert all(0.3 <= length <= 0.9 for length in lengths)
    world.reset()
    assert world.unwrapped.length not in lengths


def test_without_ranges_the_world_is_gymnasiums_own():
    world = gym_worlds.make("CartPole-v1")
    first, _ = world.reset(seed=5)
    again, _ = gym_worlds.make("CartPole-v1", {}).reset(seed=5)
    np.testing.assert_array_equal(first, again)
    assert world.unwrapped.length == 0.5


def test_a_model_is_judged_in_the_world_and_against_its_own_bar():
    judged = gym_worlds.judge(Still(0), "CartPole-v1", {}, episodes=3, seed=0)
    assert 8 <= judged["lowest"] <= judged["mean return"] <= 11
    assert judged["solved"] == 0
    unbarred = gym_worlds.judge(Still(np.zeros(1)), "Pendulum-v1", {"g": (8, 12)}, 1, 0)
    assert math.isnan(unbarred["solved"]) and unbarred["mean return"] < 0


def test_two_trainings_are_tested_in_both_worlds():
    trained = []

    def train(ranges):
        trained.append(ranges)
        return Still(len(trained) % 2)

    table = gym_worlds.two_by_two(train, "CartPole-v1", {"length": (0.5, 0.6)}, 0, episodes=2)
    assert trained == [{}, {"length": (0.5, 0.6)}]
    assert list(table.index) == [
        f"trained {a}, tested {b}"
        for a in ("nominal", "randomised")
        for b in ("nominal", "in the ranges")
    ]

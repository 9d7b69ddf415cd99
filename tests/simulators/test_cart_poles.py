"""The batch of cart-poles: equal to Gymnasium's where it can be, and faulty where it is asked."""

from __future__ import annotations

import gymnasium
import pytest
import torch

from tl_helpers.simulators import cart_poles
from tl_helpers.simulators.cart_poles import Physics
from tl_helpers.simulators.controllers import Linear


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_step_equals_gymnasiums_from_any_state():
    world = gymnasium.make("CartPole-v1").unwrapped
    states = torch.randn((4, 200), generator=generator(), dtype=torch.float64) * 0.5
    pushes = torch.randint(0, 2, (200,), generator=generator(1))
    moved = cart_poles.step(states, 20.0 * pushes - 10.0, Physics())
    for number in range(200):
        world.reset(seed=0)
        world.state = states[:, number].numpy()
        world.step(int(pushes[number]))
        torch.testing.assert_close(moved[:, number], torch.from_numpy(world.state))


def test_it_equals_gymnasiums_for_another_body():
    world = gymnasium.make("CartPole-v1").unwrapped
    world.length, world.masscart, world.masspole = 0.7, 1.4, 0.25
    world.total_mass, world.polemass_length = 1.65, 0.7 * 0.25
    world.reset(seed=3)
    state = torch.tensor(world.state).reshape(4, 1)
    physics = Physics(half_length=0.7, cart_mass=1.4, pole_mass=0.25)
    for push in (0, 1, 1, 0, 1):
        world.step(push)
        state = cart_poles.step(state, torch.tensor([20.0 * push - 10.0]), physics)
    torch.testing.assert_close(state[:, 0], torch.from_numpy(world.state))


@pytest.mark.parametrize("seed", range(3))
def test_whole_episodes_end_when_gymnasiums_do(seed):
    world = gymnasium.make("CartPole-v1")
    first, _ = world.reset(seed=seed)
    pushes = torch.randint(0, 2, (500,), generator=generator(seed)).tolist()
    returned, over = 0, False
    while not over:
        _, _, fell, late, _ = world.step(pushes[returned])
        returned, over = returned + 1, fell or late
    given = iter(pushes)
    ran = cart_poles.run(
        lambda reading: torch.full((1,), 2.0 * next(given) - 1.0),
        Physics(),
        torch.tensor(first).reshape(4, 1),
    )
    assert ran.kept.tolist() == [returned]


def test_a_command_arrives_as_many_steps_late_as_the_delay_says():
    motor = cart_poles.Motor(Physics(delay=torch.tensor([0.0, 1.0, 3.0])))
    given = [motor.force(torch.full((3,), value)) for value in (0.1, 0.2, 0.3, 0.4)]
    arrived = torch.stack(given).T / cart_poles.FORCE
    expected = [[0.1, 0.2, 0.3, 0.4], [0.0, 0.1, 0.2, 0.3], [0.0, 0.0, 0.0, 0.1]]
    torch.testing.assert_close(arrived, torch.tensor(expected))


def test_the_motor_ignores_small_commands_creeps_and_pulls_to_one_side():
    dead = cart_poles.Motor(Physics(dead_zone=0.2)).force(torch.tensor([0.1, -0.1, 0.3]))
    torch.testing.assert_close(dead, torch.tensor([0.0, 0.0, 3.0]))
    slow = cart_poles.Motor(Physics(lag=0.5))
    torch.testing.assert_close(
        torch.stack([slow.force(torch.tensor(1.0)) for _ in range(3)]),
        torch.tensor([5.0, 7.5, 8.75]),
    )
    skewed = cart_poles.Motor(Physics(offset=0.05, strength=0.5)).force(torch.tensor(2.0))
    assert skewed.item() == pytest.approx(5.5)  # the command was cut to 1


def test_friction_slows_the_cart():
    rolling = torch.tensor([0.0, 1.0, 0.0, 0.0]).reshape(4, 1)
    free = cart_poles.step(rolling, torch.zeros(1), Physics())
    braked = cart_poles.step(rolling, torch.zeros(1), Physics(friction=1.0))
    assert braked[1] < free[1] == 1.0


def test_noise_reaches_the_sensors_and_not_the_machine():
    first = cart_poles.starts((5,), generator())
    still = cart_poles.run(
        lambda reading: torch.zeros(5),
        Physics(noise=0.1),
        first,
        steps=3,
        generator=generator(),
        record=True,
    )
    torch.testing.assert_close(still.states[0], first)
    assert (still.readings[0] - first).abs().max() > 0.001


def test_carts_that_share_a_start_share_their_luck():
    first = cart_poles.starts((1, 4), generator())
    weights = torch.tensor([0.3, 0.4, 0.4, 1.0]).reshape(4, 1, 1).expand(4, 3, 1)
    ran = cart_poles.run(
        Linear(weights), Physics(noise=0.05), first, steps=50, generator=generator()
    )
    assert ran.reward.shape == (3, 4)
    assert (ran.reward == ran.reward[0]).all()


def test_random_physics_stay_in_their_ranges_and_delays_are_whole():
    drawn = cart_poles.draw({"half_length": (0.4, 0.6), "delay": (2, 5)}, (500,), generator())
    assert 0.4 <= drawn.half_length.min() < 0.42 < 0.58 < drawn.half_length.max() <= 0.6
    assert set(drawn.delay.tolist()) == {2.0, 3.0, 4.0, 5.0}
    assert drawn.cart_mass == 1.0


@pytest.mark.parametrize("ranges", [{"length": (0, 1)}, {"lag": (0.5, 0.1)}])
def test_ranges_that_cannot_be_drawn_from_are_refused_by_name(ranges):
    with pytest.raises(ValueError, match=f"{next(iter(ranges))}.*expected one of half_length"):
        cart_poles.draw(ranges, (2,), generator())


def test_a_delay_beyond_the_longest_is_refused():
    with pytest.raises(ValueError, match="expected 0 to 12"):
        cart_poles.run(lambda r: r[0], Physics(delay=13.0), torch.zeros(4, 1))

"""Linear controllers, and the regulator that is calculated."""

from __future__ import annotations

import numpy as np
import torch

from tl_helpers.simulators import cart_poles, linear_model
from tl_helpers.simulators.cart_poles import SCALE, Physics
from tl_helpers.simulators.controllers import Linear, width


def test_without_history_a_command_is_the_weighted_sum_cut_at_one():
    weights = torch.tensor([[1.0], [0.0], [0.02], [0.0]]).expand(4, 2)
    reading = torch.tensor([[0.2, 9.0], [5.0, 5.0], [0.1, 0.1], [7.0, 7.0]])
    policy = Linear(weights)
    torch.testing.assert_close(policy(reading), torch.tensor([0.22, 1.0]))
    torch.testing.assert_close(policy.effort, torch.tensor([0.22**2, 1.0]))


def test_with_history_it_sees_old_readings_and_its_own_commands():
    weights = torch.zeros(width(2), 1)
    weights[0], weights[4], weights[8] = 1.0, 0.5, 0.1  # position now, before, last command
    policy = Linear(weights, history=2)
    given = [policy(torch.tensor([[x], [0.0], [0.0], [0.0]])).item() for x in (0.1, 0.2)]
    np.testing.assert_allclose(given, [0.1 + 0.05, 0.2 + 0.05 + 0.1 * 0.15], rtol=1e-6)


def test_the_linear_model_is_the_derivative_of_a_step():
    physics = Physics(friction=0.5, strength=0.8, half_length=0.6)

    def moved(vector):
        state, command = vector[:4].reshape(4, 1), vector[4:]
        force = cart_poles.FORCE * physics.strength * command
        return cart_poles.step(state, force, physics)[:, 0]

    found = torch.autograd.functional.jacobian(moved, torch.zeros(5, dtype=torch.float64))
    A, B = linear_model.cart_pole(physics)
    np.testing.assert_allclose(found.numpy(), np.hstack([A, B]), atol=1e-12)


def test_the_regulator_makes_the_linear_machine_stable_and_balances_the_real_equations():
    A, B = linear_model.cart_pole()
    gains = linear_model.gains(A, B, 10.0)
    assert (
        np.abs(np.linalg.eigvals(A - B @ gains[None])).max()
        < 1
        < np.abs(np.linalg.eigvals(A)).max()
    )
    weights = torch.tensor(-gains * SCALE, dtype=torch.float32).reshape(4, 1)
    first = cart_poles.starts((20,), torch.Generator().manual_seed(0))
    assert (cart_poles.run(Linear(weights), Physics(), first).kept == 500).all()


def test_a_late_machine_does_what_the_prompt_one_does_to_old_commands():
    A, B = linear_model.cart_pole()
    late, command = linear_model.with_delay(A, B, 3)
    state, whole = np.ones(4), np.concatenate([np.ones(4), [0.3, 0.2, 0.1]])
    for given, arrives in ((0.4, 0.1), (0.5, 0.2), (0.6, 0.3), (0.7, 0.4)):
        state = A @ state + B[:, 0] * arrives
        whole = late @ whole + command[:, 0] * given
    np.testing.assert_allclose(whole, [*state, 0.7, 0.6, 0.5])


def test_the_regulator_of_a_late_machine_makes_it_stable():
    late, command = linear_model.with_delay(*linear_model.cart_pole(), 8)
    gains = linear_model.gains(late, command, 100.0)
    assert np.abs(np.linalg.eigvals(late - command @ gains[None])).max() < 1

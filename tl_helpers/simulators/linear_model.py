"""The cart-pole near its balance as a linear machine, and the regulator calculated from it."""

from __future__ import annotations

import numpy as np

from tl_helpers.simulators.cart_poles import FORCE, GRAVITY, SECONDS, Physics

COSTS = (1.0, 0.1, 10.0, 0.1)  # of squared position, speed, angle and turning


def cart_pole(physics: Physics | None = None) -> tuple[np.ndarray, np.ndarray]:
    """What one step does to a small state, and what a command adds to it.

    Parameters
    ----------
    physics : Physics, optional
        Of numbers; by default the nominal one. Delay, lag, dead zone and offset are left out.

    Returns
    -------
    A : float array, shape (4, 4)
        Next state from state: position, speed, angle, its speed.
    B : float array, shape (4, 1)
        What a full command adds.
    """
    p = physics or Physics()
    total = p.cart_mass + p.pole_mass
    inertia = p.half_length * (4 / 3 - p.pole_mass / total)
    lever = p.pole_mass * p.half_length / total
    push, drag = FORCE * p.strength / total, p.friction / total
    fall = GRAVITY / inertia
    rates = np.array(
        [
            [0, 1, 0, 0],
            [0, -drag * (1 + lever / inertia), -lever * fall, 0],
            [0, 0, 0, 1],
            [0, drag / inertia, fall, 0],
        ]
    )
    motor = np.array([[0], [push * (1 + lever / inertia)], [0], [-push / inertia]])
    return np.eye(4) + SECONDS * rates, SECONDS * motor


def with_delay(A: np.ndarray, B: np.ndarray, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """The same machine when a command arrives ``delay`` steps late.

    Its state is longer by the commands under way, the newest first (Astrom and Wittenmark,
    Computer-Controlled Systems, 3rd edition 1997, section 2.3).

    Parameters
    ----------
    A, B : float arrays, shapes (n, n) and (n, 1)
    delay : int
        Whole steps.

    Returns
    -------
    float arrays, shapes (n + delay, n + delay) and (n + delay, 1)
    """
    if delay == 0:
        return A, B
    size = len(A)
    late, command = np.zeros((size + delay, size + delay)), np.zeros((size + delay, 1))
    late[:size, :size], late[:size, -1:] = A, B
    late[size + 1 :, size:-1] = np.eye(delay - 1)
    command[size] = 1
    return late, command


def gains(A: np.ndarray, B: np.ndarray, price: float) -> np.ndarray:
    """Gains of the linear-quadratic regulator: the command is minus gains times state.

    Anderson and Moore, Optimal Control: Linear Quadratic Methods, 1990, section 3.3.

    Parameters
    ----------
    A, B : float arrays, shapes (n, n) and (n, 1)
        As `cart_pole` or `with_delay` gives them.
    price : float
        Of a squared command, against `COSTS`.

    Returns
    -------
    float array, shape (n,)
    """
    from scipy.linalg import solve_discrete_are

    paid = np.diag([*COSTS, *[0.0] * (len(A) - len(COSTS))])
    cost = solve_discrete_are(A, B, paid, np.array([[price]]))
    return np.linalg.solve(price + B.T @ cost @ B, B.T @ cost @ A)[0]

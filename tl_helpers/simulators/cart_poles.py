"""Thousands of carts with a pole, side by side in torch, each with physics of its own.

The equations and the limits are those of Gymnasium's CartPole-v1 (Barto, Sutton and Anderson,
IEEE Transactions on Systems, Man and Cybernetics 1983; Florian, Correct equations for the dynamics
of the cart-pole system, 2007), and with the default physics a step is equal to its. Beyond that
class the force is continuous, and a cart may have friction, a motor with a dead zone, lag and
offset, commands that arrive late, and noisy sensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

GRAVITY, FORCE, SECONDS = 9.8, 10.0, 0.02  # m/s^2, newtons at full command, of a step
RAIL, TILT = 2.4, 0.20943951023931953  # m and radians (12 degrees): beyond them an episode ends
STEPS = 500  # of a whole episode, as in CartPole-v1: ten seconds
LATEST = 12  # steps by which a command may be late


@dataclass(frozen=True)
class Physics:
    """Physics of a batch of carts: each field a number, or a float tensor that broadcasts.

    The defaults are those of Gymnasium's CartPole-v1, which has no fields but the first four.

    Attributes
    ----------
    half_length : m
        Half the length of the pole.
    cart_mass, pole_mass : kg
    strength : share
        Of `FORCE` that the motor gives at full command.
    friction : newtons a metre a second
        What slows the cart on its rail.
    delay : steps
        Whole steps that a command needs to arrive, at most `LATEST`.
    lag : share
        Of the old force that is still there after one step.
    dead_zone : share
        Of full command below which the motor does not move.
    offset : share
        Of full command that the motor adds by itself.
    noise : share
        Of each sensor's usual range (`SCALE`), the spread of the error of a reading.
    """

    half_length: float | Tensor = 0.5
    cart_mass: float | Tensor = 1.0
    pole_mass: float | Tensor = 0.1
    strength: float | Tensor = 1.0
    friction: float | Tensor = 0.0
    delay: float | Tensor = 0.0
    lag: float | Tensor = 0.0
    dead_zone: float | Tensor = 0.0
    offset: float | Tensor = 0.0
    noise: float | Tensor = 0.0

    def changed(self, **values: float | Tensor) -> Physics:
        """The same with other values of some fields."""
        return replace(self, **values)

    def shaped(self, *shape: int) -> Physics:
        """Each tensor reshaped, so that it broadcasts over another axis; numbers stay."""
        return self.each(lambda value: value.reshape(shape))

    def each(self, change: Callable[[Tensor], Tensor]) -> Physics:
        """``change`` applied to every tensor."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return Physics(**{n: change(v) if isinstance(v, Tensor) else v for n, v in held.items()})


SCALE = (1.0, 1.0, 0.1, 1.0)  # m, m/s, rad, rad/s: the usual range of the four sensors


def draw(
    ranges: Mapping[str, tuple[float, float]], shape: tuple[int, ...], generator: torch.Generator
) -> Physics:
    """Random physics: each field in ``ranges`` uniform between its ends, the rest as by default.

    Parameters
    ----------
    ranges : dict of str to (float, float)
        Lowest and highest value of fields of `Physics`; a delay is rounded to whole steps.
    shape : tuple of int
        Of every tensor drawn.
    generator : torch.Generator
        The tensors are on its device.

    Raises
    ------
    ValueError
        For a field that does not exist, or ends in the wrong order.
    """
    known = [field.name for field in fields(Physics)]
    for name, (low, high) in ranges.items():
        if name not in known or low > high:
            raise ValueError(
                f"the range {name!r}: ({low}, {high}) cannot be drawn from; expected one of "
                f"{', '.join(known)}, the lower end first."
            )
    drawn = {}
    for name in known:
        if name in ranges:
            low, high = ranges[name]
            share = torch.rand(shape, generator=generator, device=generator.device)
            drawn[name] = low + (high - low) * share
    if "delay" in drawn:
        drawn["delay"] = drawn["delay"].round()
    return Physics(**drawn)


def starts(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """First states as Gymnasium draws them, uniform in ±0.05: float (4, \\*shape)."""
    return 0.1 * torch.rand((4, *shape), generator=generator, device=generator.device) - 0.05


def step(state: Tensor, force: Tensor, physics: Physics) -> Tensor:
    """The next state by Euler's method, as in Gymnasium.

    Parameters
    ----------
    state : float tensor, shape (4, ...)
        Position (m), speed (m/s), angle from upright (rad), its speed (rad/s).
    force : float tensor, shape (...)
        Newtons on the cart, to the right.
    physics : Physics

    Returns
    -------
    float tensor, shape (4, ...)
    """
    _, speed, angle, turn = state
    p = physics
    total = p.pole_mass + p.cart_mass
    lever = p.pole_mass * p.half_length
    sine, cosine = torch.sin(angle), torch.cos(angle)
    push = (force - p.friction * speed + lever * turn * turn * sine) / total
    turning = (GRAVITY * sine - cosine * push) / (
        p.half_length * (4.0 / 3.0 - p.pole_mass * cosine * cosine / total)
    )
    speeding = push - lever * turning * cosine / total
    rates = torch.stack(torch.broadcast_tensors(speed, speeding, turn, turning))
    return state + SECONDS * rates


def standing(state: Tensor) -> Tensor:
    """Whether cart and pole are inside Gymnasium's limits: bool (...)."""
    return (state[0].abs() <= RAIL) & (state[2].abs() <= TILT)


class Motor:
    """What stands between a command and the force: delay, dead zone, lag, offset."""

    def __init__(self, physics: Physics) -> None:
        self.physics = physics
        self.delay = torch.as_tensor(physics.delay).round().long()
        self.late = bool((self.delay > 0).any())
        self.commands: Tensor | None = None  # a ring of the last ones
        self.before: Tensor | float = 0.0
        self.time = 0

    def force(self, command: Tensor) -> Tensor:
        """Newtons of a command, float (...), which is cut to [-1, 1]."""
        p = self.physics
        arrived = self._late(command.clamp(-1, 1))
        if _there(p.dead_zone):
            arrived = arrived * (arrived.abs() > p.dead_zone)
        if _there(p.lag):
            arrived = arrived + p.lag * (self.before - arrived)
            self.before = arrived
        return FORCE * (p.strength * arrived + p.offset)

    def _late(self, command: Tensor) -> Tensor:
        if not self.late:
            return command
        if self.commands is None:
            self.commands = command.new_zeros((LATEST + 1, *command.shape))
        self.commands[self.time % len(self.commands)] = command
        sent = (self.time - self.delay.to(command.device)) % len(self.commands)
        self.time += 1
        return self.commands.gather(0, sent.expand(command.shape).unsqueeze(0)).squeeze(0)


def _there(value: float | Tensor) -> bool:
    return torch.is_tensor(value) or value != 0


@dataclass(frozen=True)
class Episodes:
    """What a batch of episodes did.

    Attributes
    ----------
    kept : float tensor, shape (...)
        Steps until the end, at most those asked for; the return of CartPole-v1.
    reward : float tensor, shape (...)
        The same with less for a cart or pole far from the middle: what evolution climbs.
    states : float tensor, shape (steps, 4, ...), or None
        What was true, where recorded; after the end it stands still.
    readings : float tensor, shape (steps, 4, ...), or None
        What the sensors said.
    commands : float tensor, shape (steps, ...), or None
    """

    kept: Tensor
    reward: Tensor
    states: Tensor | None = None
    readings: Tensor | None = None
    commands: Tensor | None = None


Policy = Callable[[Tensor], Tensor]


@torch.no_grad()
def run(
    policy: Policy,
    physics: Physics,
    first: Tensor,
    *,
    steps: int = STEPS,
    generator: torch.Generator | None = None,
    record: bool = False,
) -> Episodes:
    """Let a policy balance a batch of carts until all have fallen or the time is over.

    Parameters
    ----------
    policy : callable
        From readings, float (4, ...), to commands in [-1, 1], float (...); it is called once a
        step, in order. Its commands decide the shape of the batch.
    physics : Physics
        Broadcasts over the batch.
    first : float tensor, shape (4, ...)
        As `starts` gives it; it broadcasts over the batch, and carts that share a first state
        share their sensors' errors too, so that policies are compared on the same luck.
    steps : int, default `STEPS`
    generator : torch.Generator, optional
        Of the sensors' errors, on the device of ``first``; by default torch's own.
    record : bool, default False
        Keep states, readings and commands.

    Raises
    ------
    ValueError
        When a delay is not in 0 to `LATEST`.
    """
    _check_delay(physics)
    motor, state, told = Motor(physics), first, []
    alive = torch.ones(first.shape[1:], dtype=torch.bool, device=first.device)
    kept = reward = torch.zeros(first.shape[1:], device=first.device)
    scale = torch.tensor(SCALE, device=first.device).reshape(4, *[1] * (first.ndim - 1))
    for number in range(steps):
        reading = state
        if _there(physics.noise):
            error = torch.randn(first.shape, generator=generator, device=first.device)
            reading = state + physics.noise * (scale * error)
        command = policy(reading)
        if record:
            told.append((state, reading, command))
        moved = step(state, motor.force(command), physics)
        state = torch.where(alive, moved, state)
        kept = kept + alive
        alive = alive & standing(state)
        far = (state[0] / RAIL) ** 2 + (state[2] / TILT) ** 2
        reward = reward + alive * (1 - 0.5 * far)
        if number % 20 == 19 and not record and not alive.any():
            break
    if not record:
        return Episodes(kept, reward)
    return Episodes(kept, reward, *(_stacked(part, state) for part in zip(*told, strict=True)))


def _stacked(steps: tuple[Tensor, ...], last: Tensor) -> Tensor:
    """One tensor of all steps; the first ones may lack axes over which policies differ."""
    shape = last.shape if steps[-1].ndim == last.ndim else last.shape[1:]
    return torch.stack([part.expand(shape) for part in steps])


def _check_delay(physics: Physics) -> None:
    delay = torch.as_tensor(physics.delay)
    if (delay < 0).any() or (delay > LATEST).any():
        raise ValueError(
            f"delays run from {delay.min():g} to {delay.max():g} steps; expected 0 to {LATEST}."
        )

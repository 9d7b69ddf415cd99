"""Controllers of a batch of carts: linear in what the sensors say, now and a few steps back."""

from __future__ import annotations

import torch
from torch import Tensor

from tl_helpers.simulators.cart_poles import SCALE


def width(history: int) -> int:
    """Weights of a `Linear` controller that sees ``history`` steps."""
    return 4 if history == 1 else 5 * history


class Linear:
    """Commands as a weighted sum of readings: a policy for one call of `cart_poles.run`.

    Parameters
    ----------
    weights : float tensor, shape (width(history), ...)
        First those of the four readings, each over its usual range (`cart_poles.SCALE`), the
        newest step first; with a history, then those of the commands given in as many steps.
    history : int, default 1
        Steps that it sees. With more than one it also sees its own last commands, since those
        that have not arrived yet are part of the state of a machine with a late motor.

    Attributes
    ----------
    effort : float tensor, shape (...)
        Sum of squared commands so far.
    """

    def __init__(self, weights: Tensor, history: int = 1) -> None:
        self.weights, self.history = weights, history
        self.readings: Tensor | None = None  # (4 history, ...)
        self.commands: Tensor | None = None  # (history, ...)
        self.effort: Tensor | float = 0.0

    def __call__(self, reading: Tensor) -> Tensor:
        """From readings, float (4, ...), to commands in [-1, 1], float (...)."""
        scale = torch.tensor(SCALE, device=reading.device)
        now = reading / scale.reshape(4, *[1] * (reading.ndim - 1))
        command = self._weighed(now).clamp(-1, 1)
        self.effort = self.effort + command * command
        return command

    def _weighed(self, now: Tensor) -> Tensor:
        if self.history == 1:
            return (self.weights * now).sum(0)
        batch = torch.broadcast_shapes(now.shape[1:], self.weights.shape[1:])
        now = now.expand(4, *batch)
        if self.readings is None or self.commands is None:
            self.readings = torch.cat([now] * self.history)
            self.commands = now.new_zeros((self.history, *batch))
        self.readings = torch.cat([now, self.readings[:-4]])
        of_readings, of_commands = self.weights.split([4 * self.history, self.history])
        command = (of_readings * self.readings).sum(0) + (of_commands * self.commands).sum(0)
        self.commands = torch.cat([command.clamp(-1, 1).unsqueeze(0), self.commands[:-1]])
        return command

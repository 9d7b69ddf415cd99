"""What an arm is, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

Choice = TypeVar("Choice", bound=float | str)


class Tuned(NamedTuple, Generic[Choice]):
    """What an arm chose inside its budget.

    Attributes
    ----------
    setting : float or str
        The setting that it used, such as a penalty or a learning rate.
    tried : int
        Settings that it tried; 0 where the budget leaves nothing to hold out.
    edge : bool
        Whether the best setting stands at an edge of its grid, so that a better one may lie beyond.
    """

    setting: Choice
    tried: int
    edge: bool


@dataclass(frozen=True)
class Prediction:
    """What an arm returns.

    Attributes
    ----------
    predicted : array, shape (n,) or (n, c)
        Labels or scores of all test items, in the test set's order; CPU tensors are converted.
    trainable : int
        Parameters trained; 0 for a method that has none.
    tuned : Tuned, optional
        What was chosen inside the budget; None for an arm that chooses nothing.
    """

    predicted: np.ndarray
    trainable: int = 0
    tuned: Tuned | None = None

    def __post_init__(self) -> None:
        predicted = np.asarray(self.predicted)
        if predicted.dtype == np.float64:
            predicted = predicted.astype(np.float32)  # halves what a study stores
        object.__setattr__(self, "predicted", predicted)


Arm = Callable[[int, int], Prediction]  # of a budget of labels and a seed

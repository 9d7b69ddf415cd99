"""The inputs of examples as an arm needs them: numbers, or texts."""

from __future__ import annotations

from torch import Tensor

from tl_helpers.datasets import Examples


def numbers_of(examples: Examples) -> Tensor:
    """Pictures or rows of numbers, (N, ...), without a copy.

    Raises
    ------
    TypeError
        For texts.
    """
    if not isinstance(examples.x, Tensor):
        raise TypeError("the examples are texts; expected pictures or numbers.")
    return examples.x


def texts_of(examples: Examples) -> list[str]:
    """Texts, one an example.

    Raises
    ------
    TypeError
        For pictures or numbers.
    """
    if isinstance(examples.x, Tensor):
        raise TypeError(f"the examples are {examples.x.dtype} numbers; expected texts.")
    return examples.x

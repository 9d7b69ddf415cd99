"""Answers compared by value, whatever their form, and a reason where the form cannot be read.

A number is the same number as a Python int, a numpy scalar, a tensor of one element or a list of
one; rows are the same rows as a list, an array or a tensor. NaN equals nothing, a string no
number, and True is not 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tl_helpers.exercises.answers import NAN, NotYet, missing_return


def same(answer: Any, right: Any, *, tolerance: float = 1e-5) -> bool:
    """Whether an answer is the right one, by value.

    Parameters
    ----------
    answer : object
        What the learner gave: numbers, strings, rows or dicts of them, in any form.
    right : object
        What is right, in any form.
    tolerance : float, default 1e-5
        Numbers differ by at most this, or by this share of the right one where it is above 1.

    Returns
    -------
    bool
        False for what cannot be compared; nothing is raised. Strings are compared without outer
        spaces and without regard to capitals.
    """
    import numpy as np

    answer, right = _plain(answer), _plain(right)
    if isinstance(right, Mapping):
        keys = isinstance(answer, Mapping) and set(answer) == set(right)
        return keys and all(same(answer[k], right[k], tolerance=tolerance) for k in right)
    if isinstance(right, set | frozenset):
        return isinstance(answer, set | frozenset) and answer == right
    if isinstance(right, list):
        fits = isinstance(answer, list) and len(answer) == len(right)
        pairs = zip(answer, right, strict=True) if fits else ()
        return fits and all(same(a, r, tolerance=tolerance) for a, r in pairs)
    if isinstance(right, str):
        return isinstance(answer, str) and answer.strip().lower() == right.strip().lower()
    if not isinstance(right, np.ndarray):
        return answer is right
    if not isinstance(answer, np.ndarray) or answer.shape != right.shape:
        return False
    if "b" in (answer.dtype.kind, right.dtype.kind):
        return answer.dtype.kind == right.dtype.kind and bool((answer == right).all())
    # NaN is close to nothing, and infinity to itself alone.
    near = (np.isclose(answer, right, rtol=r, atol=a) for r, a in ((tolerance, 0), (0, tolerance)))
    return bool(np.logical_or(*near).all())


def read(answer: Any, like: Any = 0.0) -> Any:
    """An answer of numbers as float64, in the shape of ``like``.

    Parameters
    ----------
    answer : object
        Numbers in any form.
    like : number, or nested list, array or tensor of numbers, default 0.0
        Only its shape counts; one number by default.

    Returns
    -------
    float or numpy.ndarray
        A float where ``like`` is one number.

    Raises
    ------
    NotYet
        With the reason: nothing returned, two things instead of one, text, another shape, NaN.
    """
    if reason := form(answer, like):
        raise NotYet(reason)
    values = _plain(answer).astype(float)
    return float(values) if values.ndim == 0 else values


def form(answer: Any, like: Any = 0.0) -> str | None:
    """Why an answer is not made of numbers in the shape of ``like``; None where it is."""
    import numpy as np

    expected = np.shape(_plain(like))
    wanted = f"numbers of shape {expected}" if expected else "one number"
    if answer is None:
        return missing_return()
    values = _plain(answer)
    if not expected and isinstance(answer, tuple) and len(answer) > 1:
        return f"you returned {_count(len(answer))} things, a tuple; expected one number."
    if not isinstance(values, np.ndarray):
        what = f"the text {answer!r}" if isinstance(answer, str) else f"a {type(answer).__name__}"
        return f"that is {what}; expected {wanted}."
    if values.dtype.kind == "b":
        return f"that is true or false; expected {wanted}."
    if values.shape != expected:
        given = f"of shape {values.shape}" if values.ndim else "one number"
        return f"that is {given}; expected {wanted}."
    if np.isnan(values).any():
        return NAN
    return None


def is_nan(answer: Any) -> bool:
    """Whether an answer is NaN, or rows or a dict with a NaN in it."""
    import numpy as np

    values = _plain(answer)
    if isinstance(values, Mapping):
        return any(map(is_nan, values.values()))
    if isinstance(values, list):
        return any(map(is_nan, values))
    number = isinstance(values, np.ndarray) and values.dtype.kind in "fc"
    return number and bool(np.isnan(values).any())


def has_gradient(answer: Any) -> bool:
    """Whether a tensor still leads back to weights, so that ``.backward()`` can use it."""
    return bool(getattr(answer, "requires_grad", False))


def needs_gradient(answer: Any) -> None:
    """Refuse what ``.backward()`` cannot use.

    Raises
    ------
    NotYet
        For a number or tensor without a way back to the weights, as ``.item()`` and
        ``.detach()`` give it.
    """
    if not has_gradient(answer):
        kind = "a tensor cut off from" if hasattr(answer, "detach") else "a plain number without"
        raise NotYet(
            f"that is {kind} the weights, so that nothing can be trained by it: leave out "
            "`.item()`, `float(...)`, `.detach()` and `.data`, and return the tensor itself."
        )


def _plain(value: Any) -> Any:
    """Numbers as an array (of no dimension where there is one), rows of other things as a list."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    elif hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, list | tuple | range | map | zip):
        value = _rows(list(value))
    if isinstance(value, bool | int | float | np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufc":
            value = value.item() if value.ndim == 0 else value.tolist()
            return value if isinstance(value, str) else _plain(value)
        return value.reshape(()) if value.size == 1 else value
    return value


def _rows(values: list) -> Any:
    import numpy as np

    parts = [_plain(value) for value in values]
    if not parts or not all(isinstance(part, np.ndarray) for part in parts):
        return list(values)
    alike = {(part.shape, part.dtype.kind == "b") for part in parts}
    return np.stack(parts) if len(alike) == 1 else list(values)


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))

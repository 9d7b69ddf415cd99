"""Reading a learner's answer: is it still a placeholder, and did their code stop?"""

from __future__ import annotations

import dis
import functools
import linecache
import traceback
import types
from typing import Any, cast

# What the compiler makes of `pass`, `...`, a docstring or `raise NotImplementedError("later")`.
_IDLE = {
    "RESUME",
    "NOP",
    "CACHE",
    "PUSH_NULL",
    "POP_TOP",
    "COPY_FREE_VARS",
    "LOAD_CONST",
    "LOAD_GLOBAL",
    "LOAD_COMMON_CONSTANT",
    "PRECALL",
    "CALL",
    "RAISE_VARARGS",
    "RETURN_CONST",
    "RETURN_VALUE",
}


NAN = "it gives nan, which is not a number: look for a division by zero."


class NotYet(Exception):
    """Raised by an exercise's check: the answer is wrong, and this is the reason that helps."""


class NotAttempted(BaseException):
    """The answer is a placeholder. No ``except Exception`` in a check can swallow it."""


def prepare(answer: Any) -> Any:
    """The answer as the check receives it.

    A function comes back wrapped: a call that gives ``...`` or raises `NotImplementedError` means
    that a placeholder is still in it, and errors are marked as the learner's own.

    Raises
    ------
    NotAttempted
        For ``None``, ``...``, blank text, a list, tuple or dict of such placeholders only, and a
        function or class whose body is still to be written.
    NotYet
        When only some entries of a list, tuple or dict are filled in.
    """
    if _is_placeholder(answer):
        raise NotAttempted
    entries = _entries(answer)
    if entries and all(_is_placeholder(entry) for entry in entries):
        raise NotAttempted
    if any(entry is ... for entry in entries):
        raise NotYet("some parts are still `...`; fill them all in.")
    return _watched(answer) if isinstance(answer, types.FunctionType) else answer


def complaint(error: BaseException, prepared: Any) -> str | None:
    """What the learner's own code did to cause ``error``, or None when it was not their code."""
    if getattr(error, "from_answer", False):
        function = prepared.__wrapped__
        return f"your code stopped with {describe(error)}{_line(error, function)}."
    if returned_none(prepared):
        return missing_return(prepared.__name__)
    last = returned(prepared)[-1:]
    if last and isinstance(last[0], tuple) and len(last[0]) > 1:
        return (
            f"{prepared.__name__} returned {len(last[0])} things, a tuple, where the check "
            f"expects one ({describe(error)})."
        )
    return None


def returned(prepared: Any) -> list:
    """What the learner's function gave to the check, in order; empty for another answer."""
    return getattr(prepared, "returned", [])


def returned_none(prepared: Any) -> bool:
    """Whether the learner's function ever gave None."""
    return any(result is None for result in returned(prepared))


def missing_return(name: str = "it") -> str:
    """The one reason that every exercise gives for None."""
    return f"{name} returned None; is a `return` missing?"


def describe(error: BaseException) -> str:
    """Type and first line of an error."""
    text = str(error).strip().splitlines()
    return type(error).__name__ + (f": {text[0]}" if text else "")


def _entries(answer: Any) -> list:
    if isinstance(answer, dict):
        return list(answer.values())
    return list(answer) if isinstance(answer, (list, tuple)) else []


def _is_placeholder(answer: Any) -> bool:
    if answer is None or answer is ... or answer is NotImplemented:
        return True
    if isinstance(answer, str):
        return not answer.strip()
    if isinstance(answer, types.FunctionType):
        return _is_idle(answer.__code__)
    if isinstance(answer, type):
        named = [m for name, m in vars(answer).items() if not name.startswith("__")]
        methods = [m for m in named if isinstance(m, types.FunctionType)]
        return any(_is_idle(method.__code__) for method in methods)
    return False


def _is_idle(code: types.CodeType) -> bool:
    """Whether running the code could do nothing but return None or ``...``, or refuse."""
    instructions = list(dis.get_instructions(code))
    refuses = any(i.argval == "NotImplementedError" for i in instructions) or any(
        i.argval is NotImplementedError for i in instructions
    )
    constants = [i.argval for i in instructions if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    allowed = all(c is None or c is ... or (refuses and isinstance(c, str)) for c in constants)
    names = set(code.co_names) <= {"NotImplementedError"}
    return allowed and names and all(i.opname in _IDLE for i in instructions)


def _watched(function: types.FunctionType) -> types.FunctionType:
    results: list[Any] = []

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except NotImplementedError as error:
            raise NotAttempted from error
        except (Exception, SystemExit) as error:
            if "ellipsis" in str(error):  # a `...` left inside the body
                raise NotAttempted from error
            error.from_answer = True  # type: ignore[union-attr]  # read by `complaint`
            raise
        if result is ... or result is NotImplemented:
            raise NotAttempted
        results.append(result)
        return result

    watched.returned = results  # type: ignore[attr-defined]
    return cast(types.FunctionType, watched)


def _line(error: BaseException, function: types.FunctionType) -> str:
    """Where in the learner's own lines the error arose: the deepest frame of their file."""
    file = function.__code__.co_filename
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return ""
    text = linecache.getline(file, frames[-1].lineno or 0).strip()
    return f", in line {frames[-1].lineno} of the cell" + (f": {text}" if text else "")

"""Arrays in a fingerprint: whole numbers by their bytes, floats by a sketch as well.

Computed floats differ in their last digits from one processor to the next. A sketch is a few
numbers that agree within rounding when two arrays do, and hardly ever otherwise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Part = tuple[str, object]
_WHOLE = 64  # floats that a sketch holds one by one
_PERIODS = (65_537, 65_539)  # lengths of the sketch's sequences of signs; primes


@dataclass(frozen=True)
class Exact:
    """Data that are the same on every machine: whole numbers, texts, files."""

    digest: str


@dataclass(frozen=True)
class Rounded:
    """Floats: the digest of their bytes, and a sketch (norm first) that allows for rounding."""

    digest: str
    sketch: tuple[float, ...]


Token = str | Exact | Rounded


@dataclass(frozen=True)
class Node:
    """A value that has parts."""

    kind: str
    parts: list[Part]


def digest(*parts: bytes | str | memoryview) -> str:
    """A hash of texts and bytes, each with its length."""
    hashed = hashlib.blake2b(digest_size=20)
    for part in parts:
        part = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hashed.update(len(part).to_bytes(8, "little"))
        hashed.update(part)
    return hashed.hexdigest()


def array(values: np.ndarray, name: str = "array") -> Token | Node:
    """An array of any type; Python objects in it one by one."""
    label = f"{name} {values.dtype.str} {values.shape}"
    if values.dtype.hasobject:
        return Node(label, [("values", values.tolist())])
    hashed = digest(label, _bytes(values))
    if values.dtype.kind not in "fc":
        return Exact(hashed)
    return Node(label, [("values", Rounded(hashed, sketch(values)))])


def _bytes(values: np.ndarray) -> bytes | memoryview:
    packed = np.ascontiguousarray(values)
    plain = packed.size and packed.dtype.kind in "biufc"
    return packed.reshape(-1).view(np.uint8).data if plain else packed.tobytes()


def sketch(values: np.ndarray) -> tuple[float, ...]:
    """The norm of an array of floats and eight sums of them with random signs.

    A change by the share r of the norm moves each sum by about r times the norm; one other row
    among n alike is a change by about 1 / sqrt(n). Signs instead of normal numbers: Achlioptas
    2003. Of few floats, 0 and all of them.
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    flat = flat.view(flat.real.dtype)  # complex numbers as pairs
    if len(flat) <= _WHOLE:
        numbers = [0.0, *_finite(flat.astype(np.float64))]
    else:
        flat = flat.astype(np.float32) if flat.itemsize < 4 else flat
        flat = flat if np.isfinite(flat @ flat) else _finite(flat)
        numbers = [
            np.sqrt(flat @ flat),
            *(total for period in _PERIODS for total in _signed(flat, period)),
        ]
    return tuple(float(f"{number:.6g}") for number in numbers)


def _finite(flat: np.ndarray) -> np.ndarray:
    """NaN and infinities as numbers far outside of any data."""
    return np.nan_to_num(flat, nan=1e6, posinf=1e9, neginf=-1e9)


def _signed(flat: np.ndarray, period: int) -> np.ndarray:
    whole = len(flat) // period * period
    folded = flat[:whole].reshape(-1, period).sum(axis=0, dtype=np.float64)
    folded[: len(flat) - whole] += flat[whole:]
    return _signs(period) @ folded


@lru_cache(maxsize=2)
def _signs(period: int) -> np.ndarray:
    legacy = np.random.RandomState(period)  # whose numbers no later version of numpy changes
    return 2.0 * legacy.randint(0, 2, (4, period)) - 1


def same_within(rounding: float, then: tuple[float, ...], now: tuple[float, ...]) -> bool:
    """Whether two sketches are of one array, computed twice with this relative precision."""
    if len(then) != len(now) or bool(then[0]) != bool(now[0]):
        return False
    a, b = np.array(then), np.array(now)
    scale = a[0] or np.maximum(np.abs(a), 1e-6 * np.linalg.norm(a))
    return bool((np.abs(a - b) <= rounding * scale).all())

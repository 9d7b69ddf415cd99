"""What decides an arm's result, as a fingerprint: definitions, the values they read, the data.

The walk goes by definition. A function counts by its syntax (`syntax.py`) and by all that it
reaches: closures, defaults, globals, imports inside it, what it decorates, and the attributes that
it takes of modules of ours, through their doors. Libraries count by name; their versions are
conditions of a study. Where something lives, and what it is called from, does not count.

Functions, classes and objects in circles are numbered in the order in which they are met; all
else counts by value. So no address, hash seed or order of a set has a part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tl_helpers.compare import definitions, values
from tl_helpers.compare.sketches import Exact, Node, Rounded, Token, digest, same_within


@dataclass(frozen=True)
class Evidence:
    """What decided a result.

    Attributes
    ----------
    code : str
        Digest of definitions and literals, and of which data stand where.
    data : str
        Digest of the data that are the same on every machine: whole numbers, texts, files.
    floats : tuple of tuple of float
        A sketch of each array of floats (`sketches.sketch`).
    exact : str
        Digest of the floats' bytes; on another machine it may differ by rounding alone.
    """

    code: str
    data: str
    floats: tuple[tuple[float, ...], ...]
    exact: str = ""

    def has_data_of(self, other: Evidence, rounding: float) -> bool:
        """Whether both read the same data, floats within a relative ``rounding``."""
        ours, theirs = Counter(self.floats), Counter(other.floats)
        here, there = list((ours - theirs).elements()), list((theirs - ours).elements())
        for mine in here:
            found = next((one for one in there if same_within(rounding, one, mine)), None)
            if found is None:
                return False
            there.remove(found)
        return not there and self.data == other.data


def fingerprint(arm: Callable, **inputs: object) -> str:
    """One digest of all that decides an arm's result, to the last bit.

    Parameters
    ----------
    arm : callable
        A function of a notebook or of a file, a lambda, a `functools.partial`, a bound method
        or an object with ``__call__``.
    **inputs
        Further values that count, such as test items and metric.

    Raises
    ------
    ValueError
        For what cannot be counted, with the way to it: functions without source, imports that
        cannot be resolved, ``exec``, open files, locks, generators.
    """
    found = of(arm, **inputs)
    return digest(found.code, found.data, found.exact)


def of(arm: Callable, **inputs: object) -> Evidence:
    """As `fingerprint`, with code and data apart."""
    return of_each({"arm": arm}, **inputs)["arm"]


def of_each(arms: Mapping[str, Callable], **inputs: object) -> dict[str, Evidence]:
    """Evidence of several arms; what they share is read once."""
    walk = _Walk()
    return {name: walk.evidence(name, arm, inputs) for name, arm in arms.items()}


class _Walk:
    """Walks from arms to all that they reach, and remembers what it has taken apart."""

    def __init__(self) -> None:
        # Values are kept beside their ids, or another one could come to live at an id.
        self.taken_apart: dict[int, tuple[object, Token | Node]] = {}
        self.known: dict[int, tuple[object, list[Token]]] = {}

    def evidence(self, name: str, arm: Callable, inputs: Mapping[str, object]) -> Evidence:
        self.numbers: dict[int, int] = {}
        self.path: list[str] = []
        self.is_open = False
        try:
            tokens = self.part(name, arm)
            for key in sorted(inputs):
                tokens += [key, *self.part(key, inputs[key])]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{' → '.join(self.path)}: {error}") from error
        return _joined(tokens)

    def part(self, name: str, value: object) -> list[Token]:
        self.path.append(name)
        tokens = self.tokens(value)
        self.path.pop()  # an error leaves the way to it
        return tokens

    def tokens(self, value: object) -> list[Token]:
        """Tokens of a value; of one that holds no definition and no circle, always the same."""
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.numbers:
            self.is_open = True
            return [f"#{self.numbers[id(value)]}"]
        found = self.apart(value)
        if not isinstance(found, Node):
            return [found]
        self.numbers[id(value)] = len(self.numbers)
        around, self.is_open = self.is_open, definitions.is_definition(value)
        tokens = self.inside(value, found)
        if not self.is_open:
            del self.numbers[id(value)]
            tokens = _folded(tokens)
            self.known[id(value)] = value, tokens
        self.is_open |= around
        return tokens

    def inside(self, value: object, node: Node) -> list[Token]:
        if isinstance(value, set | frozenset):
            return [node.kind, *self.unordered(node)]
        tokens: list[Token] = [f"{node.kind} {len(node.parts)}"]
        for name, inner in node.parts:
            tokens += [name, *self.part(name, inner)]
        return tokens

    def unordered(self, node: Node) -> list[Token]:
        items = [self.part("item", inner) for _, inner in node.parts]
        if self.is_open:
            raise ValueError("a set of functions or objects has no order; use a tuple.")
        return [token for item in sorted(items, key=repr) for token in item]

    def apart(self, value: object) -> Token | Node:
        if id(value) not in self.taken_apart:
            found = definitions.describe(value)
            self.taken_apart[id(value)] = value, found or values.describe(value)
        return self.taken_apart[id(value)][1]


def _folded(tokens: list[Token]) -> list[Token]:
    """Tokens with runs of texts made short."""
    texts = [token for token in tokens if isinstance(token, str)]
    return [digest(*texts)] if len(texts) == len(tokens) else tokens


def _joined(tokens: list[Token]) -> Evidence:
    exact = {token.digest for token in tokens if isinstance(token, Exact)}
    floats = {token.digest: token.sketch for token in tokens if isinstance(token, Rounded)}
    # The place of an array is told by its rank, which rounding leaves as it is.
    ranks = {sketch: rank for rank, sketch in enumerate(sorted(set(floats.values()), key=_sums))}
    said = [
        f"floats {ranks[token.sketch]}" if isinstance(token, Rounded) else str(token)
        for token in tokens
    ]
    sketches = tuple(sorted(floats.values()))
    return Evidence(digest(*said), digest(*sorted(exact)), sketches, digest(*sorted(floats)))


def _sums(sketch: tuple[float, ...]) -> tuple[float, ...]:
    return sketch[1:]  # norms are often alike

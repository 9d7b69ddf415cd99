"""Any Gymnasium world with its physics drawn anew at each reset: domain randomisation by name.

The physics of a world are attributes of its unwrapped environment: `length` of CartPole-v1, `g` of
Pendulum-v1, `LINK_MASS_1` of Acrobot-v1.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import gymnasium

Ranges = Mapping[str, tuple[float, float]]

# CartPole keeps products of its attributes, and would go on with the old ones.
_DERIVED = {
    "total_mass": lambda world: world.masspole + world.masscart,
    "polemass_length": lambda world: world.masspole * world.length,
}


def read_ranges(environment: str, ranges: str) -> dict[str, tuple[float, float]]:
    """Ranges of a world's physics, checked against the world.

    Parameters
    ----------
    environment : str
        A Gymnasium id such as "Pendulum-v1".
    ranges : str
        A dictionary as text: ``'{"g": [8, 12], "l": [0.8, 1.2]}'``.

    Returns
    -------
    dict of str to (float, float)

    Raises
    ------
    ValueError
        When there is no such world or it does not start, the text is no such dictionary, or an
        attribute does not exist or is no number; the attributes that could be varied are named.
    """
    world, asked = _made(environment), _parsed(ranges)
    known = numbers(world)
    if strange := [name for name in asked if name not in known]:
        raise ValueError(
            f"{environment} has no number called {', '.join(strange)}; expected some of "
            f"{', '.join(known)}."
        )
    return {name: _pair(name, ends) for name, ends in asked.items()}


def numbers(world: gymnasium.Env) -> list[str]:
    """Names of the attributes of the unwrapped world that are numbers, and so may be physics."""
    bare = world.unwrapped
    names = [name for name in dir(bare) if not name.startswith("_") and name not in _DERIVED]
    found = [n for n in names if n not in _NOT_PHYSICS and _is_number(_value(bare, n))]
    return sorted(found)


_NOT_PHYSICS = {"np_random_seed", "np_random", "render_mode", "screen", "clock"}
_NOT_PHYSICS |= {"screen_dim", "screen_width", "screen_height", "SCREEN_DIM", "isopen"}


class Randomised(gymnasium.Wrapper):
    """A world whose attributes are drawn uniformly from ranges at each reset.

    Parameters
    ----------
    world : gymnasium.Env
    ranges : dict of str to (float, float)
        As `read_ranges` gives them; empty changes nothing.
    """

    def __init__(self, world: gymnasium.Env, ranges: Ranges) -> None:
        super().__init__(world)
        self.ranges = dict(ranges)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Draw the physics, then begin an episode; the seed decides both."""
        first = self.env.reset(seed=seed, options=options)
        if not self.ranges:
            return first
        for name, (low, high) in self.ranges.items():
            setattr(self.unwrapped, name, float(self.np_random.uniform(low, high)))
        for name, derive in _DERIVED.items():
            if hasattr(self.unwrapped, name):
                setattr(self.unwrapped, name, derive(self.unwrapped))
        return self.env.reset(options=options)


def make(environment: str, ranges: Ranges | None = None) -> gymnasium.Env:
    """The world of this id, randomised where there are ranges.

    Raises
    ------
    ValueError
        When Gymnasium does not know the id, or lacks what the world needs.
    """
    return Randomised(_made(environment), ranges or {})


def judge(model, environment: str, ranges: Ranges, episodes: int, seed: int) -> dict[str, float]:
    """What a trained model earns in whole episodes, in physics drawn from the ranges.

    Parameters
    ----------
    model : stable_baselines3 model
        Or anything with ``predict(observation, deterministic=True)``.
    environment : str
    ranges : dict of str to (float, float)
        Empty for the nominal physics.
    episodes, seed : int
        Episode i begins with seed + i, so that models meet the same physics and starts.

    Returns
    -------
    dict of str to float
        Mean and lowest sum of rewards, and the share of episodes that reach what Gymnasium calls
        solved; NaN where the world names no such bar.

    Raises
    ------
    ValueError
        When Gymnasium cannot make the world.
    """
    world, sums = make(environment, ranges), []
    for number in range(episodes):
        reading, _ = world.reset(seed=seed + number)
        total, over = 0.0, False
        while not over:
            action, _ = model.predict(reading, deterministic=True)
            reading, reward, fell, late, _ = world.step(action)
            total, over = total + float(reward), fell or late
        sums.append(total)
    bar = getattr(world.spec, "reward_threshold", None)
    solved = math.nan if bar is None else sum(total >= bar for total in sums) / episodes
    return {"mean return": sum(sums) / episodes, "lowest": min(sums), "solved": solved}


def two_by_two(
    train: Callable[[Ranges], Any], environment: str, ranges: Ranges, seed: int, episodes: int = 20
):
    """Train in the nominal world and in the randomised one, and test each in both.

    Parameters
    ----------
    train : callable
        From ranges (empty ones for the nominal world) to a trained model.
    environment : str
    ranges : dict of str to (float, float)
    seed, episodes : int
        Of the tests, as in `judge`.

    Returns
    -------
    pandas.DataFrame
        A row for each pair, with the columns of `judge`.

    Raises
    ------
    ValueError
        When Gymnasium cannot make the world.
    """
    import pandas as pd

    rows = {}
    for trained, inside in {"nominal": {}, "randomised": ranges}.items():
        model = train(inside)
        for tested, physics in {"nominal": {}, "in the ranges": ranges}.items():
            judged = judge(model, environment, physics, episodes, seed)
            rows[f"trained {trained}, tested {tested}"] = judged
    return pd.DataFrame(rows).T.round(2)


def _made(environment: str) -> gymnasium.Env:
    try:
        return gymnasium.make(environment)
    except (gymnasium.error.Error, ImportError) as error:
        raise ValueError(
            f"Gymnasium cannot make {environment!r}: {error} Expected an id such as CartPole-v1, "
            "Pendulum-v1 or Acrobot-v1, with what it needs installed."
        ) from error


def _parsed(ranges: str) -> dict:
    try:
        asked = ast.literal_eval(ranges)
    except (ValueError, SyntaxError):
        asked = None
    if not isinstance(asked, dict) or not asked:
        raise ValueError(
            f"ranges is {ranges!r}; expected a dictionary as text, such as "
            '{"g": [8, 12], "l": [0.8, 1.2]}.'
        )
    return asked


def _pair(name: object, ends: object) -> tuple[float, float]:
    pair = list(ends) if isinstance(ends, list | tuple) else []
    if len(pair) != 2 or not all(map(_is_number, pair)) or not pair[0] <= pair[1]:
        raise ValueError(f"the range of {name} is {ends!r}; expected [lowest, highest].")
    return float(pair[0]), float(pair[1])


def _value(world: object, name: str) -> object:
    try:
        return getattr(world, name)
    except Exception:  # a property that needs a running episode is no physics
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)

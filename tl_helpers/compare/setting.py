"""What the runs of a comparison have in common: test items, metric, arms, budgets."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tl_helpers.compare.metrics import GroupDraws, draw_groups

DRAWS = 50  # of test groups; Student's t takes account of so few


class MissingRows(LookupError):
    """The report has no row that answers the question, for example because it is stale."""


class Saved(NamedTuple):
    """Labels saved; ``censored`` when the controls never got there, and it is more than this."""

    value: int
    censored: bool

    def __str__(self) -> str:
        return f"> {self.value}" if self.censored else str(self.value)


@dataclass(frozen=True)
class Setting:
    """What the rows of a report have in common; made by `compare.run`.

    Attributes
    ----------
    lesson, task, profile : str
    seed : int
    truth, groups : numpy.ndarray, shape (n,)
        Labels and groups of the fixed test items.
    metric : callable
        (truth, predicted) to float.
    metric_name : str
    higher_is_better : bool
    arms, pretrained : tuple of str
    budgets : tuple of int
    headline : (str, int)
        Arm and budget of the scorecard's gain and verdict.
    """

    lesson: str
    task: str
    profile: str
    seed: int
    truth: np.ndarray
    groups: np.ndarray
    metric: Callable
    metric_name: str
    higher_is_better: bool
    arms: tuple[str, ...]
    pretrained: tuple[str, ...]
    budgets: tuple[int, ...]
    headline: tuple[str, int]

    def __post_init__(self) -> None:
        _check_names(self)
        if self.truth.ndim != 1 or not len(self.truth):
            raise ValueError(f"truth has shape {self.truth.shape}; expected (n,) test labels.")
        if self.groups.shape != self.truth.shape:
            raise ValueError(
                f"groups have shape {self.groups.shape} and truth {self.truth.shape}; "
                "expected one group for each test item."
            )
        if self.profile != "smoke":
            _ = self.draws  # groups that cannot be resampled are an error before the runs

    @property
    def controls(self) -> tuple[str, ...]:
        """Arms that use no pretrained weights."""
        return tuple(arm for arm in self.arms if arm not in self.pretrained)

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.higher_is_better else -1

    @cached_property
    def draws(self) -> GroupDraws:
        """Draws of test groups, the same for every arm, so that arms are compared on each."""
        classes = self.truth.dtype.kind != "f" and len(np.unique(self.truth)) <= len(self.truth) / 2
        return draw_groups(
            self.groups, labels=self.truth if classes else None, resamples=DRAWS, seed=0
        )

    def score(self, predicted: np.ndarray, items: np.ndarray | slice = slice(None)) -> float:
        """The metric on the test items, or on some of them.

        Raises
        ------
        ValueError
            When the metric fails or is not a finite number.
        """
        try:
            value = float(self.metric(self.truth[items], predicted[items]))
        except Exception as error:
            raise ValueError(
                f"the metric {self.metric_name} failed on {len(predicted)} predictions of shape "
                f"{predicted.shape} and type {predicted.dtype}: {error}"
            ) from error
        if not math.isfinite(value):
            raise ValueError(f"the metric {self.metric_name} gave {value}; expected a number.")
        return value

    def score_draws(self, predicted: np.ndarray) -> np.ndarray:
        """The metric on each of `draws`, float (draws,)."""
        if self._is_balanced_accuracy and predicted.ndim == 1:
            return self._balanced_accuracy_of_draws(predicted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a draw may lack a class that is predicted
            return np.array([self.score(predicted, items) for items in self.draws.items])

    @property
    def _is_balanced_accuracy(self) -> bool:
        home = getattr(self.metric, "__module__", "")
        name = getattr(self.metric, "__name__", "")
        return home.startswith("sklearn.metrics") and name == "balanced_accuracy_score"

    @cached_property
    def _class_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How often each draw holds each item, (draws, n), and the items' classes, (n, c)."""
        items = len(self.truth)
        counts = np.stack([np.bincount(draw, minlength=items) for draw in self.draws.items])
        return counts.astype(float), self.truth[:, None] == np.unique(self.truth)

    def _balanced_accuracy_of_draws(self, predicted: np.ndarray) -> np.ndarray:
        # scikit-learn takes half a millisecond a call: seconds for a whole table of intervals.
        counts, classes = self._class_counts
        right = counts @ (classes & (predicted == self.truth)[:, None])
        drawn = counts @ classes
        recalls = np.divide(right, drawn, out=np.zeros_like(right), where=drawn > 0)
        return recalls.sum(axis=1) / (drawn > 0).sum(axis=1)


def increasing(budgets: Sequence[int]) -> tuple[int, ...]:
    """The budgets as integers; ValueError unless they increase from at least 1."""
    budgets = tuple(int(labels) for labels in budgets)
    rising = all(a < b for a, b in itertools.pairwise(budgets))
    if not budgets or budgets[0] < 1 or not rising:
        raise ValueError(
            f"budgets are {list(budgets)}; expected increasing whole numbers of at least 1."
        )
    return budgets


def distinct(seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds as integers; ValueError unless there is one, and none twice."""
    seeds = tuple(int(seed) for seed in seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"seeds are {list(seeds)}; expected different ones, since a repeated seed repeats "
            "the run and would make the interval too narrow."
        )
    return seeds


def name_of(metric: Callable) -> str:
    """The metric's own name in words; ValueError for one without, such as a lambda."""
    name = getattr(metric, "__name__", "")
    if not name or name == "<lambda>":
        raise ValueError("the metric has no name of its own; give metric_name, with its unit.")
    return name.removesuffix("_score").replace("_", " ")


def _check_names(setting: Setting) -> None:
    if not setting.arms:
        raise ValueError("there is no arm; expected {name: callable}.")
    unknown = [name for name in setting.pretrained if name not in setting.arms]
    if unknown:
        raise ValueError(
            f"pretrained names {', '.join(unknown)}, which is no arm; the arms are "
            f"{', '.join(setting.arms)}."
        )
    arm, budget = setting.headline
    if setting.pretrained and (arm not in setting.arms or budget not in setting.budgets):
        raise ValueError(
            f"headline is {setting.headline}; expected one of the arms "
            f"{', '.join(setting.arms)} and of the budgets {list(setting.budgets)}."
        )

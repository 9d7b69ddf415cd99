"""What the runs of a comparison have in common: test items, metric, arms, budgets."""

from __future__ import annotations

import hashlib
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tl_helpers.compare.metrics import GroupDraws, draw_groups
from tl_helpers.datasets.examples import Examples

DRAWS = 50  # of test groups; Student's t takes account of so few
# A standard error from k units is itself uncertain by about 1 / sqrt(2 (k - 1)) of its size: a
# quarter with ten, half with three.
FEWEST_UNITS = 10


class MissingRows(LookupError):
    """The report has no row that answers the question, for example because it is stale."""


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
    items : str or None
        Fingerprint of the test items, where `compare.run` was given the data set.

    Raises
    ------
    ValueError
        When there is no arm or no test label, ``pretrained`` or ``headline`` names what is not
        there, items and groups differ in number, or the groups cannot be resampled.
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
    items: str | None = None

    def __post_init__(self) -> None:
        _check_names(self)
        if self.truth.ndim != 1 or not len(self.truth):
            raise ValueError(f"truth has shape {self.truth.shape}; expected (n,) test labels.")
        if self.groups.shape != self.truth.shape:
            raise ValueError(
                f"groups have shape {self.groups.shape} and truth {self.truth.shape}; "
                "expected one group for each test item."
            )
        if self.profile != "smoke" and not self.few_units:
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
    def units(self) -> int:
        """Independent units among the test items: different groups."""
        return len(np.unique(self.groups))

    @property
    def few_units(self) -> bool:
        """Whether the test items come from too few units for an interval."""
        return self.units < FEWEST_UNITS

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
        """The metric on each of `draws`, float (draws,); computed once for equal predictions.

        Raises
        ------
        ValueError
            When the metric fails on a draw or is not a finite number there.
        """
        key = _digest(predicted)
        if key not in self._scored:
            self._scored[key] = self._score_draws(predicted)
        return self._scored[key]

    @cached_property
    def _scored(self) -> dict[bytes, np.ndarray]:
        return {}

    def _score_draws(self, predicted: np.ndarray) -> np.ndarray:
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


def _digest(array: np.ndarray) -> bytes:
    """The array's content in few bytes."""
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).digest()


def test_items(
    test: Examples | None, truth: Sequence | None, groups: Sequence | None
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Labels, groups and fingerprint of the test items, from the data set or as given.

    Raises
    ------
    ValueError
        Unless there is either ``test`` or ``truth``, and ``groups`` with ``truth`` alone.
    """
    if (test is None) == (truth is None) or (test is not None and groups is not None):
        raise ValueError("expected the data set test, or truth (and groups): one of the two.")
    if test is not None:
        return np.asarray(test.y), np.asarray(test.groups), test.fingerprint()
    labels = np.asarray(truth)
    return labels, np.arange(len(labels)) if groups is None else np.asarray(groups), None


def increasing(budgets: Sequence[int]) -> tuple[int, ...]:
    """The budgets as integers.

    Raises
    ------
    ValueError
        Unless they increase from at least 1.
    """
    budgets = tuple(int(labels) for labels in budgets)
    rising = all(a < b for a, b in itertools.pairwise(budgets))
    if not budgets or budgets[0] < 1 or not rising:
        raise ValueError(
            f"budgets are {list(budgets)}; expected increasing whole numbers of at least 1."
        )
    return budgets


def distinct(seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds as integers.

    Raises
    ------
    ValueError
        When there is none, or one twice.
    """
    seeds = tuple(int(seed) for seed in seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"seeds are {list(seeds)}; expected different ones, since a repeated seed repeats "
            "the run and would make the interval too narrow."
        )
    return seeds


_SPELT = {"f1": "F1", "auroc": "AUROC", "dice": "Dice"}


def name_of(metric: Callable) -> str:
    """The metric's own name in words, as it is spelt in print: "macro F1" for `macro_f1`.

    Raises
    ------
    ValueError
        For one without a name of its own, such as a lambda.
    """
    name = getattr(metric, "__name__", "")
    if not name or name == "<lambda>":
        raise ValueError("the metric has no name of its own; give metric_name, with its unit.")
    return " ".join(_SPELT.get(word, word) for word in name.removesuffix("_score").split("_"))


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

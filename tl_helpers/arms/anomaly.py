"""Ways to find defects from good parts alone, and one that learns from defects.

Each describes every place of a part by a row of numbers, learns from good parts what is usual, and
gives a map of how unusual each place of a new part is. The part's score is the mean of its most
unusual places. How many, each arm chooses from `TOPS` on development products, whose defects it
may look at; the products it is judged on are other ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from tl_helpers.arms.described_parts import Described, Judge, Learn, maps_of, top_mean
from tl_helpers.compare.inspection import auroc
from tl_helpers.compare.prediction import Arm, Choice, Prediction, Tuned

# Most unusual places that a part's score averages over: from the one to all of a map of 12 by 12.
TOPS = (1, 2, 5, 12, 36, 144)
PENALTIES = tuple(np.logspace(-2, 3, len(TOPS)).tolist())  # of the head that learns from defects
DEVIATION = 0.01  # added to variances, as PaDiM does
_COLUMNS = 64  # of a description that a Gaussian at each place keeps
_LEAST = 0.1  # added to spreads: what never varies must not seem to be unusual at once
_SHADOWS = 16  # random projections in which rows are compared for a coreset
_ALIKE = 0.005  # AUROC that a few development products cannot tell apart
_ROWS = 3000  # from which one Gaussian is estimated


def nearest(kept: float = 0.1) -> Learn:
    """Distance to the nearest row of a memory bank: PatchCore (Roth et al., CVPR 2022).

    Parameters
    ----------
    kept : float, default 0.1
        Share of the good parts' rows that the bank keeps, by `coreset`.
    """

    def learn(good: np.ndarray, rng: np.random.Generator) -> Judge:
        rows = good.reshape(-1, good.shape[-1])
        memory = torch.from_numpy(rows[coreset(rows, max(1, round(kept * len(rows))), rng)])

        def judge(test: np.ndarray) -> np.ndarray:
            # Part by part: all distances at once would take hundreds of megabytes.
            rows = (torch.from_numpy(part) for part in test)
            return torch.stack([torch.cdist(part, memory).amin(1) for part in rows]).numpy()

        return judge

    return learn


def coreset(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of rows that lie far from each other, so that rare ones are not lost.

    Each is the row that is farthest from those taken before, in random projections of 16 columns
    (k-centre, as PatchCore takes it from Sener and Savarese, ICLR 2018).

    Parameters
    ----------
    rows : float array (N, D)
    count : int
        From 1 to N; with N, all rows in their order.
    rng : numpy.random.Generator
    """
    if count >= len(rows):
        return np.arange(len(rows))
    shadows = torch.from_numpy(rows @ rng.normal(size=(rows.shape[1], _SHADOWS)).astype(rows.dtype))
    chosen = [int(rng.integers(len(rows)))]
    away = (shadows - shadows[chosen[0]]).square().sum(1)
    while len(chosen) < count:
        chosen.append(int(away.argmax()))
        away = torch.minimum(away, (shadows - shadows[chosen[-1]]).square().sum(1))
    return np.array(chosen)


def one_gaussian(good: np.ndarray, rng: np.random.Generator) -> Judge:
    """Mahalanobis distance to the mean of all rows, wherever they lie (Rippel et al., ICPR 2020).

    The covariance is shrunk as by Ledoit and Wolf, Journal of Multivariate Analysis 2004.
    """
    from sklearn.covariance import ledoit_wolf

    rows = good.reshape(-1, good.shape[-1]).astype(np.float64)
    rows = rows[rng.permutation(len(rows))[:_ROWS]]
    covariance = ledoit_wolf(rows)[0]
    root = np.linalg.cholesky(np.linalg.inv(covariance + 1e-6 * np.eye(len(covariance))))
    mean, root = rows.mean(0).astype(np.float32), root.astype(np.float32)
    return lambda test: np.linalg.norm((test - mean) @ root, axis=-1)


def gaussian_each(good: np.ndarray, rng: np.random.Generator) -> Judge:
    """Mahalanobis distance to the good rows at the same place: PaDiM (Defard et al., ICPR 2021).

    As there, some of the columns are kept at random, and 0.01 is added to every variance.
    """
    columns = rng.permutation(good.shape[-1])[:_COLUMNS]
    rows = good[..., columns].transpose(1, 0, 2)
    mean = rows.mean(1, keepdims=True)
    away = rows - mean
    covariance = away.transpose(0, 2, 1) @ away / max(1, len(good) - 1)
    precision = np.linalg.inv(covariance + DEVIATION * np.eye(len(columns), dtype=good.dtype))

    def judge(test: np.ndarray) -> np.ndarray:
        new = test[..., columns].transpose(1, 0, 2) - mean
        return np.sqrt(np.maximum(((new @ precision) * new).sum(-1), 0)).T

    return judge


def from_good_parts(
    learn: Learn, development: Sequence[Described], test: Sequence[Described]
) -> Arm:
    """An arm whose budget buys good parts alone.

    Parameters
    ----------
    learn : callable
        Such as `nearest`, `one_gaussian` or `gaussian_each`: ``learn(good, rng)`` gives
        ``judge(parts)``, float (N, P, D) to (N, P).
    development, test : sequence of Described
        Products that choose the setting, and products that are judged.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with a score for each test part, product after product.
    """

    def arm(budget: int, seed: int) -> Prediction:
        tried = [(maps_of(learn, one, budget, seed), one.defective) for one in development]
        tuned = _chosen(
            TOPS, [[(top_mean(m, top), y) for m, y in tried] for top in TOPS], ends=True
        )
        maps = [maps_of(learn, one, budget, seed) for one in test]
        return Prediction(np.concatenate([top_mean(m, tuned.setting) for m in maps]), 0, tuned)

    return arm


def from_defects(
    scaled: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    development: Sequence[Described],
    test: Sequence[Described],
) -> Arm:
    """An arm whose budget buys labels of both kinds: half of the parts are good, half defective.

    A linear head for each product. It reads, for each column, how far the most unusual place lies
    from the good parts' mean, in their spreads: with a handful of defects this is far better than
    the columns themselves.

    Parameters
    ----------
    scaled : callable
        `at_each_place` or `over_all_places`: mean and spread of good parts (N, P, D).
    development, test
        As in `from_good_parts`.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with a score for each test part, product after product.
    """

    def scores(product: Described, budget: int, seed: int, penalties: Sequence[float]):
        x, y, new = _deviations(product, budget, seed, scaled)
        return [_headed(x, y, new, penalty) for penalty in penalties]

    def arm(budget: int, seed: int) -> Prediction:
        tried = [scores(one, budget, seed, PENALTIES) for one in development]
        truths = [one.defective for one in development]
        by_penalty = [list(zip(said, truths, strict=True)) for said in zip(*tried, strict=True)]
        tuned = _chosen(PENALTIES, by_penalty)
        found = [scores(one, budget, seed, [tuned.setting])[0] for one in test]
        return Prediction(np.concatenate(found), len(test) * (test[0].test.shape[-1] + 1), tuned)

    return arm


def at_each_place(good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column at each place, for parts that lie alike."""
    return good.mean(0), good.std(0) + _LEAST


def over_all_places(good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column, wherever it is, for plain material."""
    return good.mean((0, 1)), good.std((0, 1)) + _LEAST


def _deviations(product: Described, budget: int, seed: int, scaled: Callable):
    """Rows and labels to learn from, and the rows of the test parts."""
    rng, half = np.random.default_rng(seed), budget // 2
    if not 1 <= half <= min(len(product.good), len(product.bad)):
        raise ValueError(
            f"{half} parts of each kind were asked for; there are {len(product.good)} good and "
            f"{len(product.bad)} defective ones."
        )
    parts = [part[rng.permutation(len(part))[:half]] for part in (product.good, product.bad)]
    mean, spread = scaled(parts[0].astype(np.float32))
    good, bad, new = (
        (np.abs(part.astype(np.float32) - mean) / spread).max(1) for part in (*parts, product.test)
    )
    return np.concatenate([good, bad]), np.repeat([0, 1], half), new


def _headed(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: float) -> np.ndarray:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.preprocessing import normalize

    x, new = normalize(x), normalize(new)
    middle = x.mean(0)
    return RidgeClassifier(alpha=penalty).fit(x - middle, y).decision_function(new - middle)


def _chosen(
    settings: Sequence[Choice], tried: Sequence[list[tuple]], ends: bool = False
) -> Tuned[Choice]:
    """The setting nearest to the middle that is as good as the best on the development products.

    As good is a mean AUROC within 0.005, which a few products cannot tell apart. ``ends`` says that
    nothing lies beyond the grid: from one place to all of them.
    """
    means = np.array([np.mean([auroc(y, scores) for scores, y in pairs]) for pairs in tried])
    middle = (len(settings) - 1) / 2
    as_good = np.flatnonzero(means >= means.max() - _ALIKE)
    place = int(min(as_good, key=lambda index: (abs(index - middle), -means[index])))
    return Tuned(settings[place], len(settings), place in (0, len(settings) - 1) and not ends)


def bank_sizes(
    good: np.ndarray,
    test: np.ndarray,
    defective: np.ndarray,
    shares: Sequence[float] = (1.0, 0.1, 0.01),
    seed: int = 0,
):
    """What a smaller memory costs in AUROC, and saves in time.

    Parameters
    ----------
    good, test : float32 array (N, P, D)
    defective : bool array (N,)
        Of the test parts, judged by their most unusual place.
    shares : sequence of float
        Of the good parts' rows that are kept.
    seed : int, default 0

    Returns
    -------
    pandas.DataFrame
        A row a share: rows kept, AUROC, and milliseconds that the search takes for a part.
    """
    import pandas as pd

    found = []
    for share in shares:
        judge = nearest(share)(good, np.random.default_rng(seed))
        judge(test[:1])  # the first call prepares what later ones use
        start = time.perf_counter()
        scores = judge(test).max(1)
        spent = 1000 * (time.perf_counter() - start) / len(test)
        kept = max(1, round(share * good.shape[0] * good.shape[1]))
        found.append((kept, auroc(defective, scores), spent))
    return pd.DataFrame(found, columns=["rows kept", "AUROC", "ms a part"])

"""How well anomaly scores find defects, product by product: AUROC, recall, AUPRO.

Scores of two products have no common scale, so each product is judged by itself and the results
are averaged. The unit is the product: `coded` tells `compare.run` which one an item belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage, stats


def coded(products: ArrayLike, defective: ArrayLike) -> np.ndarray:
    """Product and label of each item in one number, ``2 * product + defective``, float (n,).

    It is a float so that no one takes it for classes: whole products are resampled.
    """
    return 2.0 * np.asarray(products) + np.asarray(defective, dtype=bool)


def units(products: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """What `compare.run` is told of the test parts of some products: truth and groups.

    Parameters
    ----------
    products : sequence of simulators.products.Product

    Returns
    -------
    array (n,), array of str (n,)
        `coded` labels, and each part's product as its group. With one product the parts are the
        units: labels 0 and 1 as int, and a group for each part.
    """
    defective = np.concatenate([product.test.defective for product in products])
    if len(products) == 1:
        return defective.astype(int), np.arange(len(defective)).astype(str)
    counts = [len(product.test) for product in products]
    names = np.repeat([product.name for product in products], counts)
    return coded(np.repeat(np.arange(len(products)), counts), defective), names


def auroc(defective: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs of a defective and a good item that the scores put in the right order.

    Ties count half (Hanley and McNeil, Radiology 1982).

    Raises
    ------
    ValueError
        Without an item of either kind.
    """
    defective = np.asarray(defective, dtype=bool)
    bad, good = int(defective.sum()), int((~defective).sum())
    if not bad or not good:
        raise ValueError(f"there are {bad} defective and {good} good items; expected some of each.")
    ranks = stats.rankdata(scores)[defective]
    return float((ranks.sum() - bad * (bad + 1) / 2) / (bad * good))


def image_auroc(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over products of `auroc`; a product counts as often as it was drawn.

    Parameters
    ----------
    truth : float array (n,)
        As `coded` gives it.
    predicted : float array (n,)
        Higher is more suspect.
    """
    return _over_products(auroc, truth, predicted)


def mean_recall(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over products of `recall_at`, with one good item in twenty stopped."""
    return _over_products(recall_at, truth, predicted)


def recall_at(defective: np.ndarray, scores: np.ndarray, false_alarms: float = 0.05) -> float:
    """Share of defective items that are stopped when ``false_alarms`` of the good ones are.

    The threshold is the good items' own quantile, without interpolation: one of twenty may lie on
    or above it.

    Raises
    ------
    ValueError
        Without a good item, or for a share of false alarms outside of [0, 1).
    """
    defective = np.asarray(defective, dtype=bool)
    return float((scores[defective] > threshold(scores[~defective], false_alarms)).mean())


def recall_by_size(report, products: Sequence, budget: int | None = None):
    """Share of the small, medium and large defects stopped with one good part in twenty.

    Parameters
    ----------
    report : TransferReport
        On the test parts of ``products``, as `units` gives them.
    products : sequence of simulators.products.Product
    budget : int, optional
        By default the headline's.

    Returns
    -------
    pandas.DataFrame
        A row an arm, best first; a column for each size that is known, and one for all. Means
        over products and seeds.
    """
    import pandas as pd

    budget = report.setting.headline[1] if budget is None else budget
    truth, _ = units(products)
    sizes = np.array([size for product in products for size in product.test.sizes])
    known = [name for name in ("small", "medium", "large") if name in sizes]
    rows = {}
    for arm in (arm for arm in report.setting.arms if report.has(arm, budget)):
        predicted = [row.predicted for row in report.cell(arm, budget).values()]
        rows[arm] = {
            name: np.mean([mean_recall(truth[kept], scores[kept]) for scores in predicted])
            for name in (*known, "all")
            for kept in [(sizes == "") | (sizes == name) | (name == "all")]
        }
    return pd.DataFrame(rows).T.sort_values("all", ascending=False)


def threshold(good: np.ndarray, false_alarms: float = 0.05) -> float:
    """The score above which at most this share of good items lies.

    Raises
    ------
    ValueError
        Without a good item, or for a share outside of [0, 1).
    """
    good = np.sort(np.asarray(good, dtype=float))
    if not len(good) or not 0 <= false_alarms < 1:
        raise ValueError(
            f"there are {len(good)} good items, and false_alarms is {false_alarms}; expected at "
            "least one item, and a share from 0 to below 1."
        )
    return float(good[len(good) - 1 - int(false_alarms * len(good) + 1e-9)])


def aupro(masks: np.ndarray, maps: np.ndarray, most: float = 0.3) -> float:
    """Area under the per-region overlap, up to a share ``most`` of false pixels, from 0 to 1.

    Each connected defect counts alike, however many pixels it has (Bergmann et al., The MVTec
    Anomaly Detection Dataset, IJCV 2021, section 5.2).

    Parameters
    ----------
    masks : bool array (n, H, W)
        Pixels of defects; at least one is defective and one good.
    maps : float array (n, H, W)
        Higher is more suspect.
    most : float, default 0.3

    Raises
    ------
    ValueError
        When shapes differ, or all pixels are good or all defective.
    """
    masks = np.asarray(masks, dtype=bool)
    if masks.shape != maps.shape or masks.all() or not masks.any():
        raise ValueError(
            f"masks have shape {masks.shape} and {masks.sum()} defective pixels, maps "
            f"{maps.shape}; expected one shape, and pixels of both kinds."
        )
    good = np.sort(maps[~masks])
    shares = np.linspace(0, most, 61)
    cuts = good[len(good) - 1 - (shares * (len(good) - 1)).astype(int)]
    overlaps = np.mean([_overlaps(region, cuts) for region in _regions(masks, maps)], axis=0)
    return float(np.trapezoid(overlaps, shares) / most)


def _regions(masks: np.ndarray, maps: np.ndarray):
    """The scores of each connected defect."""
    for mask, scores in zip(masks, maps, strict=True):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        yield from (scores[labels == number] for number in range(1, count + 1))


def _overlaps(scores: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Share of the region above each cut."""
    return 1 - np.searchsorted(np.sort(scores), cuts, side="right") / len(scores)


def _over_products(measure: Callable, truth: np.ndarray, predicted: np.ndarray) -> float:
    whole = np.asarray(truth).astype(int)
    names, counts = np.unique(whole // 2, return_counts=True)
    values = [measure(whole[whole // 2 == n] % 2 == 1, predicted[whole // 2 == n]) for n in names]
    return float(np.average(values, weights=counts))

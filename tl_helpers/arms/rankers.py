"""Ways to rank payments by how much they look like fraud, from a few confirmed cases.

Every arm gives a score for each test item, higher being more suspicious; what is rare is ranked,
not named. Each tries `TRIES` settings, judges them on customers held out from its own labels, and
then learns from all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from tl_helpers.arms.labels import TRIES, best, grouped_folds, untuned
from tl_helpers.compare.prediction import Arm, Prediction, Tuned
from tl_helpers.datasets import Examples
from tl_helpers.datasets.ledgers import confirmed
from tl_helpers.datasets.payment_features import NAMES

Columns = Callable[[Examples], np.ndarray]
Judged = Callable[[Examples, Examples], dict[float, np.ndarray]]

PENALTIES = tuple(np.logspace(-5, 2.5, TRIES).tolist())  # of squared weights
ROUNDS, SHRINKAGE = (2, 4, 9, 20, 45, 100), 0.2  # of boosting, each counting for a fifth
SOURCE_ROUNDS = (5, 11, 25, 55, 120, 260)  # where labels are plenty
STEPS, FEW = (4, 8, 17, 36, 75, 150), 20  # of gradient descent, at so many frauds (see steps_at)
BATCH = 64
# Turns of holding out a fifth of the customers: a network takes one, since each costs a training.
TURNS, NETWORK_TURNS = 2, 1


def last(examples: Examples) -> np.ndarray:
    """The features of the payment itself, float (n, d)."""
    return examples.tensor[:, -1].numpy()


def rules(test: Examples) -> Arm:
    """Three rules of thumb that need no label; the score adds up how strongly each applies.

    A terminal with a risk above 0.3, an amount four times as large as the customer's in the last
    month, and four times as many payments today as on a usual day.

    Parameters
    ----------
    test : Examples
        x has the columns of `payment_features.NAMES`.
    """
    now = dict(zip(NAMES, last(test).T.astype(float), strict=True))
    usual = np.expm1(now["customer payments 30 d"]) / 30
    strength = [
        now["terminal risk 30 d"] / 0.3,
        np.expm1(now["amount"]) / np.expm1(now["customer amount 30 d"]).clip(1e-3) / 4,
        np.expm1(now["customer payments 1 d"]) / usual.clip(1) / 4,
    ]
    score = np.sum(np.clip(strength, 0, 1), axis=0)
    return lambda frauds, seed: Prediction(score)


def logistic(pool: Examples, test: Examples) -> Arm:
    """Logistic regression on standardised features, its penalty chosen.

    Parameters
    ----------
    pool, test : Examples
        x is float (n, length, d), the payment itself last.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit(some: Examples, penalty: float):
        head = LogisticRegression(C=1 / penalty, max_iter=300, tol=1e-3)
        return make_pipeline(StandardScaler(), head).fit(last(some), some.y.numpy())

    def arm(frauds: int, seed: int) -> Prediction:
        few = confirmed(pool, frauds, seed)

        def judged(kept: Examples, held: Examples) -> dict[float, np.ndarray]:
            models = {penalty: fit(kept, penalty) for penalty in PENALTIES}
            return {p: _ahead(m.decision_function(last(held)), held) for p, m in models.items()}

        tuned = _chosen(few, PENALTIES, judged, TURNS, seed)
        model = fit(few, tuned.setting)
        weights = model[-1].coef_.size + 1
        return Prediction(model.predict_proba(last(test))[:, 1], weights, tuned)

    return arm


def trees(
    pool: Examples, test: Examples, more: Examples | None = None, columns: Columns = last
) -> Arm:
    """Gradient boosting, its number of rounds chosen.

    Parameters
    ----------
    pool, test : Examples
    more : Examples, optional
        Labelled payments of another bank, which join every fit and never judge one.
    columns : callable, default `last`
        ``columns(examples) -> float (n, d)``.
    """

    def arm(frauds: int, seed: int) -> Prediction:
        return _boosted(confirmed(pool, frauds, seed), test, ROUNDS, seed, more, columns)

    return arm


def borrowed(source: Examples, test: Examples) -> Arm:
    """Gradient boosting on another bank's labels alone: the same at every budget and seed."""
    ready = _boosted(source, test, SOURCE_ROUNDS, 0)
    return lambda frauds, seed: ready


def network(
    make: Callable[[int], nn.Module],
    pool: Examples,
    test: Examples,
    rate: Callable[[int], float],
) -> Arm:
    """A network trained by AdamW on the logistic loss, its number of steps chosen.

    Parameters
    ----------
    make : callable
        ``make(seed)`` gives a fresh network, or a fresh copy of a pretrained one; it maps
        float (n, length, d) to logits (n,).
    pool, test : Examples
    rate : callable
        ``rate(frauds)`` gives the learning rate, which is set beforehand.
    """

    def arm(frauds: int, seed: int) -> Prediction:
        few, settings = confirmed(pool, frauds, seed), steps_at(frauds)

        def judged(kept: Examples, held: Examples) -> dict[float, np.ndarray]:
            model = make(seed)
            losses: dict[float, np.ndarray] = {}
            for step in _trained(model, kept, rate(frauds), settings[-1], seed):
                if step in settings:
                    losses[step] = _ahead(logits(model, held).numpy(), held)
            return losses

        tuned = _chosen(few, settings, judged, NETWORK_TURNS, seed)
        model = make(seed)
        for _ in _trained(model, few, rate(frauds), int(tuned.setting), seed):
            pass
        weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
        return Prediction(logits(model, test).numpy(), weights, tuned)

    return arm


def steps_at(frauds: int) -> tuple[int, ...]:
    """Numbers of steps to try, which grow with the root of the number of frauds."""
    return tuple(max(1, round(steps * (frauds / FEW) ** 0.5)) for steps in STEPS)


@torch.no_grad()
def logits(model: nn.Module, examples: Examples) -> torch.Tensor:
    """What a network says of each item, float (n,)."""
    model.eval()
    return torch.cat([model(x) for x in examples.tensor.split(4096)])


def _trained(model: nn.Module, few: Examples, rate: float, steps: int, seed: int) -> Iterator[int]:
    """Train, and give the number of steps done after each."""
    optimizer, x = torch.optim.AdamW(model.parameters(), lr=rate), few.tensor
    draw = torch.Generator().manual_seed(seed)
    for step in range(1, steps + 1):
        model.train()
        some = torch.randint(len(few), (BATCH,), generator=draw)
        loss = bce(model(x[some]), few.y[some].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step


def _boosted(
    few: Examples,
    test: Examples,
    rounds: tuple[int, ...],
    seed: int,
    more: Examples | None = None,
    columns: Columns = last,
) -> Prediction:
    def judged(kept: Examples, held: Examples) -> dict[float, np.ndarray]:
        staged = _fit(kept, more, columns, rounds[-1], seed).staged_decision_function(columns(held))
        return {n: _ahead(given.ravel(), held) for n, given in enumerate(staged, 1) if n in rounds}

    tuned = _chosen(few, rounds, judged, TURNS, seed)
    model = _fit(few, more, columns, int(tuned.setting), seed)
    leaves = sum(tree.get_n_leaf_nodes() for trees in model._predictors for tree in trees)
    return Prediction(model.predict_proba(columns(test))[:, 1], leaves, tuned)


def _fit(few: Examples, more: Examples | None, columns: Columns, rounds: int, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    parts = [few] if more is None else [few, more]
    model = HistGradientBoostingClassifier(
        learning_rate=SHRINKAGE, max_iter=rounds, max_leaf_nodes=15, min_samples_leaf=5,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    x = np.concatenate([columns(part) for part in parts])
    return model.fit(x, np.concatenate([part.y.numpy() for part in parts]))


def _chosen(
    few: Examples, settings: Sequence[float], judged: Judged, turns: int, seed: int
) -> Tuned[float]:
    """The setting that ranks the frauds of held-out customers best.

    ``judged(kept, held)`` gives a loss for each held-out customer under every setting.
    """
    folds = grouped_folds(few, seed) or []
    found = [judged(few.take(kept), few.take(held)) for kept, held in folds[:turns]]
    losses = {one: np.concatenate([turn[one] for turn in found]) for one in settings if found}
    if not losses or len(losses[settings[0]]) < 2:
        return untuned(settings)
    return best(settings, losses.__getitem__)[0]


def _ahead(scores: np.ndarray, held: Examples) -> np.ndarray:
    """How far down the list the frauds of each customer stand, as a mean, float (customers,).

    It is the log of 1 + the genuine payments before a fraud, half of equals counted: the top of the
    list matters most, as it does for an investigator. A probability would be a poor judge here:
    with the cases of three customers, being sure of nothing looks best. One customer's frauds are
    alike, and count as one.
    """
    fraud = held.y.numpy() == 1
    genuine = np.sort(scores[~fraud])
    before = [len(genuine) - np.searchsorted(genuine, scores[fraud], s) for s in ("left", "right")]
    _, who = np.unique(np.asarray(held.groups)[fraud], return_inverse=True)
    return np.bincount(who, np.log1p(np.mean(before, axis=0))) / np.bincount(who)

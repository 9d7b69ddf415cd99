"""Arms whose results are known in advance: they predict, with a given chance, the right label."""

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score

from tl_helpers import compare
from tl_helpers.training.runtime import Runtime

ITEMS, CLASSES = 400, 4
TRUTH = np.arange(ITEMS) % CLASSES


def runtime(profile="laptop"):
    return Runtime(profile, 0, torch.device("cpu"), "fp32", 1, channels_last=False)


def arm(curve, trainable=10):
    """An arm with an accuracy of ``curve(budget)``; its draw depends on budget and seed."""

    def predict(budget, seed):
        rng = np.random.default_rng([seed, budget, trainable])
        wrong = rng.random(ITEMS) > curve(budget)
        return compare.Prediction(np.where(wrong, (TRUTH + 1) % CLASSES, TRUTH), trainable)

    return predict


def good(budget):
    return 0.9


def poor(budget):
    return 0.25 + 0.12 * np.log2(budget / 4)  # 0.25 at 4 labels, 0.73 at 64


def run(arms=None, budgets=(4, 16, 64), seeds=(0, 1, 2), **changes):
    arms = arms or {"probe": arm(good, 11), "scratch": arm(poor, 12), "pixels": arm(poor, 13)}
    settings = {
        "truth": TRUTH,
        "metric": balanced_accuracy_score,
        "pretrained": ["probe"],
        "runtime": runtime(),
        "lesson": "1.1",
        "progress": False,
        **changes,
    }
    return compare.run(arms, budgets, seeds, **settings)

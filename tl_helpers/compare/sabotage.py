"""Rows with their evidence destroyed, on which a true claim has to fall."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from tl_helpers.compare.setting import Setting
from tl_helpers.compare.studies import Row


def swapped(setting: Setting, rows: list[Row]) -> list[Row]:
    """Rows in which each pretrained arm carries a control's results, and the reverse.

    With unequal numbers an arm lends its results more than once. Each takes, in order, one that
    ran at all of its budgets and seeds, or else at most of them; a cell that the lender lacks is
    left out.
    """
    cells = {arm: {row.key[1:]: row for row in rows if row.arm == arm} for arm in setting.arms}
    exchanged = []
    for takers, lenders in (
        (setting.pretrained, setting.controls),
        (setting.controls, setting.pretrained),
    ):
        for turn, taker in enumerate(takers):
            order = [lenders[(turn + step) % len(lenders)] for step in range(len(lenders))]
            if order:
                lender = max(order, key=lambda arm: len(cells[taker].keys() & cells[arm].keys()))
                shared = sorted(cells[taker].keys() & cells[lender].keys())
                exchanged += [replace(cells[lender][cell], arm=taker) for cell in shared]
    return exchanged


def permuted(setting: Setting, rows: list[Row]) -> list[Row]:
    """Rows scored against shuffled test labels, from the stored predictions."""
    # The same shuffle of every arm's predictions is a shuffle of the labels.
    order = np.random.default_rng(0).permutation(len(setting.truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a metric's remarks on such predictions mean nothing
        return [
            replace(row, predicted=shuffled, value=setting.score(shuffled))
            for row in rows
            for shuffled in [row.predicted[order]]
        ]


WAYS = {"swap": swapped, "permute": permuted}

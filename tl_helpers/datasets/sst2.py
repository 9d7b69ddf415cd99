"""The Stanford Sentiment Treebank, for profile gpu."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from tl_helpers.datasets import language
from tl_helpers.datasets.examples import Examples, Splits, split_by_group

if TYPE_CHECKING:
    import pandas as pd

HUB = "stanfordnlp/sst2"
CLASSES = ("negative", "positive")
RUN = 4  # words in a row that make two phrases parts of one sentence


def splits(per_class: tuple[int, int, int], data_seed: int = 0) -> Splits:
    """Is this phrase of a film review negative or positive? (Socher et al., EMNLP 2013.)

    Parameters
    ----------
    per_class : (int, int, int)
        Phrases of each class to train and validate on, of 67,349, and sentences to test on, of the
        872 whose labels are public.
    data_seed : int

    Returns
    -------
    Splits
        x list of str. The licence of the texts is unknown: do not publish them.

    Raises
    ------
    OSError
        When the data cannot be downloaded from the hub.
    """
    import pandas as pd
    from huggingface_hub import hf_hub_download

    parts = {}
    for part in ("train", "validation"):
        name = f"data/{part}-00000-of-00001.parquet"
        parts[part] = pd.read_parquet(hf_hub_download(HUB, name, repo_type="dataset"))
    return shared_out(parts, per_class, data_seed)


def shared_out(
    parts: Mapping[str, pd.DataFrame], per_class: tuple[int, int, int], data_seed: int
) -> Splits:
    """Splits of the two labelled parts, ``train`` and ``validation``, each of the size asked for.

    Phrases of one sentence share words: those with four in a row are in one split, and what shares
    them with a test sentence is not trained on.
    """
    test = _examples("test", parts["validation"])
    pool = _examples("train", parts["train"])
    said = [language.words(text) for text in [*test.x, *pool.x]]
    stories = language.stories(said, RUN)
    tested = set(stories[: len(test)])
    pool = Examples(pool.x, pool.y, pool.ids, stories[len(test) :], pool.classes)
    pool = pool.take([i for i, group in enumerate(pool.groups) if group not in tested])
    train, valid, _ = split_by_group(pool, (0.1, 0.0), data_seed)
    train, valid, test = (
        part.per_class(count, data_seed)
        for part, count in zip((train, valid, test), per_class, strict=True)
    )
    return Splits(
        train,
        valid,
        test,
        card="Phrases and sentences of English film reviews (Socher et al. 2013, as GLUE gives "
        f"them). Phrases that share {RUN} words in a row are in one split; the classes are "
        "balanced here.",
    )


def _examples(part: str, rows: pd.DataFrame) -> Examples:
    texts = [text.strip() for text in rows["sentence"]]
    names = [f"{part} {number}" for number in range(len(texts))]
    return Examples(texts, torch.tensor(list(rows["label"])), names, names, list(CLASSES))

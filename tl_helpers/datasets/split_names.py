"""Folders that are called as splits are: train and dev, Testing Set, val2017, fold 3."""

from __future__ import annotations

import re
from collections.abc import Sequence

_KIND = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "devel"), "valid"),
    **dict.fromkeys(("development", "eval", "evaluation", "tune", "tuning"), "valid"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
    **dict.fromkeys(("fold", "split", "cv"), "fold"),
}
_BESIDE = {"set", "data", "dataset", "image", "images", "img", "imgs", "picture", "pictures"}
_BESIDE |= {"photos", "split", "samples", "the", "my", "all"}  # words that say nothing more


def kind(name: str) -> str | None:
    """What split a folder of this name holds: train, valid, test or fold; None for other names.

    Case, digits, punctuation, and words such as ``set``, ``data`` and ``images`` do not matter.
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()  # TrainSet is two words
    words = re.findall(
        r"[^\W\d_]+", apart.replace("hold-out", "holdout").replace("hold_out", "holdout")
    )
    words = [word.removesuffix("set") or word for word in words]
    telling = [word for word in words if word not in _BESIDE] or words
    return _KIND.get(telling[0]) if len(telling) == 1 else None


def are_splits(names: Sequence[str]) -> bool:
    """Whether these folders are the parts of a split, rather than classes or groups.

    So they are when two of them hold different splits, or all are called so. One alone may be a
    class: there are pictures of trains.
    """
    kinds = [kind(name) for name in names]
    return len(kinds) > 1 and (None not in kinds or len({*kinds} - {None}) > 1)

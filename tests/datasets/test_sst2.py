"""The treebank of profile gpu: no phrase of a test sentence is trained on."""

import pandas as pd

from tl_helpers.datasets import language, sst2


def _part(texts):
    labels = [number % 2 for number in range(len(texts))]
    return pd.DataFrame({"idx": range(len(texts)), "sentence": texts, "label": labels})


def test_phrases_of_a_test_sentence_are_left_out_of_training():
    letters = "abcdefghijklmnopqrst"
    test = [f"{a}one {a}two {a}three {a}four {a}five" for a in letters[:6]]
    pieces = [text.rsplit(" ", 1)[0] + " more " for text in test]
    other = [f"{a}x {b}y {a}z {b}w" for a in letters for b in letters]
    found = sst2.shared_out(
        {"train": _part(pieces + other), "validation": _part(test)}, (60, 10, 3), 0
    )
    assert [len(part) for part in (found.train, found.valid, found.test)] == [120, 20, 6]
    assert found.train.classes == ["negative", "positive"]
    said = {" ".join(language.words(text)) for text in (*found.train.x, *found.valid.x)}
    assert not said & {text.strip() for text in pieces}
    assert all(text == text.strip() for text in found.train.x)

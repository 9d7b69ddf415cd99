"""The lexicon needs no label, reads no label of the test set, and joins a probe as one column."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tl_helpers import arms
from tl_helpers.arms import lexicon
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models import sentence_encoders
from tl_helpers.training import runtime

PRAISE = ["I love it.", "A great phone, works well.", "Excellent!", "very good sound"]
BLAME = ["I hate it.", "A terrible phone, it broke.", "Awful!", "not good at all"]


def _texts(part: str) -> Examples:
    names = [f"{part} {n}" for n in range(8)]
    y = torch.tensor([0] * 4 + [1] * 4)
    return Examples(BLAME + PRAISE, y, names, names, ["negative", "positive"])


DATA = Splits(_texts("train"), _texts("valid"), _texts("test"), "a card")


def test_scores_have_the_sign_of_what_is_said_and_zero_where_no_word_is_known():
    assert (lexicon.scores(PRAISE) > 0).all() and (lexicon.scores(BLAME) < 0).all()
    assert lexicon.scores(["The box holds a cable."]).tolist() == [0.0]


def test_vader_answers_without_a_label():
    arm = arms.vader(DATA)
    assert arm(2, 0).predicted.tolist() == arm(8, 3).predicted.tolist() == DATA.test.y.tolist()


def test_other_classes_are_refused():
    other = replace(DATA.test, classes=["blame", "praise"])
    with pytest.raises(ValueError, match="'negative' and 'positive' alone"):
        arms.vader(Splits(DATA.train, DATA.valid, other, ""))


def test_a_probe_takes_the_score_as_one_column_more():
    def load():
        return sentence_encoders.load("minilm-l6", pretrained=False)

    found = arms.probe_with_vader(load, DATA, runtime.start("smoke", 0))(8, 0)
    # The features of a random network say nothing here: the score decides.
    assert found.predicted.tolist() == DATA.test.y.tolist()


def test_rules_of_praise_and_blame_compete_where_these_are_the_classes():
    def load(pretrained=True):
        return sentence_encoders.load("minilm-l6", pretrained=False)

    run = runtime.start("smoke", 0)
    assert {"VADER", "probe + VADER"} < set(arms.on_texts(load, DATA, run))
    parts = [replace(part, classes=["no", "yes"]) for part in (DATA.train, DATA.valid, DATA.test)]
    plain = arms.on_texts(load, Splits(*parts, ""), run)
    assert list(plain) == ["probe", "random features", "TF-IDF"]


def test_the_controls_on_texts_are_those_without_a_pretrained_network():
    def load(pretrained=True):
        return sentence_encoders.load("minilm-l6", pretrained=False)

    run = runtime.start("smoke", 0)
    found = arms.controls_on_texts(load, DATA, run)
    assert list(found) == ["TF-IDF", "random features", "VADER"]
    every = arms.on_texts(load, DATA, run)
    for name, arm in found.items():
        assert arm(8, 0).predicted.tolist() == every[name](8, 0).predicted.tolist()
    parts = [replace(part, classes=["no", "yes"]) for part in (DATA.train, DATA.valid, DATA.test)]
    assert "VADER" not in arms.controls_on_texts(load, Splits(*parts, ""), run)

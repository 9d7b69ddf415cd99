"""Arms that bring something from other data: its examples, or a learning rate found there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_backbone import pictures, tiny_backbone

from tl_helpers import arms
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models import sentence_encoders
from tl_helpers.training import runtime


def _points(count: int, seed: int, name: str, turn: float = 0.0) -> Examples:
    """Two clouds in a plane, turned by an angle from one domain to the other."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    x = rng.normal(size=(count, 2)) * 0.5 + np.stack([4 * y - 2, 0 * y], 1)
    cosine, sine = np.cos(turn), np.sin(turn)
    x = x @ np.array([[cosine, sine], [-sine, cosine]])
    names = [f"{name} {i}" for i in range(count)]
    return Examples(torch.tensor(x), torch.tensor(y), names, names, ["left", "right"])


SOURCE, POOL = _points(200, 0, "source"), _points(40, 1, "own", turn=1.8)
TEST = _points(60, 2, "test", turn=1.8)


def _way(train):
    return arms.linear(train, TEST)


def _right(prediction):
    return (prediction.predicted == TEST.y.numpy()).mean()


def test_a_few_own_examples_correct_what_is_borrowed():
    alone = arms.borrowed(_way, SOURCE)(10, 0)
    both = arms.borrowed(_way, SOURCE, POOL)(10, 0)
    assert _right(alone) < 0.6 < 0.9 < _right(both)


def test_the_source_alone_answers_the_same_for_every_budget_and_seed():
    arm = arms.borrowed(_way, SOURCE)
    assert (arm(2, 0).predicted == arm(10, 5).predicted).all()


def test_own_examples_are_those_that_every_other_arm_draws_ten_times_each():
    seen = []

    def way(train):
        seen.append(train)
        return lambda budget, seed: budget

    assert arms.borrowed(way, SOURCE, POOL)(6, 3) == 200 + 60
    (train,) = seen
    assert train.ids[200:] == arms.labelled(POOL, 6, 3).ids * 10
    assert train.x.shape == (260, 2)


def test_texts_are_joined_as_well():
    texts = [replace(part, x=[f"text {i}" for i in part.ids]) for part in (SOURCE, POOL)]
    seen = arms.borrowed(lambda train: lambda budget, seed: train, *texts)(2, 0)
    assert len(seen.x) == len(seen.y) == len(seen.groups) == 220
    assert seen.x[-1].startswith("text own")


def test_other_classes_are_refused():
    other = replace(POOL, classes=["left", "wrong"])
    with pytest.raises(ValueError, match="expected the same"):
        arms.borrowed(_way, SOURCE, other)(2, 0)


def test_a_rate_found_elsewhere_trains_all_labels_and_tunes_nothing():
    data = Splits(
        pictures(24),
        replace(pictures(4, 1), groups=list("abcd")),
        replace(pictures(6, 2), groups=list("efghij")),
        "a card",
    )
    run = runtime.start("smoke", 0)
    arm = arms.at_rate(lambda seed=0: tiny_backbone(seed), data, run, rate=1e-3, steps=4)
    found = arm(8, 0)
    assert (found.tuned, len(found.predicted)) == (None, 6)
    assert found.trainable == sum(p.numel() for p in tiny_backbone().module.parameters()) + 14
    assert (found.predicted == arm(8, 0).predicted).all()


def test_ways_to_move_answer_for_the_domain_that_is_read():
    def texts(part, count):
        names = [f"{part} {i}" for i in range(count)]
        x = [f"{part} {'good' if i % 2 else 'bad'} thing {i}" for i in range(count)]
        return Examples(x, torch.arange(count) % 2, names, names, ["bad", "good"])

    def load():
        return sentence_encoders.load("minilm-l6", pretrained=False, max_length=8)

    there = Splits(texts("train", 12), texts("valid", 4), texts("test", 10), "a card")
    ways = arms.moved(load, texts("source", 20), there, runtime.start("smoke", 0))
    assert list(ways) == ["borrowed, TF-IDF", "borrowed", "own", "borrowed + own"]
    found = {name: way(4, 0) for name, way in ways.items()}
    assert {len(one.predicted) for one in found.values()} == {10}
    assert found["borrowed, TF-IDF"].predicted.tolist() == there.test.y.tolist()

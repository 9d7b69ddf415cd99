"""Ten tasks on short messages: real labels, nothing given away, no story in two splits."""

import re

import pytest

from tl_helpers.datasets import messages


@pytest.fixture(scope="module")
def tasks():
    return {name: messages.load(name) for name in messages.NAMES}


def _texts(splits):
    return [text for part in (splits.train, splits.valid, splits.test) for text in part.x]


def test_there_are_ten_tasks_of_two_balanced_classes(tasks):
    assert len(tasks) == 10
    for splits in tasks.values():
        counts = [part.y.bincount().tolist() for part in (splits.train, splits.valid, splits.test)]
        assert counts == [[64, 64], [15, 15], [40, 40]]


def test_messages_are_short_and_show_no_handle_and_no_link(tasks):
    for name, splits in tasks.items():
        handles = {handle for text in _texts(splits) for handle in re.findall(r"@\w+", text)}
        assert handles <= {"@user"}
        assert not [text for text in _texts(splits) if re.search(r"://|www\.", text)]
        if name not in ("question", "link"):
            assert all(4 <= len(text.split()) <= 16 for text in _texts(splits))


@pytest.mark.parametrize(("name", "sign"), [("question", "?"), ("link", "http")])
def test_the_sign_that_gives_the_answer_away_is_removed(name, sign, tasks):
    assert not [text for text in _texts(tasks[name]) if sign in text]


def test_no_story_is_in_two_splits_and_none_rules_a_test_set(tasks):
    for splits in tasks.values():  # Splits refuses a shared story by itself
        groups = splits.test.groups
        assert max(map(groups.count, groups)) <= len(groups) // 10


def test_a_seed_draws_the_same_messages_and_another_seed_others(tasks):
    name = "question"
    assert messages.load(name).train.x == tasks[name].train.x
    assert messages.load(name, data_seed=1).train.x != tasks[name].train.x


def test_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Known are: airlines sentiment"):
        messages.load("sarcasm")

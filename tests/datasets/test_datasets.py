"""Data sets: fixed draws, nothing shared between splits, and labels that fit the examples."""

import difflib
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers import assets
from tl_helpers.datasets import Examples, Splits, language, split_by_group, vision


def _examples(groups: str, labels=None) -> Examples:
    count = len(groups)
    y = torch.tensor(labels if labels is not None else [i % 2 for i in range(count)])
    x = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Examples(x, y, [f"id {i}" for i in range(count)], list(groups), ["a", "b"])


def _parts(splits: Splits) -> dict[str, Examples]:
    return {"train": splits.train, "valid": splits.valid, "test": splits.test}


def test_splits_refuse_a_group_in_two_of_them():
    with pytest.raises(ValueError, match=r"1 groups are in two splits, such as 'q'"):
        Splits(_examples("pq"), _examples("rs"), _examples("qt"), card="")
    Splits(_examples("pp"), _examples("qr"), _examples("st"), card="")


def test_examples_refuse_lengths_and_labels_that_do_not_fit():
    good = _examples("pq")
    with pytest.raises(ValueError, match=r"2, 2, 1 and 2 entries"):
        Examples(good.x, good.y, ["one"], good.groups, good.classes)
    with pytest.raises(ValueError, match=r"Labels run from 0 to 2, and there are 2 classes"):
        Examples(good.x, torch.tensor([0, 2]), good.ids, good.groups, good.classes)


def test_take_keeps_rows_together_and_in_order():
    some = _examples("pqrs").take([3, 1])
    assert some.x.flatten().tolist() == [3, 1]
    assert (some.y.tolist(), some.ids, some.groups) == ([1, 1], ["id 3", "id 1"], ["s", "q"])


def test_growing_budgets_are_nested_and_balanced():
    pool = _examples("p" * 40)
    small, large, other = pool.per_class(3, 7), pool.per_class(8, 7), pool.per_class(3, 8)
    assert set(small.ids) < set(large.ids)
    assert small.y.bincount().tolist() == [3, 3]
    assert len(set(large.ids)) == 16
    assert set(small.ids) != set(other.ids)
    assert pool.per_class(3, 7).ids == small.ids


@pytest.mark.parametrize("count", [0, 3])
def test_a_budget_that_a_class_cannot_fill_names_the_class(count):
    with pytest.raises(ValueError, match=r"class 'b' has 2"):
        _examples("pqrst").per_class(count, 0)


def test_whole_groups_are_shared_out_and_none_is_lost():
    everything = _examples("aabbccddeeffgghhiijj")
    parts = split_by_group(everything, (0.2, 0.3), seed=0)
    assert [len(set(part.groups)) for part in parts] == [5, 2, 3]
    assert sorted(i for part in parts for i in part.ids) == sorted(everything.ids)
    again = split_by_group(everything, (0.2, 0.3), seed=0)
    assert [part.ids for part in parts] == [part.ids for part in again]
    assert [part.ids for part in parts] != [
        part.ids for part in split_by_group(everything, (0.2, 0.3), seed=1)
    ]


@pytest.mark.parametrize("change", ["x", "y", "ids"])
def test_the_fingerprint_tells_any_change_of_content(change):
    one, other = _examples("pq"), _examples("pq")
    assert one.fingerprint() == other.fingerprint()
    if change == "ids":
        other.ids[0] = "another"
    else:
        getattr(other, change).view(-1)[0] = 1
    assert one.fingerprint() != other.fingerprint()


def test_surfaces_have_the_promised_shape_and_balance():
    parts = _parts(vision.surfaces((3, 1, 2), size=32))
    for part, count in zip(parts.values(), (3, 1, 2), strict=True):
        assert part.x.shape == (16 * count, 1, 32, 32)
        assert (part.x.dtype, part.y.dtype) == (torch.uint8, torch.int64)
        assert part.y.bincount().tolist() == [count] * 16
        assert part.classes == list(vision.SURFACES)
    crops = torch.cat([part.x for part in parts.values()]).flatten(1)
    assert len(crops.unique(dim=0)) == len(crops)


def test_the_same_data_seed_gives_the_same_crops():
    first, again, other = (vision.surfaces((2, 1, 1), 24, data_seed=s) for s in (1, 1, 2))
    assert first.train.fingerprint() == again.train.fingerprint()
    assert first.test.fingerprint() == again.test.fingerprint()
    assert not torch.equal(first.train.x, other.train.x)


def test_regions_of_a_photograph_share_no_pixel():
    for name in vision.SURFACES:
        width, height = vision.surface_photograph(name).size
        numbers = np.arange(width * height, dtype=np.int32).reshape(height, width)
        seen = [
            set(np.asarray(vision._region(Image.fromarray(numbers), share)).flatten().tolist())
            for share in vision._REGIONS.values()
        ]
        assert sum(map(len, seen)) == len(set.union(*seen)) == width * height


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_crops_come_from_their_own_region_alone(monkeypatch, part):
    """With one region plain and all else noise, a crop is plain only if it stays in the region."""
    sizes = {name: vision.surface_photograph(name).size for name in vision.SURFACES}

    def photograph(name: str) -> Image.Image:
        width, height = sizes[name]
        pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
        shares = vision._REGIONS[part]
        left, right = (round(share * width) for share in shares[::2])
        top, bottom = (round(share * height) for share in shares[1::2])
        pixels[top:bottom, left:right] = 128
        return Image.fromarray(pixels)

    monkeypatch.setattr(vision, "surface_photograph", photograph)
    for name, split in _parts(vision.surfaces((4, 4, 4), 48)).items():
        flat = split.x.flatten(1).int()
        spread = flat.amax(1) - flat.amin(1)
        assert bool((spread == 0).all()) if name == part else bool((spread > 20).all())


def test_identical_emoji_are_there_once():
    splits = vision.emoji_groups()
    everything = torch.cat([part.x for part in _parts(splits).values()])
    assert everything.shape[1:] == (3, 72, 72)
    assert everything.dtype == torch.uint8
    assert len(everything.flatten(1).unique(dim=0)) == len(everything) > 1000
    assert str(len(everything)) in splits.card
    for part in _parts(splits).values():
        assert set(part.y.tolist()) == set(range(6))


def test_a_drawing_that_comes_under_two_names_counts_once(monkeypatch, tmp_path):
    drawings = sorted(assets.fetch("twemoji-72").glob("1f4*.png"))[:40]
    for drawing in drawings:
        shutil.copy(drawing, tmp_path)
    monkeypatch.setattr(assets, "fetch", lambda name: tmp_path)
    before = sum(map(len, _parts(vision.emoji_groups()).values()))
    shutil.copy(drawings[0], tmp_path / drawings[1].name)  # a cat under a dog's name, say
    after = sum(map(len, _parts(vision.emoji_groups()).values()))
    assert after == before - 1 > 20


def test_scanned_digits_are_whole_and_split_by_form():
    parts = _parts(vision.scanned_digits())
    assert sum(map(len, parts.values())) == 1797
    assert [len(set(part.groups)) for part in parts.values()] == [7, 1, 6]
    assert parts["train"].x.shape[1:] == (1, 8, 8)
    assert parts["train"].x.max() == 255
    assert all(len(set(part.y.tolist())) == 10 for part in parts.values())


def test_each_form_of_scanned_digits_holds_the_same_text():
    forms = {}
    for part in _parts(vision.scanned_digits()).values():
        for group, label in zip(part.groups, part.y.tolist(), strict=True):
            forms.setdefault(group, []).append(label)
    whole = forms["form 01"]
    for labels in forms.values():
        assert difflib.SequenceMatcher(None, whole, labels, autojunk=False).ratio() > 0.95
        assert 120 <= len(labels) <= 130


def test_mnist_is_whole_and_balanced():
    parts = _parts(vision.mnist())
    assert [len(part) for part in parts.values()] == [3000, 500, 1500]
    labels = torch.cat([part.y for part in parts.values()])
    assert labels.bincount().tolist() == [500] * 10
    assert parts["train"].x.shape[1:] == (1, 28, 28)


def test_photographs_are_colour_bytes():
    pictures = vision.photographs()
    assert {"cat", "coffee"} <= set(pictures)
    assert all(p.shape[0] == 3 and p.dtype == torch.uint8 for p in pictures.values())


@pytest.fixture(scope="module")
def tweets() -> Splits:
    return language.tweets()


def test_tweets_show_no_handle_and_no_link(tweets):
    texts = [text for part in _parts(tweets).values() for text in part.x]
    handles = {h for text in texts for h in re.findall(r"@\w+", text)}
    assert handles == {"@user"}
    assert not [text for text in texts if re.search(r"://|www\.", text)]
    assert any("http" in text for text in texts)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Who do you like the least?", "Who do you · the least?"),
        ("  why,  \n Alice (not Bob)", "why, · (not ·"),
        ("@user http", "· ·"),
        ("", ""),
    ],
)
def test_skeleton_keeps_small_words_alone_and_says_how_many_others_there_were(text, left):
    assert language.skeleton(text) == left
    assert len(language.skeleton(text).split()) == len(text.split())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("@Ann_1 thanks! https://t.co/xYz", "@user thanks! http"),
        ("see www.example.org/a?b=c now", "see http now"),
        ("RT @a: @b ttp://on.cc/1\rmore", "RT @user: @user http\rmore"),
    ],
)
def test_mask_replaces_handles_and_links_and_nothing_else(text, masked):
    assert language.mask(text) == masked
    assert language.mask(masked) == masked


def test_tweets_are_balanced_texts_in_the_promised_numbers(tweets):
    for part, count in zip(_parts(tweets).values(), (2000, 250, 500), strict=True):
        assert part.y.bincount().tolist() == [count, count]
        assert all(isinstance(text, str) and text for text in part.x)


def _words(text: str) -> tuple[str, ...]:
    """Words of a text without the marks of a retweet."""
    text = re.sub(r"@user|http", " ", text.lower())
    return tuple(word for word in re.findall("[a-z]+", text) if word != "rt")


def test_no_tweet_quotes_one_of_another_split(tweets):
    runs = {}
    for name, part in _parts(tweets).items():
        words = [_words(text) for text in part.x]
        runs[name] = {w[k : k + 6] for w in words for k in range(max(1, len(w) - 5))}
    runs = {name: {run for run in found if "amp" not in run} for name, found in runs.items()}
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert not runs[one] & runs[other]


def test_stories_join_quotes_of_quotes():
    a = tuple(["the", "line", "up", "is", "here", "at", "last"])
    b = tuple(["wow", "the", "line", "up", "is", "here"])
    c = tuple(["so", "wow", "the", "line", "up", "is"])  # shares five words with b, not with a
    d = tuple(["great", "line", "up"])
    groups = language.stories([a, b, c, d, d])
    assert groups[0] == groups[1] == groups[2] != groups[3] == groups[4]


def test_too_many_tweets_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"class 'positive' has \d+"):
        language.tweets((100_000, 1, 1))

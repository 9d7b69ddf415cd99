"""Rated sentences: votes that belong to their text, masked, and no review or copy in two splits."""

import re
from collections import Counter

import pytest

from tl_helpers import assets
from tl_helpers.datasets import language, sentences

ROWS = {"films": 10605, "products": 3708, "editorials": 5190, "tweets": 4200}


@pytest.fixture(scope="module")
def loaded():
    return {domain: sentences.load(domain) for domain in sentences.DOMAINS}


@pytest.fixture(scope="module")
def drawn():
    return {domain: sentences.splits(domain) for domain in sentences.DOMAINS}


def _parts(splits):
    return splits.train, splits.valid, splits.test


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Put rows of our own in the place of the product sentences; loads them."""

    def load(means, votes=None, domain="products"):
        file = sentences._DOMAINS[domain].file
        votes = votes or [f"{row.split(chr(9))[0]}\t0\t0\t[1, 2]" for row in means]
        for name, rows in (("GroundTruth", means), ("anonDataRatings", votes)):
            text = "\ufeff" + "\r\n".join(rows)
            (tmp_path / f"{file}_{name}.txt").write_bytes(text.encode())
        monkeypatch.setattr(assets, "fetch", lambda name: tmp_path)
        sentences._load.cache_clear()
        return sentences.load(domain)

    yield load
    sentences._load.cache_clear()


def test_every_row_is_there_or_counted(loaded):
    for domain, found in loaded.items():
        assert len(found.examples) + sum(found.left_out.values()) == ROWS[domain]
        assert found.left_out["ambiguous (mean between -0.5 and 0.5)"] > 500


def test_labels_follow_the_mean_and_none_is_near_zero(loaded):
    for found in loaded.values():
        means = [found.ratings[name].mean for name in found.examples.ids]
        assert min(map(abs, means)) >= 0.5
        assert [int(mean > 0) for mean in means] == found.examples.y.tolist()


def test_votes_belong_to_their_sentence(loaded):
    for domain, found in loaded.items():
        away = {}
        for name, rating in found.ratings.items():
            assert len(rating.votes) >= 15
            assert all(-4 <= vote <= 4 for vote in rating.votes)
            mean = sum(rating.votes) / len(rating.votes)
            assert mean * rating.mean > 0
            if abs(mean - rating.mean) > 0.01:
                away[name] = abs(mean - rating.mean)
        assert len(away) == (30 if domain == "tweets" else 0)  # as the docstring of Rating says
        assert max(away.values(), default=0) < 1.2


def test_the_first_and_a_misplaced_row_have_their_own_votes(written):
    found = written(
        ["1_1\t-1.0\tbad thing", "1_2\t2.0\tgood thing"],
        ["1_2\t2.0\t0\t[2, 2]", "1_1\t-1.0\t0\t[-1, -1]"],
    )
    assert found.ratings["products 1_1"].votes == (-1, -1)
    assert found.ratings["products 1_2"].votes == (2, 2)


def test_spread_and_votes_against_the_mean_are_those_of_the_raters():
    rating = sentences.Rating(-1.0, (-3, -3, 0, 2))
    assert rating.spread == pytest.approx(2.1213, abs=1e-4)
    assert rating.against == 0.25
    assert sentences.Rating(1.0, (1, 1)).spread == 0


def test_bad_rows_are_counted_by_their_reason(written):
    found = written(
        [
            "1_1\t-1.0\tbad thing",
            "1_2\t2.0",
            "1_3\t2.0\t...",
            "1_4\t0.2\tsome thing",
            "1_5\t2.0\tunrated thing",
            "1_6\t-2.0\tBad thing!",
            '1_7\t0.5\t"quoted',
        ],
        [f"1_{i}\t0\t0\t[1, 2]" for i in (1, 2, 3, 4, 6, 7)] + ["1_8\t0"],
    )
    assert found.examples.x == ["bad thing", '"quoted']
    assert found.left_out == {
        "rows without 4 fields": 1,
        "rows without 3 fields": 1,
        "without words": 1,
        "ambiguous (mean between -0.5 and 0.5)": 1,
        "without votes": 1,
        "with the words of another": 1,
    }


def test_texts_show_no_handle_no_link_no_address_and_no_mark_of_html(loaded):
    for found in loaded.values():
        handles = {handle for text in found.examples.x for handle in re.findall(r"\w*@\w+", text)}
        assert handles <= {"@user"}
        marks = r"://|www\.|&\w+;|&#|\s\s|^\s|\s$|[\x00-\x1f]"
        assert not [text for text in found.examples.x if re.search(marks, text)]


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("ask me.too@some-shop.com, it works", "ask @user, it works"),
        ("mail owl_9@anonymous. now", "mail @user. now"),
        ("@anonymous:  see http://url_removed now", "@user: see http now"),
        ("B&amp;W &amp;#38; colour", "B&W & colour"),
    ],
)
def test_a_text_is_masked_and_unescaped(raw, cleaned):
    assert sentences.clean(raw) == cleaned


def test_rewritten_copies_of_tweets_are_left_out(loaded):
    texts = [text.lower() for text in loaded["tweets"].examples.x]
    assert sum("another good phone interview" in text for text in texts) == 1
    assert sum("anger is" in text and "ugly" in text for text in texts) == 1


def test_no_review_or_article_is_in_two_splits(drawn):
    for domain in ("products", "editorials"):
        units = [{name.split("_")[0] for name in part.ids} for part in _parts(drawn[domain])]
        assert all(len(found) > 20 for found in units)
        assert not (units[0] & units[1] or units[0] & units[2] or units[1] & units[2])


@pytest.mark.parametrize("domain", sentences.DOMAINS)
def test_no_two_splits_share_words_in_a_row(drawn, domain):
    run = 8 if domain == "products" else 5
    seen = [
        {
            said[k : k + run]
            for said in map(language.words, part.x)
            for k in range(max(len(said) - run, 0) + 1)
        }
        for part in _parts(drawn[domain])
    ]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_no_group_rules_a_test_set(drawn):
    for splits in drawn.values():
        assert max(Counter(splits.test.groups).values()) <= len(splits.test) // 10


def test_classes_are_balanced_in_every_split(drawn):
    for splits in drawn.values():
        counts = [part.y.bincount().tolist() for part in _parts(splits)]
        assert counts == [[500, 500], [60, 60], [250, 250]]


@pytest.mark.parametrize("domain", sentences.DOMAINS)
def test_twenty_draws_all_have_enough_of_each_class(domain):
    draws = {tuple(sentences.splits(domain, data_seed=seed).test.ids) for seed in range(20)}
    assert len(draws) == 20


def test_a_seed_draws_the_same_sentences(drawn):
    assert sentences.splits("products").train.x == drawn["products"].train.x


def test_the_card_names_the_unit_the_raters_and_what_is_left_out(drawn, loaded):
    card = drawn["films"].card
    assert "15 to 29 people rated each" in card and "533 ambiguous" in card
    assert "20 people rated each" in drawn["products"].card
    assert "170 copies of other tweets, reworded" in drawn["tweets"].card


def test_unknown_domain_and_too_many_sentences_are_refused():
    with pytest.raises(ValueError, match="Known are: films, products, editorials, tweets"):
        sentences.load("songs")
    with pytest.raises(ValueError, match="class 'negative' has"):
        sentences.splits("products", (5000, 10, 10))

"""Two domains, one task: what no method may read cannot be read, and no text is on two sides."""

import itertools

import pytest
import torch

from tl_helpers.datasets import Examples, two_domains

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "jetty")
TEXTS = [" ".join(some) for some in itertools.permutations(WORDS, 4)]
SOURCE = ["text,label", *(f"{TEXTS[n]},{('no', 'yes')[n % 2]}" for n in range(24))]


@pytest.fixture
def read(tmp_path):
    def ran(target, source=SOURCE):
        for name, lines in (("here", source), ("there", target)):
            (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
        return two_domains.read(tmp_path / "here.csv", tmp_path / "there.csv")

    return ran


def _labelled(count, first=100):
    return [f"{TEXTS[first + n]},{('no', 'yes')[n % 2]}" for n in range(count)]


def _plain(count, first=300):
    return [f"{TEXTS[first + n]}," for n in range(count)]


def test_the_pool_holds_no_label_and_no_text_of_the_test_set():
    pair = two_domains.rated("products", "editorials", (6, 4), (8, 7))
    assert pair.pool.classes == ["unlabelled"] and not pair.pool.y.any()
    assert not set(pair.pool.groups) & set(pair.target.test.groups)
    assert pair.target.test.y.bincount().tolist() == [7, 7]
    assert [pair.pool.x[place] for place in pair.places] == pair.target.train.x
    assert pair.source.train.y.bincount().tolist() == [6, 6] and len(pair.target.valid) == 0
    assert 0.5 < pair.bar < 1 and "units to test on" in pair.card


def test_half_of_the_targets_labels_test_and_the_others_stand_in_the_pool(read):
    pair = read(["text,label", *_labelled(24), *_plain(10)])
    assert pair.target.test.y.bincount().tolist() == [6, 6]
    assert pair.target.train.y.bincount().tolist() == [6, 6]
    assert len(pair.pool) == 12 + 10 and pair.pool.classes == ["unlabelled"]
    assert [pair.pool.x[place] for place in pair.places] == pair.target.train.x
    assert not set(pair.pool.x) & set(pair.target.test.x)
    assert len(pair.source.train) + len(pair.source.valid) == 24 and pair.bar is None


@pytest.mark.parametrize("header", ["text", "text,label"])
def test_a_target_without_labels_has_no_test_set_and_says_so(read, header):
    rows = [row.rstrip(",") if header == "text" else row for row in _plain(20)]
    pair = read([header, *rows])
    assert len(pair.target.test) == len(pair.target.train) == 0 and len(pair.pool) == 20
    assert "Nothing can be measured with fewer than 6 of each class" in pair.card


def test_too_few_labels_of_one_class_measure_nothing(read):
    pair = read(["text,label", *_labelled(11), *_plain(20)])
    assert len(pair.target.test) == 0 and "6 'no', 5 'yes'" in pair.card


def test_rows_that_cannot_be_used_are_named_by_line(read):
    odd = [f"{TEXTS[0]},no", f"{TEXTS[300]},", ",yes", f"{TEXTS[400]},maybe", f"{TEXTS[401]},YES"]
    card = read(["text,label", *_plain(20), *odd]).card
    assert "line 22: a text of the source file" in card
    assert "line 23: the text of line 2 again" in card
    assert "line 24: no text" in card
    assert "line 25: the label 'maybe' is none of the source's: no, yes" in card
    assert "1 'yes'" in card  # in capitals


def test_groups_of_the_target_are_not_split(read):
    rows = [f"{row},unit {n // 4}" for n, row in enumerate(_labelled(40))]
    pair = read(["text,label,group", *rows])
    assert not set(pair.pool.groups) & set(pair.target.test.groups)
    assert len(set(pair.target.test.groups)) < len(pair.target.test)


def test_files_that_cannot_serve_are_refused_with_what_to_do(read):
    with pytest.raises(ValueError, match="has 19 usable texts; expected at least 20"):
        read(["text,label", *_plain(19)])
    with pytest.raises(ValueError, match="name of the target file is empty"):
        two_domains.read("here.csv", " ")
    with pytest.raises(ValueError, match="no column 'text'"):
        read(["sentence", *TEXTS[:30]])
    with pytest.raises(FileNotFoundError):
        two_domains.read("nowhere.csv", "nowhere.csv")


def test_a_large_target_is_cut_and_keeps_its_labels(read, monkeypatch):
    monkeypatch.setattr(two_domains, "MOST_TEXTS", 30)
    pair = read(["text,label", *_plain(60), *_labelled(24)])
    assert len(pair.target.test) == len(pair.target.train) == 12 and len(pair.pool) == 18


@pytest.mark.parametrize(("share", "counts"), [(0, [6, 0]), (0.5, [3, 3]), (1, [0, 6])])
def test_a_lopsided_part_has_the_share_asked_for(share, counts):
    names = [str(n) for n in range(14)]
    part = Examples(names, torch.tensor([0] * 8 + [1] * 6), names, names, ["no", "yes"])
    assert two_domains.lopsided(part, share).y.bincount(minlength=2).tolist() == counts


def test_a_share_that_cannot_be_had_is_refused():
    names = [str(n) for n in range(5)]
    part = Examples(names, torch.tensor([0, 1, 1, 1, 1]), names, names, ["no", "yes"])
    with pytest.raises(ValueError, match="there are 1 examples of 'no'; expected at least 3"):
        two_domains.lopsided(part, 0.25)
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        two_domains.lopsided(part, 1.5)

"""The reader's own pictures: complete splits of every folder that fits, or an error that helps."""

import contextlib
import itertools
import shutil
import time
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers.datasets import class_folders, folders
from tl_helpers.datasets.shares import FEWEST, FEWEST_GROUPS, joined, share_out

PARTS = ("train", "valid", "test")
_SEEDS = itertools.count()


def _picture(path: Path) -> Path:
    """A picture unlike all others, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(next(_SEEDS)).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def _classes(top: Path, **counts: int) -> Path:
    for name, count in counts.items():
        for number in range(count):
            _picture(top / name / f"{number:03}.png")
    return top


def _read(folder, size: int = 16, **options) -> folders.FolderPictures:
    return folders.pictures(folder, size, **options)


def _ids(found: folders.FolderPictures) -> list[list[str]]:
    return [getattr(found.splits, part).ids for part in PARTS]


def _counts(found: folders.FolderPictures) -> np.ndarray:
    """(classes, 3): pictures of each class in each split."""
    splits = [getattr(found.splits, part) for part in PARTS]
    return np.stack([part.y.bincount(minlength=len(part.classes)).numpy() for part in splits], 1)


def test_twelve_pictures_of_two_classes_are_enough(tmp_path):
    found = _read(_classes(tmp_path, dog=12, cat=12), size=96)
    assert _counts(found).tolist() == [[6, 2, 4], [6, 2, 4]]
    for part in (getattr(found.splits, name) for name in PARTS):
        assert (part.x.shape[1:], part.x.dtype) == ((3, 96, 96), torch.uint8)
        assert part.classes == ["cat", "dog"]
        assert [part.classes[label] for label in part.y] == [id.split("/")[0] for id in part.ids]
    assert {id for ids in _ids(found) for id in ids} == {
        f"{name}/{number:03}.png" for name in ("cat", "dog") for number in range(12)
    }
    assert found.left_out == found.notes == []


@pytest.mark.parametrize("classes", [2, 7, 20])
def test_each_class_is_in_every_split_in_proportion(tmp_path, classes):
    counts = {f"kind {n:02}": 6 + n for n in range(classes)}
    found = _read(_classes(tmp_path, **counts))
    shares = _counts(found)
    assert shares.sum(1).tolist() == list(counts.values())
    assert (shares >= FEWEST).all()
    assert (np.abs(shares / shares.sum(1, keepdims=True) - [1 / 2, 1 / 6, 1 / 3]) <= 0.12).all()
    assert all(name in str(found) for name in counts)


def test_pixels_and_labels_belong_to_the_file_that_the_id_names(tmp_path):
    colours = {"blue": (0, 0, 255), "green": (0, 255, 0)}
    for (name, colour), number in itertools.product(colours.items(), range(6)):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), tuple(abs(c - number) for c in colour)).save(
            tmp_path / name / f"{number}.png"
        )
    splits = _read(tmp_path).splits
    for part in (getattr(splits, name) for name in PARTS):
        for x, name in zip(part.x, part.ids, strict=True):
            of_class, number = name.removesuffix(".png").split("/")
            wanted = [abs(c - int(number)) for c in colours[of_class]]
            assert x[:, 5, 5].tolist() == wanted


def test_unreadable_pictures_are_left_out_and_reported_in_print_and_card(tmp_path):
    _classes(tmp_path, cat=12, dog=12)
    whole = _picture(tmp_path / "dog" / "whole.jpg").read_bytes()
    (tmp_path / "cat" / "cut off.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "letter.png").write_text("Dear reader")
    (tmp_path / "dog" / "empty.gif").touch()
    (tmp_path / "dog" / "phone.HEIC").write_bytes(b"ftypheic")
    found = _read(tmp_path)
    assert [row.path for row in found.left_out] == [
        *("cat/cut off.jpg", "cat/letter.png", "dog/empty.gif", "dog/phone.HEIC")
    ]
    assert "truncated" in found.left_out[0].reason.lower()
    assert _counts(found).sum(1).tolist() == [12, 13]
    for text in (str(found), found.splits.card):
        assert "Pictures left out: 4." in text
        for row in found.left_out:
            assert f"{row.path}: {row.reason}" in text


def test_a_long_list_of_left_out_pictures_is_cut_in_print_and_whole_in_the_result(tmp_path):
    _classes(tmp_path, cat=6, dog=6)
    for number in range(50):
        (tmp_path / "cat" / f"bad {number}.jpg").write_text("no")
    found = _read(tmp_path)
    assert len(found.left_out) == 50
    assert "Pictures left out: 50." in str(found)
    assert "... and 30 more" in str(found)


def test_hidden_and_system_files_are_silent_and_other_files_are_counted(tmp_path):
    _classes(tmp_path, cat=6, dog=6)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._000.png"):
        (tmp_path / "cat" / name).write_bytes(b"\0")
    _picture(tmp_path / ".hidden" / "a.png")
    _picture(tmp_path / "__MACOSX" / "a.png")
    assert _read(tmp_path).notes == []
    (tmp_path / "dog" / "labels.csv").write_text("a,b")
    (tmp_path / "readme.txt").write_text("hello")
    found = _read(tmp_path)
    (note,) = found.notes
    assert note == "Files passed over as no pictures: 2, such as readme.txt."
    assert found.left_out == []


def test_names_may_have_spaces_capitals_and_any_letters(tmp_path):
    names = ["Füchse & Dachse", "猫", "a b", "v1.0"]
    for name, number in itertools.product(names, range(6)):
        _picture(tmp_path / name / f"Bild nº {number}.PNG")
    found = _read(tmp_path)
    assert found.splits.train.classes == sorted(names)
    assert _counts(found).sum(1).tolist() == [6] * 4
    assert all(name in str(found) for name in names)


def test_names_that_are_no_text_can_still_be_printed_and_hashed(tmp_path):
    _classes(tmp_path, cat=6, dog=6)
    with contextlib.suppress(OSError, UnicodeError):  # macOS and Windows have no such names
        shutil.copy(tmp_path / "cat" / "000.png", tmp_path / "cat" / "\udcff.png")
        (tmp_path / "cat" / "\udcfe.png").touch()
    found = _read(tmp_path)
    assert str(found).encode()
    assert all(getattr(found.splits, part).fingerprint() for part in PARTS)
    assert _counts(found)[0].sum() + len(found.left_out) == len(list(tmp_path.glob("cat/*")))


def test_links_to_pictures_and_folders_are_followed_but_not_in_circles(tmp_path):
    _classes(tmp_path / "pictures", cat=6)
    _classes(tmp_path / "elsewhere", hounds=6)
    (tmp_path / "pictures" / "dog").symlink_to(tmp_path / "elsewhere" / "hounds")
    lone = _picture(tmp_path / "elsewhere" / "lone.png")
    (tmp_path / "pictures" / "cat" / "link.png").symlink_to(lone)
    (tmp_path / "pictures" / "cat" / "round").symlink_to(tmp_path / "pictures" / "cat")
    (tmp_path / "pictures" / "cat" / "dead.png").symlink_to(tmp_path / "gone.png")
    found = _read(tmp_path / "pictures")
    assert _counts(found).sum(1).tolist() == [7, 6]
    assert [row.path for row in found.left_out] == ["cat/dead.png"]


def _parts_of(found: folders.FolderPictures, key) -> dict[str, set[str]]:
    parts = defaultdict(set)
    for part in PARTS:
        for id in getattr(found.splits, part).ids:
            parts[key(id)].add(part)
    return parts


@pytest.mark.parametrize("data_seed", range(3))
def test_a_subfolder_is_in_one_split_also_with_those_of_its_name(tmp_path, data_seed):
    for name, day, number in itertools.product(("cat", "dog"), range(6), range(3)):
        _picture(tmp_path / name / f"day {day}" / "left camera" / f"{number}.png")
    found = _read(tmp_path, data_seed=data_seed)
    parts = _parts_of(found, lambda id: id.split("/")[1])
    assert len(parts) == 6
    assert all(len(where) == 1 for where in parts.values())
    assert (_counts(found) == [9, 3, 6]).all()
    assert set(found.splits.train.groups) <= {f"day {day}" for day in range(6)}
    assert "Subfolders taken as groups, by name: 6." in found.notes


def test_single_pictures_and_subfolders_may_be_mixed(tmp_path):
    _classes(tmp_path, cat=10, dog=12)
    for number in range(4):
        _picture(tmp_path / "cat" / "burst" / f"{number}.png")
    found = _read(tmp_path)
    assert len(_parts_of(found, lambda id: "burst" in id)[True]) == 1
    assert _counts(found).tolist() == [[7, 2, 5], [6, 2, 4]]


@pytest.mark.parametrize("data_seed", range(3))
def test_no_picture_is_in_two_splits_under_another_name_or_format(tmp_path, data_seed):
    _classes(tmp_path, cat=12, dog=12)
    for number in range(5):
        file = tmp_path / "cat" / f"{number:03}.png"
        shutil.copy(file, tmp_path / "cat" / f"copy of {number:03}.PNG")
        Image.open(file).save(tmp_path / "cat" / f"again {number:03}.bmp")
    found = _read(tmp_path, data_seed=data_seed)
    parts = _parts_of(found, lambda id: id.split()[-1].split("/")[-1][:3] + id[:3])
    assert all(len(where) == 1 for where in parts.values())
    assert _counts(found).tolist() == [[12, 3, 7], [6, 2, 4]]
    assert "Pictures with the same pixels as another, in one split with it: 10." in found.notes


def test_copies_join_the_subfolders_that_they_are_in(tmp_path):
    for day, number in itertools.product("abcdef", range(3)):
        _picture(tmp_path / "cat" / day / f"{number}.png")
    shutil.copy(tmp_path / "cat" / "a" / "0.png", tmp_path / "cat" / "b" / "same.png")
    found = _read(_classes(tmp_path, dog=8))
    parts = _parts_of(found, lambda id: id.split("/")[1])
    assert parts["a"] == parts["b"]
    assert len(parts["a"]) == 1


def test_a_picture_in_two_classes_contradicts_itself_and_is_left_out(tmp_path):
    _classes(tmp_path, cat=8, dog=8)
    shutil.copy(tmp_path / "cat" / "003.png", tmp_path / "dog" / "stray.png")
    found = _read(tmp_path)
    assert {row.path: row.reason for row in found.left_out} == {
        "cat/003.png": "the same picture as dog/stray.png",
        "dog/stray.png": "the same picture as cat/003.png",
    }
    assert _counts(found).sum(1).tolist() == [7, 8]


def test_the_result_depends_on_files_and_seed_and_on_nothing_else(tmp_path):
    first = _classes(tmp_path / "first", cat=12, dog=14)
    second = tmp_path / "second"
    for file in sorted(first.rglob("*.png"), reverse=True):  # other order of creation
        (second / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, second / file.relative_to(first))
    one, other = _read(first), _read(str(second))
    for part in PARTS:
        mine, theirs = getattr(one.splits, part), getattr(other.splits, part)
        assert mine.fingerprint() == theirs.fingerprint()
        assert mine.ids == sorted(mine.ids)
    assert _ids(_read(first, data_seed=1)) != _ids(one)


def test_of_a_large_class_some_are_drawn_and_the_report_says_so(tmp_path):
    _classes(tmp_path, cat=40, dog=9)
    (tmp_path / "cat" / "000.png").write_text("no")
    found = _read(tmp_path, most=12)
    assert _counts(found).sum(1).tolist() == [12, 9]
    assert found.notes == ["At most 12 of the 40 pictures of 'cat' were drawn."]
    assert all(ids == sorted(ids) for ids in _ids(found))
    kept = {id for ids in _ids(found) for id in ids if id.startswith("cat")}
    assert kept == {id for ids in _ids(_read(tmp_path, most=12)) for id in ids if id[0] == "c"}
    other = {id for ids in _ids(_read(tmp_path, most=12, data_seed=1)) for id in ids}
    assert not kept <= other
    assert max(kept) > "cat/020.png"


def test_unreadable_pictures_do_not_use_up_the_places_of_a_large_class(tmp_path):
    _classes(tmp_path, cat=40, dog=6)
    for number in range(20):
        (tmp_path / "cat" / f"{number:03}.png").write_text("no")
    assert _counts(_read(tmp_path, most=15))[0].sum() == 15


def test_the_pixels_kept_stay_within_a_limit(tmp_path, monkeypatch):
    _classes(tmp_path, cat=30, dog=30)
    monkeypatch.setattr(folders, "MOST_BYTES", 20 * 3 * 16**2)
    assert _counts(_read(tmp_path)).sum(1).tolist() == [10, 10]


def test_deep_pictures_keep_their_relative_brightness(tmp_path):
    for name, base in (("dim", 500), ("light", 2000)):
        (tmp_path / name).mkdir()
        for number in range(6):
            values = np.full((20, 20), base + 40 * number, np.uint16)
            Image.fromarray(values).save(tmp_path / name / f"{number}.png")
    found = _read(tmp_path)
    train = found.splits.train
    dim, light = (train.x[train.y == label].float().mean() for label in (0, 1))
    assert light / dim == pytest.approx(2080 / 580, rel=0.15)
    assert light == pytest.approx(2080 / 4095 * 255, rel=0.05)
    assert "Pictures of more than 8 bits, scaled to 8 bits all alike: 12." in found.notes


def test_a_picture_beside_the_class_folders_is_reported(tmp_path):
    _picture(_classes(tmp_path, cat=6, dog=6) / "loose.png")
    assert _read(tmp_path).left_out == [("loose.png", "not in a class's folder")]


def _with_few(top: Path) -> Path:
    _classes(top, cat=12, dog=5)
    for number in range(3):
        (top / "dog" / f"bad {number}.png").write_text("no")
    return top


def _train_and_test(top: Path) -> Path:
    for part in ("Train", "test", "val"):
        _classes(top / part, cat=2, dog=2)
    return top


def _in_few_subfolders(top: Path) -> Path:
    _classes(top, dog=12)
    for day, number in itertools.product("ab", range(6)):
        _picture(top / "cat" / day / f"{number}.png")
    return top


def _all_alike(top: Path) -> Path:
    _classes(top, dog=8, cat=1)
    for number in range(1, 9):
        shutil.copy(top / "cat" / "000.png", top / "cat" / f"{number:03}.png")
    return top


def _empty_class(top: Path) -> Path:
    (_classes(top, cat=12, dog=12) / "bird").mkdir()
    return top


MISFITS = {
    "too few readable": (
        _with_few,
        r"class 'dog' has 5; expected at least 6 in each, 3 to train, 1 to validate and 2 to test"
        r"(.|\n)*Pictures left out: 3\.\n  dog/bad 0\.png: no picture inside",
    ),
    "an empty class": (_empty_class, r"class 'bird' has 0; .* move a folder that is no class"),
    "one class": (lambda top: _classes(top, cat=12), r"holds one folder; expected at least two"),
    "one folder too high": (
        lambda top: _classes(top / "all", cat=12, dog=12).parent,
        r"holds one folder; .* If 'cat', 'dog' are the classes, give '.*all'",
    ),
    "no class folders": (
        lambda top: _classes(top, animals=6) / "animals",
        r"'animals' holds no folder, and pictures of its own; expected at least two folders, "
        r"one for each class\. Move the pictures of each class into a folder",
    ),
    "nothing": (lambda top: top, r"holds no folder; expected at least two folders"),
    "splits": (_train_and_test, r"'Train', 'test', 'val' look like splits; .* such as '.*Train'"),
    "two groups": (
        _in_few_subfolders,
        r"Class 'cat' has 12 examples in 2 groups, and no way .* in more subfolders",
    ),
    "copies of one picture": (_all_alike, r"Class 'cat' has 9 examples in 1 group, and no way"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_folder_that_does_not_fit_gets_an_error_that_says_what_to_do(tmp_path, name):
    make, message = MISFITS[name]
    with pytest.raises(ValueError, match=message):
        _read(make(tmp_path))


def test_too_many_classes_are_refused_before_any_picture_is_read(tmp_path):
    for number in range(class_folders.MOST_CLASSES + 1):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(ValueError, match=r"201 folders; expected one for each of 2 to 200"):
        _read(tmp_path)


def test_names_of_nothing_and_of_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder 'pics', seen from .*; write its whole"):
        _read("pics")
    (tmp_path / "pics.zip").touch()
    with pytest.raises(NotADirectoryError, match=r"'pics.zip' is a file; .* unpacked first"):
        _read("pics.zip")
    with pytest.raises(ValueError, match=r"name is empty"):
        _read("")


def test_the_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(_read(_classes(tmp_path / "p", cat=6, dog=6) and "~/p").splits.train) == 6


@pytest.mark.parametrize(
    ("options", "message"), [({"size": 0}, "size is 0"), ({"most": 5}, "is 5")]
)
def test_numbers_out_of_range_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, **options)


def test_groups_are_joined_also_through_others():
    names, marks = list("aabcdde"), [b"1", b"2", b"2", b"3", b"4", b"1", b"3"]
    groups = joined(names, marks)
    together = defaultdict(set)
    for name, group in zip(names, groups, strict=True):
        together[group].add(name)
    assert sorted(map(sorted, together.values())) == [["a", "b", "d"], ["c", "e"]]
    assert all(group in members for group, members in together.items())


@pytest.mark.parametrize("count", range(6, 30))
def test_single_examples_are_shared_out_in_exact_numbers(count):
    labels = [0] * count + [1] * 12
    parts = share_out(labels, [str(number) for number in range(len(labels))], ["a", "b"], count)
    shares = np.bincount(parts[:count], minlength=3)
    assert shares.tolist() == [count - count // 6 - round(count / 3), count // 6, round(count / 3)]
    assert np.bincount(parts[count:]).tolist() == [6, 2, 4]


def _unequal_groups(rng) -> tuple[list[int], list[str]]:
    """Two to five classes in groups of 1 to 5, a third of them across classes."""
    labels, groups = [], []
    for label in range(rng.integers(2, 6)):
        for number in range(rng.integers(8, 14)):
            size = rng.integers(1, 6)
            shared = number < 3
            labels += [label] * size
            groups += [f"{number}" if shared else f"{label} {number}"] * size
    return labels, groups


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_any_size_stay_whole_and_classes_near_their_shares(seed):
    labels, groups = _unequal_groups(np.random.default_rng(seed))
    parts = share_out(labels, groups, list("abcde")[: max(labels) + 1], seed)
    where = defaultdict(set)
    for group, part in zip(groups, parts, strict=True):
        where[group].add(part)
    assert all(len(found) == 1 for found in where.values())
    for label in set(labels):
        counts = Counter(parts[np.array(labels) == label].tolist())
        shares = np.array([counts[part] for part in range(3)]) / sum(counts.values())
        assert all(counts[part] >= fewest for part, fewest in enumerate(FEWEST))
        assert np.abs(shares - [1 / 2, 1 / 6, 1 / 3]).max() < 0.2


def _can_be_shared_out(counts: np.ndarray) -> bool:
    """Whether any of all ways gives every class its fewest; counts (groups, classes)."""
    ways = np.array(list(itertools.product(range(3), repeat=len(counts))))
    have, groups = (
        np.stack([(ways == part) @ numbers for part in range(3)], axis=1)
        for numbers in (counts, (counts > 0).astype(int))
    )
    enough = have >= np.array(FEWEST)[:, None]
    return bool((enough & (groups >= np.array(FEWEST_GROUPS)[:, None])).all((1, 2)).any())


def test_a_few_large_groups_are_shared_out_where_there_is_any_way():
    tried = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        counts = rng.integers(0, 8, (rng.integers(6, 9), rng.integers(2, 4)))
        counts *= rng.random(counts.shape) < 0.7
        if not _can_be_shared_out(counts):
            continue
        tried += 1
        group, label = (np.repeat(index, counts.ravel()) for index in np.indices(counts.shape))
        names = [str(number) for number in range(counts.shape[1])]
        share_out(label, group.astype(str), names, seed)  # raises where it finds no way
    assert tried >= 10


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_class_of_fewer_than_six_is_named(count):
    groups = [str(number) for number in range(12 + count)]
    with pytest.raises(ValueError, match=rf"Class 'b' has {count} examples in {count} group"):
        share_out([0] * 12 + [1] * count, groups, ["a", "b"], 0)


def test_large_sets_are_shared_out_exactly_and_at_once():
    pairs, singles = [f"pair {n // 2}" for n in range(400)], [str(n) for n in range(4400)]
    labels = np.arange(4800) // 2 % 200
    parts = share_out(labels, pairs + singles, [str(n) for n in range(200)], 0)
    assert all(np.bincount(parts[labels == n]).tolist() == [12, 4, 8] for n in range(200))


def test_thousands_of_copies_are_joined_at_once():
    started = time.process_time()
    groups = joined([str(number) for number in range(8000)], [b"same"] * 8000)
    assert len(set(groups)) == 1
    assert time.process_time() - started < 3  # 9.9 s when each look-up walked the whole chain


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("classes", [2, 11, 60])
@pytest.mark.parametrize("sizes", [[4] * 5, [2] * 5, [100, 2, 2, 2, 2], [9, 7, 5, 3, 2]])
def test_five_groups_of_each_class_are_enough_and_three_of_them_are_to_train(
    classes, sizes, shared
):
    """As the message of too few groups announces; three, so that training can cross-validate."""
    rows = [(c, g) for c in range(classes) for g, size in enumerate(sizes) for _ in range(size)]
    labels = [label for label, _ in rows]
    names = [str(g) if shared else f"{c} {g}" for c, g in rows]
    parts = share_out(labels, names, [str(c) for c in range(classes)], 0)
    for label in range(classes):
        in_parts = [
            {g for (c, g), part in zip(rows, parts, strict=True) if (c, part) == (label, number)}
            for number in range(3)
        ]
        assert [len(some) for some in in_parts] == [3, 1, 1]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_fewer_groups_are_refused_with_the_number_that_is_enough(count):
    labels, groups = [0] * 12 + [1] * 12, [str(n % count) for n in range(12)]
    with pytest.raises(ValueError, match=rf"12 examples in {count} group.* least 5 groups of each"):
        share_out(labels, [*groups, *(f"b {n}" for n in range(12))], ["a", "b"], 0)


def test_small_subfolders_are_drawn_as_well_as_large_ones(tmp_path):
    for name in ("cat", "dog"):
        for number in range(40):
            _picture(tmp_path / name / f"{name} monday" / f"{number}.png")
        for day in ("tue", "wed", "thu", "fri"):
            for number in range(2):
                _picture(tmp_path / name / f"{name} {day}" / f"{number}.png")
    found = _read(tmp_path, most=12)
    assert _counts(found).sum(1).tolist() == [12, 12]
    assert all(len({*part.groups}) >= 6 for part in [found.splits.train])


SPLITS = {
    "as the framework has them": ("train", "dev"),
    "three": ("training", "validation", "testing"),
    "in capitals": ("TRAIN", "VAL"),
    "with words beside": ("Training Set", "test_data"),
    "joined words": ("trainset", "testset"),
    "camel case": ("TrainImages", "ValImages"),
    "with years": ("train2017", "val2017"),
    "folds": ("fold1", "fold2", "fold3"),
    "with other folders": ("train", "hold-out", "labels"),
}


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", SPLITS)
def test_splits_of_any_number_of_classes_are_no_classes(tmp_path, name, classes):
    for part in SPLITS[name]:
        _classes(tmp_path / part, **{str(number): 1 for number in range(classes)})
    wanted = SPLITS[name][0]
    with pytest.raises(ValueError, match=rf"look like splits; .* such as '.*{wanted}'"):
        _read(tmp_path)


def test_splits_without_classes_inside_get_other_advice(tmp_path):
    with pytest.raises(ValueError, match=r"splits; .* Sort the pictures of each class into a fol"):
        _read(_classes(tmp_path, train=6, dev=6))


@pytest.mark.parametrize("parts", [("train", "test"), ("dev", "train", "holdout")])
def test_splits_inside_classes_are_no_groups(tmp_path, parts):
    for name, part in itertools.product(("cat", "dog"), parts):
        _classes(tmp_path / name, **{part: 6})
    with pytest.raises(ValueError, match=r"inside those of the classes look like splits; .* move"):
        _read(tmp_path)


@pytest.mark.parametrize("names", [("car", "train"), ("control", "test"), ("train", "bus", "set")])
def test_a_class_may_be_called_as_one_split_is(tmp_path, names):
    assert _read(_classes(tmp_path, **dict.fromkeys(names, 6))).splits.train.classes == [
        *sorted(names)
    ]


def _apart(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def test_two_folders_that_differ_in_stored_accents_alone_are_named(tmp_path):
    for name in ("café", _apart("café"), "tea"):
        _picture(tmp_path / name / "1.png")
    if len(list(tmp_path.iterdir())) == 3:  # macOS has one folder of that name
        with pytest.raises(ValueError, match="Two folders are called 'café'.*into the other"):
            _read(tmp_path)


def test_names_are_the_same_however_accents_are_stored(tmp_path):
    for number in range(6):
        _picture(tmp_path / _apart("café") / _apart(f"é{number}.png"))
        _picture(tmp_path / "tea" / f"é{number}.png")
    found = _read(tmp_path)
    assert found.splits.train.classes == ["café", "tea"]
    ids = {id for ids in _ids(found) for id in ids}
    assert ids == {f"{name}/é{n}.png" for name in ("café", "tea") for n in range(6)}


def test_an_id_is_of_one_picture(tmp_path):
    _classes(tmp_path, cat=6, dog=6)
    for name in ("é.png", _apart("é.png")):
        _picture(tmp_path / "cat" / name)
    found = _read(tmp_path)
    ids = [id for ids in _ids(found) for id in ids]
    assert len(ids) == len(set(ids)) == 13
    assert [row.path for row in found.left_out] in ([], ["cat/é.png"])


def test_a_subfolder_is_one_group_however_its_name_is_written(tmp_path):
    spellings = ["Zoë", _apart("Zoë"), "ZOË"]
    for name, spelling in zip(("cat", "dog", "emu"), spellings, strict=True):
        _classes(tmp_path, **{name: 8})
        for number in range(2):
            _picture(tmp_path / name / spelling / f"{number}.png")
    parts = _parts_of(_read(tmp_path), lambda id: id.count("/") > 1)
    assert len(parts[True]) == 1

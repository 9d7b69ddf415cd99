"""The reader's own texts: bad rows are named by line, and only what leaves nothing is an error."""

import itertools

import pytest

from tl_helpers.datasets import text_files
from tl_helpers.datasets.csv_rows import BadRow

PARTS = ("train", "valid", "test")
WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heath",
    "islet",
    "jetty",
    "knoll",
    "larch",
    "marsh",
]


def _rows(count=12, labels=("praise", "blame"), separator=","):
    """Lines of texts that share no run of words."""
    texts = (" ".join(some) for some in itertools.permutations(WORDS, 4))
    return [f"{next(texts)}{separator}{label}" for _ in range(count) for label in labels]


@pytest.fixture
def write(tmp_path):
    def written(lines, header="text,label", encoding="utf-8", end="\n"):
        path = tmp_path / "mine.csv"
        path.write_bytes(end.join([header, *lines, ""]).encode(encoding))
        return path

    return written


def _parts(found):
    return [getattr(found.splits, part) for part in PARTS]


def _lines(found):
    return [line for line, _ in found.left_out]


def test_a_sound_file_is_read_whole_and_shared_out(write):
    found = text_files.texts(write(_rows()))
    assert [part.y.bincount().tolist() for part in _parts(found)] == [[6, 6], [2, 2], [4, 4]]
    assert (found.left_out, found.notes) == ([], [])
    assert found.splits.train.classes == ["blame", "praise"]
    ids = {name for part in _parts(found) for name in part.ids}
    assert ids == {f"line {number}" for number in range(2, 26)}  # the columns are on line 1
    assert "24 texts in 2 classes" in str(found)


def test_text_and_label_stay_together(write):
    lines = _rows()
    found = text_files.texts(write(lines))
    for part in _parts(found):
        for text, label, name in zip(part.x, part.y, part.ids, strict=True):
            line = lines[int(name.split()[1]) - 2]
            assert line == f"{text},{part.classes[label]}"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_ends_of_lines_of_all_systems(write, separator, end):
    path = write(_rows(separator=separator), header=f"text{separator}label", end=end)
    found = text_files.texts(path)
    assert sum(map(len, _parts(found))) == 24
    assert bool(found.notes) == (separator != ",")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_accents_survive_every_usual_encoding(write, encoding):
    found = text_files.texts(write([*_rows(), "très bien — naïve,praise"], encoding=encoding))
    assert "très bien — naïve" in [text for part in _parts(found) for text in part.x]
    assert found.notes == (
        ["Line 26 is not UTF-8, so all was read as Windows-1252: look at the accents."]
        if encoding == "cp1252"
        else []
    )


def test_bad_rows_are_named_by_line_and_the_rest_is_used(write):
    bad = [
        ",praise",  # 26
        "  ,blame",
        "no label here,",
        "only one field",
        "one, two, three,praise",  # 30
        "",  # an empty line is no row, and counts as a line
        "the same words,praise",
        "The  same words,blame",
        "said before,blame",
        "said before,blame",  # 35
    ]
    found = text_files.texts(write([*_rows(), *bad]))
    assert _lines(found) == [26, 27, 28, 29, 30, 32, 33, 35]
    reasons = dict(found.left_out)
    assert reasons[26] == reasons[27] == "no text"
    assert reasons[28] == "no label"
    assert reasons[29] == "1 field in place of 2"
    assert "4 fields in place of 2; a text with commas in it needs quotation" in reasons[30]
    assert reasons[32] == reasons[33]
    assert "one text with two labels: 'praise' (line 32), 'blame' (line 33)" in reasons[32]
    assert reasons[35] == "the text of line 34 again"
    assert sum(map(len, _parts(found))) == 25
    shown = str(found)
    assert "Rows left out: 8." in shown and "line 29: 1 field in place of 2" in shown
    assert all(reason in found.splits.card for reason in reasons.values())


def test_a_text_of_several_lines_counts_from_its_first(write):
    found = text_files.texts(write(['"two\nlines, quoted",praise', ",blame", *_rows()]))
    assert _lines(found) == [4]
    assert "two lines, quoted" in [text for part in _parts(found) for text in part.x]


def test_a_quotation_mark_that_is_never_closed_costs_no_row(write):
    found = text_files.texts(write(['"never closed,praise', *_rows()]))
    assert sum(map(len, _parts(found))) == 25
    assert "quotation mark is not closed" in found.notes[0]


def test_a_quotation_mark_closed_too_late_names_the_lines_it_swallowed(write):
    lines = _rows()
    found = text_files.texts(write([f'"{lines[0]}', lines[1], f'{lines[2]}"', *lines[3:]]))
    assert [line for line, reason in found.left_out if "quotation mark" in reason] == [2]
    assert sum(map(len, _parts(found))) == 21


def test_labels_are_one_class_in_any_capitals_and_columns_in_any_order(write):
    lines = [f"7,Praise,{n} good" for n in range(6)] + [f"8,praise,{n} fine" for n in range(6)]
    lines += [f"9,blame,{n} bad" for n in range(6)]
    found = text_files.texts(write(lines, header="Id,LABEL,Text"))
    assert found.splits.train.classes == ["Praise", "blame"]


def test_groups_stay_whole_and_missing_ones_are_told(write):
    lines = [f"{line},writer {n // 4}" for n, line in enumerate(_rows(20))]
    lines += [f"{line}," for line in ("a first one,praise", "another one,blame")]
    found = text_files.texts(write(lines, header="text,label,group"))
    groups = [set(part.groups) for part in _parts(found)]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    assert len(set.union(*groups)) == 12
    assert "each taken as its own: 2" in " ".join(found.notes)


def test_texts_that_share_eight_words_stay_together(write):
    copy = "one two three four five six seven eight"
    found = text_files.texts(write([*_rows(), f"{copy} x,praise", f"so {copy},blame"]))
    holding = [part for part in _parts(found) if {"line 26", "line 27"} & set(part.ids)]
    assert [{"line 26", "line 27"} <= set(part.ids) for part in holding] == [True]


def test_a_template_that_all_share_is_told_and_does_not_stop_the_page(write):
    copy = "dear customer thank you very much for your"
    lines = [f"{copy} {n} {label},{label}" for n in range(12) for label in ("praise", "blame")]
    found = text_files.texts(write([*lines, *_rows(2)]))
    assert "scores may flatter" in found.notes[-1]


def test_texts_in_other_scripts_are_not_taken_for_copies(write):
    praise, blame = "好棒妙佳优美善", "坏差糟烂劣恶丑"
    lines = [f"{one},praise" for one in praise] + [f"{one},blame" for one in blame]
    found = text_files.texts(write(lines))
    assert len({name for part in _parts(found) for name in part.groups}) == 14


def test_handles_and_links_are_masked(write):
    found = text_files.texts(write([*_rows(), "@someone see https://example.org/x,praise"]))
    assert "@user see http" in [text for part in _parts(found) for text in part.x]


def test_a_class_with_too_few_texts_is_left_out_with_its_lines(write):
    found = text_files.texts(write([*_rows(), "odd one,other", "odd two,other"]))
    assert found.splits.train.classes == ["blame", "praise"]
    assert "'other' is left out: 6 texts are needed, and it has 2 (lines 26, 27)" in found.notes[0]


def test_a_large_class_is_cut_to_the_most(write):
    found = text_files.texts(write(_rows(30)), most=12)
    assert [part.y.bincount().tolist() for part in _parts(found)] == [[6, 6], [2, 2], [4, 4]]
    assert "At most 12 of the 30 texts of 'praise' were drawn." in found.notes


def test_the_splits_are_the_same_again_and_others_for_another_seed(write):
    path = write(_rows(30))
    first, again, other = (text_files.texts(path, seed).splits for seed in (0, 0, 1))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has 0 bytes"),
        (b"PK\x03\x04 rest of a spreadsheet", "save the spreadsheet as 'CSV UTF-8'"),
        ("text,label\n".encode("utf-16-le"), "no text"),
        (b"\xff\xfetext,label\n", "is marked as UTF-16"),
        (b"review,stars\ngood,5\n", "no column 'text' and no column 'label'.*'review', 'stars'"),
        (b"text,text,label\na,b,c\n", "two columns 'text'"),
        (b"text,label\n", "has 0 classes"),
        (b"text,label\n" + b"x,y\n" * 20, "the text of line 2 again"),
        (b"text,label\n" + b"".join(b"a%d,only\n" % n for n in range(20)), "has 1 classes"),
    ],
)
def test_where_nothing_usable_is_left_the_error_says_why(tmp_path, content, complaint):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        text_files.texts(path)


def test_a_label_of_its_own_for_each_text_is_refused(write):
    lines = [f"{n} a {m},label {n}" for n in range(60) for m in range(6)]
    with pytest.raises(ValueError, match="60 classes.*expected 2 to 50"):
        text_files.texts(write(lines))


def test_groups_that_cannot_be_shared_out_say_what_to_do(write):
    lines = [f"{line},writer {n % 2}" for n, line in enumerate(_rows())]
    with pytest.raises(ValueError, match="leave the column out"):
        text_files.texts(write(lines, header="text,label,group"))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        text_files.texts(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        text_files.texts(tmp_path)
    with pytest.raises(ValueError, match="name is empty"):
        text_files.texts(" ")


def test_too_small_a_most_is_refused(write):
    with pytest.raises(ValueError, match="most is 5"):
        text_files.texts(write(_rows()), most=5)


def test_bad_rows_sort_by_line():
    assert sorted([BadRow(10, "a"), BadRow(9, "b")])[0].line == 9

"""One file holds the course's terms, and a line of it that cannot be read is named."""

import pytest

from tl_helpers.kit import glossary

HEAD = "# Glossary\n\n| term | means | lesson |\n|---|---|---|\n"


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a glossary of some rows, which lies where the notebooks are."""
    monkeypatch.setenv("TL_NOTEBOOKS", str(tmp_path))
    return lambda rows: _read(tmp_path, rows)


def _read(tmp_path, rows):
    (tmp_path / glossary.FILE).write_text(HEAD + rows)
    return glossary.read()


def test_a_line_is_a_term_its_meaning_and_its_lesson(read):
    terms = read("| probe | a linear head | 00 |\n| gain | how much better | 1.1 |\n")
    assert terms == [("probe", "a linear head", "00"), ("gain", "how much better", "1.1")]


def test_the_course_has_its_terms():
    terms = glossary.read()
    assert len(terms) > 10 and all(term.meaning and term.lesson for term in terms)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("| probe | a linear head |\n", "'| probe | a linear head |' is not"),
        ("| probe | a linear head | soon |\n", "soon |' is not"),
        ("<<<<<<< HEAD\n| probe | a | 00 |\n", "'<<<<<<< HEAD' is not"),
        ("| Probe | a | 00 |\n| probes | b | 1.1 |\n", "'Probe' stands twice"),
    ],
)
def test_a_wrong_line_is_named(read, rows, reason):
    with pytest.raises(ValueError, match="glossary.md") as caught:
        read(rows)
    assert reason in str(caught.value)


def test_a_file_without_a_table_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_NOTEBOOKS", str(tmp_path))
    (tmp_path / glossary.FILE).write_text("| probe | a linear head | 00 |\n")
    with pytest.raises(ValueError, match="glossary.md has no table; expected one of `. term"):
        glossary.read()


def test_terms_are_shown_from_a_to_z_between_the_markers(read):
    shown = glossary.block(read("| probe | a head | 00 |\n| Gain | how much | 1.1 |\n"))
    lines = shown.splitlines()
    assert (lines[0], lines[-1]) == glossary.MARKERS
    assert lines[3:-1] == ["| Gain | how much | 1.1 |", "| probe | a head | 00 |"]


@pytest.mark.parametrize(
    ("one", "other"), [("Label  budget", "label budget"), ("features", "feature"), ("loss", "Loss")]
)
def test_a_term_is_found_whatever_its_capitals_and_plural(one, other):
    assert glossary.key(one) == glossary.key(other)

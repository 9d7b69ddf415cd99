"""What a person types after ``-p`` reaches the lesson as it was meant."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tl_helpers.kit.lessons import Lesson, LessonError, check_parameters
from tl_helpers.kit.parameters import named, typed

PARAMETERS = """
profile = "laptop"
seed = 0
image_folder = ""
text_file = ""
net = ""
rate = 0.5
count = 3
tune = False
more = None
"""


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "01_a.ipynb"
    cell = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), path)
    return Lesson("1.1", "A", path)


@pytest.mark.parametrize(
    "text", ["2024", "007", "1e3", "none", "None", "True", "'quoted'", " a b ", "[1]", "x=y", ""]
)
def test_text_stays_text_where_the_parameter_is_text(lesson, text):
    assert typed(lesson, {"net": text}) == {"net": text}


@pytest.mark.parametrize("name", ["2024", "none", "it's mine", "a  b", "päckchen", "x=y"])
def test_a_relative_path_starts_where_the_person_stands(lesson, tmp_path, monkeypatch, name):
    (tmp_path / "here" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    wanted = str(tmp_path / "here" / name)
    for text in (name, f"./{name}", f"../here/{name}", wanted):
        found = typed(lesson, dict([named(f"image_folder={text}")]))["image_folder"]
        assert (tmp_path / "here" / name).samefile(found)
        assert not found.startswith(".")
    assert typed(lesson, {"text_file": name}) == {"text_file": wanted}


def test_the_home_folder_may_be_abbreviated(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "pics").mkdir()
    found = typed(lesson, {"image_folder": "~/pics"})["image_folder"]
    assert found == str(tmp_path / "pics")


def test_an_empty_path_stays_empty(lesson):
    assert typed(lesson, {"image_folder": ""}) == {"image_folder": ""}


def test_a_path_that_leads_nowhere_is_refused_as_it_was_typed(lesson, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LessonError, match=r"-p image_folder=my pics: .* seen from .*quotes"):
        typed(lesson, {"image_folder": "my pics"})


def test_other_values_are_literals_of_the_type_that_is_wanted(lesson):
    given = {"rate": "1e-3", "count": "-2", "tune": "true", "more": "[1, 'a']"}
    found = typed(lesson, given)
    assert found == {"rate": 1e-3, "count": -2, "tune": True, "more": [1, "a"]}
    check_parameters(lesson, found)


@pytest.mark.parametrize("given", [{"count": "many"}, {"tune": "maybe"}, {"rate": "0,5"}])
def test_what_does_not_fit_is_refused_with_what_was_typed(lesson, given):
    with pytest.raises(LessonError, match=r"expected a (int|bool|float) such as its default"):
        check_parameters(lesson, typed(lesson, given))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image_folder", "expected NAME=VALUE"),
        ("a b=3", "expected NAME=VALUE"),
        ("profile=laptp", "use --profile instead, with smoke, laptop or gpu"),
        ("seed=3", "use --seed 3 instead"),
    ],
)
def test_what_is_no_parameter_is_refused(text, reason):
    with pytest.raises(LessonError, match=reason):
        named(text)

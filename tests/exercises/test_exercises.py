"""Guarantees of check, hint and solution, and of the record of progress."""

import json
import multiprocessing

import pytest
import tiny_kit

from tl_helpers import exercises
from tl_helpers.exercises import checking, progress
from tl_helpers.exercises.checking import Exercise, check, hint, solution

DATA = [1, 2, 6]


@pytest.fixture(autouse=True)
def kit(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_NOTEBOOKS", str(tiny_kit.build(tmp_path)))
    monkeypatch.setenv("TL_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(checking, "_checked", {})
    monkeypatch.setattr(checking, "_hints", {})
    return tmp_path


def empty(values):
    """Say what it does and no more."""


def passing(values):
    pass


def dots(values): ...


def refusing(values):
    raise NotImplementedError("write me")


def half_done(values):
    total = sum(values)
    del total
    return ...


def dots_in_an_expression(values):
    total = ...
    return total / len(values)


class Unwritten:
    def forward(self, x): ...


FUNCTIONS = [refusing, half_done, dots_in_an_expression, lambda values: None, Unwritten]


@pytest.mark.parametrize(
    "answer",
    [None, ..., "", NotImplemented, [..., ...], {"a": ...}, (None,), empty, passing, dots]
    + FUNCTIONS,
)
def test_every_placeholder_is_not_attempted(answer, capsys):
    assert check("1.1.2", answer, data=DATA) == "not attempted"
    assert "replace the placeholder" in capsys.readouterr().out


def test_class_with_an_empty_constructor_is_attempted():
    class Written:
        def __init__(self):
            pass

        def forward(self, x):
            return x

    assert check("1.1.1", Written, data=DATA) == "not yet"


def test_right_answer_passes_and_says_why(capsys):
    assert check("1.1.1", 3, data=DATA) == "passed"
    assert capsys.readouterr().out == "1.1.1 passed: len counts the rows.\n"


def test_wrong_answer_gets_the_reason(capsys):
    assert check("1.1.1", 4, data=DATA) == "not yet"
    assert "range starts at zero" in capsys.readouterr().out


def test_partly_filled_answer_is_not_yet(capsys):
    assert check("1.1.1", [3, ...], data=DATA) == "not yet"
    assert "still `...`" in capsys.readouterr().out


def test_long_reasons_break_between_words_and_keep_their_lines(capsys):
    words = " ".join(f"word{number}" for number in range(60))
    _replace_exercises(f"lambda answer: {words!r} + chr(10) + 'second line'")
    check("1.1.1", 4)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= checking.WIDTH and lines[-1] == "second line"
    assert " ".join(lines[:-1]) == f"1.1.1 passed: {words}"


def test_function_that_computes_is_attempted():
    assert check("1.1.2", lambda values: sum(values) / len(values), data=DATA) == "passed"


def test_exception_in_the_learners_function_is_told_with_its_line(capsys):
    def mean(values):
        total = sum(values)
        return total / undefined  # noqa: F821

    assert check("1.1.2", mean, data=DATA) == "not yet"
    said = capsys.readouterr().out
    assert "NameError" in said and "undefined" in said and "return total / undefined" in said


def test_missing_return_is_named(capsys):
    def mean(values):
        sum(values)

    exercise = 'lambda answer: "ok" if answer([1]) > 0 else ""'
    _replace_exercises(exercise)
    assert check("1.1.1", mean) == "not yet"
    assert "mean returned None; is a `return` missing?" in capsys.readouterr().out


def test_missing_return_is_named_before_any_reason_of_the_check(capsys):
    _replace_exercises(
        "lambda answer: (_ for _ in ()).throw(NotYet('shape')) if answer([1]) is None else ''"
    )

    def mean(values):
        sum(values)

    assert check("1.1.1", mean) == "not yet"
    assert capsys.readouterr().out == "1.1.1 not yet: mean returned None; is a `return` missing?\n"


def test_two_things_returned_for_one_are_named(capsys):
    assert check("1.1.2", lambda values: (sum(values), len(values)), data=[4]) == "not yet"
    _replace_exercises("lambda answer: float(answer([1])) and 'ok'")
    check("1.1.1", lambda values: (sum(values), len(values)))
    assert "returned 2 things, a tuple, where the check expects one" in _joined(capsys)


def test_what_a_function_returned_is_named_where_the_check_cannot_read_it(capsys):
    _replace_exercises("lambda answer: answer([1]).no_such_thing")
    assert check("1.1.1", lambda values: "text" + str(values)) == "error"
    assert "cannot read an answer of type str" in _joined(capsys)


@pytest.mark.parametrize("answer", [float("nan"), [1.0, float("nan")], {"a": float("nan")}])
def test_nan_never_passes_even_where_the_check_forgets_it(answer, capsys):
    _replace_exercises("lambda answer: 'fine'")
    assert check("1.1.1", answer) == "not yet"
    assert "gives nan" in capsys.readouterr().out
    assert check("1.1.1", 3.0) == "passed"


def test_nan_from_a_function_never_passes():
    _replace_exercises("lambda answer: 'fine' if not answer([1]) < 0 else 'negative'")
    assert check("1.1.1", lambda values: float("nan") * len(values)) == "not yet"


def test_finding_an_exercise_runs_its_file_once():
    file = exercises.files()["1.1"]
    marker = file.with_suffix(".ran")
    line = f"open({str(marker)!r}, 'a').write('x')"
    file.write_text(file.read_text() + line)
    assert exercises.find("1.1.2").id == "1.1.2"
    assert marker.read_text() == "x"


def _joined(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_system_exit_in_an_answer_does_not_end_the_lesson():
    assert check("1.1.2", lambda values: exit(3), data=DATA) == "not yet"


@pytest.mark.parametrize("id", ["1.1.9", "7.7.7", "nonsense", "", 5, None])
def test_unknown_id_is_an_error_that_lists_the_known(id, capsys):
    assert check(id, 3) == "error"
    assert "1.1.1, 1.1.2" in capsys.readouterr().out


def test_check_that_fails_itself_is_an_error_not_an_exception(capsys):
    class Hostile:
        def __eq__(self, other):
            raise ArithmeticError("I do not compare")

        __hash__ = None

    assert check("1.1.1", Hostile(), data=DATA) == "error"
    assert "answer of type Hostile" in capsys.readouterr().out
    assert check("1.1.1", 3, wrong_keyword=1) == "error"


def test_broken_exercises_file_is_an_error(capsys):
    exercises.files()["1.1"].write_text("EXERCISES = [")
    assert check("1.1.1", 3) == "error"
    hint("1.1.1")
    solution("1.1.1")
    assert capsys.readouterr().out.count("cannot be read (SyntaxError") == 3


def test_hints_come_one_by_one_and_the_last_stays(capsys):
    for _ in range(3):
        hint("1.1.1")
    said = capsys.readouterr().out
    assert said.startswith("Hint 1 of 2: Which function counts?\nHint 2 of 2: It is len.\n")
    assert said.count("It is len.") == 2
    assert progress.load()["1.1.1"]["hints"] == 2


def test_solution_is_shown_and_noted(capsys):
    solution("1.1.1")
    assert capsys.readouterr().out == "rows = len(data)\n"
    assert progress.load()["1.1.1"]["solution_seen"] is True


def test_passing_once_stays_passed():
    check("1.1.1", 3, data=DATA)
    check("1.1.1", 4, data=DATA)
    assert progress.load()["1.1.1"] == {"passed": True, "state": "not yet"}


def test_results_hold_the_latest_state_of_this_session():
    check("1.1.1", 4, data=DATA)
    check("1.1.2", None)
    check("1.1.1", 3, data=DATA)
    latest = [{"id": "1.1.1", "state": "passed"}, {"id": "1.1.2", "state": "not attempted"}]
    assert exercises.results() == latest


def test_damaged_progress_is_set_aside_not_lost(kit):
    file = progress.path()
    file.parent.mkdir()
    file.write_text('{"exercises": {"1.1.2": {"pas')
    assert progress.load() == {}
    check("1.1.1", 3, data=DATA)
    assert progress.load()["1.1.1"]["passed"]
    assert "1.1.2" in (file.parent / ".progress.damaged-1.json").read_text()


def test_progress_under_its_former_name_counts_and_is_hidden_at_the_next_check(kit):
    former = kit / "work" / "progress.json"
    former.parent.mkdir()
    former.write_text('{"version": 1, "exercises": {"1.1.2": {"passed": true}}}')
    assert progress.load()["1.1.2"]["passed"]
    check("1.1.1", 3, data=DATA)
    assert set(progress.load()) == {"1.1.1", "1.1.2"}
    assert [p.name for p in former.parent.iterdir() if not p.name.startswith(".")] == []


def test_progress_that_cannot_be_saved_is_said_and_the_check_still_counts(kit, capsys):
    (kit / "work").write_text("a file where the folder should be")
    assert check("1.1.1", 3, data=DATA) == "passed"
    assert "Progress was not saved" in capsys.readouterr().out


def _record_many(name):
    for number in range(15):
        progress.update(f"{name}.{number}", state="passed")


def test_two_notebooks_at_once_lose_no_progress(kit):
    context = multiprocessing.get_context("fork" if hasattr(__import__("os"), "fork") else "spawn")
    writers = [context.Process(target=_record_many, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(progress.load()) == 30
    assert not list((kit / "work").glob("..progress.json.*"))  # no temporary file is left


def test_exercises_of_another_lesson_and_doubles_are_refused():
    file = exercises.files()["1.1"]
    text = file.read_text()
    file.write_text(text.replace('"1.1.2"', '"1.2.2"'))
    with pytest.raises(ValueError, match=r"is lesson 1\.1 but holds 1\.2\.2"):
        exercises.load(file)
    file.write_text(text.replace('"1.1.2"', '"1.1.1"'))
    with pytest.raises(ValueError, match="twice"):
        exercises.load(file)


def test_an_exercise_needs_a_known_kind_and_a_hint():
    with pytest.raises(ValueError, match="kind"):
        Exercise("1.1.1", "guess", ["hint"], lambda answer: "", "")
    with pytest.raises(ValueError, match="no hint"):
        Exercise("1.1.1", "modify", [], lambda answer: "", "")


def test_state_is_plain_text_to_json():
    assert json.dumps(check("1.1.1", 3, data=DATA)) == '"passed"'


def _replace_exercises(check_source):
    exercises.files()["1.1"].write_text(
        "from tl_helpers.exercises.checking import Exercise, NotYet\n"
        f"EXERCISES = [Exercise('1.1.1', 'modify', ['h'], {check_source}, 'x = 1')]\n"
    )

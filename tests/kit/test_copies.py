"""Guarantees for the learner's working copies: an update of the course overwrites no edit."""

import json
import os

import nbformat
import pytest
import tiny_kit

from tl_helpers.kit import copies, lessons


@pytest.fixture
def source(tmp_path, monkeypatch):
    root = tiny_kit.build(tmp_path)
    monkeypatch.setenv("TL_NOTEBOOKS", str(root))
    monkeypatch.setenv("TL_WORK", str(tmp_path / "my_work"))
    return lessons.get("1.1").path


def edit(path, text, *, output=False):
    notebook = nbformat.read(path, as_version=4)
    if output:
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=text)]
    else:
        notebook.cells[-1].source = text
    nbformat.write(notebook, path)


def test_copy_lands_in_my_work_under_the_same_name(source, tmp_path):
    copy = copies.working_copy("1.1")
    assert copy.path == tmp_path / "my_work" / "01_basics" / "01_counting.ipynb"
    assert copy.path.read_bytes() == source.read_bytes() and copy.note == ""


def test_second_call_keeps_edits_and_outputs(source):
    copy = copies.working_copy("1.1").path
    edit(copy, "mine")
    kept = copy.read_bytes()
    assert copies.working_copy("1.1").note == ""
    assert copy.read_bytes() == kept


def test_copy_that_was_only_run_follows_the_course(source):
    copy = copies.working_copy("1.1").path
    edit(copy, "ran", output=True)
    edit(source, "version 2")
    assert "new version" in copies.working_copy("1.1").note
    assert copy.read_bytes() == source.read_bytes()


def test_edited_copy_is_left_alone_and_the_new_version_put_beside_it_once(source):
    copy = copies.working_copy("1.1").path
    edit(copy, "mine")
    mine = copy.read_bytes()
    edit(source, "version 2")
    note = copies.working_copy("1.1").note
    fresh = copy.with_name("01_counting.new.ipynb")
    assert fresh.name in note and fresh.read_bytes() == source.read_bytes()
    assert copy.read_bytes() == mine
    fresh.unlink()
    assert copies.working_copy("1.1").note == "" and not fresh.exists()


def test_edited_new_version_is_kept_when_a_third_comes(source):
    copy = copies.working_copy("1.1").path
    edit(copy, "mine")
    edit(source, "version 2")
    copies.working_copy("1.1")
    fresh = copy.with_name("01_counting.new.ipynb")
    edit(fresh, "worked on version 2")
    edit(source, "version 3")
    copies.working_copy("1.1")
    assert "version 3" in fresh.read_text()
    assert "worked on version 2" in copy.with_name("01_counting.new.old-1.ipynb").read_text()


def test_lost_ledger_counts_every_copy_as_edited(source, tmp_path):
    copy = copies.working_copy("1.1").path
    edit(copy, "mine")
    (tmp_path / "my_work" / ".handed_out.json").write_text("{")
    edit(source, "version 2")
    copies.working_copy("1.1")
    assert "mine" in copy.read_text()


def test_damaged_copy_is_not_overwritten(source):
    copy = copies.working_copy("1.1").path
    copy.write_text("half a noteb")
    edit(source, "version 2")
    copies.working_copy("1.1")
    assert copy.read_text() == "half a noteb"


def test_reset_gives_a_fresh_copy_and_keeps_the_edits(source):
    copy = copies.working_copy("1.1").path
    for number in (1, 2):
        edit(copy, f"mine {number}")
        assert f"old-{number}" in copies.reset("1.1").note
        assert copy.read_bytes() == source.read_bytes()
        kept = copy.with_name(f"01_counting.old-{number}.ipynb")
        assert f"mine {number}" in kept.read_text()


def test_kept_and_new_versions_are_not_taken_for_lessons(source):
    source.with_name("01_counting.new.ipynb").write_bytes(source.read_bytes())
    assert [lesson.id for lesson in lessons.find()] == ["00", "1.1"]


def show_slider(copy):
    """Save a slider's live view with its picture, and a view that has no picture."""
    notebook = nbformat.read(copy, as_version=4)
    view, picture = {copies.LIVE_VIEW: {"model_id": "a1"}}, {"image/png": "AAAA"}
    both, alone = (nbformat.v4.new_output("display_data", each) for each in (view | picture, view))
    notebook.cells[1].outputs = [both, alone]
    nbformat.write(notebook, copy)


def test_a_view_whose_kernel_is_gone_leaves_its_picture(source):
    copy = copies.working_copy("1.1").path
    edit(copy, "mine")
    show_slider(copy)
    assert copies.show_pictures_for_dead_views() == [copy]
    notebook = nbformat.read(copy, as_version=4)
    assert notebook.cells[-1].source == "mine"
    assert [list(output.data) for output in notebook.cells[1].outputs] == [
        ["image/png"],
        [copies.LIVE_VIEW],
    ]
    kept = copy.read_bytes()
    assert copies.show_pictures_for_dead_views() == [] and copy.read_bytes() == kept


def test_views_stay_while_a_server_runs_on_the_copies(source, tmp_path, monkeypatch):
    copy = copies.working_copy("1.1").path
    show_slider(copy)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    server = {"pid": os.getpid(), "root_dir": str(tmp_path / "my_work")}
    (tmp_path / "jpserver-1.json").write_text(json.dumps(server))
    assert copies.show_pictures_for_dead_views() == []
    assert copies.LIVE_VIEW in copy.read_text()


def test_damaged_copies_do_not_stop_the_lab(source):
    copy = copies.working_copy("1.1").path
    for content in (
        "half a noteb",
        "[]",
        '{"cells": 3}',
        '{"cells": [{"outputs": [{"data": 1}]}]}',
    ):
        copy.write_text(content)
        assert copies.show_pictures_for_dead_views() == [] and copy.read_text() == content

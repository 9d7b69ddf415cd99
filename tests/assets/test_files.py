"""A file is the old one or the new one, whole, whatever happens in between."""

import json
import os

import pytest

from tl_helpers.assets import files


def test_text_arrives_as_it_is_in_a_folder_that_is_made(tmp_path):
    target = tmp_path / "deep" / "er" / "a.txt"
    files.write_text(target, "one\ntwo é\n")
    assert target.read_bytes() == "one\ntwo é\n".encode()
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_others_may_read_what_was_written(tmp_path):
    files.write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_failure_leaves_the_old_content_and_no_scrap(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(target) as scratch:
        scratch.write_text("half")
        assert target.read_text() == "old"
        assert scratch.parent == tmp_path  # on the same disk, so that the last step is one move
        assert scratch.name.startswith(".")  # and hidden from whoever lists the folder
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_content_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("on disk"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (events.append("named"), replace(*paths)))
    files.write_text(tmp_path / "a", "x")
    assert events == ["on disk", "named"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_is_standard_json_or_refused(tmp_path, number):
    files.write_json(tmp_path / "a", {"n": [1, 2.5, None]})
    assert json.loads((tmp_path / "a").read_text()) == {"n": [1, 2.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a", {"n": number})
    assert json.loads((tmp_path / "a").read_text()) == {"n": [1, 2.5, None]}

"""The hook before a commit cleans files in place, once, and says which."""

from __future__ import annotations

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tl_helpers.assets.paths import kit_root
from tl_helpers.kit import cleaning, lessons


def test_a_file_is_cleaned_once_and_what_is_clean_stays(tmp_path, capsys):
    output = new_output("stream", text="1\n")
    cell = new_code_cell("print(1)", execution_count=7, outputs=[output])
    cell.metadata["papermill"] = {"duration": 1.5}
    path = tmp_path / "own.ipynb"
    nbformat.write(new_notebook(cells=[cell]), path)
    assert cleaning.main([str(path)]) == 1
    assert "cleaned" in capsys.readouterr().out
    (left,) = lessons.read(path).cells
    assert left.execution_count == 1 and "papermill" not in left.metadata
    assert left.outputs[0].text == "1\n"
    assert cleaning.main([str(path)]) == 0


def test_committed_notebooks_are_clean_already(tmp_path):
    for lesson in lessons.find():
        copy = tmp_path / lesson.path.name
        copy.write_bytes(lesson.path.read_bytes())
        assert cleaning.main([str(copy)]) == 0, f"{lesson.id} is not as the cleaner leaves it"


def test_the_hooks_call_modules_that_are_there():
    config = yaml.safe_load((kit_root() / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]
    assert any(entry.endswith("tl_helpers.kit.cleaning") for entry in entries)
    assert all(entry.startswith(".venv/bin/python -m ") for entry in entries)

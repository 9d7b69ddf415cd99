"""Publishing a lesson: executed, cleaned, its header, index and README written, all or nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tl_helpers.assets import paths
from tl_helpers.kit import cleaning, course_map, glossary, publish
from tl_helpers.kit.running import RunResult

ROOT = Path(__file__).resolve().parents[2]


def _messy() -> nbformat.NotebookNode:
    """A notebook as JupyterLab and papermill leave it, with everything that has to go."""
    view = {cleaning.WIDGET_VIEW: {"model_id": "a1"}, "text/plain": "interactive(children=())"}
    bar = v4.new_output("stream", name="stderr", text=" 45%|####   | 9/20 [00:01<00:02]")
    home = f"saved {Path.home()}/x, object at 0x7f3a5c0d1e80\n"
    cells = [
        v4.new_markdown_cell("# Title"),
        v4.new_code_cell("profile = 'smoke'", metadata={"tags": ["injected-parameters"]}),
        v4.new_code_cell("train()", execution_count=7, outputs=[bar]),
        v4.new_code_cell("slider()", execution_count=9),
        v4.new_code_cell("", execution_count=None),
        v4.new_code_cell("value", execution_count=12),
    ]
    cells[2].outputs += [v4.new_output("stream", text="a"), v4.new_output("stream", text=home)]
    cells[2].metadata = {"papermill": {"duration": 1.2}, "tags": ["exercise"], "exercise": "1.1.1"}
    static = {**view, "image/png": "aGk=", "text/plain": "a curve that rises"}
    cells[3].outputs = [v4.new_output("display_data", data=d) for d in (view, static)]
    result = {"data": {"text/plain": "3"}, "execution_count": 12}
    cells[5].outputs = [v4.new_output("execute_result", **result)]
    metadata = {"widgets": {"state": {}}, "papermill": {}, "tl": {"id": "1.1", "assets": []}}
    return v4.new_notebook(cells=cells, metadata=metadata)


def test_cleaner_removes_what_differs_from_run_to_run():
    nb = cleaning.clean(_messy())
    text = nbformat.writes(nb)
    for trace in ("papermill", "widget", "45%", str(Path.home()) + "/", "0x7f", "injected"):
        assert trace not in text
    nbformat.validate(nb)


def test_cleaner_renumbers_from_one_and_never_to_null():
    nb = cleaning.clean(_messy())
    counts = [c.execution_count for c in nb.cells if c.cell_type == "code" and c.source]
    assert counts == [1, 2, 3]
    assert nb.cells[-1].outputs[0].execution_count == 3


def test_cleaner_keeps_text_pictures_tags_and_lesson_metadata():
    nb = cleaning.clean(_messy())
    trained, slider = nb.cells[1], nb.cells[2]
    assert [output.text for output in trained.outputs] == ["asaved ~/x, object at 0x...\n"]
    assert trained.metadata == {"tags": ["exercise"], "exercise": "1.1.1"}
    picture = {"image/png": "aGk=", "text/plain": "a curve that rises"}
    assert [output.data for output in slider.outputs] == [picture]
    assert nb.metadata.tl == {"id": "1.1", "assets": []}


def test_cleaner_leaves_embedded_pictures_alone():
    picture = f'<img alt="a curve" src="data:image/png;base64,iVBO{Path.home()}/tmp/AA=="> '
    assert cleaning.without_machine(picture) == picture
    assert cleaning.without_machine(f"{picture}{paths.kit_root()}/x") == f"{picture}./x"


@pytest.mark.parametrize("kind", ["text/html", "text/markdown", "text/plain", "text/latex"])
@pytest.mark.parametrize("output", ["display_data", "execute_result"])
def test_cleaner_takes_machine_paths_out_of_every_kind_of_text(kind, output):
    data = {kind: f"<td>{paths.cache_dir()}/assets/x</td> {Path.home()}/y at 0x7f3a5c0d1e80"}
    more = {"execution_count": 1} if output == "execute_result" else {}
    cell = v4.new_code_cell("table", outputs=[v4.new_output(output, data=data, **more)])
    nb = cleaning.clean(v4.new_notebook(cells=[cell]))
    assert nb.cells[0].outputs[0].data[kind] == "<td>CACHE/assets/x</td> ~/y at 0x..."


def test_cleaning_twice_changes_nothing():
    once = nbformat.writes(cleaning.clean(_messy()))
    assert nbformat.writes(cleaning.clean(nbformat.reads(once, as_version=4))) == once


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no markers", "0 and 0"),
        (publish.HEADER[0], "1 and 0"),
        ("".join(publish.HEADER * 2), "2 and 2"),
        ("".join(reversed(publish.HEADER)), "1 and 1 in the other order"),
    ],
)
def test_markers_that_are_missing_doubled_or_exchanged_are_refused(text, found):
    with pytest.raises(ValueError, match=f"once each, found {found}"):
        publish.replace_block(text, "block", publish.HEADER)


def test_block_between_the_markers_is_replaced_and_nothing_else():
    start, end = publish.HEADER
    text = f"above\n{start}old\nlines{end}\nbelow"
    assert publish.replace_block(text, r"new \1", publish.HEADER) == "above\nnew \\1\nbelow"


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({}, "not measured"),
        ({"verdict": "transfer"}, "+0.31 balanced accuracy (+0.25 to +0.37)"),
        (
            {"labels_saved": {"value": 120.4, "censored": True}, "verdict": "transfer"},
            "+0.31 balanced accuracy (+0.25 to +0.37), more than 120 labels saved",
        ),
        (
            {"verdict": "not enough evidence", "labels_saved": {"value": -10, "censored": False}},
            "+0.31 balanced accuracy (+0.25 to +0.37): not enough evidence",
        ),
        (
            {"gain": {"mean": 0.312, "low": None, "high": None}, "verdict": "not enough evidence"},
            "+0.31 balanced accuracy (no interval): not enough evidence",
        ),
    ],
)
def test_what_transfer_bought_is_said_in_words(card, words):
    gain = {"mean": 0.312, "low": 0.25, "high": 0.371}
    full = {"metric": "balanced_accuracy", "gain": gain, **card} if card else card
    assert publish.bought(full) == words


# A kit of its own with one tiny lesson, published for real.

CARD = """\
import json, os, pathlib
card = {"metric": "accuracy", "gain": {"mean": 0.2, "low": 0.1, "high": 0.3}, "verdict": "transfer"}
card["claims"] = [{"task": "main", "text": "it works", "holds": %s}]
path = pathlib.Path(os.environ["TL_OUT"]) / "00.json"
_ = path.write_text(json.dumps(card))
print("holds: it works")"""


@pytest.fixture
def kit(tmp_path) -> Path:
    """A copy of the package beside a course of one lesson."""
    shutil.copytree(ROOT / "tl_helpers", tmp_path / "tl_helpers")
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "site.toml", tmp_path / "data")
    (tmp_path / "data" / "catalogue.toml").write_text("")
    (tmp_path / "README.md").write_text("above\n" + "\n".join(publish.TABLE) + "\nbelow\n")
    _write_lesson(tmp_path, CARD % "profile == 'smoke' or profile == 'laptop'")
    return tmp_path


def _write_lesson(kit: Path, claim: str) -> Path:
    parameters = 'profile = "laptop"\nseed = 0'
    cells = [
        v4.new_markdown_cell("# Tiny\n\n" + "\n".join(publish.HEADER)),
        v4.new_code_cell("import sys", metadata={"tags": ["setup"]}),
        v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        v4.new_code_cell(claim, metadata={"tags": ["nbval-check-output"]}),
    ]
    nb = v4.new_notebook(cells=cells, metadata={"tl": {"id": "00", "assets": []}})
    path = kit / "notebooks" / "00_tiny.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nb, path)
    return path


def _run(kit: Path, code: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(kit)}
    for name in ("TL_NOTEBOOKS", "TL_WORK", "TL_OUT"):
        environment.pop(name, None)
    call = [sys.executable, "-c", f"from tl_helpers.kit import publish; {code}"]
    return subprocess.run(
        call, cwd=kit, env=environment, capture_output=True, text=True, check=False
    )


def test_publishing_executes_cleans_and_writes_header_index_and_readme(kit):
    done = _run(kit, "publish.publish()")
    assert done.returncode == 0, done.stderr
    nb = nbformat.read(kit / "notebooks" / "00_tiny.ipynb", as_version=4)
    entry = json.loads((kit / "notebooks" / "index.json").read_text())["lessons"][0]
    assert [entry[k] for k in ("id", "title", "path")] == ["00", "Tiny", "notebooks/00_tiny.ipynb"]
    assert entry["laptop"]["seconds"] > 0 and entry["smoke"]["peak_mib"] > 0
    assert entry["claims"] == {"held": 1, "total": 1}
    assert publish.header(entry) in nb.cells[0].source
    assert nb.cells[1].source == publish.SETUP_CELL
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2, 3]
    assert nb.cells[3].outputs[0].text == "holds: it works\n"
    readme = (kit / "README.md").read_text()
    assert readme == f"above\n{publish.lesson_table([entry])}\nbelow\n"
    assert "+0.20 accuracy (+0.10 to +0.30)" in readme


def test_refresh_says_in_the_header_how_often_the_claims_held_at_other_seeds(kit):
    assert _run(kit, "publish.publish()").returncode == 0
    record = {"lesson": "00", "seeds": [3, 4], "claims": [{"held": [3, 4]}, {"held": [4]}]}
    (kit / "data" / "results").mkdir()
    (kit / "data" / "results" / "00-claims.json").write_text(json.dumps(record))
    assert _run(kit, "publish.refresh()").returncode == 0
    entry = json.loads((kit / "notebooks" / "index.json").read_text())["lessons"][0]
    assert entry["claims"] == {"held": 1, "total": 1, "seeds": 2, "held_at_seeds": 3, "of": 4}
    nb = nbformat.read(kit / "notebooks" / "00_tiny.ipynb", as_version=4)
    assert "| 1 of 1, at 2 seeds: 3 of 4 |" in nb.cells[0].source


def test_index_tells_the_costs_of_each_profile_apart(tmp_path):
    card = tmp_path / "00.json"
    card.write_text(json.dumps({"versions": {"torch": "2"}}))
    smoke = RunResult("00", "smoke", 0, True, seconds=1.04, peak_mib=100.2)
    claims = [{"text": "a", "holds": True}, {"text": "b", "holds": False}]
    laptop = RunResult("00", "laptop", 0, False, scorecard=card, seconds=50.26, peak_mib=900.7,
                       claims=claims)  # fmt: skip
    assert publish._measurements(smoke, laptop) == {
        "smoke": {"seconds": 1.0, "peak_mib": 100},
        "laptop": {"seconds": 50.3, "peak_mib": 901},
        "claims": {"held": 1, "total": 2},
        "gain": "not measured",
        "versions": {"torch": "2"},
    }


def test_header_and_table_show_the_laptop_and_never_the_smoke_run():
    entry = {
        "id": "1.1",
        "title": "T",
        "path": "notebooks/t.ipynb",
        "download_mb": 7,
        "gain": "+0.20",
        "claims": {"held": 1, "total": 1},
        "smoke": {"seconds": 6, "peak_mib": 111},
        "laptop": {"seconds": 90, "peak_mib": 999},
        "gpu": None,
    }
    for text in (publish.header(entry), publish.lesson_table([entry])):
        assert "1.5 min | 999 MiB |" in text
        assert "111" not in text
    assert "| 7 MB | not measured |" in publish.header(entry)
    entry["gpu"] = {"seconds": 180, "peak_mib": 5}
    assert "| 7 MB | 3.0 min |" in publish.header(entry)


def test_lesson_whose_claim_falls_is_not_published(kit):
    path = _write_lesson(kit, CARD % "False")
    before = path.read_bytes()
    done = _run(kit, "publish.publish(['00'])")
    assert done.returncode != 0
    assert "claim does not hold: it works" in done.stderr
    assert path.read_bytes() == before
    assert not (kit / "notebooks" / "index.json").exists()


def test_lesson_that_grows_too_large_is_refused_and_left_as_it_was(kit):
    path = _write_lesson(kit, "print('x' * 800_000)")
    before = path.read_bytes()
    done = _run(kit, "publish.publish()")
    assert done.returncode != 0
    assert "at most 700 kB" in done.stderr
    assert path.read_bytes() == before


def test_unknown_lesson_is_refused_before_anything_runs(kit):
    done = _run(kit, "publish.publish(['7.7'])")
    assert done.returncode != 0
    assert "there is no lesson '7.7'" in done.stderr


def test_refresh_renews_headers_without_executing(kit):
    assert _run(kit, "publish.publish()").returncode == 0
    site = kit / "data" / "site.toml"
    site.write_text('repository = "ada/course"\nref = "v9"\n')
    assert _run(kit, "publish.refresh()").returncode == 0
    nb = nbformat.read(kit / "notebooks" / "00_tiny.ipynb", as_version=4)
    assert "github/ada/course/blob/v9/" in nb.cells[0].source
    assert "github.com/ada/course@v9" in nb.cells[1].source
    assert nb.cells[3].outputs[0].text == "holds: it works\n"
    assert "gh/ada/course/v9" in (kit / "README.md").read_text()


def test_refresh_shows_glossary_and_map_where_a_page_has_their_markers(kit):
    path = kit / "notebooks" / "00_tiny.ipynb"
    nb = nbformat.read(path, as_version=4)
    for markers in (glossary.MARKERS, course_map.MARKERS):
        nb.cells.append(v4.new_markdown_cell("## Here\n\n" + " old ".join(markers)))
    nbformat.write(nb, path)
    head = "| term | means | lesson |\n|---|---|---|\n"
    (path.parent / glossary.FILE).write_text(f"{head}| probe | a linear head | 00 |\n")
    (path.parent / course_map.FILE).write_text("| id | about |\n|---|---|\n| 1 | Basics |\n")
    measured = {"seconds": 1.0, "peak_mib": 100}
    entry = {"id": "00", "title": "Tiny", "path": "notebooks/00_tiny.ipynb", "download_mb": 0}
    entry |= {"smoke": measured, "laptop": measured, "gain": "", "claims": {"held": 1, "total": 1}}
    (path.parent / "index.json").write_text(json.dumps({"version": 1, "lessons": [entry]}))
    done = _run(kit, "publish.refresh()")
    assert done.returncode == 0, done.stderr
    terms = [glossary.Term("probe", "a linear head", "00")]
    blocks = (glossary.block(terms), course_map.block({"1": "Basics"}, []))
    shown = [cell.source for cell in nbformat.read(path, as_version=4).cells[-2:]]
    assert shown == [f"## Here\n\n{block}" for block in blocks]

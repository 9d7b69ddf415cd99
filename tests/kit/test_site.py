"""What the repository says about itself agrees: links, tables, environments, versions."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import conda
import pytest
import yaml

import tl_helpers
from tl_helpers.kit import lessons, publish

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_site_names_a_repository_and_the_version_that_this_is():
    site = publish.site()
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", site["repository"])
    assert site["ref"] in ("main", f"v{tl_helpers.__version__}")


@pytest.mark.parametrize("lesson", lessons.find(), ids=lambda lesson: lesson.id)
def test_badges_lead_to_the_notebook_at_the_same_ref(lesson):
    site, path = publish.site(), lesson.path.relative_to(ROOT).as_posix()
    links = re.findall(r"\]\((https://[^)\s]+)\)", publish.badges(path))
    binder, colab = (urlsplit(link) for link in links if not link.endswith(".svg"))
    assert binder.netloc == "mybinder.org"
    assert binder.path == f"/v2/gh/{site['repository']}/{site['ref']}"
    assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/{path}"]}
    assert colab.netloc == "colab.research.google.com"
    assert colab.path == f"/github/{site['repository']}/blob/{site['ref']}/{path}"


def test_setup_cell_is_short_keeps_torch_and_is_python_but_for_its_magic():
    lines = publish.SETUP_CELL.splitlines()
    assert len(lines) <= 8
    assert f"{publish.site()['repository']}@{publish.site()['ref']}" in publish.SETUP_CELL
    assert "--no-deps" in publish.SETUP_CELL
    ast.parse(publish.SETUP_CELL.replace("%pip", "pass  # "))


def test_readme_table_is_the_one_that_the_index_gives():
    assert publish.lesson_table(publish.read_index()) in README


def test_readme_picture_is_the_one_that_the_lesson_stores():
    stored = [
        picture
        for lesson in lessons.find()
        for picture in publish.result_pictures(lessons.read(lesson.path))
    ]
    assert [(ROOT / publish.FIGURE).read_bytes()] == [picture for picture, _ in stored]
    assert f"![{stored[0][1]}]({publish.FIGURE})" in README


def test_readme_clones_the_repository_of_the_site():
    addresses = set(re.findall(r"https://github\.com/([\w.-]+/[\w.-]+)", README))
    assert addresses == {publish.site()["repository"]}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "data/README.md"])
def test_links_and_pictures_inside_the_repository_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link and not link.startswith("#"):
            assert ((ROOT / page).parent / link.split("#")[0]).exists(), link


def test_pictures_in_the_readme_have_alt_text():
    assert all(alt.strip() for alt in re.findall(r"!\[([^\]]*)\]", README))


@pytest.mark.parametrize("path", conda.files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_conda_environments_have_the_ranges_of_the_package(path):
    assert path.read_text() == conda.files()[path], "run: python tests/support/conda.py"


def test_binder_pins_python_and_takes_the_cpu_build():
    wanted = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())["dependencies"]
    names = [line for line in wanted if isinstance(line, str)]
    assert any(re.fullmatch(r"python=3\.1[1-9]", name) for name in names)
    assert any(name.startswith("pytorch-cpu") for name in names)
    after = ROOT / "binder" / "postBuild"
    assert after.stat().st_mode & 0o111, "Binder runs postBuild, so it has to be executable"
    assert "tl fetch" in after.read_text()


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_workflow_runs_the_test_command():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert yaml.safe_load(text)["jobs"]["test"]["steps"][-1] == {"run": "make test"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_every_action_to_a_commit(path):
    jobs = yaml.safe_load(path.read_text())["jobs"]
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert used, "a workflow that uses no action checks nothing out"
    for action in used:
        assert re.search(r"@[0-9a-f]{40}$", action), action


def test_licences_of_code_and_text_are_stated():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT AND CC-BY-4.0"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert "creativecommons.org/licenses/by/4.0" in (ROOT / "LICENSE-TEXT").read_text()

"""Lessons run on a reader's folder of pictures, from the same cells."""

from __future__ import annotations

import json

import nbformat
import numpy as np
import pytest
from offline_environment import offline_variables
from PIL import Image

from tl_helpers.kit import running
from tl_helpers.models import classifiers


@pytest.fixture
def two_classes(tmp_path):
    """Two classes of twelve pictures in several modes and sizes, and three that are unreadable."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("stripes", "spots and dots")):
        folder = tmp_path / "mine" / name
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (40 + 5 * number, 60, 3), dtype=np.uint8)
            pixels[:: 2 + label] //= 4
            mode = ("RGB", "L", "RGBA", "P", "CMYK")[number % 5]
            suffix = "tif" if mode == "CMYK" else "png"
            Image.fromarray(pixels).convert(mode).save(folder / f"picture {number}.{suffix}")
    (folder / "text.png").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    whole = (folder / "picture 0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path / "mine"


def test_the_whole_lesson_runs_on_two_classes_and_leaves_a_classifier_that_answers(
    two_classes, tmp_path, monkeypatch
):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    mine = {"image_folder": str(two_classes)}
    settings = running.Settings(parameters=mine, threads=1, seconds=180)
    result = running.run("2.1", "smoke", out=tmp_path / "out", settings=settings)
    assert result.problems == [] and result.claims == []
    notebook = nbformat.read(result.notebook, as_version=4)
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert "24 pictures of 'mine' in 2 classes" in printed
    broken = ("text.png", "empty.jpg", "cut.png")  # of which a draw of twelve meets some
    named = [file for file in broken if f"spots and dots/{file}" in printed]
    assert named and f"Pictures left out: {len(named)}" in printed
    rows = json.loads(result.scorecard.read_text("utf-8"))["rows"]
    assert {row["arm"] for row in rows} >= {"probe", "colour", "own table"}
    assert not any(row["recorded"] for row in rows)
    assert result.model == tmp_path / "out" / "2.1-model"
    model = classifiers.load(result.model)
    assert model.classes == ["spots and dots", "stripes"]
    name, confidence = model.predict(two_classes / "stripes" / "picture 1.png")
    assert name in model.classes and 0.5 <= confidence <= 1
    assert "16 labels" in (result.model / "README.md").read_text("utf-8")


def test_the_lesson_runs_on_twenty_classes_with_groups_and_unequal_counts(tmp_path, monkeypatch):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    rng = np.random.default_rng(0)
    for label in range(20):
        for number in range(12 + label % 3):
            day = f"day {number // 2}" if label == 0 else ""
            folder = tmp_path / "many" / f"class {label}" / day
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels // (1 + label % 4)).save(folder / f"{number}.png")
    mine = {"image_folder": str(tmp_path / "many")}
    settings = running.Settings(parameters=mine, threads=1, seconds=240)
    result = running.run("2.1", "smoke", out=tmp_path / "out", settings=settings)
    assert result.problems == []
    assert len(classifiers.load(result.model).classes) == 20


def test_lesson_00_runs_on_them_too(two_classes, tmp_path, monkeypatch):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    mine = {"image_folder": str(two_classes)}
    settings = running.Settings(parameters=mine, threads=1, seconds=180)
    result = running.run("00", "smoke", out=tmp_path, settings=settings)
    assert result.problems == [] and result.claims == []
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert {row["budget"] for row in card["rows"]} == {2, 4}  # of two classes
    assert "spots and dots, stripes" in result.notebook.read_text(encoding="utf-8")


def test_feature_extraction_runs_on_six_pictures_a_class_and_claims_nothing(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in ("dark", "bright", "in between"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{number}.png")
    for variable, value in offline_variables().items():
        monkeypatch.setenv(variable, value)
    mine = {"image_folder": str(tmp_path / "mine")}
    settings = running.Settings(parameters=mine, threads=1, seconds=180)
    result = running.run("1.2", "laptop", out=tmp_path, settings=settings)
    assert result.problems == []
    assert result.claims == []
    notebook = nbformat.read(result.notebook, as_version=4)
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert "18 pictures of 'mine' in 3 classes" in printed
    assert "verdict: not enough evidence" in printed


def test_fine_tuning_runs_on_two_classes_of_twelve_pictures_without_recorded_rows(
    two_classes, tmp_path, monkeypatch
):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    settings = running.Settings(
        parameters={"image_folder": str(two_classes)}, threads=1, seconds=180
    )
    result = running.run("1.3", "smoke", out=tmp_path, settings=settings)
    assert result.problems == []
    rows = json.loads(result.scorecard.read_text("utf-8"))["rows"]
    assert {row["arm"] for row in rows} >= {"fine-tune", "free statistics", "probe"}
    assert not any(row["recorded"] for row in rows)

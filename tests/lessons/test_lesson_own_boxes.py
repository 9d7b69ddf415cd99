"""The lesson on detection runs on a reader's pictures with boxes, the fewest announced too."""

from __future__ import annotations

import json

import numpy as np
from offline_environment import offline_variables
from PIL import Image

from tl_helpers.kit import running


def _voc(boxes) -> str:
    sides = ("xmin", "ymin", "xmax", "ymax")
    rows = []
    for box in boxes:
        numbers = "".join(f"<{s}>{v}</{s}>" for s, v in zip(sides, box, strict=True))
        rows.append(f"<object><name>disc</name><bndbox>{numbers}</bndbox></object>")
    return f"<annotation>{''.join(rows)}</annotation>"


def _picture(folder, name, width, height, rng) -> None:
    pixels = rng.integers(60, 90, (height, width, 3), dtype=np.uint8)
    boxes = []
    for _ in range(max(4, width * height // 12000)):
        x, y = rng.integers(20, width - 20), rng.integers(20, height - 20)
        pixels[y - 16 : y + 16, x - 16 : x + 16] = (60, 180, 60)
        boxes.append((x - 15, y - 15, x + 16, y + 16))
    Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / f"{name}.xml").write_text(_voc(boxes), encoding="utf-8")


def _run(folder, tmp_path, monkeypatch):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    settings = running.Settings(parameters={"box_folder": str(folder)}, threads=1, seconds=180)
    result = running.run("2.2", "smoke", out=tmp_path, settings=settings)
    assert result.problems == [] and result.claims == []
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert not any(row["recorded"] for row in card["rows"])
    assert {"frozen", "fine-tune", "blobs", "scratch"} <= {row["arm"] for row in card["rows"]}
    return result.notebook.read_text(encoding="utf-8")


def test_three_pictures_of_three_sizes_run_whole_and_claim_nothing(tmp_path, monkeypatch):
    rng, folder = np.random.default_rng(0), tmp_path / "boxes"
    folder.mkdir()
    for name, size in {"a": (200, 150), "b": (300, 260), "c": (257, 300)}.items():
        _picture(folder, name, *size, rng)
    (folder / "broken.png").write_bytes(b"no picture")
    assert "broken.png" in _run(folder, tmp_path, monkeypatch)


def test_one_large_picture_is_cut_into_strips(tmp_path, monkeypatch):
    folder = tmp_path / "boxes"
    folder.mkdir()
    _picture(folder, "all", 520, 780, np.random.default_rng(1))
    assert "to label" in _run(folder, tmp_path, monkeypatch)

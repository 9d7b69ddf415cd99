"""A saved classifier answers as the network did, in any process, and refuses what is damaged."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from tl_helpers.assets import paths
from tl_helpers.datasets.picture_files import UnreadablePicture
from tl_helpers.models import classifiers
from tl_helpers.models.weights import CheckpointError

CLASSES = ["cat", "an apple | red", "ship"]
SIDE = 32


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=3).eval()


@pytest.fixture
def folder(network, tmp_path):
    card = classifiers.model_card("Three things", {"right": "1 of 3"})
    return classifiers.save(tmp_path / "deep" / "model", network, CLASSES, SIDE, card)


def _picture(size=(SIDE, SIDE)):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_it_says_what_the_network_says_of_the_same_pixels(folder, network, tmp_path):
    model, picture = classifiers.load(folder), _picture()
    picture.save(tmp_path / "a.png")
    x = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        said = network(x).softmax(1)[0].tolist()
    for given in (picture, tmp_path / "a.png", str(tmp_path / "a.png")):
        assert list(model.probabilities(given)) == CLASSES
        np.testing.assert_allclose(list(model.probabilities(given).values()), said, atol=1e-5)
        name, confidence = model.predict(given)
        assert name == CLASSES[int(np.argmax(said))] and confidence == pytest.approx(max(said))


def test_a_new_process_gives_the_same_answer(folder):
    pixels = torch.from_numpy(np.asarray(_picture()).copy()).permute(2, 0, 1)
    name, confidence = classifiers.in_a_fresh_process(folder, pixels)
    here = classifiers.load(folder).predict(_picture())
    assert name == here.name and confidence == pytest.approx(here.confidence, abs=1e-5)


def test_a_new_process_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"holds no classifier\.json"):
        classifiers.in_a_fresh_process(tmp_path, torch.zeros(3, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_pictures_of_every_mode_and_size_are_read_alike_from_file_and_memory(
    folder, tmp_path, mode
):
    picture = _picture((60, 41)).convert(mode)
    file = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture.save(file)
    model = classifiers.load(folder)
    here, there = model.probabilities(picture), model.probabilities(file)
    np.testing.assert_allclose(list(here.values()), list(there.values()), atol=1e-5)


def test_a_picture_on_its_side_is_turned_upright_in_memory_and_from_a_file(folder, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    _picture((60, 41)).save(tmp_path / "turned.png", exif=exif)
    model, upright = classifiers.load(folder), _picture((60, 41)).transpose(Image.ROTATE_270)
    wanted = list(model.probabilities(upright).values())
    for given in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
        np.testing.assert_allclose(list(model.probabilities(given).values()), wanted, atol=1e-5)


def test_a_picture_of_sixteen_bits_is_read(folder, tmp_path):
    deep = np.linspace(0, 4095, 40 * 40).reshape(40, 40).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert sum(classifiers.load(folder).probabilities(tmp_path / "deep.png").values()) > 0.999


def test_files_that_are_no_pictures_are_named(folder, tmp_path):
    model = classifiers.load(folder)
    with pytest.raises(FileNotFoundError, match=r"there is no picture .*nowhere\.png"):
        model.predict(tmp_path / "nowhere.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(UnreadablePicture, match="empty"):
        model.predict(tmp_path / "empty.jpg")


def test_saving_again_replaces_the_former_classifier(folder):
    other = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=2)
    classifiers.save(folder, other, ["x", "y"], 48, "# new")
    model = classifiers.load(folder)
    assert model.classes == ["x", "y"] and model.pixels == 48
    assert (folder / "README.md").read_text() == "# new\n"


def _lose_weights(folder):
    (folder / "weights.safetensors").unlink()


def _cut_weights(folder):
    whole = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(whole[:-1])


def _no_json(folder):
    (folder / "classifier.json").write_text("{")


def _foreign_json(folder):
    (folder / "classifier.json").write_text('{"format": 1}')


def _of_the_future(folder):
    said = json.loads((folder / "classifier.json").read_text())
    (folder / "classifier.json").write_text(json.dumps(said | {"format": 2}))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_lose_weights, r"holds no weights\.safetensors"),
        (_cut_weights, "do not belong together"),
        (_no_json, "is damaged"),
        (_foreign_json, "lacks some"),
        (_of_the_future, "has format 2"),
    ],
)
def test_what_is_missing_or_damaged_is_refused_with_what_to_do(folder, spoil, reason):
    spoil(folder)
    with pytest.raises(CheckpointError, match=reason):
        classifiers.load(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no classifier\.json"):
        classifiers.load(tmp_path / "nothing")


def test_a_network_that_does_not_fit_its_classes_is_not_saved(network, tmp_path):
    with pytest.raises(ValueError, match="3 outputs for 2 classes"):
        classifiers.save(tmp_path, network, ["a", "b"], SIDE, "")
    with pytest.raises(ValueError, match=r"timm\.create_model"):
        classifiers.save(tmp_path, torch.nn.Linear(2, 2), ["a", "b"], SIDE, "")
    assert list(tmp_path.iterdir()) == []


def test_the_card_counts_right_and_sure_answers_with_an_interval():
    p = np.array([[0.9, 0.1]] * 8 + [[0.4, 0.6]] * 2)
    found = classifiers.measured(p, [0] * 6 + [1] * 4)
    assert found["right"] == "80% (95 % interval 49% to 94%) of 10 test pictures"
    assert found["at least 80% sure"] == "80% of the answers, 75% of them right"
    assert found["sure on average"] == "84%"
    assert "none to count" in classifiers.measured(p, [0] * 10, 0.95)["at least 95% sure"]


def test_the_card_shows_limits_and_use_and_survives_bars_in_names():
    card = classifiers.model_card("T", {"a | b": "c"}, ["Only here."])
    assert "| a \\| b | c |" in card and "- Only here." in card and "model.predict" in card
    assert all(limit in classifiers.model_card("T", {}) for limit in classifiers.LIMITS)


def test_the_lines_of_the_readme_use_a_saved_classifier(folder, tmp_path, monkeypatch, capsys):
    text = (paths.kit_root() / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(
        r"```python\n(from tl_helpers.models import classifiers.*?)```", text, re.S
    )
    assert len([line for line in lines.splitlines() if line.strip()]) == 4
    place = tmp_path / "my_work" / "runs"
    place.mkdir(parents=True)
    folder.rename(place / "2.1-model")
    _picture().save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    said = capsys.readouterr().out
    assert any(said.startswith(name) for name in CLASSES) and "%" in said

"""torchvision's networks as backbones, and the data set of profile gpu, without their downloads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers.datasets import Examples
from tl_helpers.datasets.pets import pets
from tl_helpers.models import torchvision_backbones
from tl_helpers.models.backbones import with_head
from tl_helpers.techniques import features
from tl_helpers.training import runtime

NAMES = ("vit-b-16", "convnext-tiny")


def _built(name: str):
    with torch.device("meta"):
        return torchvision_backbones.load(name, pretrained=False)


@pytest.mark.parametrize("name", NAMES)
def test_stages_hold_each_parameter_once(name):
    backbone = _built(name)
    held = [id(p) for stage in backbone.stages.values() for p in stage.parameters()]
    assert len(held) == len(set(held))
    assert set(held) == {id(p) for p in backbone.module.parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_features_have_the_size_that_is_named_and_take_a_head(name):
    backbone = _built(name)
    with torch.device("meta"):
        pictures = torch.empty(2, 3, 224, 224)
        assert backbone.module(pictures).shape == (2, backbone.feature_size)
        assert with_head(backbone, 5).head(backbone.module(pictures)).shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_the_blocks_run_in_their_order(name):
    backbone, ran = _built(name), []
    blocks = [stage for stage in backbone.stages if stage.startswith("block")]
    for block in blocks:
        backbone.stages[block].register_forward_hook(lambda *_, block=block: ran.append(block))
    with torch.device("meta"):
        backbone.module(torch.empty(1, 3, 224, 224))
    assert ran == blocks


def test_every_stage_gives_one_vector_a_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_CACHE", str(tmp_path))
    backbone = torchvision_backbones.load("vit-b-16", pretrained=False)
    pictures = Examples(
        torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8),
        torch.tensor([0, 1]),
        ["a", "b"],
        ["a", "b"],
        ["one", "other"],
    )
    run = runtime.start("smoke", 0)
    found = features.extract_stages(backbone, pictures, run, ["block 0", "block 11", "output"])
    assert {tuple(part.x.shape) for part in found.values()} == {(2, 768)}


def test_an_unknown_name_and_a_size_that_does_not_fit_are_refused():
    with pytest.raises(ValueError, match="Known: \\['vit-b-16', 'convnext-tiny'\\]"):
        torchvision_backbones.load("resnet-50", pretrained=False)
    with pytest.raises(ValueError, match="224 pixels only"):
        torchvision_backbones.load("vit-b-16", pretrained=False, size=96)


def _write_pets(root, per_breed: int) -> None:
    """Two breeds in the form that the archive of Oxford-IIIT Pet unpacks to."""
    base = root / "oxford-iiit-pet"
    (base / "images").mkdir(parents=True)
    (base / "annotations").mkdir()
    for split in ("trainval", "test"):
        lines = []
        for breed, name in enumerate(("Abyssinian", "beagle"), start=1):
            for number in range(per_breed):
                stem = f"{name}_{split}{number}"
                pixels = np.full((30 + breed, 40, 3), 100 * breed, np.uint8)
                Image.fromarray(pixels).save(base / "images" / f"{stem}.jpg")
                lines.append(f"{stem} {breed} 1 1")
        (base / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")


def test_pets_come_in_the_official_split_with_what_is_over_eighty_to_validate(tmp_path):
    _write_pets(tmp_path, per_breed=82)
    splits = pets(size=16, root=tmp_path, download=False)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [160, 4, 164]
    assert splits.train.x.shape == (160, 3, 16, 16)
    assert splits.train.classes == ["Abyssinian", "Beagle"]
    bright = splits.train.x.float().mean((1, 2, 3))
    assert (bright[splits.train.y == 1] > bright[splits.train.y == 0].max()).all()


def test_pets_that_are_not_there_are_an_error_of_torchvision(tmp_path):
    with pytest.raises(RuntimeError, match="not found"):
        pets(root=tmp_path, download=False)

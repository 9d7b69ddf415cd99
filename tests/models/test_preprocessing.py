"""What a network sees is what it saw when it was trained: size, antialiasing, mean and spread."""

import pytest
import timm
import torch
from torchvision.transforms import v2

from tl_helpers.models import backbones
from tl_helpers.models.backbones import PicturePreprocess


def _noise(side: int, count: int = 2) -> torch.Tensor:
    """Pictures in which every pixel differs from the next, so that aliasing would show."""
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=draw, dtype=torch.uint8)


def _by_torchvision(pictures: torch.Tensor, size: int, mean, std) -> torch.Tensor:
    return v2.Compose([
        v2.ToDtype(torch.float32, scale=True),
        v2.Resize((size, size), antialias=True),
        v2.Normalize(mean, std),
    ])(pictures)  # fmt: skip


@pytest.mark.parametrize("side", [32, 96, 301], ids=["enlarged", "as it is", "reduced"])
def test_pictures_are_resized_and_normalised_as_torchvision_does(side):
    mean, std = (0.1, 0.4, 0.7), (0.2, 0.3, 0.5)
    found = PicturePreprocess(96, mean, std)(_noise(side))
    assert torch.allclose(found, _by_torchvision(_noise(side), 96, mean, std), atol=1e-4)


def test_reduced_noise_is_averaged_and_not_sampled():
    spread = PicturePreprocess(24, (0.5,) * 3, (0.5,) * 3)(_noise(240)).std()
    assert spread < 0.2  # of single pixels it is 0.58


@pytest.mark.parametrize(
    ("name", "network"),
    [(lite, "tf_" + lite.replace("-", "_")) for lite in backbones.LITE]
    + [("convnext-tiny", backbones.HUB_MODELS["convnext-tiny"].removeprefix("timm/"))],
)
def test_networks_of_timm_get_the_mean_and_spread_that_timm_records(name, network):
    with torch.device("meta"):
        preprocess = backbones.load(name, pretrained=False, size=64).preprocess
    recorded = timm.get_pretrained_cfg(network)
    assert (preprocess.mean, preprocess.std) == (recorded.mean, recorded.std)
    assert preprocess.size == 64

"""Any network of timm as a backbone; the full-size ones are known to timm."""

from __future__ import annotations

import pytest
import timm
import torch

from tl_helpers.models import timm_backbones


def test_a_network_of_timm_gives_features_of_the_size_that_it_says():
    found = timm_backbones.load("resnet10t", pretrained=False)
    pictures = torch.zeros(2, 1, 20, 30, dtype=torch.uint8)
    with torch.inference_mode():
        rows = found.module(found.preprocess(pictures))
    assert rows.shape == (2, found.feature_size) and not found.module.training
    assert found.preprocess.size == found.module.pretrained_cfg["input_size"][-1]


@pytest.mark.parametrize("name", timm_backbones.HUB_MODELS.values())
def test_the_full_size_networks_have_weights_in_timm(name):
    assert timm.models.get_pretrained_cfg(name).has_weights
    with torch.device("meta"):
        assert timm.create_model(name, num_classes=0).num_features in (768, 2048)


def test_an_unknown_name_is_refused():
    with pytest.raises(RuntimeError, match="no_such_net"):
        timm_backbones.load("no_such_net")

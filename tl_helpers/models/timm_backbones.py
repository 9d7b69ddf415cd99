"""Any picture network of timm as a backbone: its own preprocessing, no head."""

from __future__ import annotations

from typing import cast

import timm
from timm.data import resolve_model_data_config
from torch import nn

from tl_helpers.models.backbones import Backbone, PicturePreprocess

# Full-size candidates for the gpu profile, which timm fetches from the hub: trained on labels (two
# designs), without labels (Caron et al. 2021), and with captions (Radford et al. 2021).
HUB_MODELS = {
    "ResNet-50": "resnet50.a1_in1k",
    "ViT-B/16": "vit_base_patch16_224.augreg_in1k",
    "DINO": "vit_base_patch16_224.dino",
    "CLIP": "vit_base_patch16_clip_224.openai",
}


class _Network(nn.Module):
    """What timm's picture networks have, although `create_model` does not say so."""

    num_features: int


def load(name: str, pretrained: bool = True) -> Backbone:
    """A network of `HUB_MODELS`, or any that timm knows, in eval mode.

    Parameters
    ----------
    name : str
        A key of `HUB_MODELS`, or a name of timm's.
    pretrained : bool, default True
        False gives random weights.

    Returns
    -------
    Backbone
        With the network's own input size, mean and spread, and one stage, "all".

    Raises
    ------
    RuntimeError
        For a name that timm does not know, or one without pretrained weights.
    """
    built = timm.create_model(HUB_MODELS.get(name, name), pretrained=pretrained, num_classes=0)
    network, config = cast(_Network, built), resolve_model_data_config(built)
    see = PicturePreprocess(config["input_size"][-1], config["mean"], config["std"])
    return Backbone(name, network.eval(), see, network.num_features, {"all": network})

"""torchvision's pretrained classifiers as backbones, for profile gpu."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from tl_helpers.models.backbones import Backbone, PicturePreprocess


def load(name: str, pretrained: bool = True, seed: int = 0, size: int = 224) -> Backbone:
    """A torchvision network without its head, in eval mode, all its parameters trainable.

    Parameters
    ----------
    name : str
        "vit-b-16" (Dosovitskiy et al. 2021; 85.8 M parameters, 768 features, 224 pixels only) or
        "convnext-tiny" (Liu et al. 2022; 27.8 M, 768 features).
    pretrained : bool
        True downloads the weights that torchvision trained on ImageNet-1k (BSD-3) into torch's
        own cache; False gives random ones.
    seed : int
        Draws the random weights; torch's global generator is left as it was.
    size : int
        Side in pixels to which pictures are resized.

    Raises
    ------
    ValueError
        For an unknown name, or a size that the network does not take.
    OSError
        When the weights cannot be downloaded. Random weights never stand in for them.
    """
    builders: dict[str, Callable[..., Backbone]] = {"vit-b-16": _vit, "convnext-tiny": _convnext}
    if name not in builders:
        raise ValueError(f"No torchvision backbone is called {name!r}. Known: {[*builders]}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = builders[name](pretrained, size)
    backbone.module.eval()
    return backbone


def _vit(pretrained: bool, size: int) -> Backbone:
    from torchvision.models import ViT_B_16_Weights, vit_b_16

    if size != 224:
        raise ValueError(f"size is {size}; vit-b-16 has position vectors for 224 pixels only.")
    weights = ViT_B_16_Weights.IMAGENET1K_V1 if pretrained else None
    network = vit_b_16(weights=weights)
    network.heads = nn.Identity()
    # The class token and the position vectors are bare parameters, so they join the stem's stage.
    stem = nn.Module()
    stem.conv_proj, stem.class_token = network.conv_proj, network.class_token
    stem.pos_embedding = network.encoder.pos_embedding
    stages: dict[str, nn.Module] = {"stem": stem}
    stages |= {f"block {i}": block for i, block in enumerate(network.encoder.layers)}
    stages["top"] = network.encoder.ln
    return Backbone("torchvision vit-b-16", network, _preprocess(size), 768, stages)


def _convnext(pretrained: bool, size: int) -> Backbone:
    from torchvision.models import ConvNeXt_Tiny_Weights, convnext_tiny

    weights = ConvNeXt_Tiny_Weights.IMAGENET1K_V1 if pretrained else None
    network = convnext_tiny(weights=weights)
    network.classifier[2] = nn.Identity()  # keeps the norm and the flattening
    stages = {f"block {i}": block for i, block in enumerate(network.features)}
    stages["top"] = network.classifier
    return Backbone("torchvision convnext-tiny", network, _preprocess(size), 768, stages)


def _preprocess(size: int) -> PicturePreprocess:
    # Mean and spread of ImageNet's pixels, as torchvision trained with.
    return PicturePreprocess(size, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

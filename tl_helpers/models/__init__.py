"""Pretrained networks by name with their preprocessing and stages, new heads, weight files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["backbones", "detection", "torchvision_backbones", "weights"],
)

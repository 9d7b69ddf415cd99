"""Pretrained networks by name with their preprocessing and stages, new heads, weight files."""

from tl_helpers._door import door

MODULES = [
    "backbones",
    "centre_maps",
    "classifiers",
    "detection",
    "heads",
    "segmentation",
    "sentence_encoders",
    "speech",
    "timm_backbones",
    "weights",
]
__getattr__, __dir__, __all__ = door(__name__, {}, MODULES)

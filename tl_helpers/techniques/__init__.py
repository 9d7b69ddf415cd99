"""Ways to reuse a network, one family a file, each named as the field names it."""

from tl_helpers._door import door

MODULES = [
    "adapters",
    "domain_adaptation",
    "doubtful_labels",
    "evolution",
    "features",
    "freezing",
    "identification",
    "online_adaptation",
    "painting",
    "param_groups",
    "pretexts",
    "templates",
    "textures",
    "transferability",
]
__getattr__, __dir__, __all__ = door(__name__, {}, MODULES)

"""Ways to reuse a network, one family a file, each named as the field names it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "adapters",
        "domain_adaptation",
        "features",
        "freezing",
        "online_adaptation",
        "param_groups",
        "transferability",
    ],
)

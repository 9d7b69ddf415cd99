"""Figures of comparisons, data, networks and boxes; style and widgets. Draws, never trains."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["boxes", "style", "widgets"],
    submod_attrs={
        "charts": ["bars", "history", "label_efficiency"],
        "data": ["confusion", "embedding", "image_grid"],
        "style": ["show", "use_style"],
    },
)

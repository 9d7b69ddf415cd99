"""Figures of comparisons, data, networks and boxes; style and widgets. Draws, never trains."""

from tl_helpers._door import door

NAMES = {
    "charts": ["bars", "history", "label_efficiency"],
    "data": ["confusion", "embedding", "image_grid"],
    "style": ["show", "use_style"],
}
MODULES = ["boxes", "style", "widgets"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

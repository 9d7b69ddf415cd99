"""Figures of comparisons, data, networks, errors and boxes; style and widgets. Draws, never trains.

An arm's colour and marker follow its name (`look`); plots of reports, networks, errors and losses
compose their own descriptions, which `show` puts under them.
"""

from tl_helpers._door import door

NAMES = {
    "appearance": ["look", "looks"],
    "by_week": ["weeks"],
    "calibration": ["sureness"],
    "cart_pictures": ["animation", "cart_frames"],
    "charts": ["bars", "label_efficiency"],
    "data": ["confusion", "image_grid"],
    "heatmaps": ["heat_maps"],
    "losses": ["loss_curves"],
    "machines": ["machine_dots", "success_maps"],
    "mistakes": ["errors"],
    "networks": ["network"],
    "segmentation": ["masks", "places", "surest_errors"],
    "sounds": ["player", "spectrogram"],
    "style": ["description", "show", "use_style"],
}
MODULES = ["boxes", "style", "widgets"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

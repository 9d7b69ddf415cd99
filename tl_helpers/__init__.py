"""Helpers of the transfer-learning course: fair comparisons, training, techniques, assets.

A house of rooms, each a folder with one door; imports go only downward:

    kit         the commands of `tl`, lessons, the lab
    plots       draws, never trains
    arms        probe, fine-tune, scratch and their rivals, each written once
    compare     arms x budgets x seeds, intervals, claims, recorded evidence
    techniques  freezing, features, adapters, adaptation
    training    the loop, evaluation, checkpoints, the runtime
    models      pretrained networks, heads, weight files
    exercises, datasets, simulators
    assets      paths, files, verified weights and data

A lesson takes what it needs by its short name: ``from tl_helpers import runtime, features``. Names
come lazily: ``import tl_helpers`` loads neither torch nor numpy.
"""

from tl_helpers._door import door

__version__ = "0.1.0"

NAMES = {
    "models": ["backbones", "detection", "weights"],
    "training": ["runtime"],
    "techniques": [
        "adapters",
        "domain_adaptation",
        "features",
        "freezing",
        "param_groups",
        "transferability",
    ],
    "compare": ["metrics"],
    "plots": ["widgets"],
    "kit": ["colab"],
    "arms": ["blobs"],
}
MODULES = [
    "arms",
    "assets",
    "compare",
    "datasets",
    "exercises",
    "kit",
    "models",
    "plots",
    "simulators",
    "techniques",
    "training",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

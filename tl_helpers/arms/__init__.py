"""Ways to use a budget of labels, each written once, that a lesson compares.

Every arm is a function of (budget, seed), draws the same labels as the others, and tries as many
settings inside of them.
"""

from tl_helpers._door import door

NAMES = {
    "heads": ["colour", "linear", "probe", "random_features", "raw_pixels", "texture", "tf_idf"],
    "networks": ["fine_tune", "scratch"],
    "trees": ["boosted_trees"],
    "labels": ["TRIES", "labelled"],
}
MODULES = ["adapting", "blobs", "policies"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

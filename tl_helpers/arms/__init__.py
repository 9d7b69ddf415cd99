"""Ways to use a budget of labels, each written once, that a lesson compares.

Every arm is a function of (budget, seed), draws the same labels as the others, and tries as many
settings inside of them.
"""

from tl_helpers._door import door

NAMES = {
    "heads": ["colour", "linear", "probe", "random_features", "raw_pixels", "texture", "tf_idf"],
    "lexicon": ["controls_on_texts", "on_texts", "probe_with_vader", "vader"],
    "networks": ["fine_tune", "scratch"],
    "transferred": ["at_rate", "borrowed", "moved"],
    "trees": ["boosted_trees"],
    "labels": ["TRIES", "labelled"],
    "unlabelled": ["clusters"],
}
MODULES = [
    "additions",
    "adapting",
    "anomaly",
    "blobs",
    "described_parts",
    "mixtures",
    "policies",
    "rankers",
    "rare_words",
    "segmenting",
    "transcripts",
    "x_rays",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

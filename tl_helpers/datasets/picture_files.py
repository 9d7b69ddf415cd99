"""One picture file of any kind, as pixels: the one way from a file to a picture.

Folders of classes and folders of boxes both read here, so that a file looks alike in both.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tl_helpers.datasets import deep_pictures
from tl_helpers.datasets.deep_pictures import Channels, Deep

# Formats that Pillow decodes by itself. The list also keeps out EPS, which starts another program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".avif", ".jp2"}
    | {".tif", ".tiff", ".bmp", ".pbm", ".pgm", ".ppm", ".pnm"}
)
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".jxl", ".svg", ".psd", ".dcm", ".nii"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"}
)
MOST_PIXELS = 2**26  # decoded at once; 268 MB in Pillow's memory, twice that when transparent
MOST_WHOLE = 2**27 + 2**25  # of a picture that is wanted whole: a map of 12,900 by 12,900

_ORIENTATION = 0x0112  # in EXIF and in TIFF
_UPRIGHT = {  # by orientation: how a viewer turns what is stored
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_AS_STORED = {**_UPRIGHT, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how such files begin


class UnreadablePicture(ValueError):
    """A file that holds no usable picture; the message is the reason, in a few words."""


class Frame(NamedTuple):
    """How a picture lies in its file, from its first bytes.

    Attributes
    ----------
    width, height : int
        Pixels as stored.
    orientation : int
        1 to 8 as EXIF counts: 1 is upright, and from 5 on a viewer exchanges width and height.
    """

    width: int
    height: int
    orientation: int

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self.width, self.height

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as a viewer shows the picture."""
        return self.stored if self.orientation < 5 else (self.height, self.width)


class _Wanted(NamedTuple):
    fit: Callable[[Image.Image], Image.Image]
    most: int  # pixels
    upright: bool = True
    enough: int | None = None  # pixels of the shorter side, where fewer than all will do


def read_square(path: Path, size: int) -> np.ndarray | Deep:
    """The first frame of a picture, upright, its central square scaled to ``size``.

    This is what resizing the shorter side (bilinear, antialiased) and cropping the centre gives.
    Transparent parts become white, and grey becomes three equal channels. A JPEG is decoded at the
    smallest eighth of its size that is enough.

    Parameters
    ----------
    path : Path
    size : int
        Side in pixels.

    Returns
    -------
    ndarray or Deep
        uint8 (3, size, size). For pictures of more than 8 bits a channel what
        `deep_pictures.to_bytes` takes, once all of them are read.

    Raises
    ------
    UnreadablePicture
        With the reason, such as a truncated or empty file, or one of more than `MOST_PIXELS`.
    """

    def square(picture: Image.Image) -> Image.Image:
        return ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)

    with _reasons(path):
        return _decoded(path, _Wanted(square, MOST_PIXELS, enough=size))


def read_whole(path: Path, upright: bool = True) -> np.ndarray | Deep:
    """The first frame of a picture at its full size.

    Parameters
    ----------
    path : Path
    upright : bool, default True
        Turned as EXIF says; otherwise as stored.

    Returns
    -------
    ndarray or Deep
        uint8 (3, H, W), or as `read_square` for more than 8 bits a channel.

    Raises
    ------
    UnreadablePicture
        As `read_square`, above `MOST_WHOLE` pixels.
    """
    with _reasons(path):
        return _decoded(path, _Wanted(lambda picture: picture, MOST_WHOLE, upright))


def frame(path: Path) -> Frame:
    """Size and orientation of a picture, without decoding it where the format allows.

    Raises
    ------
    UnreadablePicture
        With the reason.
    """
    with _reasons(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with opened(path) as picture:
                turned = _orientation(picture)
                # of a TIFF, Pillow says the size that it will have once it is turned
                exchanged = picture.format == "TIFF" and turned > 4
                width, height = picture.size[::-1] if exchanged else picture.size
        except UnidentifiedImageError:
            found = _unknown_to_pillow(path)
            (width, height), turned = found.images[0].size, found.orientation
        return Frame(width, height, turned)


def opened(path: Path) -> Image.Image:
    """A picture file, opened as one of `FORMATS` whatever its name says, and not yet decoded.

    Raises
    ------
    OSError, PIL.Image.DecompressionBombError
        As `PIL.Image.open`.
    """
    Image.init()
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


@contextlib.contextmanager
def _reasons(path: Path) -> Iterator[None]:
    """Every failure to read this file as an `UnreadablePicture` that says why."""
    if path.suffix.lower() in UNREAD_SUFFIXES:
        raise UnreadablePicture(f"{path.suffix[1:].upper()} is not read: save it as JPEG or PNG")
    if not path.is_file():
        raise UnreadablePicture("a link that leads nowhere, or no ordinary file")
    if path.stat().st_size == 0:
        raise UnreadablePicture("an empty file")
    try:
        yield
    except UnreadablePicture:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePicture("no picture inside, in spite of its name") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(_too_large(MOST_PIXELS)) from error
    except PermissionError as error:
        raise UnreadablePicture("no permission to read it") from error
    except Exception as error:  # on damaged files, decoders raise nearly anything
        raise UnreadablePicture(f"damaged ({error or type(error).__name__})") from error


def _decoded(path: Path, wanted: _Wanted) -> np.ndarray | Deep:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; sizes are checked below
        try:
            with opened(path) as picture:
                return _pixels(path, picture, wanted)
        except UnidentifiedImageError:
            found = _unknown_to_pillow(path)
            turn = _UPRIGHT.get(found.orientation) if wanted.upright else None
            return _deep(found, turn, wanted)


def _pixels(path: Path, picture: Image.Image, wanted: _Wanted) -> np.ndarray | Deep:
    scale = 2 * (wanted.enough or 0) / min(picture.size)  # two pixels for one: antialiased
    if 0 < scale < 1:
        picture.draft(None, tuple(round(scale * side) for side in picture.size))
    if picture.width * picture.height > wanted.most:
        raise UnreadablePicture(_too_large(wanted.most))
    before = 1 if wanted.upright else _orientation(picture)
    found = deep_pictures.channels(path, picture, opened)
    picture.load()
    turn = _turn(before, _orientation(picture), wanted.upright)
    if found:
        return _deep(found, turn, wanted)
    return np.asarray(_rgb(_turned(picture, turn), wanted.fit)).transpose(2, 0, 1).copy()


def _turn(before: int, after: int, upright: bool) -> Image.Transpose | None:
    """How to turn a loaded picture, given its orientation before and after: Pillow turns TIFFs."""
    if upright:
        return _UPRIGHT.get(after)
    return _AS_STORED.get(before) if after != before else None


def _turned(picture: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    with contextlib.suppress(Exception):  # damaged EXIF data tells no orientation
        return int(picture.getexif().get(_ORIENTATION, 1))
    return 1


def _unknown_to_pillow(path: Path) -> Channels:
    """A TIFF file of a kind that Pillow does not open, such as colours as floats."""
    with path.open("rb") as file:
        if file.read(4) not in _TIFF:
            raise UnreadablePicture("no picture inside, in spite of its name")
    return deep_pictures.from_tiff(path)


def _rgb(picture: Image.Image, fit: Callable) -> Image.Image:
    if picture.has_transparency_data:
        if picture.mode != "RGBA":
            picture = picture.convert("RGBA")
        fitted = fit(picture)
        return Image.alpha_composite(Image.new("RGBA", fitted.size, "white"), fitted).convert("RGB")
    if picture.mode in ("1", "P"):  # numbers of colours cannot be averaged
        picture = picture.convert("RGB")
    return fit(picture).convert("RGB")


def _deep(found: Channels, turn: Image.Transpose | None, wanted: _Wanted) -> Deep:
    """More than 8 bits a channel, in the units of the file."""
    extrema = [image.getextrema() for image in found.images]
    planes = [np.asarray(wanted.fit(_turned(image, turn))) for image in found.images]
    if np.min(extrema) < 0 or not all(np.isfinite(plane).all() for plane in planes):
        raise UnreadablePicture(
            "values below zero or not finite, which have no brightness: save it with 8 bits"
        )
    brightest = float(max(high for _, high in extrema[:3]))
    short = found.whole and brightest < 2**16 and len(planes) < 4
    values = np.stack(planes)
    values = values.round().astype(np.uint16) if short else values.astype(np.float32)
    return Deep(values, brightest, found.whole)


def _too_large(most: int) -> str:
    return f"more than {most // 10**6} million pixels: scale it down"

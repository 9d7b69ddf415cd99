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
from PIL.ImageFile import ImageFile

from tl_helpers.datasets import deep_pictures
from tl_helpers.datasets.deep_pictures import Channels, Deep, UnreadablePicture

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
ALL_SUFFIXES = SUFFIXES | UNREAD_SUFFIXES
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


class Picture(NamedTuple):
    """A picture in memory that has not been turned yet.

    Attributes
    ----------
    images : list of PIL.Image.Image
        The picture, or the channels of a deep one.
    whole : bool or None
        None for 8 bits; otherwise whether the file holds whole numbers.
    orientation : int
        As the file says.
    open_turn : int
        The part of it that is still to be done: Pillow turns TIFF files itself.
    """

    images: list[Image.Image]
    whole: bool | None
    orientation: int
    open_turn: int

    @property
    def frame(self) -> Frame:
        """Size as stored, and orientation."""
        size = self.images[0].size
        exchanged = self.open_turn != self.orientation and self.orientation > 4
        return Frame(*(size[::-1] if exchanged else size), self.orientation)

    def pixels(self, upright: bool = True, fit: Callable | None = None) -> np.ndarray | Deep:
        """The pixels, upright or as stored, after ``fit`` has scaled each image.

        Returns
        -------
        ndarray or Deep
            uint8 (3, H, W). For pictures of more than 8 bits a channel what
            `deep_pictures.to_bytes` takes, once all of them are read.

        Raises
        ------
        UnreadablePicture
            For values that have no brightness.
        """
        turn = _UPRIGHT.get(self.open_turn)
        if not upright:
            done = self.open_turn != self.orientation
            turn = _AS_STORED.get(self.orientation) if done else None
        images = [one if turn is None else one.transpose(turn) for one in self.images]
        fit = fit or (lambda image: image)
        if self.whole is None:
            return np.asarray(_rgb(images[0], fit)).transpose(2, 0, 1).copy()
        return _deep(images, self.whole, fit)


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

    with _reasons(path, MOST_PIXELS):
        return _loaded(path, MOST_PIXELS, size).pixels(fit=square)


def read_whole(path: Path) -> Picture:
    """The first frame of a picture at its full size; transparent parts become white.

    Raises
    ------
    UnreadablePicture
        As `read_square`, above `MOST_WHOLE` pixels.
    """
    with _reasons(path, MOST_WHOLE):
        return _loaded(path, MOST_WHOLE)


def opened(path: Path) -> ImageFile:
    """A picture file, opened as one of `FORMATS` whatever its name says, and not yet decoded.

    Raises
    ------
    OSError, PIL.Image.DecompressionBombError
        As `PIL.Image.open`.
    """
    Image.init()
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


@contextlib.contextmanager
def _reasons(path: Path, most: int) -> Iterator[None]:
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
        raise UnreadablePicture(_too_large(most)) from error
    except PermissionError as error:
        raise UnreadablePicture("no permission to read it") from error
    except Exception as error:  # on damaged files, decoders raise nearly anything
        raise UnreadablePicture(f"damaged ({error or type(error).__name__})") from error


def _loaded(path: Path, most: int, enough: int | None = None) -> Picture:
    """A picture of up to ``most`` pixels; ``enough`` of the shorter side will do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; sizes are checked below
        try:
            with opened(path) as picture:
                scale = 2 * (enough or 0) / min(picture.size)  # two pixels for one: antialiased
                if 0 < scale < 1:
                    width, height = picture.size
                    picture.draft(None, (round(scale * width), round(scale * height)))
                if picture.width * picture.height > most:
                    raise UnreadablePicture(_too_large(most))
                return _of_pillow(path, picture)
        except UnidentifiedImageError:
            found = _unknown_to_pillow(path)
            turn = found.orientation or 1
            return Picture(found.images, found.whole, turn, turn)


def _of_pillow(path: Path, picture: ImageFile) -> Picture:
    said = _orientation(picture) if picture.format == "TIFF" else None  # gone once it is loaded
    found = deep_pictures.channels(path, picture, opened)
    if found and found.orientation:
        return Picture(found.images, found.whole, *[found.orientation] * 2)
    picture.load()
    open_turn = _orientation(picture)
    if found:
        return Picture(found.images, found.whole, said or open_turn, open_turn)
    return Picture([picture], None, said or open_turn, open_turn)


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


def _deep(images: list[Image.Image], whole: bool, fit: Callable) -> Deep:
    """More than 8 bits a channel, in the units of the file."""
    extrema = [image.getextrema() for image in images]
    planes = [np.asarray(fit(image)) for image in images]
    if np.min(extrema) < 0 or not all(np.isfinite(plane).all() for plane in planes):
        raise UnreadablePicture(
            "values below zero or not finite, which have no brightness: save it with 8 bits"
        )
    brightest = float(np.max(extrema[:3]))
    short = whole and brightest < 2**16 and len(planes) < 4
    values = np.stack(planes)
    values = values.round().astype(np.uint16) if short else values.astype(np.float32)
    return Deep(values, brightest, whole)


def _too_large(most: int) -> str:
    return f"more than {most // 10**6} million pixels: scale it down"


def square_of(picture: Image.Image, size: int) -> np.ndarray:
    """`read_square` for a picture in memory: upright, its central square, uint8 (3, size, size)."""

    def square(image: Image.Image) -> Image.Image:
        return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)

    turn = _UPRIGHT.get(_orientation(picture))
    upright = picture if turn is None else picture.transpose(turn)
    return np.asarray(_rgb(upright, square)).transpose(2, 0, 1).copy()

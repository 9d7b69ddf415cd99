"""One picture file of any kind, as a small square of pixels."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

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

_TOPS = (1, 2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)  # of float, 8 to 16 bit pictures


class UnreadablePicture(ValueError):
    """A file that holds no usable picture; the message is the reason, in a few words."""


def read_square(path: Path, size: int) -> np.ndarray:
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
    ndarray
        uint8 (3, size, size). For grey pictures of more than 8 bits, float32 (size, size) in the
        file's own units, for `to_bytes`.

    Raises
    ------
    UnreadablePicture
        With the reason, such as a truncated or empty file, or one of more than `MOST_PIXELS`.
    """
    if path.suffix.lower() in UNREAD_SUFFIXES:
        raise UnreadablePicture(f"{path.suffix[1:].upper()} is not read: save it as JPEG or PNG")
    if not path.is_file():
        raise UnreadablePicture("a link that leads nowhere, or no ordinary file")
    if path.stat().st_size == 0:
        raise UnreadablePicture("an empty file")
    try:
        return _decode(path, size)
    except UnreadablePicture:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePicture("no picture inside, in spite of its name") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(_too_large()) from error
    except PermissionError as error:
        raise UnreadablePicture("no permission to read it") from error
    except Exception as error:  # on damaged files, decoders raise nearly anything
        raise UnreadablePicture(f"damaged ({error or type(error).__name__})") from error


def opened(path: Path) -> Image.Image:
    """A picture file, opened as one of `FORMATS` whatever its name says, and not yet decoded.

    Raises
    ------
    OSError, PIL.Image.DecompressionBombError
        As `PIL.Image.open`.
    """
    Image.init()
    return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])


def to_bytes(deep: list[np.ndarray]) -> list[np.ndarray]:
    """Grey pictures of more than 8 bits on one scale of 8 bits, so that they stay comparable.

    Each float32 (H, W) becomes uint8 (3, H, W). White is the least of 1, 255, 1023, 4095, 16383 and
    65535 that no picture exceeds: cameras store 10, 12 and 14 bits in files of 16, whose full scale
    would leave such pictures almost black. Beyond 65535, white is the brightest pixel.
    """
    brightest = max((float(pixels.max()) for pixels in deep), default=0.0)
    white = next((top for top in _TOPS if brightest <= top), brightest)
    grey = [(pixels * (255 / white)).round().astype(np.uint8) for pixels in deep]
    return [np.repeat(pixels[None], 3, axis=0) for pixels in grey]


def _decode(path: Path, size: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; sizes are checked below
        with opened(path) as picture:
            scale = 2 * size / min(picture.size)  # two pixels for each one keep it antialiased
            if scale < 1:
                picture.draft(None, tuple(round(scale * side) for side in picture.size))
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadablePicture(_too_large())
            picture.load()
            with contextlib.suppress(Exception):  # damaged EXIF data tells no orientation
                ImageOps.exif_transpose(picture, in_place=True)
            if picture.mode.startswith(("I", "F")):
                return _deep_square(picture, size)
            return np.asarray(_rgb_square(picture, size)).transpose(2, 0, 1).copy()


def _rgb_square(picture: Image.Image, size: int) -> Image.Image:
    if picture.has_transparency_data:
        if picture.mode != "RGBA":
            picture = picture.convert("RGBA")
        square = _square(picture, size)
        return Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    if picture.mode in ("1", "P"):  # numbers of colours cannot be averaged
        picture = picture.convert("RGB")
    return _square(picture, size).convert("RGB")


def _deep_square(picture: Image.Image, size: int) -> np.ndarray:
    """Grey of 16 or 32 bits, in the units of the file."""
    if picture.mode not in ("I;16", "I", "F"):  # I;16B, of the other byte order
        picture = picture.convert("I")
    square = np.asarray(_square(picture, size)).astype(np.float32)
    if not np.isfinite(square).all() or picture.getextrema()[0] < 0:
        raise UnreadablePicture(
            "values below zero or not finite, which have no brightness: save it with 8 bits"
        )
    return square


def _square(picture: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)


def _too_large() -> str:
    return f"more than {MOST_PIXELS // 10**6} million pixels: scale it down"

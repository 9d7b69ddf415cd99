"""Reading one picture: every mode ends as the same kind of square, and damage has a reason."""

import os
import struct
import warnings
from zlib import compress as zlib_compress
from zlib import crc32

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from tl_helpers.datasets.deep_pictures import Deep, to_bytes
from tl_helpers.datasets.picture_files import (
    MOST_PIXELS,
    UnreadablePicture,
    read_square,
    read_whole,
)

RED, WHITE, GREY = (200, 30, 30), (255, 255, 255), (120, 120, 120)
TURNED = {  # EXIF orientation -> how a viewer turns the stored pixels
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}


def _halves(left, right, mode: str, size=(40, 40)) -> Image.Image:
    picture = Image.new(mode, size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def _colours(square: np.ndarray) -> tuple[list[int], list[int]]:
    """Colours well inside the left and the right half."""
    middle = square.shape[1] // 2
    return square[:, middle, 2].tolist(), square[:, middle, -3].tolist()


def _close(colour, wanted, by: int = 4) -> bool:
    return np.abs(np.array(colour) - wanted).max() <= by


def _palette(**options) -> Image.Image:
    picture = _halves(0, 1, "P")
    picture.putpalette([*RED, *GREY])
    picture.info.update(options)
    return picture


PICTURES = {
    "1": (_halves(0, 1, "1"), (0, 0, 0), WHITE),
    "L": (_halves(120, 255, "L"), GREY, WHITE),
    "LA on white": (_halves((120, 255), (7, 0), "LA"), GREY, WHITE),
    "P": (_palette(), RED, GREY),
    "P with a transparent colour": (_palette(transparency=1), RED, WHITE),
    "RGB": (_halves(RED, GREY, "RGB"), RED, GREY),
    "RGBA on white": (_halves((*RED, 255), (9, 9, 9, 0), "RGBA"), RED, WHITE),
    "half transparent": (_halves((*RED, 255), (0, 0, 0, 128), "RGBA"), RED, (127,) * 3),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_mode_becomes_three_channels_with_the_colours_that_a_viewer_shows(tmp_path, name):
    picture, left, right = PICTURES[name]
    picture.save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == picture.mode
    square = read_square(tmp_path / "a.png", 20)
    assert (square.shape, square.dtype) == ((3, 20, 20), np.uint8)
    assert _colours(square) == (pytest.approx(left, abs=1), pytest.approx(right, abs=1))


def test_cmyk_becomes_rgb(tmp_path):
    _halves((0, 0, 0, 0), (0, 255, 255, 0), "CMYK").save(tmp_path / "a.jpg", quality=95)
    left, right = _colours(read_square(tmp_path / "a.jpg", 20))
    assert _close(left, WHITE)
    assert _close(right, (255, 0, 0))


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_of_an_animation_the_first_frame_counts(tmp_path, suffix):
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, GREY, WHITE)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    assert Image.open(path).n_frames == 3
    assert _close(_colours(read_square(path, 20))[0], RED)


@pytest.mark.parametrize("orientation", TURNED)
def test_pictures_stand_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = _halves(RED, GREY, "RGB")
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    square = read_square(tmp_path / "a.jpg", 40).astype(int)
    seen = np.asarray(stored.transpose(TURNED[orientation])).transpose(2, 0, 1)
    assert np.abs(square - seen).mean() < 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_damaged_exif_data_does_not_cost_the_picture(tmp_path, name):
    _halves(RED, GREY, "RGB").save(tmp_path / name, exif=b"Exif\0\0no such thing")
    assert _close(_colours(read_square(tmp_path / name, 20))[0], RED, 12)


@pytest.mark.parametrize("mode", ["1", "P", "L", "RGB"])
def test_fine_detail_is_averaged_in_every_mode(tmp_path, mode):
    checks = Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    picture = checks.convert(mode)
    picture.save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == mode
    square = read_square(tmp_path / "a.png", 8).astype(int)
    assert np.abs(square - 127).max() <= 8


@pytest.mark.parametrize("size", [(90, 30), (30, 90), (31, 30)])
def test_the_square_is_the_resized_pictures_centre(tmp_path, size):
    rows = np.linspace(0, 255, size[1])[:, None, None] * np.ones((1, size[0], 1))
    columns = np.linspace(0, 255, size[0])[None, :, None] * np.ones((size[1], 1, 1))
    pixels = np.concatenate([rows, columns, 0 * rows], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    shorter = min(size)
    left, top = (size[0] - shorter) / 2, (size[1] - shorter) / 2
    centre = pixels[int(top) : int(top) + shorter, int(left) : int(left) + shorter]
    wanted = np.asarray(Image.fromarray(centre).resize((15, 15), Image.Resampling.BILINEAR))
    square = read_square(tmp_path / "a.png", 15).transpose(1, 2, 0)
    assert np.abs(square.astype(int) - wanted).max() <= 6


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (20000, 2), (7, 9)])
def test_tiny_and_elongated_pictures_work(tmp_path, size):
    Image.new("RGB", size, RED).save(tmp_path / "a.png")
    square = read_square(tmp_path / "a.png", 32)
    assert (square == np.array(RED)[:, None, None]).all()


@pytest.mark.parametrize("side", [130, 400, 900, 2400])
def test_a_jpeg_that_is_decoded_small_keeps_its_detail(tmp_path, side):
    stripes = np.tile(np.arange(side) * 40 // side % 2 * 255, (side, 1)).astype(np.uint8)
    for name, options in (("a.jpg", {"quality": 95}), ("a.png", {})):
        Image.fromarray(stripes).save(tmp_path / name, **options)
    small, full = (read_square(tmp_path / name, 64).astype(int) for name in ("a.jpg", "a.png"))
    assert full.std() > 60
    assert np.abs(small - full).mean() < 10


def test_a_picture_counts_by_its_content_not_by_its_suffix(tmp_path):
    _halves(RED, GREY, "RGB").save(tmp_path / "a.JPG", format="PNG")
    assert _colours(read_square(tmp_path / "a.JPG", 20)) == ([*RED], [*GREY])


def _deep(path, values: np.ndarray) -> Deep:
    Image.fromarray(values).save(path)
    return read_square(path, 8)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_sixteen_bit_files_use_the_depth_that_their_camera_has(tmp_path, suffix, bits):
    white = 2**bits - 1
    dark = _deep(tmp_path / f"dark.{suffix}", np.full((9, 9), white // 4, np.uint16))
    light = _deep(tmp_path / f"light.{suffix}", np.full((9, 9), white, np.uint16))
    dark, light = to_bytes([dark, light])
    assert (dark.shape, dark.dtype) == ((3, 8, 8), np.uint8)
    assert (dark == 64).all() or (dark == 63).all()
    assert (light == 255).all()


def test_both_byte_orders_are_the_same_picture(tmp_path):
    values = np.arange(1600).reshape(40, 40) * 40
    for name, mode, order in (("little", "I;16", "<u2"), ("big", "I;16B", ">u2")):
        picture = Image.frombytes(mode, (40, 40), values.astype(order).tobytes())
        picture.save(tmp_path / f"{name}.tif")
    little, big = (
        read_square(tmp_path / name, 10).values.astype(int) for name in ("little.tif", "big.tif")
    )
    assert np.abs(little - big).max() <= 1
    assert little.max() > 60_000


def test_float_pictures_run_from_zero_to_one(tmp_path):
    (square,) = to_bytes([_deep(tmp_path / "a.tif", np.full((9, 9), 0.5, np.float32))])
    assert (square == 128).all()
    (black,) = to_bytes([_deep(tmp_path / "a.tif", np.zeros((9, 9), np.float32))])
    assert (black == 0).all()


@pytest.mark.parametrize("value", [-3.0, np.nan, np.inf])
def test_values_without_a_brightness_are_refused(tmp_path, value):
    with pytest.raises(UnreadablePicture, match="save it with 8 bits"):
        _deep(tmp_path / "a.tif", np.full((9, 9), value, np.float32))


def _noise(path, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path.read_bytes()


BROKEN = {
    "an empty file": ("a.png", lambda whole: b""),
    "no picture inside": ("a.png", lambda whole: b"To whom it may concern"),
    r"damaged \(image file is truncated": ("a.jpg", lambda whole: whole[: len(whole) // 2]),
    r"damaged \(": ("a.png", lambda whole: whole[: len(whole) // 2]),
    "TIFF|damaged": ("a.tif", lambda whole: whole[:200]),
    "HEIC is not read: save it as JPEG or PNG": ("a.HEIC", lambda whole: b"ftypheic"),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_what_cannot_be_read_has_a_reason(tmp_path, reason):
    name, damage = BROKEN[reason]
    suffix = "png" if name.endswith("HEIC") else name[2:]
    whole = _noise(tmp_path / f"whole.{suffix}")
    (tmp_path / name).write_bytes(damage(whole))
    with pytest.raises(UnreadablePicture, match=reason):
        read_square(tmp_path / name, 16)


def test_links_to_nowhere_and_pipes_are_refused_without_waiting(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(UnreadablePicture, match="a link that leads nowhere, or no ordinary"):
            read_square(tmp_path / name, 16)


@pytest.mark.parametrize("side", [8200, 10000, 14000])
def test_pictures_that_would_fill_the_memory_are_refused(tmp_path, side):
    assert side**2 > MOST_PIXELS
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 50_000
    with warnings.catch_warnings(), pytest.raises(UnreadablePicture, match="67 million pixels"):
        warnings.simplefilter("error")
        read_square(tmp_path / "a.png", 16)


def test_postscript_never_starts_another_program(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(UnreadablePicture, match="no picture inside"):
        read_square(tmp_path / "a.png", 16)


DEPTHS = {  # how colour or grey of more than 8 bits is stored
    "tif": lambda path, values: tifffile.imwrite(path, values, photometric="rgb"),
    "deflated tif": lambda path, values: tifffile.imwrite(
        path, values, photometric="rgb", compression="zlib", predictor=True
    ),
    "planes in a tif": lambda path, values: tifffile.imwrite(
        path, values.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "big-endian tif": lambda path, values: tifffile.imwrite(
        path, values, photometric="rgb", byteorder=">"
    ),
    "png": lambda path, values: path.write_bytes(_png_of_16_bits(values)),
}


def _png_of_16_bits(values: np.ndarray) -> bytes:
    """Colour of 16 bits as PNG, which Pillow cannot write."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    parts = [(b"IHDR", head), (b"IDAT", zlib_compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _colours_of(most: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, most + 1, (30, 40, 3)).astype(np.uint16)


@pytest.mark.parametrize("way", DEPTHS)
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_colour_of_more_than_8_bits_keeps_every_bit(tmp_path, way, bits):
    values = _colours_of(2**bits - 1)
    path = tmp_path / f"a.{way.split()[-1]}"
    DEPTHS[way](path, values)
    deep = read_whole(path).pixels()
    assert (deep.values == values.transpose(2, 0, 1)).all()
    (bright,) = to_bytes([deep])
    assert np.abs(bright - values.transpose(2, 0, 1) * (255 / (2**bits - 1))).max() <= 0.51


def test_colours_as_floats_run_from_nought_to_one(tmp_path):
    values = np.random.default_rng(0).random((30, 40, 3), dtype=np.float32)
    values[0, 0] = 1
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    (bright,) = to_bytes([read_whole(tmp_path / "a.tif").pixels()])
    assert np.abs(bright - values.transpose(2, 0, 1) * 255).max() <= 0.51
    assert read_square(tmp_path / "a.tif", 16).values.shape == (3, 16, 16)


def test_files_of_one_folder_share_one_white_and_floats_have_their_own(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", _colours_of(4095), photometric="rgb")
    _deep(tmp_path / "b.png", np.full((9, 9), 1000, np.uint16))
    _deep(tmp_path / "c.tif", np.full((9, 9), 0.5, np.float32))
    deep = [read_whole(tmp_path / name).pixels() for name in ("a.tif", "b.png", "c.tif")]
    colour, grey, float_grey = to_bytes(deep)
    assert colour.max() == 255
    assert (grey == round(1000 * 255 / 4095)).all()
    assert (float_grey == 128).all()


def test_white_is_judged_by_the_whole_picture_and_not_by_what_is_left_of_it(tmp_path):
    values = np.zeros((64, 64), np.uint16)
    values[3, 3] = 40_000
    assert _deep(tmp_path / "a.png", values).brightest == 40_000


def test_transparent_parts_of_deep_pictures_are_white(tmp_path):
    values = np.full((9, 9, 4), 1000, np.uint16)
    values[:, :4, 3], values[:, 4:, 3] = 65535, 0
    (tmp_path / "a.png").write_bytes(_png_of_16_bits(values))
    (square,) = to_bytes([read_whole(tmp_path / "a.png").pixels()])
    assert (square[:, :, :4] == round(1000 * 255 / 1023)).all()
    assert (square[:, :, 4:] == 255).all()


def test_a_fourth_channel_that_is_no_cover_is_left_aside(tmp_path):
    """Infrared, in aerial photographs."""
    values = np.concatenate([_colours_of(4095), np.full((30, 40, 1), 9, np.uint16)], 2)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[0])
    deep = read_whole(tmp_path / "a.tif").pixels()
    assert (deep.values == values[..., :3].transpose(2, 0, 1)).all()


def test_many_channels_are_refused_by_number(tmp_path):
    values = np.zeros((9, 9, 7), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", planarconfig="contig")
    with pytest.raises(UnreadablePicture, match="7 channels; expected grey or colour"):
        read_square(tmp_path / "a.tif", 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "deep.tif", "float.tif", "planes.tif"])
def test_a_picture_is_given_upright_and_as_stored(tmp_path, suffix, orientation):
    stored = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    path, tag = tmp_path / f"a.{suffix}", [(274, "H", 1, orientation, False)]
    if "." in suffix:
        values = {"d": stored.astype(np.uint16), "f": stored.astype(np.float32)}.get(suffix[0])
        planes = suffix.startswith("planes")
        values = stored.astype(np.uint16).transpose(2, 0, 1) if planes else values
        layout = "separate" if planes else "contig"
        tifffile.imwrite(path, values, photometric="rgb", planarconfig=layout, extratags=tag)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(stored).save(path, exif=exif, quality=100, subsampling=0)
    seen = Image.fromarray(stored)
    seen.getexif()[274] = orientation
    picture = read_whole(path)
    assert picture.frame.stored == (20, 12)
    assert picture.frame.upright == ImageOps.exif_transpose(seen).size
    for upright, wanted in ((False, stored), (True, np.asarray(ImageOps.exif_transpose(seen)))):
        pixels = picture.pixels(upright)
        pixels = pixels.values if isinstance(pixels, Deep) else pixels
        assert np.abs(pixels.astype(int) - wanted.transpose(2, 0, 1)).mean() < 3

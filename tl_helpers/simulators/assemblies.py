"""Assembled parts: a board with pieces in places, each part drawn anew within tolerances.

A stand-in for a tray, a kit or a circuit board, called simulated wherever it appears. Defects of
the surface are those of `defects`; a piece may be missing, wrong or displaced.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

from tl_helpers.simulators import defects
from tl_helpers.simulators.products import GOOD, Product, product

SIDE = 96
PIECE_KINDS = ("missing", "wrong", "displaced")
KINDS = (*defects.KINDS, *PIECE_KINDS)
MOVED = {"small": 4.0, "medium": 6.5, "large": 9.0}  # pixels that a displaced piece is off
BELT = 0.25  # brightness of what lies around the part


@dataclass(frozen=True)
class Tolerance:
    """What good parts may differ by, to either side.

    Attributes
    ----------
    shift, turn : float
        Of each piece in its place, in pixels and degrees.
    placed, askew : float
        Of the whole part under the camera, in pixels and degrees.
    light, slope : float
        Shares of brightness: of the whole picture, and from one side of it to the other.
    lot : float
        Share of each colour of a piece: pieces come from several lots.
    """

    shift: float = 1.5
    turn: float = 6.0
    placed: float = 1.5
    askew: float = 1.5
    light: float = 0.12
    slope: float = 0.25
    lot: float = 0.15


ORDINARY = Tolerance()
NOISE = 0.012  # of the camera, as a share of full brightness

_SITES = [(row, column) for row in (28, 68) for column in (18, 48, 78)]


@dataclass(frozen=True)
class Piece:
    """A drawing and where it belongs: its middle in pixels, its width, its angle in degrees.

    The drawing's colours are multiplied by its cover, so that resampling mixes in nothing unseen.
    """

    drawing: Image.Image
    row: float
    column: float
    width: float
    angle: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def inspected(
    name: str,
    drawings: Mapping[str, Image.Image],
    counts: tuple[int, int, int, int],
    data_seed: int = 0,
    tolerance: Tolerance = ORDINARY,
) -> Product:
    """A product of its own design: five or six pieces on a coloured board.

    Every part differs from every other as `Tolerance` says, and the camera adds noise.

    Parameters
    ----------
    name : str
        Draws the design, together with ``data_seed``.
    drawings : dict of str to PIL.Image.Image
        At least eight square RGBA drawings to choose pieces from.
    counts : (int, int, int, int)
        As in `products.product`.
    data_seed : int, default 0
    tolerance : Tolerance, default ORDINARY

    Raises
    ------
    ValueError
        For fewer than eight drawings.
    """
    if len(drawings) < 8:
        raise ValueError(f"there are {len(drawings)} drawings; expected eight or more.")
    rng = np.random.default_rng([data_seed, *map(ord, name)])
    ready = [_premultiplied(drawing) for drawing in drawings.values()]
    board, pieces = _board(rng), _design(ready, rng)
    draws = {where: np.random.default_rng(rng.integers(2**32)) for where in ("learn", "test")}
    used = [id(piece.drawing) for piece in pieces]
    spare = [drawing for drawing in ready if id(drawing) not in used]
    shoot = {
        where: partial(_part, board, pieces, spare, tolerance, draw)
        for where, draw in draws.items()
    }
    return product(name, shoot, KINDS, counts)


def designs(
    drawings: Mapping[str, Image.Image],
    number: int,
    counts: tuple[int, int, int, int],
    data_seed: int = 0,
) -> list[Product]:
    """``number`` products of different design, called "design 0" and so on; see `inspected`.

    Raises
    ------
    ValueError
        For fewer than eight drawings.
    """
    names = [f"design {place}" for place in range(number)]
    return [inspected(name, drawings, counts, data_seed) for name in names]


def _board(rng) -> np.ndarray:
    """A plain ground with a frame and four screws, float (SIDE, SIDE, 3)."""
    ground = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.1, 0.6), rng.uniform(0.45, 0.85))
    board = np.broadcast_to(ground, (SIDE, SIDE, 3)).copy()
    board[:3], board[-3:], board[:, :3], board[:, -3:] = (np.array(ground) * 0.6,) * 4
    rows, columns = np.indices((SIDE, SIDE))
    for row in (8, SIDE - 9):
        for column in (8, SIDE - 9):
            away = np.hypot(rows - row, columns - column)
            board[away < 3.2] = 0.75
            board[(away < 3.2) & (np.abs(rows - row) < 0.8)] = 0.3
    return board


def _design(drawings: list[Image.Image], rng) -> list[Piece]:
    count = int(rng.integers(5, len(_SITES) + 1))
    sites = rng.permutation(len(_SITES))[:count]
    chosen = rng.permutation(len(drawings))[:count]
    pairs = zip(sites, chosen, strict=True)
    return [_piece(drawings[which], _SITES[site], rng) for site, which in pairs]


def _piece(drawing: Image.Image, site: Sequence[float], rng) -> Piece:
    row, column = np.add(site, rng.uniform(-3, 3, 2))
    width, angle = rng.uniform(22, 27), float(rng.choice([0, 90, 180, 270]))
    return Piece(drawing, row, column, width, angle)


def _part(board, pieces, spare, tolerance, rng, kind: str, size: str, contrast: str):
    """One part: drawn with and, for a piece's defect, without it, so that the mask is exact."""
    placed = [_within(tolerance, piece, rng) for piece in pieces]
    right = wrong = _assembled(board, placed).clip(0, 1)
    mask = np.zeros((SIDE, SIDE), bool)
    if kind in PIECE_KINDS:
        wrong = _assembled(board, _spoiled(placed, spare, rng, kind, size)).clip(0, 1)
        mask = defects.difference(right, wrong)
    elif kind != GOOD:
        wrong, mask = defects.render(kind, right, size, contrast, rng)
    return _photographed(wrong, mask, tolerance, rng)


def _within(tolerance: Tolerance, piece: Piece, rng) -> Piece:
    shift, turn, lot = tolerance.shift, tolerance.turn, tolerance.lot
    row, column = np.add((piece.row, piece.column), rng.uniform(-shift, shift, 2))
    angle = piece.angle + rng.uniform(-turn, turn)
    tint = tuple(rng.uniform(1 - lot, 1 + lot, 3))
    return replace(piece, row=row, column=column, angle=angle, tint=tint)


def _spoiled(pieces: list[Piece], spare: list, rng, kind: str, size: str) -> list[Piece]:
    which = int(rng.integers(len(pieces)))
    piece, others = pieces[which], pieces[:which] + pieces[which + 1 :]
    if kind == "missing":
        return others
    if kind == "wrong":
        return [*others, replace(piece, drawing=spare[rng.integers(len(spare))])]
    angle = rng.uniform(0, 2 * np.pi)
    row = piece.row + MOVED[size] * np.sin(angle)
    return [*others, replace(piece, row=row, column=piece.column + MOVED[size] * np.cos(angle))]


def _assembled(board: np.ndarray, pieces: list[Piece]) -> np.ndarray:
    """The board with its pieces, float (3, SIDE, SIDE)."""
    shown = board
    for piece in pieces:
        drawn = np.asarray(_placed(piece), np.float64) / 255
        shown = shown * (1 - drawn[..., 3:]) + drawn[..., :3] * piece.tint
    return shown.transpose(2, 0, 1)


def _placed(piece: Piece) -> Image.Image:
    middle = piece.drawing.width / 2
    affine = _affine(middle, middle, piece.column, piece.row, piece.angle, 2 * middle / piece.width)
    return piece.drawing.transform(
        (SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )


def _affine(x0: float, y0: float, x: float, y: float, degrees: float, scale: float = 1.0) -> tuple:
    """Pillow's six numbers that bring (x0, y0) of the source to (x, y), turned and shrunk."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return cos, -sin, x0 - cos * x + sin * y, sin, cos, y0 - sin * x - cos * y


def _premultiplied(drawing: Image.Image) -> Image.Image:
    values = np.array(drawing.convert("RGBA"), np.float64)
    values[..., :3] *= values[..., 3:] / 255
    return Image.fromarray(values.round().astype(np.uint8), "RGBA")


def _photographed(picture: np.ndarray, mask: np.ndarray, tolerance: Tolerance, rng):
    """The part on its belt: a little off and askew, in other light, with the camera's noise."""
    middle = SIDE / 2
    off = middle + rng.uniform(-tolerance.placed, tolerance.placed, 2)
    affine = _affine(middle, middle, off[0], off[1], rng.uniform(-tolerance.askew, tolerance.askew))
    planes = np.concatenate([picture - BELT, mask[None]])
    turned = np.stack([_turned(plane, affine) for plane in planes])
    light = rng.uniform(1 - tolerance.light, 1 + tolerance.light) + _slope(tolerance.slope, rng)
    shown = (turned[:3] + BELT) * light
    return shown + rng.normal(0, NOISE, shown.shape), turned[3] > 0.5


def _slope(most: float, rng) -> np.ndarray:
    """Light that is brighter on one side of the picture than on the other, (SIDE, SIDE)."""
    angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0, most)
    rows, columns = np.indices((SIDE, SIDE)) / SIDE - 0.5
    return amount * (rows * np.sin(angle) + columns * np.cos(angle))


def _turned(plane: np.ndarray, affine: tuple) -> np.ndarray:
    """A plane moved by an affine map; what comes from outside is zero."""
    image = Image.fromarray(plane.astype(np.float32))
    turned = image.transform(image.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(turned)

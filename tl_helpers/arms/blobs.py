"""Blobs of one colour, the classical way to find round things in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision import ops

from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets import tiles
from tl_helpers.datasets.scenes import Scene
from tl_helpers.models import detection
from tl_helpers.models.detection import Detections

COLOURS = {"green": (-1, 2, -1), "yellow": (1, 1, -2)}  # weights of red, green and blue
SPREADS = (6.0, 8.0, 11.0, 15.0, 20.0)  # standard deviations of the filters, in pixels
WIDENINGS = (1.0, 1.4, 1.8, 2.2, 2.6)  # half a box's side in standard deviations


class Spots(NamedTuple):
    """Centres float (N, 2), x and y in pixels; spreads float (N,) in pixels; strengths (N,).

    ``size`` is the picture's width and height in pixels: no box leaves it.
    """

    centres: Tensor
    spreads: Tensor
    strengths: Tensor
    size: tuple[int, int]


def spots(scene: Scene) -> dict[str, Spots]:
    """Bright spots in each of `COLOURS`, with the spread that fits each best.

    The Laplacian of a Gaussian answers most to a spot of its own size; maxima over place and
    size are the spots (Lindeberg, IJCV 1998). The picture is read at half its size.
    """
    from scipy.ndimage import gaussian_laplace
    from skimage.feature import peak_local_max

    picture, found = scene.picture[:, ::2, ::2].float().numpy() / 255, {}
    for colour, weights in COLOURS.items():
        grey = np.tensordot(weights, picture, 1)
        answers = np.stack([-((s / 2) ** 2) * gaussian_laplace(grey, s / 2) for s in SPREADS])
        best = answers.max(0)
        peaks = peak_local_max(best, min_distance=3, exclude_border=False, num_peaks=100)
        where = tuple(peaks.T)
        spreads = torch.tensor(SPREADS)[torch.from_numpy(answers.argmax(0)[where])]
        strengths = torch.from_numpy(best[where]).float().clamp(min=1e-6)
        centres = torch.from_numpy(2 * peaks[:, ::-1].copy()).float()
        found[colour] = Spots(centres, spreads, strengths, scene.size)
    return found


def boxed(found: Spots, widening: float) -> Detections:
    """A square around each spot, ``2 * widening`` spreads wide; the weaker of two goes.

    Squares are cut at the picture's edges.
    """
    half = widening * found.spreads[:, None]
    boxes = torch.cat([found.centres - half, found.centres + half], 1)
    boxes = ops.clip_boxes_to_image(boxes, found.size[::-1])
    return detection.suppressed(Detections(boxes, found.strengths))


def tuned(labelled: Sequence[Scene], spots_of: Sequence[dict[str, Spots]]) -> tuple[str, float]:
    """The colour and the widening with the best average precision on labelled tiles.

    Parameters
    ----------
    labelled : sequence of Scene
    spots_of : sequence of dict
        `spots` of each of them.
    """

    def precision(colour: str, widening: float) -> float:
        pairs = zip(labelled, spots_of, strict=True)
        matches = [detection.match(one.boxes, boxed(s[colour], widening)) for one, s in pairs]
        return detection.average_precision(matches)

    choices = [(colour, widening) for colour in COLOURS for widening in WIDENINGS]
    return max(choices, key=lambda choice: precision(*choice))


def arm(pool: Sequence[Scene], test: Sequence[Scene]) -> Arm:
    """Blobs of the colour and the width that suit the labelled tiles best.

    Parameters
    ----------
    pool : sequence of Scene
        Tiles to label, of which `tiles.drawn` takes the budget.
    test : sequence of Scene

    Returns
    -------
    callable
        ``arm(budget, seed)``: a Prediction whose rows are those of `detection.rows`.
    """
    pool_spots, test_spots = ([spots(tile) for tile in part] for part in (pool, test))

    def predict(budget: int, seed: int) -> Prediction:
        few = tiles.drawn(range(len(pool)), budget, seed)
        colour, width = tuned([pool[n] for n in few], [pool_spots[n] for n in few])
        return Prediction(detection.rows([boxed(one[colour], width) for one in test_spots]))

    return predict

"""Detections and their average precision, counted as COCO counts it (Lin et al. 2014).

A detector answers each picture with boxes and scores. `rows` packs the answers for all pictures
into one table, the form in which `compare.run` keeps predictions; `AveragePrecision` is a metric
of such tables that matches each picture's boxes once, however often pictures are drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision import ops
from torchvision.transforms.functional import resized_crop
from torchvision.utils import draw_bounding_boxes

from tl_helpers.datasets.scenes import Scene

_RECALLS = np.linspace(0, 1, 101)  # at which COCO reads the curve


class Detections(NamedTuple):
    """Boxes float (N, 4) as left, top, right, bottom in pixels, and scores float (N,) in [0, 1]."""

    boxes: Tensor
    scores: Tensor


class Curve(NamedTuple):
    """Precision and recall, float (N,) each, as the score's threshold falls; scores float (N,)."""

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray


class Matches(NamedTuple):
    """Of one picture: scores float (N,), falling; which detections hit, bool (N,); true boxes."""

    scores: np.ndarray
    hits: np.ndarray
    objects: int


def suppressed(found: Detections, overlap: float = 0.5, most: int = 100) -> Detections:
    """Non-maximum suppression: of boxes that overlap, the one with the best score stays.

    Parameters
    ----------
    found : Detections
    overlap : float, default 0.5
        Intersection over union above which the lower score goes.
    most : int, default 100
        At most so many stay, those with the best scores.
    """
    kept = ops.nms(found.boxes, found.scores, overlap)[:most]
    return Detections(found.boxes[kept], found.scores[kept])


def best(boxes: Tensor, scores: Tensor, overlap: float = 0.5, most: int = 100) -> Detections:
    """The boxes (N, 4) with scores (N,) that non-maximum suppression leaves; see `suppressed`."""
    return suppressed(Detections(boxes, scores), overlap, most)


def match(truth: Tensor, found: Detections, overlap: float = 0.5) -> Matches:
    """Which detections hit a true box: from the best score down, each takes the best box left.

    Parameters
    ----------
    truth : Tensor
        True boxes (M, 4).
    found : Detections
    overlap : float, default 0.5
        A hit needs at least this intersection over union.
    """
    scores = np.asarray(found.scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    hits = np.zeros(len(order), dtype=bool)
    if len(truth) and len(order):
        shared = ops.box_iou(found.boxes.double(), truth.double()).numpy()[order]
        for place, shares in enumerate(shared):
            best = len(shares) - 1 - shares[::-1].argmax()  # COCO takes the last of equal ones
            if shares[best] >= min(overlap, 1 - 1e-10):
                hits[place] = True
                shared[:, best] = -1  # a true box is found once
    return Matches(scores[order], hits, len(truth))


def matched(scenes: Sequence[Scene], found: Sequence[Detections]) -> list[Matches]:
    """`match` of each picture with boxes and the detections in it, at an overlap of one half."""
    return [match(scene.boxes, one) for scene, one in zip(scenes, found, strict=True)]


def windows(
    scenes: Sequence[Scene], found: Sequence[Detections], side: int
) -> tuple[list[Tensor], np.ndarray, np.ndarray]:
    """A small picture around each detection, which is white, whether it hit, and its score.

    Parameters
    ----------
    scenes : sequence of Scene
    found : sequence of Detections
        Of each of them.
    side : int
        Pixels of a small picture, which is shrunk where the detection is larger; black outside of
        the scene, and where a true box is.

    Returns
    -------
    (list of Tensor, ndarray, ndarray)
        uint8 (3, side, side) each; int (n,), 1 for a hit; float (n,). Picture by picture, in each
        the best score first.
    """
    crops, matches = [], matched(scenes, found)
    for scene, (boxes, scores) in zip(scenes, found, strict=True):
        for box in boxes[scores.argsort(descending=True, stable=True)]:
            size = max(side, math.ceil(1.1 * float((box[2:] - box[:2]).max())))
            left, top = ((box[:2] + box[2:] - size) / 2).round().int().tolist()
            window = resized_crop(scene.picture, top, left, size, size, [side, side])
            drawn = torch.cat([scene.boxes, box[None]]) - torch.tensor([left, top] * 2)
            colours = ["black"] * len(scene.boxes) + ["white"]
            crops.append(draw_bounding_boxes(window, drawn * (side / size), colors=colours))
    hits = np.concatenate([one.hits for one in matches]).astype(int)
    return crops, hits, np.concatenate([one.scores for one in matches])


def precision_recall(matches: Sequence[Matches]) -> Curve:
    """The curve over all pictures together: one threshold holds for all of them.

    Precision is the share of detections that hit; recall the share of true boxes found. Without
    a true box both are 0.
    """
    scores = np.concatenate([found.scores for found in matches] or [np.zeros(0)])
    hits = np.concatenate([found.hits for found in matches] or [np.zeros(0, bool)])
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(hits[order])
    objects = sum(one.objects for one in matches)
    return Curve(found / np.arange(1, len(found) + 1), found / max(objects, 1), scores[order])


def average_precision(matches: Sequence[Matches]) -> float:
    """Mean precision at 101 recalls from 0 to 1, each the best precision at that recall or more.

    Returns
    -------
    float
        0 to 1, as COCO's ``AP`` at one overlap. Recalls never reached count 0.
    """
    curve = precision_recall(matches)
    if not len(curve.recall):
        return 0.0
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    places = np.searchsorted(curve.recall, _RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())


def rows(found: Sequence[Detections], most: int = 50, scale: float = 1) -> np.ndarray:
    """Detections of all pictures as one table: a row a picture, five numbers a detection.

    Parameters
    ----------
    found : sequence of Detections
    most : int, default 50
        Detections kept a picture, those with the best scores.
    scale : float, default 1
        Boxes become so many times as large: 2 for those of a picture at half its size.

    Returns
    -------
    numpy.ndarray
        float32 (pictures, 5 * most): left, top, right, bottom, score; a score of 0 is no box.
    """
    table = np.zeros((len(found), most, 5), dtype=np.float32)
    for row, (boxes, scores) in zip(table, found, strict=True):
        best = scores.argsort(descending=True, stable=True)[:most]
        row[: len(best)] = torch.cat([scale * boxes[best], scores[best, None]], 1).numpy()
    return table.reshape(len(found), -1)


def from_row(row: np.ndarray) -> Detections:
    """The detections of one row of `rows`."""
    values = torch.from_numpy(np.asarray(row, dtype=np.float32)).reshape(-1, 5)
    values = values[values[:, 4] > 0]
    return Detections(values[:, :4], values[:, 4])


class AveragePrecision:
    """The metric of tables made by `rows`, called as ``metric(numbers, table)``.

    Parameters
    ----------
    truth : sequence of Tensor
        True boxes (M, 4) of each picture.
    overlap : float, default 0.5
        Intersection over union that a hit needs.

    Raises
    ------
    ValueError
        When no picture has a true box: the metric would be 0 for every detector.
    """

    def __init__(self, truth: Sequence[Tensor], overlap: float = 0.5) -> None:
        if not any(len(boxes) for boxes in truth):
            raise ValueError("no picture has a true box; average precision needs one.")
        self.truth, self.overlap = list(truth), overlap
        self.__name__ = f"average precision at IoU {overlap:g}"
        self._known: dict[tuple[int, bytes], Matches] = {}

    def __call__(self, numbers: Sequence[int], table: np.ndarray) -> float:
        """Average precision of the pictures with these numbers, whose answers are the rows."""
        pairs = zip(numbers, table, strict=True)
        return average_precision([self.match(int(number), row) for number, row in pairs])

    def match(self, number: int, row: np.ndarray) -> Matches:
        """Matches of one picture's row, computed once."""
        key = number, row.tobytes()
        if key not in self._known:
            self._known[key] = match(self.truth[number], from_row(row), self.overlap)
        return self._known[key]


def coco_average_precision(
    truth: Sequence[Tensor], found: Sequence[Detections], overlap: float = 0.5
) -> float:
    """The same with COCO's own program, pycocotools, which counts all detections here.

    Its tables of results stop at 100 detections a picture; a scene with more trees would be
    cut short without a word.
    """
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
        judge = COCOeval(*_as_coco(truth, found, COCO), iouType="bbox")
        judge.params.iouThrs = np.array([overlap])
        judge.params.maxDets = [max([len(one.scores) for one in found] + [1])]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    return float(judge.eval["precision"].clip(min=0).mean())


def _as_coco(truth, found, COCO):
    objects = [(n, box) for n, boxes in enumerate(truth) for box in _corner_and_size(boxes)]
    annotations = [
        {**_entry(n, box), "id": k, "iscrowd": 0, "area": box[2] * box[3]}
        for k, (n, box) in enumerate(objects, start=1)
    ]
    results = [
        {**_entry(n, box), "score": float(score)}
        for n, one in enumerate(found)
        for box, score in zip(_corner_and_size(one.boxes), one.scores, strict=True)
    ]
    images = [{"id": n} for n in range(len(truth))]
    home = COCO()
    home.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    home.createIndex()
    return home, home.loadRes(results) if results else COCO()


def _entry(number: int, box: list[float]) -> dict:
    return {"image_id": number, "category_id": 1, "bbox": box}


def _corner_and_size(boxes: Tensor) -> list[list[float]]:
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).double().tolist()

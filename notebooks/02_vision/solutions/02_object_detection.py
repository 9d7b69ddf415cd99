"""Exercises of lesson 2.2: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong, read, same


def _close(number, expected):
    return same(number, expected, tolerance=1e-3)


def _check_iou(answer):
    a, beside, far = [0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]
    found = read(answer(a, beside))
    if _close(found, 0.25):
        raise NotYet(
            "the common part is in both areas, so their sum counts it twice; take it off once."
        )
    if _close(found, 0.5):
        raise NotYet("that is the share of one box; divide by the area that both cover together.")
    if not _close(found, 1 / 3):
        raise NotYet(f"{a} and {beside} share 50 of 150 pixels, which is a third.")
    if not _close(answer(a, far), 0):
        raise NotYet(
            "boxes apart in both directions have a negative width and a negative height, whose "
            "product is positive: cut each at 0 first."
        )
    if not _close(answer(a, [2, 3, 4, 8]), 0.1):
        raise NotYet("a box of 10 pixels inside one of 100 has an IoU of a tenth.")
    return "a hit, for AP at 0.5, needs half of what the two boxes cover together."


def _check_detect_at(answer):
    import torch

    from tl_helpers.datasets.scenes import Scene
    from tl_helpers.models.detection import Detections

    seen = []

    def whole_tile(tile):
        """A detector that puts one box around all that it is shown."""
        seen.append(tile.size)
        return Detections(torch.tensor([[0.0, 0.0, *tile.size]]), torch.tensor([0.9]))

    tile = Scene("test", torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(0, 4))
    found = answer(tile, 0.2, whole_tile)
    if not seen:
        raise NotYet("it never calls detect; expected it to be called on the resized tile.")
    if seen[-1] == (32, 32):
        raise NotYet(
            "the tile became smaller. At 0.2 m a pixel a crown has half the pixels that the "
            "detector knows, so the tile has to grow: the factor is metres / 0.1."
        )
    if seen[-1] != (128, 128):
        raise NotYet(f"detect saw {seen[-1]} for 64 pixels of 0.2 m; expected (128, 128).")
    if not isinstance(found, Detections):
        raise NotYet("return Detections(boxes, scores), as detect does.")
    if _close(found.boxes[0], [0, 0, 128, 128]):
        raise NotYet("the boxes are in pixels of the resized tile; divide them by the factor.")
    if not _close(found.boxes[0], [0, 0, 64, 64]):
        raise NotYet(
            f"a box around the whole tile came back as {found.boxes[0].tolist()}; expected "
            "[0, 0, 64, 64]."
        )
    return "one function, and the detector reads any flight whose resolution is known."


def _check_recall(answer, curve):
    enough = curve.precision >= 0.5
    best = float(curve.recall[enough].max(initial=0))
    answer = read(answer)
    if not 0 <= answer <= 1:
        raise NotYet(f"that is {answer:g}; give one number from 0 to 1, a recall.")
    if _close(answer, best):
        return "to find more of them, you accept more than one wrong box for each right one."
    if enough.any() and _close(answer, float(curve.scores[enough].min())):
        raise NotYet("that is the score's threshold; the question is the recall that it gives.")
    if _close(answer, float(curve.recall.max(initial=0))):
        raise NotYet("that is the recall with all boxes; at the end precision is below a half.")
    below = (~enough).argmax() if not enough.all() else len(enough)
    if below and _close(answer, float(curve.recall[below - 1])):
        raise NotYet("precision dips below a half and comes back; look at the whole curve.")
    raise NotYet("take the recalls at which precision is at least 0.5, and of them the largest.")


def _curve():
    import numpy as np

    from tl_helpers.models.detection import Curve

    hits = np.array([1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1])
    found = np.cumsum(hits)
    return Curve(found / np.arange(1, 13), found / 6, np.linspace(0.9, 0.13, 12))


def _iou(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def _iou_in_numpy(a, b):
    import numpy as np

    a, b = np.array(a, np.float32), np.array(b, np.float32)
    common = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).prod()
    return common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common)


def _iou_of_torchvision(a, b):
    import torch
    from torchvision.ops import box_iou

    return box_iou(torch.tensor([a]), torch.tensor([b]))


def _detect_at(tile, metres, detect):
    from tl_helpers.datasets import tiles

    factor = metres / 0.1
    found = detect(tiles.resized(tile, factor))
    return type(found)(found.boxes / factor, found.scores)


def _detect_at_by_rounding(tile, metres, detect):
    found = _detect_at(tile, metres, detect)
    return type(found)(found.boxes.double().round(), found.scores)


def _detect_at_by_name(tile, metres, detect):
    found = _not_back(tile, metres, detect)
    return found._replace(boxes=0.1 / metres * found.boxes)


def _best_recall():
    curve = _curve()
    return curve.recall[curve.precision >= 0.5].max(initial=0)


def _best_recall_in_torch():
    import torch

    return torch.tensor([_best_recall()])


def _sum_of_areas(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / sum(areas)


def _share_of_one(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return wide * high / ((a[2] - a[0]) * (a[3] - a[1]))


def _never_apart(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def _wrong_way(tile, metres, detect):
    from tl_helpers.datasets import tiles

    return detect(tiles.resized(tile, 0.1 / metres))


def _not_back(tile, metres, detect):
    from tl_helpers.datasets import tiles

    return detect(tiles.resized(tile, metres / 0.1))


def _twice_scaled(tile, metres, detect):
    found = _not_back(tile, metres, detect)
    return type(found)(found.boxes * 0.1 / metres * 0.1 / metres, found.scores)


EXERCISES = [
    Exercise(
        id="2.2.1",
        kind="complete",
        hints=[
            "The common part reaches from the larger of the two lefts to the smaller of the two "
            "rights, and the same downwards.",
            "union = area of a + area of b - common part.",
        ],
        check=_check_iou,
        solution="""def iou(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area_a, area_b = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return wide * high / (area_a + area_b - wide * high)""",
        wrong=[
            Wrong(lambda: _sum_of_areas, "counts it twice"),
            Wrong(lambda: _share_of_one, "share of one box"),
            Wrong(lambda: _never_apart, "cut each at 0"),
            Wrong(lambda: lambda a, b: 0.0, "50 of 150 pixels"),
            Wrong(lambda: lambda a, b: (50, 150), "two things"),
        ],
        right=[lambda: _iou, lambda: _iou_in_numpy, lambda: _iou_of_torchvision],
    ),
    Exercise(
        id="2.2.2",
        kind="modify",
        hints=[
            "A pixel of 0.2 m covers twice as much ground: twice the factor makes it two pixels.",
            "found = detect(tiles.resized(tile, factor)), and then found._replace(boxes="
            "found.boxes / factor).",
        ],
        check=_check_detect_at,
        solution="""def detect_at(tile, metres, detect):
    factor = metres / 0.1
    found = detect(tiles.resized(tile, factor))
    return found._replace(boxes=found.boxes / factor)""",
        wrong=[
            Wrong(lambda: _wrong_way, "metres / 0.1"),
            Wrong(lambda: _not_back, "divide them by the factor"),
            Wrong(lambda: _twice_scaled, "expected [0, 0, 64, 64]"),
            Wrong(lambda: lambda tile, metres, detect: detect(tile), "expected (128, 128)"),
        ],
        right=[lambda: _detect_at, lambda: _detect_at_by_rounding, lambda: _detect_at_by_name],
    ),
    Exercise(
        id="2.2.3",
        kind="investigate",
        hints=[
            "curve.precision >= 0.5 marks the points of the curve that you accept.",
            "curve.recall[marks].max(initial=0) is the largest recall among them.",
        ],
        check=_check_recall,
        solution="""recall_at_half = float(curve.recall[curve.precision >= 0.5].max(initial=0))""",
        wrong=[
            Wrong(1.0, "of them the largest"),
            Wrong("half", "one number"),
            Wrong(1 / 6, "comes back"),
            Wrong(lambda: float(_curve().scores[7]), "score's threshold"),
            Wrong(lambda: float(_curve().recall.max()), "at the end precision"),
            Wrong(66.7, "from 0 to 1"),
        ],
        right=[lambda: float(_best_recall()), _best_recall, _best_recall_in_torch],
        context=lambda: {"curve": _curve()},
    ),
]

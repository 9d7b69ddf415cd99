"""Average precision agrees with COCO's program and with sums by hand; tables keep detections."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.kit import lessons
from tl_helpers.models import detection
from tl_helpers.models.detection import AveragePrecision, Detections

SQUARE = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
FAR = torch.tensor([[50.0, 50.0, 60.0, 60.0]])


def found(*boxes_and_scores) -> Detections:
    """Detections of (box, score) pairs."""
    boxes = [box for box, _ in boxes_and_scores]
    scores = [score for _, score in boxes_and_scores]
    return Detections(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores).float())


def a_world(seed: int, pictures: int = 12, spread: float = 6.0):
    """Random true boxes, and detections that are near many of them, miss some and invent some."""
    draw = torch.Generator().manual_seed(seed)
    truth, answers = [], []
    for _ in range(pictures):
        corner = torch.rand(int(torch.randint(0, 9, (1,), generator=draw)), 2, generator=draw) * 80
        boxes = torch.cat([corner, corner + 10 + 20 * torch.rand(corner.shape, generator=draw)], 1)
        moves = spread * torch.randn(len(boxes), 2, generator=draw).repeat(1, 2)
        invented = torch.rand(3, 2, generator=draw) * 80
        invented = torch.cat([invented, invented + 15], 1)
        everything = torch.cat([boxes[1:] + moves[1:], boxes[:2] + 1, invented])
        truth.append(boxes)
        answers.append(Detections(everything, torch.rand(len(everything), generator=draw)))
    return truth, answers


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("overlap", [0.3, 0.5, 0.75])
def test_average_precision_is_that_of_pycocotools(seed, overlap):
    truth, answers = a_world(seed)
    matches = [detection.match(*pair, overlap) for pair in zip(truth, answers, strict=True)]
    expected = detection.coco_average_precision(truth, answers, overlap)
    assert 0 < expected < 1
    assert detection.average_precision(matches) == pytest.approx(expected, abs=1e-9)


def test_average_precision_is_a_sum_done_by_hand():
    # Two objects; the sure detection hits, the next misses, the last hits: precision 1 up to
    # recall 0.5 (51 of the 101 levels), then 2/3.
    truth = torch.cat([SQUARE, FAR])
    answers = found((SQUARE[0].tolist(), 0.9), ([80.0, 0, 90, 10], 0.5), (FAR[0].tolist(), 0.1))
    value = detection.average_precision([detection.match(truth, answers)])
    assert value == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_more_than_a_hundred_detections_a_picture_count_in_both():
    rows = torch.arange(150.0)
    boxes = torch.stack([rows * 20, rows * 0, rows * 20 + 10, rows * 0 + 10], 1)
    answers = Detections(boxes, torch.linspace(1, 0.1, 150))
    assert detection.average_precision([detection.match(boxes, answers)]) == pytest.approx(1)
    assert detection.coco_average_precision([boxes], [answers]) == pytest.approx(1)


def test_true_box_is_found_once():
    answers = found(([0.0, 0, 10, 10], 0.9), ([0.0, 0, 10, 11], 0.8))
    assert detection.match(SQUARE, answers).hits.tolist() == [True, False]


def test_overlap_of_exactly_the_threshold_hits():
    answers = found(([0.0, 0, 10, 5], 0.9))
    assert detection.match(SQUARE, answers, 0.5).hits.tolist() == [True]
    assert detection.match(SQUARE, answers, 0.51).hits.tolist() == [False]


def test_surer_detection_takes_the_box_first_whatever_the_order():
    answers = found(([0.0, 0, 10, 9], 0.2), ([0.0, 0, 10, 6], 0.7))
    matches = detection.match(SQUARE, answers)
    assert matches.scores.tolist() == pytest.approx([0.7, 0.2])
    assert matches.hits.tolist() == [True, False]


def test_empty_pictures_count_their_false_alarms():
    alarm = found(([0.0, 0, 10, 10], 0.9))
    right = found(([0.0, 0, 10, 10], 0.5))
    alone = detection.average_precision([detection.match(SQUARE, right)])
    both = [detection.match(torch.zeros(0, 4), alarm), detection.match(SQUARE, right)]
    assert alone == pytest.approx(1)
    assert detection.average_precision(both) == pytest.approx(0.5)


def test_no_detection_at_all_is_zero():
    assert detection.average_precision([detection.match(SQUARE, found())]) == 0
    assert detection.coco_average_precision([SQUARE], [found()]) == 0


def test_suppression_keeps_the_best_of_a_heap():
    heap = found(([0.0, 0, 10, 10], 0.3), ([0.0, 0, 10, 11], 0.9), ([50.0, 50, 60, 60], 0.1))
    kept = detection.suppressed(heap)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.1])
    assert len(detection.suppressed(heap, most=1).scores) == 1


def test_tables_give_back_the_best_detections():
    _, answers = a_world(0)
    table = detection.rows(answers, most=4)
    assert table.shape == (12, 20)
    for row, one in zip(table, answers, strict=True):
        again = detection.from_row(row)
        best = one.scores.argsort(descending=True)[:4]
        assert torch.equal(again.scores, one.scores[best])
        assert torch.equal(again.boxes, one.boxes[best])


def test_metric_of_tables_is_average_precision_and_counts_repeated_pictures():
    truth, answers = a_world(1)
    metric, table = AveragePrecision(truth), detection.rows(answers)
    assert metric.__name__ == "average precision at IoU 0.5"
    plain = [detection.match(*pair) for pair in zip(truth, answers, strict=True)]
    assert metric(range(12), table) == detection.average_precision(plain)
    drawn = np.array([0, 0, 3, 5, 5, 5])
    assert metric(drawn, table[drawn]) == detection.average_precision([plain[n] for n in drawn])


def test_metric_knows_a_row_that_is_moved_to_another_picture():
    truth, answers = a_world(2)
    metric, table = AveragePrecision(truth), detection.rows(answers)
    right = metric(range(12), table)
    assert metric(range(12), np.roll(table, 1, axis=0)) < right / 2
    assert metric(range(12), table) == right


def test_metric_without_a_true_box_is_refused():
    with pytest.raises(ValueError, match="no picture has a true box"):
        AveragePrecision([torch.zeros(0, 4)])


def test_fine_tuned_detector_of_profile_gpu_builds_with_one_class_of_object():
    # The lesson's own cell; on the meta device there is no memory for weights.
    from torchvision.models import detection as library

    cells = lessons.read(lessons.get("2.2").path).cells
    (source,) = [cell.source for cell in cells if cell.source.startswith("def faster_rcnn(")]
    namespace = {"library": library}
    exec(source, namespace)
    with torch.device("meta"):
        model = namespace["faster_rcnn"](weights=None)
        scores, boxes = model.roi_heads.box_predictor(torch.zeros(3, 1024))
    assert scores.shape == (3, 2)
    assert boxes.shape == (3, 8)
    assert all(parameter.is_meta for parameter in model.parameters())

"""Average precision agrees with COCO's program and with sums by hand; tables keep detections."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.datasets.scenes import Scene
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


def test_windows_show_each_detection_and_say_whether_it_hit():
    picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
    picture[:, 20:30, 20:30] = 200
    scene = Scene("one", picture, torch.tensor([[20.0, 20, 30, 30]]))
    boxes = torch.tensor([[0.0, 0, 6, 6], [20, 20, 30, 30]])
    found = Detections(boxes, torch.tensor([0.3, 0.8]))
    crops, hits, scores = detection.windows([scene], [found], side=12)
    assert [tuple(one.shape) for one in crops] == [(3, 12, 12)] * 2
    assert hits.tolist() == [1, 0] and scores.tolist() == pytest.approx([0.8, 0.3])
    assert crops[0][:, 2:-2, 2:-2].min() == 200  # inside of the box
    assert all((one == 255).all(0).any() for one in crops)  # the detection
    assert not crops[1][:, (crops[1] != 255).any(0)].any()


def test_windows_show_what_was_marked_beside_what_was_found():
    scene = Scene(
        "one", torch.full((3, 64, 64), 90, dtype=torch.uint8), torch.tensor([[28.0, 20, 38, 30]])
    )
    found = Detections(torch.tensor([[20.0, 20, 30, 30]]), torch.tensor([0.8]))
    (window,), _, _ = detection.windows([scene], [found], side=20)  # from 15 to 35, both ways
    assert (window[:, 5, 5] == 255).all() and (window[:, 15, 15] == 255).all()
    assert (window[:, 10, 13] == 0).all() and (window[:, 10, 10] == 90).all()


def test_a_window_shows_the_whole_of_a_detection_larger_than_itself():
    scene = Scene("one", torch.full((3, 64, 64), 90, dtype=torch.uint8), torch.zeros(0, 4))
    found = Detections(torch.tensor([[12.0, 12, 52, 52]]), torch.tensor([0.8]))
    (window,), _, _ = detection.windows([scene], [found], side=11)  # a quarter of 44 pixels
    white = (window == 255).all(0).nonzero()
    assert white.min() == 0 and white.max() == 10 and (window[:, 5, 5] == 90).all()


def test_scaled_rows_hold_scaled_boxes_and_the_same_scores():
    found = Detections(torch.tensor([[1.0, 2, 3, 4]]), torch.tensor([0.5]))
    (row,) = detection.rows([found], most=1, scale=2)
    assert row.tolist() == [2, 4, 6, 8, 0.5]


def test_best_is_what_suppression_leaves():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40]])
    found = detection.best(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.4, 50)
    assert found.boxes.tolist() == [[1, 0, 11, 10], [30, 30, 40, 40]]

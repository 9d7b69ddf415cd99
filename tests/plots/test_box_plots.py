"""Figures of boxes show every box where it is, and curves every detector."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tl_helpers.models.detection import Curve
from tl_helpers.plots import boxes as box_plots

matplotlib.use("Agg")

PICTURES = [torch.zeros(3, 40, 60, dtype=torch.uint8), torch.zeros(3, 20, 20, dtype=torch.uint8)]
TRUTH = [torch.tensor([[5.0, 6, 25, 36], [30, 0, 60, 10]]), torch.zeros(0, 4)]
FOUND = [torch.tensor([[4.0, 6, 20, 30]]), torch.tensor([[1.0, 1, 9, 9]])]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def corners(ax) -> list[list[float]]:
    """Left, top, right, bottom of the drawn boxes."""
    return [[p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()]
            for p in ax.patches]  # fmt: skip


def test_true_boxes_come_first_and_predicted_ones_look_different_without_colour():
    first, second = box_plots.boxes(PICTURES, TRUTH, FOUND)
    assert corners(first) == [*TRUTH[0].tolist(), *FOUND[0].tolist()]
    assert corners(second) == FOUND[1].tolist()
    assert first.patches[0].get_linestyle() != first.patches[-1].get_linestyle()


def test_legend_names_what_is_drawn():
    def legend(*parts):
        (one,) = box_plots.boxes(*parts)[0].figure.legends
        return [text.get_text() for text in one.get_texts()]

    assert legend(PICTURES, TRUTH) == ["true box"]
    assert legend(PICTURES, TRUTH, FOUND) == ["true box", "predicted box"]


def test_unused_places_of_the_grid_stay_empty():
    grid = box_plots.boxes(PICTURES * 2, TRUTH * 2, columns=3, titles=list("abcd"))
    assert [ax.get_title() for ax in grid] == list("abcd")
    assert [ax.axison for ax in grid[0].figure.axes] == [False] * 6


@pytest.mark.parametrize("part", ["truth", "found", "titles"])
def test_parts_of_another_length_are_refused_by_name(part):
    parts = {"truth": TRUTH, "found": FOUND, "titles": ["a", "b"]}
    parts[part] = parts[part][:1]
    with pytest.raises(ValueError, match=f"{part} has 1 entries for 2 pictures"):
        box_plots.boxes(PICTURES, **parts)


def test_curves_are_drawn_with_their_names_and_in_different_strokes():
    curve = Curve(np.array([1, 0.5]), np.array([0.5, 0.5]), np.array([0.9, 0.1]))
    ax = box_plots.precision_recall({"a": curve, "b": curve})
    assert [line.get_label() for line in ax.lines] == ["a", "b"]
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert ax.lines[0].get_xdata().tolist() == [0.5, 0.5]
    assert "recall" in ax.get_xlabel()
    assert "precision" in ax.get_ylabel()


def test_no_curve_is_refused():
    with pytest.raises(ValueError, match="no curve to draw"):
        box_plots.precision_recall({})

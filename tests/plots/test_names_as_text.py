"""Names of classes and files are drawn as the text that they are, not as formulas."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.text import Text

from tl_helpers import plots
from tl_helpers.plots import boxes as box_plots

mpl.use("agg")
NAMES = ["US$ and $_{", r"$\frac$", "100 %_^", "it's {so}"]
LABELS = np.arange(4)

DRAWN = {
    "a grid of pictures": lambda: plots.image_grid(np.zeros((4, 1, 8, 8)), NAMES)[0],
    "a table of errors": lambda: plots.confusion(LABELS, LABELS, NAMES),
    "pictures with boxes": lambda: box_plots.boxes(
        [torch.zeros(3, 8, 8, dtype=torch.uint8)] * 4, [torch.zeros(0, 4)] * 4, titles=NAMES
    )[0],
}


@pytest.mark.parametrize("kind", DRAWN)
def test_names_with_dollars_and_braces_are_drawn_letter_by_letter(kind):
    figure = DRAWN[kind]().figure
    figure.canvas.draw()  # raises where a name is taken for a formula that makes no sense
    shown = [text for text in figure.findobj(Text) if text.get_text() in NAMES]
    assert {text.get_text() for text in shown} == set(NAMES)
    assert not any(text.get_parse_math() for text in shown)

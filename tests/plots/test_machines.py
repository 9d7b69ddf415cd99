"""Figures of policies on machines, and animations."""

from __future__ import annotations

import io
import re
from base64 import b64decode

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers import compare, plots
from tl_helpers.plots.machines import scores
from tl_helpers.training import runtime

GROUPS = [f"m{r}" for r in range(10) for _ in range(2)]


def success_share(truth, predicted):
    return float((predicted >= truth).mean())


@pytest.fixture
def report(capsys):
    def arm(level):
        def play(budget, seed):
            rng = np.random.default_rng(seed)
            return compare.Prediction(np.where(rng.random(20) < level, 1.0, 0.2))

        return play

    found = compare.run(
        {"history": arm(0.9), "LQR": arm(0.3)},
        [12, 48],
        range(3),
        truth=[1.0] * 20,
        groups=GROUPS,
        metric=success_share,
        pretrained=["history"],
        live={"LQR": [48]},
        runtime=runtime.start("laptop"),
        lesson="5.1",
        progress=False,
    )
    yield found
    plt.close("all")


def test_scores_are_those_of_each_seed_on_each_machine(report):
    found = scores(report, "history", 12)
    assert found.shape == (3, 10)
    first = np.asarray(report.cell("history", 12)[0].predicted)
    assert found[0, 0] == np.mean(first[:2] >= 1)


def test_dots_stand_for_machines_and_missing_cells_are_left_out(report):
    axes = plots.machine_dots(report, good_enough=0.95, title="It does")
    assert [len(ax.lines[0].get_xdata()) for ax in axes] == [10, 10]
    said = plots.description(axes[0])
    assert "With 12 real episodes it is history" in said and "good enough to use, 0.95" in said
    assert "LQR" not in said.split("With 48")[0]


def test_maps_say_what_they_cover():
    shares = {name: np.full((3, 4), value) for name, value in (("a", 0.25), ("b", 1.0))}
    grid = ("length (m)", [1, 2, 3, 4]), ("delay (steps)", [0, 1, 2])
    axes = plots.success_maps(shares, *grid, ([2.5], [1]), "It does")
    assert "a 25%, b 100%" in plots.description(axes[0])
    plt.close("all")


def test_a_frame_leans_the_way_the_pole_does():
    left, right = plots.cart_frames(torch.tensor([[0.0, 0, -0.2, 0], [0.0, 0, 0.2, 0]]))
    orange = [np.argwhere((frame[..., 0] > 200) & (frame[..., 2] < 50)) for frame in (left, right)]
    assert orange[0][:, 1].min() < 112 < 128 < orange[1][:, 1].max()
    with pytest.raises(ValueError, match=r"expected \(n, 4\)"):
        plots.cart_frames(torch.zeros(4))


def test_an_animation_moves_and_is_described(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda one: shown.append(one.data))
    states = np.zeros((5, 4))
    states[:, 0] = np.linspace(-1, 1, 5)
    plots.animation(plots.cart_frames(states), 'A cart rolls to the "right".')
    (page,) = shown
    assert 'alt="A cart rolls to the &quot;right&quot;."' in page
    moving = Image.open(io.BytesIO(b64decode(re.search(r"base64,([^\"]+)", page).group(1))))
    assert moving.n_frames == 5
    with pytest.raises(ValueError, match="alt"):
        plots.animation(plots.cart_frames(states), " ")

"""Maps over parts: one above the other, the true defect outlined."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tl_helpers import plots


def test_each_part_stands_over_its_map_and_marked_defects_are_outlined():
    x, masks = np.zeros((3, 3, 24, 24), np.uint8), np.zeros((3, 24, 24), bool)
    masks[1, 4:9, 4:9] = True
    axes = plots.heat_maps(x, np.random.default_rng(0).random((3, 9)), masks, ["a", "b", "c"])
    assert len(axes) == 6
    assert [ax.get_title(loc="center") for ax in axes[:3]] == ["a", "b", "c"]
    assert [len(ax.collections) for ax in axes[3:]] == [0, 1, 0]
    plt.close(axes[0].figure)


def test_maps_share_one_scale():
    maps = np.stack([np.zeros(9), np.full(9, 4.0)])
    axes = plots.heat_maps(np.zeros((2, 3, 12, 12), np.uint8), maps)
    assert {ax.images[0].get_clim() for ax in axes[2:]} == {(0.0, 4.0)}
    plt.close(axes[0].figure)


@pytest.mark.parametrize("maps", [np.zeros((2, 8)), np.zeros((3, 9))])
def test_maps_that_do_not_fit_are_refused(maps):
    with pytest.raises(ValueError, match="expected one square map a picture"):
        plots.heat_maps(np.zeros((2, 3, 12, 12), np.uint8), maps)

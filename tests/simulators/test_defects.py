"""Simulated defects change what their mask says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tl_helpers.simulators import defects

GREY = np.full((96, 96), 0.5)


def rendered(kind="stain", size="medium", contrast="strong", seed=0, picture=GREY):
    return defects.render(kind, picture, size, contrast, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", defects.KINDS)
def test_the_mask_holds_exactly_the_pixels_that_changed_visibly(kind):
    changed, mask = rendered(kind)
    assert mask.any()
    assert np.array_equal(np.abs(changed - GREY) > defects.SEEN, mask)
    assert changed.min() >= 0 and changed.max() <= 1


@pytest.mark.parametrize("kind", defects.KINDS)
def test_larger_sizes_cover_more(kind):
    areas = [np.mean([rendered(kind, size, seed=s)[1].sum() for s in range(8)]) for size in
             defects.SIZES]  # fmt: skip
    assert areas[0] < areas[1] < areas[2]


@pytest.mark.parametrize("kind", defects.KINDS)
def test_strong_contrast_changes_more_than_faint(kind):
    faint, strong = (np.abs(rendered(kind, contrast=c)[0] - GREY).max() for c in defects.CONTRASTS)
    assert 1.5 * faint < strong


def test_every_channel_of_a_coloured_picture_is_changed_and_the_original_is_kept():
    picture = np.full((3, 64, 80), 0.6)
    changed, mask = rendered(picture=picture)
    assert mask.shape == (64, 80)
    assert (picture == 0.6).all()
    assert np.array_equal((np.abs(changed - 0.6) > defects.SEEN).all(0), mask)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "rust"}, "kind is 'rust'; expected one of scratch, stain, dent"),
        ({"size": "huge"}, "expected one of small, medium, large"),
        ({"contrast": "loud"}, "expected one of faint, strong"),
        ({"picture": GREY[:20]}, "expected 32 pixels"),
    ],
)
def test_what_it_does_not_know_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        rendered(**settings)

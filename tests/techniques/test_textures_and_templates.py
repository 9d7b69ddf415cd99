"""The classical descriptions of places, and the comparison with a template."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.techniques import templates, textures

RNG = np.random.default_rng(0)


def pictures(n=2, side=48):
    return torch.from_numpy(RNG.integers(0, 256, (n, 3, side, side)).astype(np.uint8))


def test_a_description_has_a_row_a_place_and_is_finite():
    found = textures.local_texture(pictures())
    assert found.shape == (2, 36, 22) and np.isfinite(found).all()


def test_patterns_are_counted_as_ojala_defines_them():
    """Number of brighter neighbours where the circle changes at most twice, otherwise nine."""
    grey = RNG.normal(size=(7, 7))
    codes = textures._patterns(torch.from_numpy(grey)[None, None])[0].argmax(0).numpy()
    circle = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for row in range(1, 6):
        for column in range(1, 6):
            bits = [grey[row + r, column + c] >= grey[row, column] for r, c in circle]
            changes = sum(a != b for a, b in zip(bits, bits[1:] + bits[:1], strict=True))
            assert codes[row, column] == (sum(bits) if changes <= 2 else 9)


def test_waves_answer_to_their_own_direction():
    across = torch.sin(torch.arange(48) * 2 * torch.pi / 4).expand(1, 1, 48, 48)
    answers = textures._gabor(across)[0].mean((1, 2))
    assert answers.argmax() == 0
    down = textures._gabor(across.transpose(2, 3))[0].mean((1, 2))
    assert down.argmax() == 2


def test_a_change_is_seen_at_its_own_place():
    x = torch.full((1, 3, 96, 96), 100, dtype=torch.uint8)
    spoiled = x.clone()
    spoiled[..., 80:88, 16:24] = 0
    change = np.abs(textures.local_texture(spoiled) - textures.local_texture(x)).sum(-1)[0]
    assert change.reshape(12, 12).argmax() == 10 * 12 + 2


def test_grey_pictures_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 1, 48, 48\); expected uint8"):
        textures.local_texture(pictures()[:, :1])


@pytest.fixture(scope="module")
def part():
    """One picture of random blocks."""
    blocks = np.random.default_rng(1).integers(60, 200, (3, 12, 12)).astype(np.uint8)
    return torch.from_numpy(blocks.repeat(8, 1).repeat(8, 2))


def learned(part, count=8):
    noise = torch.randint(-6, 7, (count, *part.shape), generator=torch.manual_seed(0))
    good = templates.aligned_grid((part + noise).clamp(0, 255).to(torch.uint8))
    return templates.template(good, np.random.default_rng(0))


def test_a_defect_stands_out_at_its_place(part):
    spoiled = part.clone()
    spoiled[:, 40:48, 64:72] = 255
    maps = learned(part)(templates.aligned_grid(torch.stack([part, spoiled])))
    assert maps.shape == (2, 144)
    assert maps[1].argmax() == 5 * 12 + 8 and maps[1].max() > 3 * maps[0].max()


def test_a_shift_and_other_light_are_forgiven(part):
    judge = learned(part)
    other = torch.stack([part, part.roll((2, -4), (1, 2)), (part * 0.7).to(torch.uint8)])
    maps = judge(templates.aligned_grid(other)).reshape(3, 12, 12)[:, 2:-2, 2:-2]
    assert maps[1:].max() < 1.5 * maps[0].max() + 1

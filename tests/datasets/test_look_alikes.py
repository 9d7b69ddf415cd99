"""Look-alike emoji are one unit: no family, and no base emoji, is on two sides of a split."""

import re

import pytest
import torch

from tl_helpers.datasets import vision
from tl_helpers.datasets.look_alikes import families


def _drawings(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 72, 72), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def family_of():
    """The family of each emoji of the six groups, by its name and code points."""
    splits = vision.emoji_groups()
    parts = (splits.train, splits.valid, splits.test)
    names = [name for part in parts for name in part.ids]
    return dict(zip(names, families(names, torch.cat([part.x for part in parts])), strict=True))


def test_a_base_emoji_and_its_variants_are_one_family(family_of):
    by_base = {}
    for name, family in family_of.items():
        by_base.setdefault(name.split()[-1].split("-")[0], set()).add(family)
    assert len(by_base) < len(family_of)
    assert all(len(found) == 1 for found in by_base.values())


@pytest.mark.parametrize(
    ("pattern", "members"),
    [
        (r"clock\d+ ", 24),
        (r"large_.*(circle|square) ", 13),
        (r"(un)?lock ", 2),
        (r"snowman(_without_snow)? ", 2),
        (r"(black_cat|cat2?) ", 3),
        (r"(orange_|green_|blue_)?book ", 4),
    ],
)
def test_known_look_alikes_are_one_family(family_of, pattern, members):
    found = [family for name, family in family_of.items() if re.match(pattern, name)]
    assert len(found) == members
    assert len(set(found)) == 1


def test_base_name_and_look_join_a_family_and_nothing_else_does():
    x = _drawings(7)
    x[6] = x[5].clone()
    x[6, :, :4, :4] = 255  # one corner differs
    names = [
        "cat 1F408",
        "black_cat 1F408-200D-2B1B",
        "thumbsup 1F44D",
        "thumbsup_again 1F44D-1F3FD",
        "clock10 1F559",
        "sun 2600",
        "sunshine 1F31E",
    ]
    found = families(names, x)
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[5] == found[6]
    assert len(set(found)) == 4


def test_a_family_holds_through_others():
    x = _drawings(3)
    x[2] = x[1]
    found = families(["red_ball 1", "blue_ball 2", "moon 3"], x)  # by name, then by look
    assert len(set(found)) == 1


def test_kinds_of_drawings_share_no_family_between_splits():
    from tl_helpers.datasets import drawings

    data = drawings.load()
    parts = (data.train, data.valid, data.test)
    assert min(int(part.y.bincount(minlength=4).min()) for part in parts) >= 4
    names = {name.split()[0] for part in parts for name in part.ids}
    assert {"cat", "pizza", "bus", "necktie"} <= names and "seat" not in names
    families_of = [set(part.groups) for part in parts]
    assert not families_of[0] & families_of[2] and not families_of[1] & families_of[2]

"""Segmented subjects that a simulator paints, worn scans, and the real template beside them."""

from __future__ import annotations

from dataclasses import replace

import torch

from tl_helpers.datasets import brain_template
from tl_helpers.datasets.segmented import Segmented
from tl_helpers.simulators import brains

_STILL = {"bend": 0.0, "turn": 0.0}


def subjects(
    name: str,
    count: int,
    seed: int,
    scanner: str = "home",
    *,
    slices: int = 3,
    millimetres: int = 3,
) -> Segmented:
    """Synthetic subjects bent from the MNI152 template, as one scanner shows them.

    Parameters
    ----------
    name : str
        Subjects are called by it and a number.
    count : int
    seed : int
        Draws deformations and scans: equal seeds give the same subjects for every scanner.
    scanner : str, default "home"
        One of `brains.SCANNERS`, or "any" for a contrast of its own for each subject.
    slices : int, default 3
        Of each subject, in this order.
    millimetres : int, default 3
        Side of a voxel.

    Raises
    ------
    ValueError
        For an unknown scanner.
    """
    known = {**brains.SCANNERS, "any": brains.any_scanner()}
    if scanner not in known:
        raise ValueError(f"no scanner is called {scanner!r}; expected one of {', '.join(known)}.")
    maps = brains.subjects(brain_template.load(millimetres).tissues, count, slices, seed)
    # Another stream than the deformations', or turned heads would have bright tissues.
    scans = brains.scan(maps, known[scanner], seed + 1_000_000)
    return Segmented.stacked(scans, brains.labels(maps), brains.TISSUES, name)


def worn(data: Segmented, seed: int) -> Segmented:
    """The same slices under the blur, bias field and noise of the worn scanner, drawn for each."""
    draw = torch.Generator().manual_seed(seed)
    scans = brains.degraded(data.x[:, None], brains.SCANNERS["worn"], draw)[:, 0]
    return replace(data, x=scans)


def template(slices: int = 5, millimetres: int = 3) -> Segmented:
    """The real T1 template, undeformed: one unit, with the masks that all subjects are bent from.

    Parameters
    ----------
    slices : int, default 5
    millimetres : int, default 3
    """
    found = brain_template.load(millimetres)
    maps = brains.subjects(found.tissues, 1, slices, 0, **_STILL)
    thrice = found.t1.expand(3, -1, -1, -1)
    scans = brains.normalised(brains.subjects(thrice, 1, slices, 0, **_STILL)[:, :, 0])
    return Segmented.stacked(scans, brains.labels(maps), brains.TISSUES, "template")

"""Synthetic brain scans: one anatomy, bent at random and painted as a scanner might show it.

The design is SynthSeg's (Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast
and resolution without retraining, Medical Image Analysis 2023, section 3): tissue maps are
deformed smoothly, every tissue gets a brightness, and blur, a bias field and noise follow.

All subjects bend one anatomy. They differ as scans of people do in light and in shape, but not in
what makes people differ: folds, age, disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TISSUES = ("outside", "CSF", "grey matter", "white matter")

Range = tuple[float, float]


@dataclass(frozen=True)
class Scanner:
    """How a scanner shows tissues: a range for everything that differs from scan to scan.

    Attributes
    ----------
    tissues : tuple of (float, float)
        Brightness of each tissue, from 0 to 1; of CSF, grey and white matter in this order where
        the maps come from `subjects`.
    bias : (float, float)
        Strength of the bias field, the slow change of brightness across the head that the coil
        causes: about the standard deviation of its logarithm.
    noise : (float, float)
        Standard deviation of the noise of a voxel, in units of brightness.
    blur : (float, float)
        Standard deviation of the blur, in voxels.

    Raises
    ------
    ValueError
        For no tissue, or a range that begins below 0 or ends before it begins.
    """

    tissues: tuple[Range, ...]
    bias: Range = (0.05, 0.15)
    noise: Range = (0.02, 0.04)
    blur: Range = (0.3, 0.5)

    def __post_init__(self) -> None:
        ranges = [*self.tissues, self.bias, self.noise, self.blur]
        bad = [pair for pair in ranges if not 0 <= pair[0] <= pair[1]]
        if bad or not self.tissues:
            raise ValueError(
                f"ranges {bad} of {len(self.tissues)} tissues; expected at least one tissue, and "
                "ranges that begin at 0 or above and do not end before they begin."
            )


# Brightness as in common protocols: on T1 fluid is dark and white matter bright, on T2 reversed.
_T1 = ((0.15, 0.25), (0.50, 0.60), (0.80, 0.90))
SCANNERS = {
    "home": Scanner(_T1),
    "worn": Scanner(_T1, bias=(0.4, 0.5), noise=(0.08, 0.10), blur=(0.6, 0.8)),
    "T2": Scanner(((0.85, 0.95), (0.50, 0.60), (0.25, 0.35))),
}


def any_scanner(tissues: int = 3) -> Scanner:
    """Every contrast, and bias, noise and blur from next to none to more than one would accept.

    Parameters
    ----------
    tissues : int, default 3
    """
    brightness = ((0.05, 1.0),) * tissues
    return Scanner(brightness, bias=(0.0, 0.5), noise=(0.01, 0.10), blur=(0.2, 0.8))


def subjects(
    tissues: Tensor, count: int, slices: int, seed: int, *, bend: float = 0.035, turn: float = 0.08
) -> Tensor:
    """Tissue maps of synthetic subjects, on slices spread evenly over the middle of the head.

    Parameters
    ----------
    tissues : Tensor, float (3, D, H, W)
        Shares of CSF, grey and white matter in every voxel, from bottom to top.
    count, slices : int
        Subjects, and horizontal slices of each.
    seed : int
    bend : float, default 0.035
        Standard deviation of the smooth random displacement, as a share of half the volume's side.
    turn : float, default 0.08
        Standard deviation of the entries of the random affine map: turns, scalings and shears.

    Returns
    -------
    Tensor, float32 (count, slices, 3, H, W)

    Raises
    ------
    ValueError
        For another shape, or counts below 1.
    """
    if tissues.dim() != 4 or len(tissues) != 3 or min(count, slices) < 1:
        raise ValueError(
            f"tissues have shape {tuple(tissues.shape)} for {count} subjects of {slices} slices; "
            "expected (3, D, H, W), and at least 1 of each."
        )
    generator = torch.Generator().manual_seed(seed)
    height, width = tissues.shape[2:]
    places = torch.meshgrid(
        torch.linspace(-0.35, 0.45, slices + 2)[1:-1],
        torch.linspace(-1, 1, height),
        torch.linspace(-1, 1, width),
        indexing="ij",
    )
    points = torch.stack(places[::-1], -1)  # (slices, H, W, 3): x, y, z as grid_sample wants them
    found = []
    for _ in range(count):
        affine = torch.eye(3) + turn * torch.randn(3, 3, generator=generator)
        coarse = bend * torch.randn(1, 3, 5, 5, 5, generator=generator)
        shift = functional.grid_sample(coarse, points[None], align_corners=True)[0]
        where = points @ affine.T + shift.permute(1, 2, 3, 0)
        warped = functional.grid_sample(tissues[None], where[None], align_corners=True)[0]
        found.append(warped.transpose(0, 1))
    return torch.stack(found)


def scan(maps: Tensor, scanner: Scanner, seed: int | torch.Generator) -> Tensor:
    """Scans of tissue maps; every subject gets a draw of the scanner's ranges.

    Parameters
    ----------
    maps : Tensor, float (N, S, K, H, W)
        N subjects with S slices and K tissues, as `subjects` makes them or `one_hot` of masks.
    scanner : Scanner
        With as many tissues.
    seed : int or torch.Generator

    Returns
    -------
    Tensor, float32 (N, S, H, W)
        Values from 0 up, the subject's 99th percentile inside the head at 1; 0 where no tissue
        is, as after skull-stripping.

    Raises
    ------
    ValueError
        For maps of another shape.
    """
    if maps.dim() != 5 or maps.shape[2] != len(scanner.tissues):
        raise ValueError(
            f"maps have shape {tuple(maps.shape)}; expected (N, S, {len(scanner.tissues)}, H, W), "
            "a map for each tissue of the scanner."
        )
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
    painted = torch.zeros_like(maps[:, :, 0])
    for number, brightness in enumerate(scanner.tissues):
        painted += maps[:, :, number] * _drawn(brightness, len(maps), generator)
    return normalised(degraded(painted, scanner, generator) * inside(maps))


def degraded(scans: Tensor, scanner: Scanner, generator: torch.Generator) -> Tensor:
    """Scans (N, S, H, W) under the scanner's blur, bias field and noise, drawn for each subject."""
    blurred = _blurred(scans, _drawn(scanner.blur, len(scans), generator).flatten())
    strength = _drawn(scanner.bias, len(scans), generator)
    biased = blurred * (strength * _smooth(scans, generator)).exp()
    noise = torch.randn(scans.shape, generator=generator)
    return (biased + _drawn(scanner.noise, len(scans), generator) * noise).clamp(min=0)


def one_hot(masks: Tensor, classes: range) -> Tensor:
    """Masks int64 (N, S, H, W) as maps float32 (N, S, K, H, W), one for each label in ``classes``.

    Painted from these, a scan needs no tissue map: a mask is enough.
    """
    return torch.stack([(masks == label).float() for label in classes], 2)


def inside(maps: Tensor) -> Tensor:
    """Where tissue fills more than half of a voxel: bool, ``maps`` without its tissue axis."""
    return maps.sum(-3) > 0.5


def labels(maps: Tensor) -> Tensor:
    """The tissue that fills most of each voxel, as a number into `TISSUES`.

    Parameters
    ----------
    maps : Tensor, float (..., 3, H, W)

    Returns
    -------
    Tensor, int64 (..., H, W)
    """
    return torch.where(inside(maps), maps.argmax(-3) + 1, 0)


def normalised(scans: Tensor) -> Tensor:
    """Each subject's scans (N, S, H, W) divided by the 99th percentile of what is above 0."""
    tops = [one[one > 0].quantile(0.99) if (one > 0).any() else one.new_tensor(1) for one in scans]
    return scans / torch.stack(tops).view(-1, 1, 1, 1)


def _drawn(pair: Range, count: int, generator: torch.Generator) -> Tensor:
    """A value of the range for each subject, float32 (count, 1, 1, 1)."""
    return pair[0] + (pair[1] - pair[0]) * torch.rand(count, 1, 1, 1, generator=generator)


def _smooth(like: Tensor, generator: torch.Generator) -> Tensor:
    """A smooth field of about unit spread for each subject, shape of ``like`` (N, S, H, W)."""
    coarse = torch.randn(len(like), 1, 3, 4, 4, generator=generator)
    size = tuple(like.shape[1:])
    return functional.interpolate(coarse, size, mode="trilinear", align_corners=True)[:, 0]


def _blurred(scans: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur within slices, its spread in pixels given for each subject."""
    taps = torch.arange(-2, 3)
    kernel = (-(taps**2) / (2 * sigma.clamp(min=1e-3)[:, None] ** 2)).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    rows = scans.transpose(0, 1)  # (S, N, H, W): a subject is a channel with a kernel of its own
    down = kernel.view(-1, 1, 5, 1)
    rows = functional.conv2d(rows, down, padding=(2, 0), groups=len(sigma))
    rows = functional.conv2d(rows, down.transpose(2, 3), padding=(0, 2), groups=len(sigma))
    return rows.transpose(0, 1)

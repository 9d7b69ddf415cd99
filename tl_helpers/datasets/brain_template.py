"""The MNI152 template: an average brain in T1 with maps of its tissues, at a chosen voxel size."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tl_helpers import assets

SIDE = 192  # mm; the cube that is cut out holds the head
_CENTRE = (98, 117, 79)  # voxel of 1 mm in the middle of the head: x, y, z
_FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


class Template(NamedTuple):
    """One average brain.

    Attributes
    ----------
    t1 : Tensor, float32 (n, n, n)
        The average of the aligned T1 scans of 152 people, skull-stripped, from 0 to 1.
    tissues : Tensor, float32 (3, n, n, n)
        Shares of CSF, grey and white matter. The template has no map of CSF: it is what the other
        two leave of the head.
    """

    t1: Tensor
    tissues: Tensor


@functools.cache
def load(millimetres: int = 3) -> Template:
    """The template in a cube of 192 mm: axes from bottom to top, front to back, left to right.

    Fonov et al. 2009 and 2011. It is one brain, an average: results on it describe it.

    Parameters
    ----------
    millimetres : int, default 3
        Side of a voxel; it divides 192. The maps are averaged over voxels.

    Raises
    ------
    ValueError
        For another size.
    """
    if millimetres < 1 or SIDE % millimetres:
        raise ValueError(f"millimetres is {millimetres}; expected a divisor of {SIDE}, such as 3.")
    t1, grey, white = (_cube(kind, millimetres) for kind in ("t1", "gm", "wm"))
    head = (t1 > 0.05).float()
    csf = (head - grey - white).clamp(0, 1)
    return Template(t1, torch.stack([csf, grey, white]))


def _cube(kind: str, millimetres: int) -> Tensor:
    import nibabel

    volume = nibabel.Nifti1Image.from_filename(assets.fetch("mni152") / _FILE.format(kind))
    values = torch.from_numpy(np.asarray(volume.dataobj, dtype=np.float32) / 255)
    values = functional.pad(values, [SIDE // 2] * 6)
    x, y, z = (slice(middle, middle + SIDE) for middle in _CENTRE)  # after padding by half a side
    cube = values[x, y, z].permute(2, 1, 0).flip(1)  # the front comes first: it is drawn on top
    return functional.avg_pool3d(cube[None, None], millimetres)[0, 0]

"""The Oxford-IIIT Pet data set, for profile gpu."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.transforms.v2 import functional

from tl_helpers.assets import paths
from tl_helpers.datasets.examples import Examples, Splits


def pets(size: int = 224, root: str | Path | None = None, download: bool = True) -> Splits:
    """Which of 37 breeds is this cat or dog? (Parkhi et al., Cats and Dogs, CVPR 2012.)

    Parameters
    ----------
    size : int
        The shorter side is resized to it, and the middle is kept.
    root : path, optional
        Folder of the data set; by default in the course's cache. About 800 MB.
    download : bool
        Whether torchvision may download what is missing (licence CC BY-SA 4.0).

    Returns
    -------
    Splits
        x uint8 (N, 3, size, size): of the official training pictures the first 80 of each breed to
        train on and the rest to validate, and the official test pictures.

    Raises
    ------
    RuntimeError
        From torchvision, when the pictures are not there and must not, or cannot, be downloaded.
    """
    root = paths.cache_dir() / "torchvision" if root is None else Path(root)
    trainval, test = (_part(root, split, size, download) for split in ("trainval", "test"))
    seen = torch.zeros(len(trainval.classes), dtype=torch.long)
    rank = torch.zeros(len(trainval), dtype=torch.long)
    for i, label in enumerate(trainval.y):
        rank[i] = seen[label]
        seen[label] += 1
    train, valid = (
        trainval.take(torch.nonzero(chosen)[:, 0]) for chosen in (rank < 80, rank >= 80)
    )
    return Splits(
        train,
        valid,
        test,
        card="7,349 photographs of 37 breeds of cats and dogs (Parkhi et al. 2012, CC BY-SA 4.0), "
        "in the official split. ImageNet holds many of the breeds, so these classes are not new "
        "to a network that was trained on it.",
    )


def _part(root: Path, split: str, size: int, download: bool) -> Examples:
    from torchvision.datasets import OxfordIIITPet

    source = OxfordIIITPet(root, split=split, download=download)
    x = torch.empty(len(source), 3, size, size, dtype=torch.uint8)
    labels = []
    for i, (picture, label) in enumerate(source):
        pixels = functional.pil_to_tensor(picture.convert("RGB"))
        x[i] = functional.center_crop(functional.resize(pixels, [size]), [size, size])
        labels.append(label)
    names = [f"{split} picture {i}" for i in range(len(labels))]
    return Examples(x, torch.tensor(labels), names, names, list(source.classes))

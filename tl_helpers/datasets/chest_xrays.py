"""Chest X-rays with and without pneumonia, for the gpu profile: MedMNIST, which downloads them."""

from __future__ import annotations

import torch

from tl_helpers.datasets.examples import Examples, Splits


def splits(size: int = 64) -> Splits:
    """PneumoniaMNIST (Yang et al., MedMNIST v2, Scientific Data 2023; Kermany et al., Cell 2018).

    Parameters
    ----------
    size : {28, 64, 128, 224}, default 64
        Side of a picture.

    Returns
    -------
    Splits
        x uint8 (N, 1, size, size), as the authors split it: 4,708, 524 and 624 children's X-rays.
        The set names no patients, so that a group is a picture.

    Raises
    ------
    ImportError
        Where the package medmnist is not installed.
    """
    try:
        from medmnist import PneumoniaMNIST
    except ImportError as error:
        raise ImportError(
            "the X-rays come through the package medmnist, which is not here; expected it at "
            "this profile: run `pip install medmnist`, which downloads them at first use."
        ) from error
    parts = {}
    for name, theirs in (("train", "train"), ("valid", "val"), ("test", "test")):
        found = PneumoniaMNIST(split=theirs, download=True, size=size)
        ids = [f"{name} {n}" for n in range(len(found.labels))]
        pictures = torch.from_numpy(found.imgs)[:, None]
        y = torch.from_numpy(found.labels).flatten().long()
        parts[name] = Examples(pictures, y, ids, ids, ["normal", "pneumonia"])
    return Splits(**parts, card="Children's chest X-rays of one hospital (Kermany et al. 2018).")

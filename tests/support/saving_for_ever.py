"""A process that saves one checkpoint after the other; for the test that kills it."""

import torch

from tl_helpers.training.checkpoints import save_checkpoint


def save_for_ever(folder: str, started) -> None:
    """Each checkpoint is full of its own number."""
    number = 0
    while True:
        number += 1
        tensors = {"model": {"w": torch.full((200_000,), float(number))}}
        save_checkpoint(folder, tensors, {"n": number, "more": torch.full((100_000,), number)})
        started.set()

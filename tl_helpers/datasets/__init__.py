"""Data sets of the course, one module per modality."""

from tl_helpers.datasets.examples import Examples, Splits, split_by_group

__all__ = ["Examples", "Splits", "split_by_group"]

"""Fixtures that several test files share."""

from tiny_parcels import shop

__all__ = ["shop"]

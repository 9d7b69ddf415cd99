"""Fixtures that several test files share."""

from tiny_parcels import shop

__all__ = ["shop"]

collect_ignore = ["browser"]  # needs a browser on the machine: `make test-browser` names it

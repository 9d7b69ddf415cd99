"""Fixtures that several test files share."""

import sys

import pytest
from tiny_parcels import shop

__all__ = ["shop"]

collect_ignore = ["browser"]  # needs a browser on the machine: `make test-browser` names it


@pytest.fixture(autouse=True)
def no_figure_of_another_test():
    """Tests run in any order: a figure that one leaves open must not be counted in another."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

"""Simulators that are the subject of a lesson: made from published designs, called simulated."""

from tl_helpers._door import door

MODULES = ["brains"]
__getattr__, __dir__, __all__ = door(__name__, {}, MODULES)

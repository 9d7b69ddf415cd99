"""Simulators that are the subject of a lesson: physical and transactional, called simulated."""

from tl_helpers._door import door

MODULES = ["payments"]
__getattr__, __dir__, __all__ = door(__name__, {}, MODULES)

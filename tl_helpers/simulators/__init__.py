"""Simulators that are the subject of a lesson: batches of machines, drawn, run and recorded.

What they make is called simulated wherever it is shown; each names the published design it follows.
"""

from tl_helpers._door import door

NAMES: dict[str, list[str]] = {}
MODULES = ["cart_poles", "controllers", "gym_worlds", "linear_model"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

"""Stand-ins for what a course cannot carry; whatever they make is called simulated.

Physical and transactional simulators, and renderers, that are the subject of a lesson. They know
of no data set: a lesson hands them the pictures or numbers that they begin with.
"""

from tl_helpers._door import door

NAMES: dict[str, list[str]] = {}
MODULES = [
    "assemblies",
    "brains",
    "cart_poles",
    "controllers",
    "defects",
    "gym_worlds",
    "linear_model",
    "payments",
    "products",
    "surfaces",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

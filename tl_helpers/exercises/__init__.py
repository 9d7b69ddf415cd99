"""`check`, `hint` and `solution`; how answers are read; what a learner has passed so far."""

from tl_helpers._door import door

NAMES = {
    "checking": [
        "Exercise",
        "State",
        "Wrong",
        "check",
        "files",
        "find",
        "hint",
        "judge",
        "lesson_id",
        "load",
        "outcome",
        "results",
        "solution",
    ],
    "answers": ["NotAttempted", "NotYet"],
    "comparing": ["has_gradient", "needs_gradient", "read", "same"],
}
MODULES = ["answers", "comparing", "progress"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

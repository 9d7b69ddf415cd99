"""`check`, `hint` and `solution`; how answers are read; what a learner has passed so far."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["answers", "progress"],
    submod_attrs={
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
    },
)

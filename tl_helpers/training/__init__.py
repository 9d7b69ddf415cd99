"""The training loop and what it stands on: batches, evaluation, checkpoints, logs, the runtime.

Read `loop.py` first: one loop, top to bottom. Names come lazily, so that the command line can ask
for the runtime without loading torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "batches",
        "checkpoints",
        "inputs",
        "logs",
        "memory",
        "mixup",
        "processes",
        "runtime",
    ],
    submod_attrs={
        "loop": ["fit", "train_one_epoch"],
        "evaluation": ["Evaluation", "accuracy", "evaluate", "predict"],
        "history": ["History"],
        "steps": ["NonFiniteLoss"],
        "mixup": ["Mixup"],
        "runtime": ["Runtime"],
    },
)

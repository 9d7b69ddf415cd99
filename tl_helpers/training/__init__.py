"""The training loop and what it stands on: batches, evaluation, checkpoints, logs, the runtime.

Read `loop.py` first: one loop, top to bottom. Names come lazily, so that the command line can ask
for the runtime without loading torch.
"""

from tl_helpers._door import door

NAMES = {
    "loop": ["fit", "train_one_epoch"],
    "evaluation": ["Evaluation", "accuracy", "evaluate", "predict"],
    "history": ["History"],
    "losses": ["NonFiniteLoss"],
    "mixup": ["Mixup"],
    "runtime": ["Runtime"],
}
MODULES = ["batches", "checkpoints", "inputs", "logs", "memory", "mixup", "processes", "runtime"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

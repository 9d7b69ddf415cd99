"""Helpers of the transfer-learning course: training loops, fair comparisons, assets.

Nothing heavy is imported here: ``import tl_helpers`` does not import torch. Import the module
you need, for example ``from tl_helpers import runtime``.
"""

__version__ = "0.1.0"

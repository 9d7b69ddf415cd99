"""What runs the course: the commands of `tl`, lessons, working copies, publishing, the lab."""

from tl_helpers._door import door

MODULES = ["colab"]
__getattr__, __dir__, __all__ = door(__name__, {}, MODULES)

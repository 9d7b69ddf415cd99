"""What runs the course: the commands of `tl`, lessons, working copies, publishing, the lab."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["colab"],
)

"""Examples and their splits: one module a modality, and the reader"s own folders and files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "aerial",
        "box_folders",
        "boxes",
        "class_folders",
        "folders",
        "language",
        "messages",
        "pets",
        "picture_files",
        "shares",
        "tiles",
        "vision",
    ],
    submod_attrs={
        "examples": ["Examples", "Splits", "split_by_group"],
    },
)

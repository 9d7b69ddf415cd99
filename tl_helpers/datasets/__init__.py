"""Examples and their splits: one module a modality, and the reader's own folders and files."""

from tl_helpers._door import door

NAMES = {
    "examples": ["Examples", "Splits", "split_by_group"],
}
MODULES = [
    "aerial",
    "box_folders",
    "boxes",
    "brain_template",
    "chest_xrays",
    "class_folders",
    "coco",
    "deep_pictures",
    "drawings",
    "file_names",
    "folder_report",
    "folders",
    "language",
    "look_alikes",
    "mask_folders",
    "messages",
    "pets",
    "picture_files",
    "segmented",
    "sentences",
    "shares",
    "split_names",
    "tiles",
    "vision",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

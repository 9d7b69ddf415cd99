"""Examples and their splits: one module a modality, and the reader's own folders and files."""

from typing import TYPE_CHECKING

from tl_helpers._door import door

if TYPE_CHECKING:  # types that other rooms name
    from tl_helpers.datasets.examples import Examples as Examples
    from tl_helpers.datasets.examples import Splits as Splits

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
    "csv_rows",
    "deep_pictures",
    "dictation",
    "drawings",
    "file_names",
    "folder_report",
    "folders",
    "labelled",
    "language",
    "ledgers",
    "librispeech",
    "look_alikes",
    "mask_folders",
    "messages",
    "part_folders",
    "payment_features",
    "pets",
    "picture_files",
    "recordings",
    "segmented",
    "sentences",
    "seven_kinds",
    "shares",
    "split_names",
    "sst2",
    "tables",
    "text_files",
    "tiles",
    "two_domains",
    "vision",
    "voices",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

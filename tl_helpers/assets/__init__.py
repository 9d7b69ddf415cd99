"""The ground floor: where things live on disk, and how weights and data get there.

Paths and files first; then the catalogue's entries, the origins that are asked, what is verified,
and what is converted. `fetch` is the way in. Nothing here imports another room.
"""

from tl_helpers._door import door

NAMES = {
    "store": ["catalogue", "fetch", "fetch_many", "fingerprint", "needed", "status", "verify"],
    "entries": ["Asset", "AssetError"],
    "acquiring": ["folder"],
}
MODULES = [
    "archives",
    "converting",
    "entries",
    "files",
    "integrity",
    "origins",
    "paths",
    "sdists",
    "speech_weights",
    "tensor_files",
    "watching",
]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)

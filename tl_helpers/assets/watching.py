"""Whether someone watches, and bars for those who do.

``TL_PROGRESS=0`` silences every bar of the kit.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this process."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython() if ipython is not None else None, "kernel")


def wanted() -> bool:
    """Whether progress has a reader: a notebook's kernel or a terminal, unless silenced."""
    if os.environ.get("TL_PROGRESS") == "0":
        return False
    return in_notebook() or bool(sys.stderr and sys.stderr.isatty())


def bar(*args: object, show: bool = True, **settings: object) -> tqdm:
    """A progress bar of tqdm, drawn only when ``show`` is true and someone watches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without ipywidgets gets the text bar
        from tqdm.auto import tqdm
    return tqdm(*args, disable=not (show and wanted()), **settings)

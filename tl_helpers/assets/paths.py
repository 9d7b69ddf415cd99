"""Where the kit, its cache and the learner's work live on disk."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def kit_root() -> Path:
    """Folder that holds ``data/`` and ``notebooks/``.

    Returns
    -------
    Path
        The repository when the package runs from a checkout (also an editable install), else
        the copy that the wheel carries inside the package.

    Raises
    ------
    FileNotFoundError
        When neither place holds ``data/catalogue.toml``.
    """
    for root in (PACKAGE.parent, PACKAGE / "_kit"):
        if (root / "data" / "catalogue.toml").is_file():
            return root
    raise FileNotFoundError(
        "data/catalogue.toml was found neither beside tl_helpers nor inside it. Expected a "
        "checkout of the course or its wheel; install it again with pip."
    )


def cache_dir() -> Path:
    """Folder of fetched assets and cached features: ``$TL_CACHE``, else the platform's cache."""
    from platformdirs import user_cache_dir  # late: the package opens before it is installed

    return Path(os.environ.get("TL_CACHE") or user_cache_dir("tl_helpers", appauthor=False))


def work_dir() -> Path:
    """Folder of the learner's copies and progress: ``$TL_WORK``, else ``my_work`` in the kit.

    An installed wheel has no checkout to hold it; there it is ``my_work`` in the current folder.

    Raises
    ------
    FileNotFoundError
        When there is neither the variable nor a kit; see `kit_root`.
    """
    if os.environ.get("TL_WORK"):
        return Path(os.environ["TL_WORK"])
    root = kit_root()
    return (Path.cwd() if root.name == "_kit" else root) / "my_work"


def notebooks_dir() -> Path:
    """Folder of the lessons: ``$TL_NOTEBOOKS``, else ``notebooks`` of the kit.

    Raises
    ------
    FileNotFoundError
        When there is neither the variable nor a kit; see `kit_root`.
    """
    return Path(os.environ.get("TL_NOTEBOOKS") or kit_root() / "notebooks")


def out_dir() -> Path:
    """Folder where scorecards are written: ``$TL_OUT``, else ``scorecards`` in `work_dir`.

    Raises
    ------
    FileNotFoundError
        When there is neither of the two variables nor a kit; see `kit_root`.
    """
    return Path(os.environ.get("TL_OUT") or work_dir() / "scorecards")

"""How a folder of pictures has to look, one folder a class, and which files are in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tl_helpers.datasets import split_names
from tl_helpers.datasets.picture_files import ALL_SUFFIXES

MOST_CLASSES = 200

_NOT_THE_READERS = {"__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini"}


class ClassFiles(NamedTuple):
    """What is in a folder, as far as names tell.

    Attributes
    ----------
    pictures : list of list of Path
        Of each class, in an order that all file systems share.
    loose : list of Path
        Pictures beside the classes' folders.
    others : list of Path
        Files that are no pictures; hidden ones and those that systems leave behind do not count.
    """

    pictures: list[list[Path]]
    loose: list[Path]
    others: list[Path]


def existing(folder: str | Path) -> Path:
    """The folder of this name, ``~`` being the home folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ValueError
        For a name of nothing, of a file, and an empty one.
    """
    if not str(folder).strip():
        raise ValueError("The folder's name is empty; expected a folder with one folder a class.")
    path = Path(folder).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"There is no folder {str(folder)!r}, seen from {Path.cwd()}. Expected a folder with "
            "one folder of pictures for each class; write its whole path."
        )
    if not path.is_dir():
        raise NotADirectoryError(
            f"{path.name!r} is a file; expected a folder with one folder of pictures for each "
            "class. An archive has to be unpacked first."
        )
    return path


def class_folders(folder: Path) -> list[Path]:
    """The folders of the classes, by name.

    Raises
    ------
    ValueError
        With how the folder should look, when there are fewer than 2 or more than `MOST_CLASSES`,
        when two differ in how accents are stored alone, or when they, or the folders inside them,
        look like splits (train, dev).
    """
    inside = _listing(folder)
    classes = _folders(folder)
    names = [shown(path.name) for path in classes]
    if len(classes) > MOST_CLASSES:
        raise ValueError(
            f"{shown(folder.resolve().name)!r} holds {len(classes)} folders; expected one for each "
            f"of 2 to {MOST_CLASSES} classes. Is it the folder that you mean?"
        )
    if split_names.are_splits(names):
        raise ValueError(_splits_outside(classes))
    if len(classes) < 2:
        raise ValueError(_no_classes(folder, inside))
    _refuse_equal(classes)
    _refuse_splits_inside(classes)
    return classes


def class_files(folder: Path, classes: list[Path]) -> ClassFiles:
    """Sort the files of these class folders, and those beside them, by their names."""
    beside = [path for path in _listing(folder) if not path.is_dir()]
    inside = [list(walk(path)) for path in classes]
    return ClassFiles(
        [[path for path in some if _is_picture(path)] for some in inside],
        [path for path in beside if _is_picture(path)],
        [path for some in (beside, *inside) for path in some if not _is_picture(path)],
    )


def relative(path: Path, folder: Path) -> str:
    """Where a file is below a folder, with ``/``, as text that can be printed."""
    return shown(path.relative_to(folder).as_posix())


def shown(name: str) -> str:
    """A file's name as text that can be printed, an accent and its letter in one (NFC).

    Names of other systems may hold any bytes, and letters and accents apart.
    """
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return unicodedata.normalize("NFC", text)


def _no_classes(folder: Path, inside: list[Path]) -> str:
    """What to say of a folder with no or one folder inside."""
    tops = [path for path in inside if path.is_dir()]
    holds = "one folder" if tops else "no folder"
    if any(map(_is_picture, inside)):
        holds += " and pictures that lie beside it" if tops else ", and pictures of its own"
    hint = "Move the pictures of each class into a folder that has the class's name."
    deeper = [shown(path.name) for top in tops for path in _folders(top)]
    if len(deeper) > 1:
        hint = f"If {_some(deeper)} are the classes, give {_path(tops[0])}."
    return (
        f"{shown(folder.resolve().name)!r} holds {holds}; expected at least two folders, one for "
        f"each class. {hint}"
    )


def _splits_outside(folders: list[Path]) -> str:
    """What to say of folders that are splits, where the classes should be."""
    advice = "Sort the pictures of each class into a folder that has the class's name."
    for path in sorted(folders, key=lambda path: split_names.kind(path.name) != "train"):
        if len(_folders(path)) > 1:
            advice = (
                f"Give the one inside that holds the classes, such as {_path(path)}: training, "
                "validation and test pictures are drawn from it."
            )
            break
    names = [shown(path.name) for path in folders]
    return (
        f"The folders {_some(names)} look like splits; expected one folder for each class. {advice}"
    )


def _refuse_splits_inside(classes: list[Path]) -> None:
    """Folders in a class's folder are groups, and a split is none."""
    inside = {shown(path.name): None for top in classes for path in _folders(top)}
    if split_names.are_splits(list(inside)):
        raise ValueError(
            f"The folders {_some(list(inside))} inside those of the classes look like splits; "
            "expected folders of what belongs together, such as a day or a patient. Training, "
            "validation and test pictures are drawn here: move the pictures out of those folders."
        )


def _refuse_equal(classes: list[Path]) -> None:
    """Two folders of one name, which a file system holds when accents are stored in two ways."""
    first: dict[str, Path] = {}
    for path in classes:
        other = first.setdefault(shown(path.name), path)
        if other is not path:
            raise ValueError(
                f"Two folders are called {shown(path.name)!r}: their letters are the same, their "
                f"accents are stored in two ways ({other.name!a} and {path.name!a}). "
                "Expected one folder for each class: move the pictures of one into the other."
            )


def _folders(folder: Path) -> list[Path]:
    return [path for path in _listing(folder) if path.is_dir()]


def _listing(folder: Path) -> list[Path]:
    """What a folder holds and shows, in an order that all file systems share."""
    inside = [
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name.lower() not in _NOT_THE_READERS
    ]
    return sorted(inside, key=lambda path: (unicodedata.normalize("NFC", path.name), path.name))


def walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files below; a link to a folder above is not followed in circles."""
    here = folder.resolve()
    if here in above:
        return
    for path in _listing(folder):
        if path.is_dir():
            yield from walk(path, (*above, here))
        else:
            yield path


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ALL_SUFFIXES


def _path(path: Path) -> str:
    return repr(shown(str(path)))


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")

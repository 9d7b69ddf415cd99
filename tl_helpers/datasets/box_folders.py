"""A folder of pictures with boxes, as annotation tools write them: Pascal VOC or COCO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from tl_helpers.assets import watching
from tl_helpers.datasets import boxes, coco, deep_pictures, file_names, picture_files
from tl_helpers.datasets.boxes import Annotation
from tl_helpers.datasets.class_folders import relative, walk
from tl_helpers.datasets.deep_pictures import Deep
from tl_helpers.datasets.file_names import Matches
from tl_helpers.datasets.folder_report import cut
from tl_helpers.datasets.picture_files import UnreadablePicture
from tl_helpers.datasets.scenes import Scene

Known = dict[str, Annotation | str]  # of each picture: its annotation, or why it has none


def read_folder(folder: str | Path) -> list[Scene]:
    """Pictures of a folder with their boxes; all classes of box count as one.

    Parameters
    ----------
    folder : path
        Pictures, also in folders inside, with a Pascal VOC file ``.xml`` for each, or with one COCO
        file ``.json`` for all. Files are read as `picture_files` says, and found by their names as
        `file_names.match` says; the size that a file states decides how its boxes lie
        (`boxes.placed`).

    Returns
    -------
    list of Scene
        In the order of the file names. What cannot be used is left out and printed: pictures that
        are damaged or without an entry, boxes without four numbers or without area in the picture,
        and pictures with no other boxes than such. A picture whose entry lists no object stays, as
        a picture without objects.

    Raises
    ------
    ValueError
        When there is no such folder, no picture, no boxes, more than one COCO file, or nothing
        usable.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; expected one with pictures and boxes.")
    files = list(walk(folder))
    pictures = {
        relative(file, folder): file for file in files if _is(file, picture_files.ALL_SUFFIXES)
    }
    if not pictures:
        raise ValueError(f"{folder.name} holds no picture; expected files such as .jpg or .png.")
    known, told = _annotations(folder, files, list(pictures))
    scenes, notes = _scenes(pictures, known, told)
    for line in [*cut([f"left out: {line}" for line in told]), *notes]:
        print(line)
    if not any(len(scene.boxes) for scene in scenes):
        raise ValueError(
            f"none of the {len(pictures)} pictures in {folder.name} has a usable box; see the "
            "lines printed above for what was left out."
        )
    return scenes


def _is(file: Path, suffixes: Sequence[str] | frozenset[str]) -> bool:
    return file.suffix.lower() in suffixes


def _annotations(folder: Path, files: list[Path], pictures: list[str]) -> tuple[Known, list[str]]:
    """What is known of each picture, and what else has to be said."""
    contents, refusals = {}, []
    for file in files:
        if _is(file, [".json"]):
            try:
                contents[file] = coco.load(file)
            except ValueError as error:
                refusals.append(str(error))
    if len(contents) > 1:
        names = ", ".join(relative(file, folder) for file in contents)
        raise ValueError(
            f"{folder.name} holds {len(contents)} COCO files, {names}; expected one for all "
            "pictures: keep each with its pictures in a folder of its own."
        )
    voc = [file for file in files if _is(file, [".xml"])]
    if not contents and not voc:
        raise ValueError(
            (
                refusals
                or [
                    f"{folder.name} holds no boxes; expected one COCO file .json, or a Pascal"
                    " VOC file .xml beside each picture."
                ]
            )[0]
        )
    if contents:
        ((file, content),) = contents.items()
        known, told = _of_coco(file.name, content, pictures)
    else:
        known, told = _of_voc(folder, voc, pictures)
    return known, refusals + told


def _of_coco(file: str, content: dict, pictures: list[str]) -> tuple[Known, list[str]]:
    entries, told = coco.all_annotations(content)
    told = [f"{line} of {file}" for line in told]
    names = [entry.picture for entry in entries]
    found = file_names.match(names, pictures)
    known = _clashes(found, names, pictures)
    known |= {pictures[place]: entries[number] for place, number in found.name_of.items()}
    if found.absent:
        first = names[found.absent[0]]
        told.append(f"{len(found.absent)} pictures of {file} that are not here, such as {first}")
    return known, told


def _of_voc(folder: Path, files: list[Path], pictures: list[str]) -> tuple[Known, list[str]]:
    names = [relative(file, folder) for file in files]
    found = file_names.match([_stem(name) for name in names], [_stem(name) for name in pictures])
    known, told = _clashes(found, names, pictures), []
    for place, number in found.name_of.items():
        try:
            known[pictures[place]] = boxes.read_annotation(files[number])
        except ValueError as error:
            known[pictures[place]] = str(error)
    for number, places in found.several.items():
        known |= _told_apart(files[number], [pictures[place] for place in places])
    if found.absent:
        first = names[found.absent[0]]
        told.append(f"{len(found.absent)} files .xml of no picture, such as {first}")
    return known, told


def _told_apart(file: Path, pictures: list[str]) -> Known:
    """Of a.jpg and a.png, the one that a.xml says it is of; nothing where it says neither."""
    try:
        annotation = boxes.read_annotation(file)
    except ValueError as error:
        return dict.fromkeys(pictures, str(error))
    said = file_names.match([annotation.picture], pictures)
    return {pictures[place]: annotation for place in said.name_of}


def _clashes(found: Matches, names: list[str], pictures: list[str]) -> Known:
    """Why pictures have no boxes that are meant by several names, or share a name with others."""
    reasons: Known = {}
    for places in found.several.values():
        shared = " and ".join(pictures[place] for place in places[:3])
        reasons |= {pictures[place]: f"{shared} share one entry" for place in places}
    for place, numbers in found.claimed.items():
        claims = " and ".join(names[number] for number in numbers[:3])
        reasons[pictures[place]] = f"two entries may be of it, {claims}"
    return reasons


def _scenes(
    pictures: dict[str, Path], known: Known, told: list[str]
) -> tuple[list[Scene], list[str]]:
    """Pictures with their boxes, and notes; what is left out is added to ``told``."""
    given = [known_of.boxes for known_of in known.values() if isinstance(known_of, Annotation)]
    all_shares = all(boxes.are_shares(some) for some in given if len(some))
    found: list[tuple[str, np.ndarray | Deep, np.ndarray]] = []
    with watching.bar(pictures.items(), unit="picture", leave=False, delay=3) as bar:
        for name, file in bar:
            try:
                annotation = known.get(name, "no boxes are given for it")
                if isinstance(annotation, str):
                    raise UnreadablePicture(annotation)
                found.append((name, *_read(name, file, (annotation, all_shares), told)))
            except ValueError as reason:
                told.append(f"{name} ({reason})")
    deep = [pixels for _, pixels, _ in found if isinstance(pixels, Deep)]
    scaled = iter(deep_pictures.to_bytes(deep))
    stems = Counter(_stem(name) for name, *_ in found)
    scenes = []
    for name, pixels, placed in found:
        picture = torch.from_numpy(next(scaled) if isinstance(pixels, Deep) else pixels)
        scenes.append(
            Scene(
                _stem(name) if stems[_stem(name)] == 1 else name, picture, torch.from_numpy(placed)
            )
        )
    return scenes, deep_pictures.told(len(deep))


def _read(
    name: str, file: Path, said: tuple[Annotation, bool], told: list[str]
) -> tuple[np.ndarray | Deep, np.ndarray]:
    """The pixels of a picture and its boxes inside it, after what was said of it."""
    annotation, all_shares = said
    picture = picture_files.read_whole(file)
    placed = boxes.placed(annotation, picture.frame, all_shares)
    size = picture.frame.upright if placed.upright else picture.frame.stored
    kept = boxes.inside(placed.boxes, *size)
    lost = [*annotation.bad, *["no area in the picture"] * (len(placed.boxes) - len(kept))]
    total = len(placed.boxes) + len(annotation.bad)
    if lost and not len(kept):
        raise ValueError(f"none of its boxes can be used, {total} in all: {lost[0]}")
    if lost:
        told.append(f"{len(lost)} of {total} boxes of {name} ({'; '.join(dict.fromkeys(lost))})")
    pixels = picture.pixels(placed.upright)
    if placed.doubt:
        told.append(f"the turn of {name} by EXIF: no stated size tells whether its boxes have it")
    return pixels, kept


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))

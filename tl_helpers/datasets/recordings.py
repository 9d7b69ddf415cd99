"""Recordings with their transcripts: the reader's own folder of WAV or FLAC files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE = 16_000  # samples a second of every recording here, whatever its file had
LONGEST = 28.0  # seconds; Whisper hears 30 at once, and wants to hear that the speech is over

_RATES = (8_000, 48_000)
_SHORTEST, _SILENT, _CLIPPED = 0.3, 1e-3, 0.01  # seconds; loudest sample; share at the limit
_KINDS = (".wav", ".flac")
_LISTED = 8  # faults named one by one
_FEWEST = 4  # recordings to halve
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True)
class Recordings:
    """Recordings of one split, each with what was said in it.

    Attributes
    ----------
    sounds : list of float32 array (n,)
        `RATE` samples a second, in [-1, 1].
    texts : list of str
    ids : list of str
        A name for each, unique.
    groups : list of str
        The unit that repeats in the wild: the speaker.

    Raises
    ------
    ValueError
        When sounds, texts, ids and groups differ in length.
    """

    sounds: list[np.ndarray]
    texts: list[str]
    ids: list[str]
    groups: list[str]

    def __post_init__(self) -> None:
        lengths = [len(self.sounds), len(self.texts), len(self.ids), len(self.groups)]
        if len(set(lengths)) != 1:
            raise ValueError(
                f"sounds, texts, ids and groups have {lengths} entries; expected one of each."
            )

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def seconds(self) -> float:
        """How long all recordings are together."""
        return sum(len(sound) for sound in self.sounds) / RATE

    def take(self, places: Sequence[int]) -> Recordings:
        """The recordings at these positions, in this order."""
        texts, ids, groups = (
            [part[place] for place in places] for part in (self.texts, self.ids, self.groups)
        )
        return Recordings([self.sounds[place] for place in places], texts, ids, groups)

    def saying(self, words: Sequence[str]) -> Recordings:
        """Those in whose text one of the words stands.

        Raises
        ------
        ValueError
            When none does.
        """
        rare = {word.lower() for word in words}
        found = [n for n, text in enumerate(self.texts) if rare & set(plain(text).split())]
        if not found:
            raise ValueError(
                f"none of {len(self)} transcripts holds one of the words {sorted(rare)[:5]}; "
                "expected words as they are written there."
            )
        return self.take(found)

    def halves(self, seed: int) -> tuple[Recordings, Recordings]:
        """Half of the speakers, and the other half; of one speaker, half of the recordings.

        Raises
        ------
        ValueError
            With fewer than four recordings.
        """
        if len(self) < _FEWEST:
            raise ValueError(f"there are {len(self)} recordings; expected at least {_FEWEST}.")
        units = self.groups if len(set(self.groups)) > 1 else self.ids
        names = sorted(set(units))
        order = np.random.default_rng(seed).permutation(len(names))
        first = {names[place] for place in order[: (len(names) + 1) // 2]}
        sides: tuple[list[int], list[int]] = ([], [])
        for place, unit in enumerate(units):
            sides[unit not in first].append(place)
        return self.take(sides[0]), self.take(sides[1])

    def draw(self, count: int, seed: int) -> Recordings:
        """``count`` of them at random; a seed gives nested sets for growing counts.

        Raises
        ------
        ValueError
            When there are fewer.
        """
        if not 1 <= count <= len(self):
            raise ValueError(f"{count} recordings were asked for; expected 1 to {len(self)}.")
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count].tolist())

    def fingerprint(self) -> str:
        """SHA-256 of sounds, texts, ids and groups."""
        digest = hashlib.sha256(json.dumps([self.texts, self.ids, self.groups]).encode())
        for sound in self.sounds:
            digest.update(f"{len(sound)} ".encode() + np.ascontiguousarray(sound).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class OwnFolder:
    """What a folder held: recordings that can be used, and what was said about the others.

    Attributes
    ----------
    recordings : Recordings
    faults : list of str
        A line for each file or row left out, and for each that is used with a caution.
    """

    recordings: Recordings
    faults: list[str]

    def report(self) -> str:
        """What was read and what was not, in lines for a person."""
        used = self.recordings
        lines = [
            f"{len(used)} recordings of {len(set(used.groups))} speakers, "
            f"{used.seconds / 60:.1f} minutes."
        ]
        more = len(self.faults) - _LISTED
        lines += [f"- {fault}" for fault in self.faults[:_LISTED]]
        return "\n".join(lines + [f"- and {more} more"] * (more > 0))


def folder(path: str | Path) -> OwnFolder:
    """Recordings of a folder with a file ``transcripts.csv``.

    Parameters
    ----------
    path : str or Path
        Holds WAV or FLAC files (8 to 48 kHz, any number of channels, of which the mean is taken)
        and ``transcripts.csv`` with the columns ``file`` and ``text``, and perhaps ``speaker``;
        without it each recording counts as a speaker of its own.

    Returns
    -------
    OwnFolder
        Broken, silent, very short and very long files, and rows without a text or file, are left
        out by name; clipped recordings are used, with a caution.

    Raises
    ------
    ValueError
        When there is no such folder, table or column, or nothing usable in it.
    """
    place = Path(path).expanduser()
    faults: list[str] = []
    found = [one for one in _rows(place, faults) if _heard(place, one, faults)]
    named = {row["file"] for row in found}
    here = sorted(p.name for p in place.iterdir() if p.suffix.lower() in _KINDS)
    listed = set(_listed(place))
    faults += [f"{name}: not in transcripts.csv" for name in here if name not in listed]
    if not named:
        told = "; ".join(faults[:_LISTED])
        raise ValueError(f"{place.name} holds no recording that can be used. {told}")
    parts = ([row[key] for row in found] for key in ("sound", "text", "file", "speaker"))
    return OwnFolder(Recordings(*parts), faults)


def _table(place: Path) -> str:
    table = place / "transcripts.csv"
    if not place.is_dir() or not table.is_file():
        raise ValueError(
            f"{place}: expected a folder that holds recordings and a file transcripts.csv with "
            "the columns file and text (and speaker, if you know it)."
        )
    raw = table.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # as older spreadsheets write; every byte means something


def _dialect(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)  # spreadsheets of some countries part by semicolons


def _reader(place: Path) -> csv.DictReader:
    text = _table(place)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_dialect(text))
    reader.fieldnames = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in ("file", "text") if name not in reader.fieldnames]
    if missing:
        raise ValueError(
            f"transcripts.csv has the columns {reader.fieldnames}; missing: {', '.join(missing)}."
        )
    return reader


def _listed(place: Path) -> Iterator[str]:
    return ((row["file"] or "").strip() for row in _reader(place))


def _rows(place: Path, faults: list[str]) -> Iterator[dict]:
    """Rows that name a file of the folder and a text, each file once."""
    seen: set[str] = set()
    reader = _reader(place)
    for row in reader:
        line, name = reader.line_num, (row["file"] or "").strip()
        text = " ".join((row["text"] or "").split())
        wrong = _row_fault(place, name, text, seen)
        if wrong:
            faults.append(f"transcripts.csv, line {line}: {wrong}")
            continue
        seen.add(name)
        yield {"file": name, "text": text, "speaker": (row.get("speaker") or "").strip() or name}


def _row_fault(place: Path, name: str, text: str, seen: set[str]) -> str | None:
    if not name:
        return "no file is named"
    if not text:
        return f"{name} has no text"
    if name in seen:
        return f"{name} stands there twice; the first counts"
    inside = (place / name).resolve().is_relative_to(place.resolve())
    if not inside or not (place / name).is_file():
        return f"there is no file {name} in the folder"
    return None


def _heard(place: Path, row: dict, faults: list[str]) -> bool:
    """Read a row's sound into it; False, and a fault, when it cannot be used."""
    import soundfile

    name = row["file"]
    try:
        with soundfile.SoundFile(place / name) as file:
            rate = file.samplerate
            wrong = _length_fault(rate, file.frames)
            count = 0 if wrong else -1  # what is too long is not read
            sound = file.read(count, dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        faults.append(f"{name}: cannot be read as sound ({error})")
        return False
    wrong = wrong or _sound_fault(sound)
    if wrong:
        faults.append(f"{name}: {wrong}")
        return False
    clipped = float(np.mean(np.abs(sound) >= 0.999))
    if clipped > _CLIPPED:
        faults.append(f"{name}: used, but clipped: {clipped:.0%} of it is at the loudest value")
    row["sound"] = resampled(sound, rate)
    return True


def _length_fault(rate: int, frames: int) -> str | None:
    if not _RATES[0] <= rate <= _RATES[1]:
        return f"{rate} samples a second; expected {_RATES[0]} to {_RATES[1]}"
    seconds = frames / rate
    if seconds < _SHORTEST:
        return f"too short, {seconds:.1f} s"
    if seconds > LONGEST:
        return f"too long, {seconds:.0f} s; cut it into sentences of at most {LONGEST:.0f} s"
    return None


def _sound_fault(sound: np.ndarray) -> str | None:
    if not np.isfinite(sound).all():
        return "holds values that are no numbers"
    return "silent" if np.abs(sound).max(initial=0) < _SILENT else None


def resampled(sound: np.ndarray, rate: int) -> np.ndarray:
    """A sound at `RATE` samples a second, by a polyphase filter.

    Parameters
    ----------
    sound : float array (n,)
    rate : int
        Samples a second that it has.
    """
    from scipy.signal import resample_poly

    common = int(np.gcd(rate, RATE))
    return resample_poly(sound, RATE // common, rate // common).astype(np.float32)


def plain(text: str) -> str:
    """A text in lower case, its words parted by one space, without punctuation."""
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))

"""Synthetic voices: sentences read out by the speech synthesizer espeak-ng.

A synthetic voice is a stand-in for speakers, never evidence about people: it speaks as rules tell
it (Klatt, Software for a cascade/parallel formant synthesizer, JASA 1980), with no breath, haste
or room. espeak-ng is free software under the GPL-3, called as a library that the optional package
espeakng-loader brings.

The library keeps its state in globals, so that a clip depends a little on those before it. Each
list of lines is therefore read out by a process of its own, from a fixed seed and in its order:
the same list gives the same sounds wherever and whenever it is read.
"""

from __future__ import annotations

import ctypes
import functools
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import NamedTuple

import numpy as np

RATE = 16_000  # samples a second of what `read_out` returns, as speech recognisers want it

_SYNCHRONOUS, _NO_EXIT, _UTF8 = 2, 0x8000, 1  # of espeak's speak_lib.h
_SPEED, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_SECONDS = 120  # for a whole list, of which a line takes milliseconds


class VoicesMissing(ImportError):
    """The synthesizer is not installed; the text says how to get it."""


class Line(NamedTuple):
    """What is said, and how.

    Attributes
    ----------
    text : str
        English, as it is written.
    voice : str
        espeak-ng's name of a language or accent and, after a plus, of a variant: "en-us+f2",
        "en-gb-scotland+m3".
    speed : int, default 160
        Words a minute, 80 to 450.
    pitch : int, default 50
        0 to 99.
    """

    text: str
    voice: str
    speed: int = 160
    pitch: int = 50


def read_out(lines: Sequence[Line]) -> list[np.ndarray]:
    """Lines in synthetic voices.

    Parameters
    ----------
    lines : sequence of Line

    Returns
    -------
    list of float32 array (n,)
        `RATE` samples a second, the loudest at 0.5; the same for the same list. Do not write to
        them: they are kept for the next call.

    Raises
    ------
    VoicesMissing
        When the synthesizer is not installed.
    ValueError
        For a voice that it does not have, an empty text, or speed and pitch out of range.
    """
    for line in lines:
        if not line.text.strip() or "\0" in line.text:
            raise ValueError(f"the text {line.text!r} has no words; expected something to say.")
        if not (80 <= line.speed <= 450 and 0 <= line.pitch <= 99):
            raise ValueError(
                f"speed is {line.speed} and pitch {line.pitch}; expected 80 to 450 and 0 to 99."
            )
    if util.find_spec("espeakng_loader") is None:
        raise VoicesMissing(
            "The synthetic voices need the package espeakng-loader, which brings the speech "
            'synthesizer espeak-ng (GPL-3). Install it with: pip install "tl-helpers[voices]"'
        )
    return list(_read_out(tuple(map(Line._make, lines)))) if lines else []


@functools.lru_cache(maxsize=64)
def _read_out(lines: tuple[Line, ...]) -> tuple[np.ndarray, ...]:
    """The clips of one process, which writes their lengths and then all samples as int16."""
    command = [sys.executable, "-P", str(Path(__file__).resolve())]
    done = subprocess.run(
        command, input=json.dumps(lines).encode(), capture_output=True, timeout=_SECONDS
    )
    if done.returncode:
        raise ValueError(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    head, _, sound = done.stdout.partition(b"\n")
    about = json.loads(head)
    ends = np.cumsum(about["lengths"])[:-1]
    clips = np.split(np.frombuffer(sound, np.int16), ends)
    return tuple(_levelled(clip, about["rate"]) for clip in clips)


def _levelled(samples: np.ndarray, rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    common = np.gcd(rate, RATE)
    clip = resample_poly(samples.astype(np.float32), RATE // common, rate // common)
    return (clip / max(float(np.abs(clip).max(initial=0)), 1.0) / 2).astype(np.float32)


class _Synthesizer:
    """espeak-ng in this process."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        path = espeakng_loader.get_data_path()
        self.variants = Path(path) / "voices" / "!v"
        self.rate = self.library.espeak_Initialize(_SYNCHRONOUS, 0, path.encode(), _NO_EXIT)
        if self.rate <= 0:
            raise SystemExit("espeak-ng did not start; reinstall the package espeakng-loader.")
        self.parts: list[np.ndarray] = []
        self.callback = _CALLBACK(self._collect)  # kept here: the library holds a bare pointer
        self.library.espeak_SetSynthCallback(self.callback)
        # Some variants breathe with noise.
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def _collect(self, samples, count: int, events) -> int:
        if samples and count > 0:
            self.parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, line: Line) -> np.ndarray:
        """int16 samples at `rate`."""
        variant = line.voice.partition("+")[2]
        # The library takes its usual voice in place of a variant that it does not know.
        unknown = variant and not (self.variants / variant).is_file()
        if unknown or self.library.espeak_SetVoiceByName(line.voice.encode()) != 0:
            raise SystemExit(
                f"espeak-ng has no voice {line.voice!r}; expected a language or accent, and "
                "perhaps a variant after a plus, such as 'en-us' or 'en-gb-scotland+f3'."
            )
        self.library.espeak_SetParameter(_SPEED, line.speed, 0)
        self.library.espeak_SetParameter(_PITCH, line.pitch, 0)
        self.parts.clear()
        data = line.text.encode() + b"\0"
        self.library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate([*self.parts, np.zeros(0, np.int16)])


def _work() -> None:
    """Read lines from the standard input, and write their sounds."""
    lines = [Line(*fields) for fields in json.load(sys.stdin)]
    synthesizer = _Synthesizer()
    clips = [synthesizer.speak(line) for line in lines]
    about = {"rate": synthesizer.rate, "lengths": [len(clip) for clip in clips]}
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n")
    sys.stdout.buffer.write(b"".join(clip.tobytes() for clip in clips))


if __name__ == "__main__":
    _work()

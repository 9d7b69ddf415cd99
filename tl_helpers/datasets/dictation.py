"""Dictation in synthetic voices: sentences full of names that no recogniser knows.

Names of medicines stand for anybody's rare words, such as parts, places or people. Voices that
are learnt from and voices to be tested on differ, and so do the sentences around the names.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np

from tl_helpers.datasets.recordings import Recordings
from tl_helpers.datasets.voices import Line, read_out

# International nonproprietary names of medicines, as the World Health Organization lists them.
_MEDICINES = """
    apixaban rivaroxaban dabigatran ticagrelor empagliflozin dapagliflozin sitagliptin
    linagliptin semaglutide liraglutide rosuvastatin ezetimibe evolocumab sacubitril valsartan
    olmesartan telmisartan nebivolol bisoprolol carvedilol verapamil amiodarone dronedarone
    spironolactone eplerenone torasemide levetiracetam lamotrigine topiramate pregabalin
    quetiapine aripiprazole olanzapine mirtazapine venlafaxine duloxetine tacrolimus
    mycophenolate methotrexate adalimumab
"""
MEDICINES = tuple(_MEDICINES.split())
# American and British voices of which tiny.en, unchanged, gets most everyday words; no variant is
# in two parts.
VOICES = {
    "train": (
        "en-us", "en-us+m1", "en-us+f4", "en-us+m5", "en-us+david", "en-gb-x-rp+m2",
        "en-gb-x-rp+f1", "en-gb-x-rp+m4", "en-gb-x-rp+Andy", "en-gb-x-rp+steph",
    ),
    "valid": ("en-us+m6", "en-us+Lee", "en-gb-x-rp+Gene", "en-gb-x-rp+klatt"),
    "test": (
        "en-us+m3", "en-us+f5", "en-us+m8", "en-us+rob", "en-us+adam", "en-us+Annie",
        "en-gb-x-rp+john", "en-gb-x-rp+f3", "en-gb-x-rp+m7", "en-gb-x-rp+belinda",
        "en-gb-x-rp+edward", "en-gb-x-rp+Michael",
    ),
}  # fmt: skip
SENTENCES = {
    "train": (
        "The patient takes {} and {} every morning.",
        "Please stop the {} and start {} tomorrow.",
        "We changed her from {} to {} last week.",
        "He was given {} together with {} at night.",
        "Is there a problem with {} and {}?",
        "I would add {} if {} is not enough.",
        "The pharmacy has no {}, so give {} instead.",
        "She had a rash after {} but not after {}.",
        "Reduce the dose of {} and keep the {}.",
        "Both {} and {} are on the list.",
        "My father has been on {} and {} for years.",
        "Order more {} and two boxes of {}.",
        "The doctor asked about {} before giving {}.",
        "Check the blood levels of {} and {} on Friday.",
    ),
    "valid": (
        "Write down {} and then {} in the notes.",
        "They recommend {} over {} for older people.",
        "After the operation she needs {} and {}.",
        "Did you mix up {} with {}?",
    ),
    "test": (
        "I have prescribed {} and also {} for him.",
        "The label says {}, but the box holds {}.",
        "Her new tablets are {} and {}.",
        "Take {} with food and {} without.",
        "The nurse will bring {} first and {} later.",
        "Someone put {} on the shelf next to {}.",
        "We compared {} with {} in a small trial.",
        "There is no reason to combine {} with {}.",
        "He is allergic to {} and perhaps to {}.",
        "The letter mentions {} as well as {}.",
        "Last year they replaced {} by {}.",
        "From today on, use {} rather than {}.",
    ),
}
EVERYDAY = {
    "train": (
        "Please close the window before you leave the room.",
        "The train to the city was late again this morning.",
        "She bought bread, milk and a bag of apples at the market.",
        "We are going to visit my grandmother on Sunday.",
        "The children played in the garden until it got dark.",
        "He forgot his umbrella and came home soaking wet.",
        "Can you tell me how to get to the station?",
        "The meeting starts at nine and ends before lunch.",
        "My brother works at a small school near the river.",
        "They painted the kitchen yellow over the weekend.",
        "I would like a cup of coffee with a little sugar.",
        "The dog slept by the fire all afternoon.",
    ),
    "test": (
        "The bus stops in front of the old church.",
        "Nobody knows where the keys to the cellar are.",
        "It rained so hard that the game was cancelled.",
        "My sister wants to learn how to play the piano.",
        "There is fresh soup on the stove if you are hungry.",
        "The library stays open until eight on Thursdays.",
        "He told a long story about his trip to the mountains.",
        "Put the books back on the shelf when you are done.",
        "The farmer sold his last three cows in the spring.",
        "We watched the boats come back to the harbour.",
        "Her new shoes hurt, so she walked home barefoot.",
        "The teacher asked us to write about our favourite place.",
    ),
}


def names(part: str, count: int, words: Sequence[str] = MEDICINES, seed: int = 0) -> Recordings:
    """Sentences with two rare words each, read by the synthetic voices of one part.

    Every word comes up about equally often.

    Parameters
    ----------
    part : {"train", "valid", "test"}
        Voices and sentences; in "test" each voice has one sentence pattern of its own, so that
        a voice with its pattern is one independent unit.
    count : int
        Clips; the voices take turns.
    words : sequence of str
        At least two.
    seed : int, default 0
        Pairs the words; patterns are shared out by it too, in "train" and "valid".

    Returns
    -------
    Recordings
        Groups are voices.

    Raises
    ------
    ValueError
        For fewer than two words, no clip, or an unknown part.
    VoicesMissing
        When the synthesizer is not installed.
    """
    if len(words) < 2:
        raise ValueError(f"words are {list(words)}; expected two or more.")
    voices = _of(VOICES, part)
    _check_count(count)
    patterns, chance = SENTENCES[part], random.Random(seed)
    lines = []
    for place, pair in enumerate(_pairs(words, count, chance)):
        voice = place % len(voices)
        pattern = patterns[voice] if part == "test" else chance.choice(patterns)
        lines.append(Line(pattern.format(*pair), voices[voice]))
    return _read(lines, part)


def everyday(part: str, count: int) -> Recordings:
    """Everyday sentences without rare words, in the same voices as `names`.

    Parameters
    ----------
    part : {"train", "test"}
    count : int
        Clips; voices take turns, and so do the twelve sentences.

    Raises
    ------
    ValueError
        For another part, or a count below 1.
    """
    voices, sentences = _of(VOICES, part), _of(EVERYDAY, part)
    _check_count(count)
    lines = [
        Line(sentences[(n + n // len(voices)) % len(sentences)], voices[n % len(voices)])
        for n in range(count)
    ]
    return _read(lines, f"everyday {part}")


def harder(clips: Recordings) -> dict[str, Recordings]:
    """Test clips of `names` in quiet noise, in loud noise, and in a Scottish accent."""
    noisy = {f"noise at {level} dB": with_noise(clips, level) for level in (20, 5)}
    return noisy | {"Scottish accent": with_accent(clips, "en-gb-scotland")}


def with_accent(recordings: Recordings, accent: str) -> Recordings:
    """The same sentences and variants of voices in another accent, such as "en-gb-scotland"."""
    lines = [
        Line(text, "+".join([accent, *voice.split("+")[1:]]))
        for text, voice in zip(recordings.texts, recordings.groups, strict=True)
    ]
    return _read(lines, accent, recordings.groups)


def with_noise(recordings: Recordings, decibels: float, seed: int = 0) -> Recordings:
    """The recordings with noise added, of which low tones are louder, as in a room.

    Parameters
    ----------
    recordings : Recordings
    decibels : float
        Signal-to-noise ratio: 20 is a quiet office, 0 has noise as strong as the voice.
    seed : int, default 0
    """
    chance = np.random.default_rng(seed)
    noisy = []
    for sound in recordings.sounds:
        spectrum = np.fft.rfft(chance.standard_normal(len(sound)))
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))  # pink: power falls as 1 / f
        noise = np.fft.irfft(spectrum, len(sound))
        power = np.mean(sound**2) / 10 ** (decibels / 10)
        noisy.append((sound + noise * np.sqrt(power / np.mean(noise**2))).astype(np.float32))
    return Recordings(noisy, recordings.texts, recordings.ids, recordings.groups)


def _check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"count is {count}; expected at least one clip.")


def _of(table: Mapping[str, tuple[str, ...]], part: str) -> tuple[str, ...]:
    if part not in table:
        raise ValueError(f"part is {part!r}; expected one of {', '.join(table)}.")
    return table[part]


def _pairs(words: Sequence[str], count: int, chance: random.Random) -> list[tuple[str, str]]:
    """Pairs of different words, every word used before one comes again."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        order = chance.sample(list(words), len(words))
        found += list(zip(order[::2], order[1::2], strict=False))
    return found[:count]


def _read(lines: list[Line], what: str, groups: Sequence[str] | None = None) -> Recordings:
    texts, voices = [line.text for line in lines], [line.voice for line in lines]
    ids = [f"{what} {place}" for place in range(len(lines))]
    return Recordings(read_out(lines), texts, ids, list(groups or voices))

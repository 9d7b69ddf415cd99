"""Synthetic voices say the same each time, and those of the test say nothing of the training."""

import hashlib
import itertools
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from tl_helpers.datasets import dictation, voices
from tl_helpers.datasets.voices import Line, VoicesMissing, read_out

LINES = [Line("The nurse gave metformin.", voice) for voice in ("en-us", "en-gb-scotland+f3")]


def test_another_process_reads_the_same_sounds():
    code = (
        "import hashlib; from tl_helpers.datasets.voices import *; lines = [Line('The nurse gave "
        "metformin.', v) for v in ('en-us', 'en-gb-scotland+f3')]; "
        "print(hashlib.sha256(b''.join(x.tobytes() for x in read_out(lines))).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256(b"".join(clip.tobytes() for clip in read_out(LINES))).hexdigest()
    assert done.stdout.strip() == here


def test_clips_have_a_level_and_a_length():
    for clip in read_out(LINES):
        assert clip.dtype == np.float32 and 1 < len(clip) / voices.RATE < 4
        assert np.abs(clip).max() == pytest.approx(0.5, abs=0.01)


def test_speed_and_pitch_are_heard():
    text = LINES[0].text
    slow, fast = read_out([Line(text, "en-us", 100), Line(text, "en-us", 250)])
    assert len(slow) > 1.5 * len(fast)


def test_what_cannot_be_said_is_refused():
    with pytest.raises(ValueError, match="has no words"):
        read_out([Line("  ", "en-us")])
    for voice in ("xyz", "en-us+xyz", "en-gb"):
        with pytest.raises(ValueError, match=f"no voice '{re.escape(voice)}'"):
            read_out([Line("hello", voice)])
    with pytest.raises(ValueError, match="expected 80 to 450"):
        read_out([Line("hello", "en-us", 10)])
    assert read_out([]) == []


def test_without_the_synthesizer_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(voices.util, "find_spec", lambda name: None)
    with pytest.raises(VoicesMissing, match=r'pip install "tl-helpers\[voices\]"'):
        read_out(LINES)


def test_no_variant_pattern_or_everyday_sentence_is_in_two_parts():
    for table in (dictation.SENTENCES, dictation.EVERYDAY):
        for one, other in itertools.combinations(table.values(), 2):
            assert not set(one) & set(other)
    variants = [
        {re.sub(r".*\+", "", voice) for voice in part if "+" in voice}
        for part in dictation.VOICES.values()
    ]
    for one, other in itertools.combinations(variants, 2):
        assert not one & other
    assert "en-us" not in dictation.VOICES["test"]


def test_every_test_voice_has_a_pattern_of_its_own():
    test = dictation.names("test", 24)
    blank = re.compile("|".join(dictation.MEDICINES))
    patterns = {}
    for text, voice in zip(test.texts, test.groups, strict=True):
        patterns.setdefault(voice, set()).add(blank.sub("{}", text))
    assert len(patterns) == 12 and all(len(found) == 1 for found in patterns.values())
    assert len(set.union(*patterns.values())) == 12


def test_every_word_comes_up_about_equally_often():
    train = dictation.names("train", 80)
    counts = Counter(word for text in train.texts for word in re.findall(r"\w+", text))
    said = [counts[word] for word in dictation.MEDICINES]
    assert min(said) >= 3 and max(said) <= 5 and len(train) == 80


def test_own_words_take_the_places_of_the_medicines():
    found = dictation.names("valid", 4, ["flange", "gudgeon"])
    assert all("flange" in text and "gudgeon" in text for text in found.texts)
    with pytest.raises(ValueError, match="expected two or more"):
        dictation.names("valid", 4, ["flange"])
    with pytest.raises(ValueError, match="expected one of train"):
        dictation.names("tset", 2)
    with pytest.raises(ValueError, match="at least one clip"):
        dictation.everyday("train", 0)


def test_noise_has_the_ratio_asked_for():
    clip = dictation.everyday("test", 2)
    noisy = dictation.with_noise(clip, 6)
    for clean, dirty in zip(clip.sounds, noisy.sounds, strict=True):
        ratio = np.mean(clean**2) / np.mean((dirty - clean) ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(6, abs=0.1)
    assert noisy.texts == clip.texts


def test_another_accent_keeps_text_and_voice():
    clips = dictation.everyday("test", 7).take([0, 6])
    other = dictation.with_accent(clips, "en-gb-scotland")
    assert other.texts == clips.texts and other.groups == clips.groups
    assert not np.array_equal(other.sounds[0][:20000], clips.sounds[0][:20000])


def test_a_voice_reads_different_everyday_sentences():
    clips = dictation.everyday("test", 24)
    assert len(set(zip(clips.texts, clips.groups, strict=True))) == 24
    assert len(set(clips.texts)) == len(set(clips.groups)) == 12


def test_harder_clips_say_the_same():
    clips = dictation.names("test", 2)
    for other in dictation.harder(clips).values():
        assert other.texts == clips.texts and other.groups == clips.groups

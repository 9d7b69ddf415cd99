"""Sounds are drawn with their units, described in words, and packed small."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from tl_helpers import plots

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)


def test_a_tone_is_a_line_at_its_frequency():
    ax = plots.spectrogram(TONE, RATE, title="One tone")
    mesh = ax.collections[0]
    level = np.asarray(mesh.get_array()).reshape(201, -1)
    assert level.mean(axis=1).argmax() * 40 == 1000
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("seconds", "hertz")
    said = plots.description(ax)
    assert "2.0 seconds, 0 to 8000 hertz" in said and "lies below 10" in said


def test_silence_and_snippets_are_refused():
    for sound in (np.zeros(RATE), TONE[:10], TONE.reshape(2, -1)):
        with pytest.raises(ValueError, match="expected at least 400 samples"):
            plots.spectrogram(sound, RATE, title="x")


def test_the_player_holds_the_sound_in_few_bytes_and_says_what_it_is():
    page = plots.player(TONE, RATE, "A tone & more").data
    packed = base64.b64decode(re.search(r"base64,([^\"]+)", page).group(1))
    heard, rate = soundfile.read(io.BytesIO(packed))
    assert rate == RATE and 1.9 < len(heard) / rate < 2.3
    assert len(page) < 16_000
    assert 'aria-label="A tone &amp; more"' in page and "(2.0 s)" in page


def test_what_cannot_be_packed_is_refused():
    with pytest.raises(ValueError, match="12345 samples a second"):
        plots.player(TONE, 12345, "x")
    with pytest.raises(ValueError, match="is empty"):
        plots.player(TONE[:0], RATE, "x")

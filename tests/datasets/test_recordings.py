"""A folder of recordings: what can be used is used, and all else is named."""

import numpy as np
import pytest
import soundfile

from tl_helpers.datasets import recordings
from tl_helpers.datasets.recordings import RATE, Recordings, folder


def tone(seconds=1.0, rate=RATE, channels=1, loud=0.3):
    wave = loud * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return wave if channels == 1 else np.stack([wave, np.zeros_like(wave)], 1)


@pytest.fixture
def place(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    soundfile.write(tmp_path / "b.flac", tone(2, 48_000, 2), 48_000)
    return tmp_path


def table(place, rows, head="file,text,speaker"):
    (place / "transcripts.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return place


def test_rates_channels_and_kinds_come_out_alike(place):
    found = folder(table(place, ["a.wav,one two,Ann", 'b.flac,"three, four",Bob']))
    heard = found.recordings
    assert found.faults == []
    assert [len(sound) for sound in heard.sounds] == [RATE, 2 * RATE]
    assert all(sound.dtype == np.float32 for sound in heard.sounds)
    assert heard.texts == ["one two", "three, four"] and heard.groups == ["Ann", "Bob"]
    middle = heard.sounds[1][RATE // 2 : RATE]
    assert np.abs(middle).max() == pytest.approx(0.15, abs=0.01)  # the mean of two channels
    assert "2 recordings of 2 speakers, 0.1 minutes." in found.report()


def test_without_speakers_each_recording_is_its_own(place):
    found = folder(table(place, ["a.wav;one", "b.flac;two"], head="\ufeffFile;Text"))
    assert found.recordings.groups == ["a.wav", "b.flac"]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("silent.wav", (np.zeros(RATE), RATE), "silent.wav: silent"),
        ("long.wav", (tone(29, 8000), 8000), "long.wav: too long, 29 s"),
        ("short.wav", (tone(0.1), RATE), "short.wav: too short"),
        ("high.wav", (tone(1, 96_000), 96_000), "high.wav: 96000 samples a second"),
        ("broken.wav", b"RIFF and no more", "broken.wav: cannot be read as sound"),
        ("empty.wav", b"", "empty.wav: cannot be read as sound"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_left_out(place, name, data, told):
    if isinstance(data, bytes):
        (place / name).write_bytes(data)
    else:
        soundfile.write(place / name, *data)
    found = folder(table(place, ["a.wav,one,Ann", f"{name},two,Bob"]))
    assert found.recordings.ids == ["a.wav"]
    assert any(fault.startswith(told) for fault in found.faults), found.faults
    assert any(fault == "b.flac: not in transcripts.csv" for fault in found.faults)


def test_a_clipped_recording_is_used_with_a_caution(place):
    soundfile.write(place / "loud.wav", np.clip(tone(loud=3), -1, 1), RATE)
    found = folder(table(place, ["loud.wav,one,Ann", "a.wav,two,Ann", "b.flac,three,Ann"]))
    assert "loud.wav" in found.recordings.ids
    assert any("loud.wav: used, but clipped" in fault for fault in found.faults)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.wav,", "line 3: a.wav has no text"),
        (",words", "line 3: no file is named"),
        ("gone.wav,words", "line 3: there is no file gone.wav"),
        ("../a.wav,words", "line 3: there is no file ../a.wav"),
        ("b.flac,again", "line 3: b.flac stands there twice"),
        ("a.wav", "line 3: a.wav has no text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(place, row, told):
    found = folder(table(place, ["b.flac,two", row]))
    assert found.recordings.ids == ["b.flac"]
    assert any(told in fault for fault in found.faults), found.faults


def test_many_faults_are_counted_not_listed(place):
    found = folder(table(place, ["a.wav,one", *(f"gone{n}.wav,x" for n in range(20))]))
    assert found.report().endswith("- and 13 more")


def test_a_folder_without_anything_usable_says_why(place, tmp_path):
    with pytest.raises(ValueError, match=r"no recording that can be used.*gone\.wav"):
        folder(table(place, ["gone.wav,x"]))
    with pytest.raises(ValueError, match=r"missing: text"):
        folder(table(place, ["a.wav,x"], head="file,words"))
    with pytest.raises(ValueError, match=r"expected a folder that holds recordings"):
        folder(tmp_path / "nowhere")


def test_old_spreadsheets_letters_are_read(place):
    (place / "transcripts.csv").write_bytes("file,text\na.wav,caf\xe9\n".encode("latin-1"))
    assert folder(place).recordings.texts == ["café"]


def test_draws_are_nested_and_fingerprints_tell_sounds_apart():
    sounds = [np.full(3, n, np.float32) for n in range(9)]
    names = [str(n) for n in range(9)]
    whole = Recordings(sounds, names, names, names)
    assert set(whole.draw(3, 1).ids) < set(whole.draw(6, 1).ids)
    assert whole.draw(3, 1).ids != whole.draw(3, 2).ids
    assert whole.take([0, 1]).fingerprint() != whole.take([1, 0]).fingerprint()
    with pytest.raises(ValueError, match="expected 1 to 9"):
        whole.draw(10, 0)
    with pytest.raises(ValueError, match="one of each"):
        Recordings(sounds, names[:2], names, names)


def test_resampling_keeps_pitch_and_length():
    low = recordings.resampled(tone(1, 8000), 8000)
    spectrum = np.abs(np.fft.rfft(low))
    assert len(low) == RATE and spectrum.argmax() == 440


def _named(groups, texts=None):
    ids = [str(n) for n in range(len(groups))]
    sounds = [np.zeros(3, np.float32)] * len(ids)
    return Recordings(sounds, texts or ids, ids, groups)


def test_halves_share_no_speaker():
    one, other = _named(list("aabbccdd")).halves(0)
    assert len(one) == len(other) == 4 and not set(one.groups) & set(other.groups)
    alone = _named(["me"] * 6).halves(0)
    assert [len(half) for half in alone] == [3, 3] and not set(alone[0].ids) & set(alone[1].ids)
    with pytest.raises(ValueError, match="expected at least 4"):
        _named(["a", "b"]).halves(0)


def test_only_texts_with_a_word_are_kept():
    found = _named(["a", "b", "c"], ["A Flange, please", "flanges", "no"])
    assert found.saying(["flange"]).ids == ["0"]
    with pytest.raises(ValueError, match="none of 3 transcripts"):
        found.saying(["gudgeon"])

"""LibriSpeech is read by torchaudio, where that is installed, and said to be where it is not."""

import sys
import types

import pytest
import torch

from tl_helpers.datasets import librispeech


class Books:
    """Stand-in for torchaudio's data set: wave, rate, text, speaker, chapter, number."""

    def __init__(self, root, url, download):
        assert root.is_dir() and url == "test-clean" and download

    def __iter__(self):
        for number, seconds in enumerate([2, 40, 3, 4]):
            yield torch.zeros(1, seconds * 16_000), 16_000, "HE SAID SO", 7, 8, number


@pytest.fixture
def torchaudio(monkeypatch, tmp_path):
    datasets = types.ModuleType("torchaudio.datasets")
    datasets.LIBRISPEECH = Books
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    monkeypatch.setitem(sys.modules, "torchaudio.datasets", datasets)
    monkeypatch.setenv("TL_CACHE", str(tmp_path))


def test_the_first_clips_that_are_short_enough_are_taken(torchaudio):
    clips = librispeech.clips(2)
    assert clips.ids == ["7-8-0", "7-8-2"] and clips.groups == ["7", "7"]
    assert clips.texts == ["He said so"] * 2 and clips.seconds == 5


def test_too_few_clips_are_an_error(torchaudio):
    with pytest.raises(ValueError, match="has 3 clips of at most 28 s, not 9"):
        librispeech.clips(9)


def test_without_torchaudio_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    monkeypatch.setitem(sys.modules, "torchaudio.datasets", None)
    with pytest.raises(ImportError, match="pip install torchaudio"):
        librispeech.clips(1)

"""The worst errors are shown with what was said and what is true, whatever the items are."""

import base64
import io
import re
import wave

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tl_helpers import plots
from tl_helpers.datasets import Examples

mpl.use("agg")
CLASSES = ["cat", "dog"]
TRUTH = np.array([0, 1, 0, 1, 0, 1])
PREDICTED = np.array([1, 1, 1, 0, 0, 0])  # wrong: 0, 2, 3, 5
SURE = np.array([0.6, 0.9, 0.99, 0.7, 0.8, 0.55])
TEXTS = [f"this is text {number} <b> & it goes on {'and on ' * 20}" for number in range(6)]
SOUNDS = [np.sin(np.arange(48_000) / (3 + number)) for number in range(6)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pictures():
    return torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 4, 4).clone()


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_pictures_come_with_the_surest_error_first():
    figure = plots.errors(pictures(), PREDICTED, TRUTH, classes=CLASSES, scores=SURE)
    assert titles(figure) == [
        "said: dog\ntrue: cat\nsure: 0.99",
        "said: cat\ntrue: dog\nsure: 0.70",
        "said: dog\ntrue: cat\nsure: 0.60",
        "said: cat\ntrue: dog\nsure: 0.55",
    ]
    assert [int(ax.images[0].get_array().max()) for ax in figure.axes[:4]] == [2, 3, 0, 5]
    assert figure.get_suptitle() == "4 of 4 errors among 6 items, the surest first"


def test_description_lists_what_was_said_and_what_is_true():
    figure = plots.errors(pictures(), PREDICTED, TRUTH, classes=CLASSES, scores=SURE, count=2)
    assert "1: said: dog (0.99); true: cat. 2: said: cat (0.70); true: dog." in plots.description(
        figure
    )


def test_probabilities_of_all_classes_count_as_that_of_the_answer():
    both = np.stack([1 - SURE, SURE], axis=1)
    both[PREDICTED == 0] = both[PREDICTED == 0, ::-1]
    found = plots.errors(TEXTS, PREDICTED, TRUTH, classes=CLASSES, scores=torch.tensor(both))
    assert [m.score for m in found.mistakes] == pytest.approx([0.99, 0.7, 0.6, 0.55])


def test_examples_bring_their_items_and_class_names():
    ids = list("abcdef")
    examples = Examples(pictures(), torch.tensor(TRUTH), ids, ids, ["no", "yes"])
    assert titles(plots.errors(examples, PREDICTED, examples.y))[0] == "said: yes\ntrue: no"


def test_texts_are_a_table_that_also_reads_as_plain_text():
    found = plots.errors(TEXTS, PREDICTED, TRUTH, classes=CLASSES, scores=SURE, count=3)
    page, plain = found._repr_html_(), repr(found)
    assert page.count("<tr>") == 4 and "text 2 &lt;b&gt; &amp; it goes on" in page
    assert "said: dog (0.99); true: cat" in plain and "  this is text 2 <b> & it" in plain
    assert max(map(len, plain.splitlines())) <= 74


def test_sounds_play_at_most_two_seconds_and_ten_of_them_stay_small():
    found = plots.errors(SOUNDS * 4, list(PREDICTED) * 4, list(TRUTH) * 4, **_named(16_000))
    page = found._repr_html_()
    packed = re.findall(r"data:audio/[\w-]+;base64,([^\"]+)", page)
    assert len(packed) == 10 == page.count('<img alt="Waveform of the first 2.0 seconds."')
    for sound in packed:
        with wave.open(io.BytesIO(base64.b64decode(sound))) as file:
            assert file.getnframes() / file.getframerate() == pytest.approx(2)
    assert len(page) < 300_000


def _named(rate):
    return {"classes": CLASSES, "rate": rate}


def test_the_sound_that_is_played_is_the_sound_that_was_heard():
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    page = plots.errors([tone], [1], [0], **_named(16_000))._repr_html_()
    packed = re.search(r"data:audio/[\w-]+;base64,([^\"]+)", page)[1]
    with wave.open(io.BytesIO(base64.b64decode(packed))) as file:
        samples = np.frombuffer(file.readframes(-1), np.uint8).astype(float) - 128
        rate = file.getframerate()
    loudest = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    assert loudest == pytest.approx(440, abs=2)


def test_a_model_without_errors_is_said_to_have_none():
    figure = plots.errors(pictures(), TRUTH, TRUTH, classes=CLASSES)
    assert figure.get_suptitle() == "No error among 6 items"
    assert repr(plots.errors(TEXTS, TRUTH, TRUTH, classes=CLASSES)) == "No error among 6 items"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"predicted": PREDICTED[:3]}, "3 predictions"),
        ({"classes": ["cat"]}, "1 names, too few"),
        ({"classes": None}, "0 names"),
        ({"scores": SURE - 1}, "take a softmax"),
        ({"scores": SURE[:2]}, "one probability"),
        ({"scores": SURE * np.nan}, "take a softmax"),
        ({"kind": "smell"}, "expected one of"),
        ({"items": SOUNDS}, "expected rate"),
    ],
)
def test_wrong_use_is_named(change, reason):
    right = {"items": TEXTS, "predicted": PREDICTED, "truth": TRUTH, "classes": CLASSES}
    right |= change
    with pytest.raises(ValueError, match=reason):
        plots.errors(right.pop("items"), right.pop("predicted"), right.pop("truth"), **right)

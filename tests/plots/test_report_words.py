"""Figures of a report say its finding in the title, and describe themselves in whole sentences."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import simulated
from simulated import arm, good, poor

from tl_helpers import plots

mpl.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_title_says_the_gain_at_the_headline():
    report = simulated.run()
    gain = report.gain("probe", budget=16)
    title = plots.label_efficiency(report).get_title("left")
    assert title == f"With 16 labels the probe leads {report.best_control(16)} by {gain.mean:.2f}"


def test_title_names_the_control_where_it_leads():
    arms = {"probe": arm(poor, 1), "TF-IDF": arm(good, 2)}
    title = plots.label_efficiency(simulated.run(arms)).get_title("left")
    assert title.startswith("With 16 labels TF-IDF leads the probe by 0.")


def test_title_claims_no_lead_that_the_interval_does_not_show():
    arms = {"probe": arm(lambda b: 0.5, 1), "raw pixels": arm(lambda b: 0.5, 2)}
    title = plots.label_efficiency(simulated.run(arms)).get_title("left")
    assert "cannot be told apart" in title
    one_seed = plots.label_efficiency(simulated.run(seeds=[0])).get_title("left")
    assert "without an interval" in one_seed


def test_a_title_that_is_given_is_drawn_as_it_is():
    ax = plots.label_efficiency(simulated.run(task="drawings"), title="Mine")
    assert ax.get_title("left") == "Mine"
    assert (
        plots.label_efficiency(simulated.run(task="drawings"))
        .get_title("left")
        .startswith("drawings: with 16 labels")
    )


def test_chance_and_good_enough_are_drawn_and_named():
    ax = plots.label_efficiency(simulated.run(), chance=0.25, good_enough=0.8)
    level = {line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1}
    assert {0.25, 0.8} <= level
    assert {text.get_text() for text in ax.texts} == {"chance", "good enough to use"}


def test_description_is_whole_sentences_with_the_numbers_of_the_report():
    report = simulated.run()
    words = plots.description(plots.label_efficiency(report, chance=0.25, good_enough=0.8))
    sentences = re.split(r"(?<=\.)\s(?=[A-Z])", words)
    assert len(sentences) == 8 and all(s[0].isupper() and s.endswith(".") for s in sentences)
    for name in report.setting.arms:
        assert name in words and f"{report.mean(name, 64):.2f}" in words
    assert "It is reached by the probe at 4 labels." in words
    assert "No arm reaches it." in plots.description(plots.label_efficiency(report, good_enough=1))


def test_description_of_bars_lists_the_arms_from_the_best():
    words = plots.description(plots.bars(simulated.run(), 64))
    assert words.index("probe") < words.index("scratch")
    assert words.endswith(".") and "good enough" not in words


def test_description_of_bars_says_who_is_good_enough():
    report = simulated.run()
    best = report.mean("probe", 64)
    said = plots.description(plots.bars(report, 64, good_enough=best, title="So it is"))
    assert said.endswith(f"what is good enough to use, {best:.2f}, reached by the probe.")
    none = plots.description(plots.bars(report, 64, good_enough=1.0))
    assert none.endswith("reached by no arm.")


def test_lesson_shows_a_report_without_words_of_its_own(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **more: shown.append(data))
    ax = plots.label_efficiency(simulated.run())
    plots.show(ax, alt="And mind the scale.")
    words = shown[0][0]["text/plain"]
    assert words.startswith("The chart shows balanced accuracy") and words.endswith("the scale.")


def test_nothing_is_drawn_outside_the_range_of_a_bounded_metric():
    def unsteady(budget, seed):
        return arm(lambda b: [0.0, 0.05, 0.99][seed], 2)(budget, seed)

    report = simulated.run({"probe": arm(good, 1), "scratch": unsteady})
    assert report.interval("scratch", 64).low < 0  # else this tests nothing
    assert report.interval("scratch", 64).high > 1
    ax = plots.label_efficiency(report)
    ends = np.concatenate([s for c in ax.collections for s in c.get_segments()])[:, 1]
    assert ends.min() >= 0 and ends.max() <= 1
    assert ax.get_ylim()[0] >= 0 and ax.get_ylim()[1] <= 1


def test_an_unbounded_metric_is_not_clipped():
    def reward(truth, predicted):
        return 10 * float(np.mean(truth == predicted)) - 5

    report = simulated.run(metric=reward)
    ax = plots.label_efficiency(report)
    assert ax.get_ylim()[0] < -1 and ax.get_ylim()[1] > 3
